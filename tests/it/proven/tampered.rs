//! Changes of an exported file or of its proof, one at a time: each is found and named.

use std::time::Duration;

use proof::{CompactRange, Hash, Opening, VerifierKey, leaf_of_json};
use serde_json::{Value, json};

use super::{Proven, TestApp, activity, with};

/// A sealed log of thirteen entries, the export of nine of them, and what else was signed.
struct Log {
    app: TestApp,
    key: String,
    proven: Proven,
    /// A checkpoint of the first six entries.
    older: String,
    /// The checkpoint of another partner.
    theirs: String,
}

impl Log {
    async fn start(form: Value) -> Self {
        let app = TestApp::start_sealing(&[]).await;
        let mut older = String::new();
        for count in [6, 7] {
            for place in 0..count {
                let mut sent = with("occurred_at", app.now().to_string());
                sent["correlation_id"] = format!("{count}-{place}").into();
                sent["details"] = json!({ "quantity": place });
                app.record(&sent).await;
                app.move_clock(60_000);
            }
            let theirs = app.post("/v1/activities", &activity());
            let recorder = app.token("fabrikam", "activity_recorder");
            assert_eq!(theirs.token(&recorder).send().await.status, 201);
            app.advance(Duration::from_hours(72));
            app.seal().await;
            if older.is_empty() {
                older = app.note("contoso").await;
            }
        }
        let ids = app.ids(&app.sealed_to().await).await;
        assert_eq!(ids.len(), 13);
        let mut asked = form;
        for (name, place) in [("from", 2), ("to", 11)] {
            let entry = app.read(&format!("/v1/activities/{}", ids[place])).await;
            asked[name] = entry.json()["occurred_at"].clone();
        }
        Self {
            key: app.key().await,
            proven: app.proven(asked).await,
            older,
            theirs: app.note("fabrikam").await,
            app,
        }
    }

    fn lines(&self) -> Vec<String> {
        let file = String::from_utf8(self.proven.file.clone()).unwrap();
        file.lines().map(str::to_owned).collect()
    }

    /// Another file beside the same proof.
    fn with_lines(&self, change: impl FnOnce(&mut Vec<String>)) -> Proven {
        let mut lines = self.lines();
        change(&mut lines);
        let file = lines.iter().map(|line| format!("{line}\n"));
        Proven {
            file: file.collect::<String>().into_bytes(),
            ..self.proven.clone()
        }
    }

    /// The same with another text in its line.
    fn with_text(&self, line: usize, from: &str, to: &str) -> Proven {
        self.with_lines(|lines| {
            assert!(lines[line].contains(from), "{from} in {}", lines[line]);
            lines[line] = lines[line].replacen(from, to, 1);
        })
    }
}

impl Proven {
    /// Another proof beside the same file; it says what the SHA-256 of the file is.
    fn with_proof(&self, change: impl FnOnce(&mut Value, &mut Vec<String>)) -> Self {
        let mut lines: Vec<String> = self.proof.lines().map(str::to_owned).collect();
        let mut frame = serde_json::from_str(&lines.remove(0)).unwrap();
        change(&mut frame, &mut lines);
        if lines.last().is_some_and(|last| last.starts_with("f ")) {
            lines.pop();
            lines.push(format!("f {}", sha256(&self.file)));
        }
        lines.insert(0, frame.to_string());
        Self {
            proof: lines.join("\n") + "\n",
            ..self.clone()
        }
    }

    fn row(&self, place: usize) -> &str {
        let file = std::str::from_utf8(&self.file).unwrap();
        file.lines().nth(place).unwrap()
    }

    /// The salt of a row, as its line has it.
    fn salt(&self, place: usize) -> Opening {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let line = self.proof.lines().nth(place + 1).unwrap();
        let bytes = STANDARD.decode(line.strip_prefix("s ").unwrap()).unwrap();
        Opening::Salt(bytes[..16].try_into().unwrap())
    }

    fn leaf(&self, place: usize) -> Hash {
        leaf_of_json(self.row(place), &self.salt(place)).unwrap()
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

/// The line of a row with this leaf.
fn line_of(salt: &Opening, leaf: Hash) -> String {
    let row = proof::RowProof {
        opening: *salt,
        mark: leaf.mark(),
    };
    proof::ExportLine::Row(row).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_an_exported_file_is_found_and_named() {
    let log = Log::start(json!({ "order": "asc" })).await;
    assert_eq!(log.proven.is_whole(&log.key).rows, 9);
    let lines = log.lines();
    let foreign = {
        let token = log.app.token("fabrikam", "admin_agent");
        let list = log.app.get("/v1/activities").token(&token).send().await;
        let id = list.json()["items"][0]["id"].as_str().unwrap().to_owned();
        let entry = log.app.get(&format!("/v1/activities/{id}")).token(&token);
        let mut entry = entry.send().await.json();
        entry.as_object_mut().unwrap().remove("links");
        entry.as_object_mut().unwrap().remove("has_details");
        entry.to_string()
    };
    let id = |place: usize| {
        let entry: Value = serde_json::from_str(&lines[place]).unwrap();
        entry["id"].as_str().unwrap().to_owned()
    };
    let text = |from: &str, to: &str| log.with_text(4, from, to);
    let not_sealed = "line 5 of the file";
    let changes = [
        (
            "an action",
            text("create_order", "delete_order"),
            not_sealed,
        ),
        ("an outcome", text("succeeded", "failed"), not_sealed),
        ("a name", text("\"name\":\"", "\"name\":\"x"), not_sealed),
        (
            "details",
            text("\"details\":{", "\"details\":{\"x\":1,"),
            not_sealed,
        ),
        (
            "recorded_at",
            text("recorded_at\":\"20", "recorded_at\":\"19"),
            not_sealed,
        ),
        ("an id", text(&id(4), &id(5)), not_sealed),
        (
            "an actor",
            text("\"actor\":{\"id\":\"", "\"actor\":{\"id\":\"x"),
            not_sealed,
        ),
        ("a partner", text("contoso", "fabrikam"), not_sealed),
        ("a member more", text("{", "{\"note\":1,"), not_sealed),
        (
            "links",
            text("{", "{\"links\":{},"),
            "an export has neither has_details nor links",
        ),
        (
            "a name twice",
            text("{", "{\"id\":\"\","),
            "line 5 of the file is no entry",
        ),
        ("no JSON", text("{", "["), "line 5 of the file is no entry"),
        (
            "a mark of an erasure",
            text("{", "{\"erased_at\":\"2026-12-05T00:00:00.000Z\","),
            not_sealed,
        ),
        (
            "a space",
            text(",", ", "),
            "the file is not the one that was written",
        ),
        (
            "a swapped pair",
            log.with_lines(|lines| lines.swap(4, 5)),
            "line 5 of the file",
        ),
        (
            "rows that moved",
            log.with_lines(|lines| lines[3..7].rotate_left(2)),
            "is not in its place: rows were moved",
        ),
        (
            "no first row",
            log.with_lines(|lines| drop(lines.remove(0))),
            "1 entry is missing: entry 2 of the log is not there",
        ),
        (
            "no middle row",
            log.with_lines(|lines| drop(lines.remove(4))),
            "1 entry is missing: entry 6 of the log is not there",
        ),
        (
            "three rows less",
            log.with_lines(|lines| drop(lines.drain(4..7))),
            "3 entries are missing: entry 6 of the log is not there",
        ),
        (
            "no last row",
            log.with_lines(|lines| drop(lines.pop())),
            "the file ends after 8 rows: entry 10 of the log is missing",
        ),
        (
            "no rows",
            log.with_lines(Vec::clear),
            "the file ends after 0 rows: entry 2 of the log is missing",
        ),
        (
            "a row twice",
            log.with_lines(|lines| lines.insert(5, lines[4].clone())),
            "is there twice",
        ),
        (
            "a row again at the end",
            log.with_lines(|lines| lines.push(lines[4].clone())),
            "was added: the proof has no more entries",
        ),
        (
            "another partner's row",
            log.with_lines(|lines| lines.insert(4, foreign.clone())),
            "is not in the log: 1 row was added",
        ),
        (
            "half a line",
            Proven {
                file: log.proven.file[..log.proven.file.len() - 20].to_vec(),
                ..log.proven.clone()
            },
            "the file ends within a line",
        ),
    ];
    for (what, tampered, words) in changes {
        let said = tampered.is_not_whole(&log.key);
        assert!(said.contains(words), "{what}: {said}");
    }
    // It says which bytes these are, and what was expected.
    let said = text("succeeded", "failed").is_not_whole(&log.key);
    let start: usize = lines[..4].iter().map(|line| line.len() + 1).sum();
    let end = start + lines[4].len() - "succeeded".len() + "failed".len() + 1;
    let place = format!(
        "line 5 of the file (bytes {start} to {end}, entry {})",
        id(4)
    );
    assert!(said.contains(&place), "{said}");
    let sealed = base16ct::lower::encode_string(&log.proven.leaf(4).mark());
    let expected = format!(
        "is not entry 6 of the log as it was sealed: the hash of the sealed one begins with {sealed}"
    );
    assert!(said.contains(&expected), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_csv_file_is_found_and_named() {
    let log = Log::start(json!({ "order": "asc", "format": "csv", "style": "raw" })).await;
    let file = String::from_utf8(log.proven.file.clone()).unwrap();
    let tampered = |from: &str, to: &str| {
        let file = file.replacen(from, to, 1).into_bytes();
        assert_ne!(file, log.proven.file, "{from}");
        Proven {
            file,
            ..log.proven.clone()
        }
    };
    let second = file.lines().nth(2).unwrap();
    let at = second.split(',').next().unwrap();
    for (from, to, words) in [
        ("Action,", "Activity,", "is not the header of a CSV file"),
        (at, "2026-01-01T00:00:00.000Z", "line 3 of the file"),
        (at, &at.replace('T', " "), "the moment must have the form"),
        ("\r\n", "\n", "not written as the service writes CSV"),
        (second, "", "the file is no CSV file of an export"),
        (&format!("{second}\r\n"), "", "before line 3 of the file"),
        ("create_order", "delete_order", "line 2 of the file"),
        (
            "create_order",
            "\"create_order\"",
            "not written as the service",
        ),
        (
            "create_order,",
            "create_order,,",
            "the file is no CSV file of an export",
        ),
    ] {
        let said = tampered(from, to).is_not_whole(&log.key);
        assert!(said.contains(words), "{from} as {to}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_is_made_to_fit_a_changed_file_is_found() {
    let log = Log::start(json!({ "order": "asc" })).await;
    let proven = &log.proven;
    let all_together = "do not lead to the signed root";
    let counts = "are not the 13 of the checkpoint";
    // The row is changed, and so is its line.
    let changed = log.with_text(4, "succeeded", "failed");
    let forged = changed.with_proof(|_, lines| {
        let leaf = leaf_of_json(changed.row(4), &proven.salt(4)).unwrap();
        lines[4] = line_of(&proven.salt(4), leaf);
    });
    assert!(forged.is_not_whole(&log.key).contains(all_together));
    // The whole tree is made anew, for which there is no key.
    let root = forged.check(&log.key).unwrap_err();
    assert!(root.to_string().contains(all_together));
    let resealed = forged.with_proof(|frame, _| {
        let note = frame["checkpoint"].as_str().unwrap();
        let root = note.lines().nth(2).unwrap();
        let other = Hash::of_leaf(b"another root").to_string();
        frame["checkpoint"] = note.replacen(root, &other, 1).into();
    });
    let said = resealed.is_not_whole(&log.key);
    assert!(
        said.contains("the proof's checkpoint was changed"),
        "{said}"
    );
    let without = |place: usize| log.with_lines(|lines| drop(lines.remove(place)));
    let cases = [
        (
            "no middle row and no line",
            without(4).with_proof(|_, lines| drop(lines.remove(4))),
            counts,
        ),
        (
            "no last row and no line",
            without(8).with_proof(|_, lines| drop(lines.remove(8))),
            counts,
        ),
        (
            "the first row as the neighbour",
            without(0).with_proof(|frame, lines| {
                lines.remove(0);
                beside(&mut frame["before"], &log, 0, 2);
            }),
            "an entry beside the file happened at",
        ),
        (
            "the last row as the neighbour",
            without(8).with_proof(|frame, lines| {
                lines.remove(8);
                let leaf = public_part(proven, 8);
                frame["behind"]["neighbour"] = leaf.into();
                frame["behind"]["count"] = 2.into();
            }),
            "an entry beside the file happened at",
        ),
        (
            "a row and its line twice",
            log.with_lines(|lines| lines.insert(5, lines[4].clone()))
                .with_proof(|_, lines| lines.insert(5, lines[4].clone())),
            "is not in the order of the file",
        ),
        (
            "rows and lines swapped",
            log.with_lines(|lines| lines.swap(4, 5))
                .with_proof(|_, lines| lines.swap(4, 5)),
            "is not in the order of the file",
        ),
        (
            "the other order",
            proven.with_proof(|frame, _| frame["order"] = "desc".into()),
            "is not in the order of the file",
        ),
        (
            "a later end",
            proven.with_proof(|frame, _| frame["to"] = "2030-01-01T00:00:00.000Z".into()),
            "an entry beside the file happened at",
        ),
        (
            "an earlier start",
            proven.with_proof(|frame, _| frame["from"] = "2020-01-01T00:00:00.000Z".into()),
            "an entry beside the file happened at",
        ),
        (
            "an earlier end",
            proven.with_proof(|frame, _| frame["to"] = frame["from"].clone()),
            "outside of the range",
        ),
        (
            "another checkpoint of the log",
            proven.with_proof(|frame, _| frame["checkpoint"] = log.older.clone().into()),
            "the 6 of the checkpoint",
        ),
        (
            "another partner's checkpoint",
            proven.with_proof(|frame, _| frame["checkpoint"] = log.theirs.clone().into()),
            "is of the partner contoso, but the checkpoint of the log",
        ),
        (
            "another partner in both",
            proven.with_proof(|frame, _| {
                frame["checkpoint"] = log.theirs.clone().into();
                frame["partner_id"] = "fabrikam".into();
            }),
            "the entry beside the file is of contoso",
        ),
        (
            "another size",
            proven.with_proof(|frame, _| {
                let note = frame["checkpoint"].as_str().unwrap();
                frame["checkpoint"] = note.replacen("\n13\n", "\n14\n", 1).into();
            }),
            "the proof's checkpoint was changed",
        ),
        (
            "another moment in the checkpoint",
            proven.with_proof(|frame, _| {
                let note = frame["checkpoint"].as_str().unwrap();
                frame["checkpoint"] = note.replacen("sealed_to 2", "sealed_to 3", 1).into();
            }),
            "the proof's checkpoint was changed",
        ),
        (
            "another salt",
            proven.with_proof(|_, lines| {
                lines[4] = line_of(&Opening::Salt([7; 16]), proven.leaf(4));
            }),
            "line 5 of the file",
        ),
        (
            "a commitment instead of the salt",
            {
                let renamed = log.with_text(4, "\"name\":\"Relecloud", "\"name\":\"Rele cloud");
                renamed.with_proof(|_, lines| {
                    let leaf = leaf_of_json(proven.row(4), &proven.salt(4)).unwrap();
                    lines[4] = line_of(&Opening::Commitment(commitment(proven, 4)), leaf);
                })
            },
            "has a name or details without a proof",
        ),
        (
            "a hash before the range",
            proven.with_proof(|frame, _| {
                frame["before"]["hashes"][0] = Hash::of_leaf(b"x").to_string().into();
            }),
            all_together,
        ),
        (
            "a hash behind the range",
            proven.with_proof(|frame, _| {
                frame["behind"]["hashes"][0] = Hash::of_leaf(b"x").to_string().into();
            }),
            all_together,
        ),
        (
            "another neighbour",
            proven.with_proof(|frame, _| {
                let leaf = frame["before"]["neighbour"].as_str().unwrap();
                frame["before"]["neighbour"] = leaf.replace("succeeded", "failed").into();
            }),
            all_together,
        ),
        (
            "entries more before it",
            proven.with_proof(|frame, _| {
                frame["before"]["count"] = 2.into();
                let hash = Hash::of_leaf(b"x").to_string();
                frame["before"]["hashes"] = json!([hash]);
            }),
            counts,
        ),
        (
            "a line less",
            proven.with_proof(|_, lines| drop(lines.remove(4))),
            "is not in the log: 1 row was added",
        ),
        (
            "a line more",
            proven.with_proof(|_, lines| lines.insert(4, lines[5].clone())),
            "line 5 of the file",
        ),
    ];
    for (what, tampered, words) in cases {
        let said = tampered.is_not_whole(&log.key);
        assert!(said.contains(words), "{what}: {said}");
    }
    let stranger = VerifierKey::new("partner-activity-log", [7; 32]).unwrap();
    let said = proven.is_not_whole(&stranger.to_string());
    assert!(said.contains("none of the given keys signed"), "{said}");
    let other = log.key.replacen("partner-activity-log", "another-log", 1);
    assert!(
        VerifierKey::parse(&other).is_err(),
        "its id is made of its name"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_a_proof_leaves_out_are_never_called_whole() {
    let log = Log::start(json!({ "order": "asc" })).await;
    let proven = &log.proven;
    let without = |place: usize| log.with_lines(|lines| drop(lines.remove(place)));
    let gap = |leaf: Hash| format!("g 1 {leaf}");
    let in_the_middle = without(4).with_proof(|_, lines| lines[4] = gap(proven.leaf(4)));
    let at_the_start = without(0).with_proof(|_, lines| lines[0] = gap(proven.leaf(0)));
    let at_the_end = without(8).with_proof(|_, lines| lines[8] = gap(proven.leaf(8)));
    let before_it = without(0).with_proof(|frame, lines| {
        lines.remove(0);
        let neighbour = frame["before"]["neighbour"].take();
        let neighbour = Hash::of_leaf(neighbour.as_str().unwrap().as_bytes());
        let side = &mut frame["before"];
        side.as_object_mut().unwrap().remove("neighbour");
        let first: Hash = Hash::parse(side["hashes"][0].as_str().unwrap()).unwrap();
        let all = CompactRange::of_leaves(0, [first, neighbour, proven.leaf(0)]).unwrap();
        let hashes: Vec<String> = all.hashes().map(|hash| hash.to_string()).collect();
        *side = json!({ "count": 3, "hashes": hashes });
    });
    let filtered = without(4).with_proof(|frame, lines| {
        frame["complete"] = false.into();
        lines[4] = gap(proven.leaf(4));
    });
    for tampered in [in_the_middle, at_the_start, at_the_end, before_it, filtered] {
        let export = tampered.is_whole(&log.key);
        assert_eq!(export.rows, 8);
        assert!(!export.is_complete || !export.left_out.is_nothing());
    }
    // Only then is such an entry left out if its hash is the right one.
    let forged = without(4).with_proof(|_, lines| lines[4] = gap(Hash::of_leaf(b"x")));
    let said = forged.is_not_whole(&log.key);
    assert!(said.contains("do not lead to the signed root"), "{said}");
    // A proof that ends early, or is none, tells nothing.
    let ends = proven.with_proof(|_, lines| lines.truncate(5));
    for proof in [
        ends.proof,
        String::new(),
        "{}\n".to_owned(),
        "\u{0}\n".to_owned(),
    ] {
        let broken = Proven {
            proof,
            ..proven.clone()
        };
        let finding = broken.check(&log.key).unwrap_err();
        assert!(matches!(finding, verify::Finding::Unknown(_)), "{finding}");
        assert_eq!(broken.check_in_python(&log.key).0, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_line_that_nobody_signed_makes_no_file_whole() {
    let log = Log::start(json!({ "order": "asc" })).await;
    let (proven, keys) = (&log.proven, log.key.as_str());
    // Moments of another form are sorted in another way.
    for (from, to) in [
        ("2026-01-01T00:00:00.000Z", "+002027-01-01T00:00:00.000Z"),
        (" 2027-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ("2026-01-01T00:00:00.000-23:59", "2027-01-01T00:00:00.000Z"),
        ("2026-01-01", "2027-01-01"),
        ("2027-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"),
        (
            "2026-01-01T00:00:00.000Z\r\u{1b}[K",
            "2027-01-01T00:00:00.000Z",
        ),
    ] {
        let other = proven.with_proof(|frame, _| {
            frame["from"] = from.into();
            frame["to"] = to.into();
        });
        let finding = other.check(keys).unwrap_err();
        assert!(
            matches!(finding, verify::Finding::Unknown(_)),
            "{from} {to}: {finding}"
        );
        assert_eq!(other.check_in_python(keys).0, 2, "{from} {to}");
    }
    // An empty file beside which lies what comes behind its range.
    let segments = log
        .app
        .segments(&log.app.registered_partner("contoso").await)
        .await;
    let rows = log.app.rows_of(&segments[0]).await;
    let leaves = rows.iter().map(|row| row.leaf("contoso").unwrap());
    let leaves: Vec<Hash> = leaves.collect();
    let empty = Proven {
        file: Vec::new(),
        ..proven.clone()
    };
    let side = |begin: usize, range: std::ops::Range<usize>, neighbour: usize| {
        let own = leaves[range.clone()].iter().copied();
        let own = CompactRange::of_leaves(begin as u64, own).unwrap();
        let hashes: Vec<String> = own.hashes().map(|hash| hash.to_string()).collect();
        let leaf = rows[neighbour].public_part("contoso").unwrap();
        json!({ "count": range.len(), "hashes": hashes, "neighbour": leaf })
    };
    for border in [12, 2] {
        let hidden = empty.with_proof(|frame, lines| {
            lines.drain(..9);
            frame["before"] = side(0, 0..border - 1, border - 1);
            frame["behind"] = side(border + 1, border + 1..13, border);
        });
        let said = hidden.is_not_whole(keys);
        assert!(
            said.contains("an entry beside the file happened at"),
            "{said}"
        );
    }
    let more = Proven {
        proof: format!("{}g 1\n", proven.proof),
        ..proven.clone()
    };
    assert!(matches!(more.check(keys), Err(verify::Finding::Unknown(_))));
    assert_eq!(more.check_in_python(keys).0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_is_hashed_of_can_hide_nothing() {
    let log = Log::start(json!({ "order": "asc" })).await;
    // Whoever passes a file on can mark a row as erased, so this is counted.
    let erased = log.with_lines(|lines| {
        let mut row: Value = serde_json::from_str(&lines[4]).unwrap();
        row["customer"]["name"] = "[erased]".into();
        row["erased_at"] = "2026-12-05T00:00:00.000Z".into();
        row.as_object_mut().unwrap().remove("details");
        lines[4] = row.to_string();
    });
    let erased = erased.with_proof(|_, lines| {
        let opening = Opening::Commitment(commitment(&log.proven, 4));
        lines[4] = line_of(&opening, log.proven.leaf(4));
    });
    assert_eq!(erased.is_whole(&log.key).erased, 1);
    for (from, to) in [
        ("[erased]", "Erased Ltd"),
        (
            "\"erased_at\":\"2026-12-05T00:00:00.000Z\"",
            "\"erased_at\":null",
        ),
        (
            "\"erased_at\":\"2026-12-05T00:00:00.000Z\"",
            "\"erased_at\":\"never\"",
        ),
        ("{\"action\"", "{\"details\":null,\"action\""),
        ("{\"action\"", "{\"details\":{},\"action\""),
        ("{\"action\"", "{\"links\":null,\"action\""),
        ("{\"action\"", "{\"has_details\":null,\"action\""),
        ("{\"action\"", "{\"hidden\":\"\",\"action\""),
    ] {
        let file = String::from_utf8(erased.file.clone()).unwrap();
        assert!(file.contains(from), "{from} in {file}");
        let changed = Proven {
            file: file.replacen(from, to, 1).into_bytes(),
            ..erased.clone()
        };
        changed.with_proof(|_, _| {}).is_not_whole(&log.key);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csv_file_of_another_form_is_not_whole_whatever_its_hash() {
    let asked = json!({ "order": "asc", "format": "csv", "style": "raw" });
    let log = Log::start(asked).await;
    let file = String::from_utf8(log.proven.file.clone()).unwrap();
    for (from, to) in [
        ("create_order", "\"create_order\""),
        ("create_order", "\"create\"_order"),
        ("Date-Time", "\u{feff}Date-Time"),
        ("Erased at (UTC)\r\n", "Erased at (UTC)\r\n\r\n"),
        ("Erased at (UTC)\r\n", "Erased at (UTC)\n"),
    ] {
        let changed = Proven {
            file: file.replacen(from, to, 1).into_bytes(),
            ..log.proven.clone()
        };
        assert_ne!(changed.file, log.proven.file);
        changed.with_proof(|_, _| {}).is_not_whole(&log.key);
    }
}

/// Makes a row the neighbour of the range, behind so many entries.
fn beside(side: &mut Value, log: &Log, row: usize, count: u64) {
    let neighbour = side["neighbour"].as_str().unwrap();
    let first = Hash::parse(side["hashes"][0].as_str().unwrap()).unwrap();
    let neighbour = Hash::of_leaf(neighbour.as_bytes());
    let all = CompactRange::of_leaves(0, [first, neighbour]).unwrap();
    let hashes: Vec<String> = all.hashes().map(|hash| hash.to_string()).collect();
    let leaf = public_part(&log.proven, row);
    *side = json!({ "count": count, "hashes": hashes, "neighbour": leaf });
}

fn commitment(proven: &Proven, row: usize) -> proof::Commitment {
    let Opening::Salt(salt) = proven.salt(row) else {
        panic!("the row is erased");
    };
    let entry: Value = serde_json::from_str(proven.row(row)).unwrap();
    let name = entry["customer"]["name"].as_str();
    let details = entry.get("details").map(Value::to_string);
    proof::Commitment::new(&salt, name, details.as_deref()).unwrap()
}

/// The leaf of a row, as a proof of it alone has it.
fn public_part(proven: &Proven, row: usize) -> String {
    let mut entry: Value = serde_json::from_str(proven.row(row)).unwrap();
    let members = entry.as_object_mut().unwrap();
    members.remove("details");
    members["customer"].as_object_mut().unwrap().remove("name");
    members.insert("hidden".into(), commitment(proven, row).to_hex().into());
    let leaf = proof::canonical(&entry.to_string()).unwrap();
    assert_eq!(Hash::of_leaf(leaf.as_bytes()), proven.leaf(row));
    leaf
}
