//! Checkpoints and proofs over HTTP, checked with nothing but the key.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use proof::{
    Checkpoint, Commitment, Hash, Note, Opening, Statement, VerifierKey, leaf_of_json,
    verify_consistency,
};
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp, activity, with};

const ORIGIN: &str = "partner-activity-log/contoso/activity-v1";

impl TestApp {
    /// The keys that the service tells everybody.
    async fn keys(&self) -> Vec<VerifierKey> {
        let keys = self.get("/v1/keys").send().await;
        assert_eq!(keys.status, 200, "{}", keys.text);
        let keys = keys.json();
        let keys = keys["keys"].as_array().unwrap().iter();
        keys.map(|key| VerifierKey::parse(key["key"].as_str().unwrap()).unwrap())
            .collect()
    }

    async fn text(&self, path: &str) -> String {
        let get = self.get(path).token(&self.reader());
        let answer = get.header("accept", "text/plain").send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        answer.text
    }

    /// The checkpoint of contoso's log, whose signature holds.
    async fn checkpoint(&self) -> Checkpoint {
        let note = Note::parse(&self.text("/v1/checkpoint").await).unwrap();
        let checkpoint = Checkpoint::parse(note.verify(&self.keys().await).unwrap()).unwrap();
        let answer = self.read("/v1/checkpoint").await.json();
        assert_eq!(answer["checkpoint"], note.to_string());
        assert_eq!(answer["origin"], ORIGIN);
        assert_eq!(answer["size"], checkpoint.size);
        assert_eq!(answer["root"], checkpoint.root.to_string());
        assert_eq!(answer["sealed_to"], checkpoint.sealed_to().unwrap());
        checkpoint
    }

    async fn proof(&self, id: &str) -> Answer {
        self.read(&format!("/v1/activities/{id}/proof")).await
    }

    /// An activity's proof holds, for what the API says of the activity; returns its leaf.
    async fn check_proof(&self, id: &str, keys: &[VerifierKey]) -> String {
        let activity = self.read(&format!("/v1/activities/{id}")).await;
        let answer = self.proof(id).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.text.len() <= 2_048, "{}", answer.text);
        let proof = answer.json();
        let leaf = proof["leaf"].as_str().unwrap();
        let opening = match proof["salt"].as_str() {
            Some(salt) => Opening::Salt(STANDARD.decode(salt).unwrap().try_into().unwrap()),
            None => Opening::Commitment(hidden_in(leaf)),
        };
        let hash = leaf_of_json(&activity.text, &opening).unwrap();
        assert_eq!(hash, Hash::of_leaf(leaf.as_bytes()), "{leaf}");
        let text = self.text(&format!("/v1/activities/{id}/proof")).await;
        let statement = Statement::parse(&text).unwrap();
        assert_eq!(statement.extra.as_deref(), Some(leaf.as_bytes()));
        assert_eq!(proof["index"], statement.index);
        let path: Vec<String> = statement.path.iter().map(ToString::to_string).collect();
        assert_eq!(proof["path"], json!(path));
        assert_eq!(proof["checkpoint"], statement.checkpoint.to_string());
        statement.verify(&hash, ORIGIN, keys).unwrap();
        leaf.to_owned()
    }

    /// The log of today begins with that of an earlier checkpoint.
    async fn check_growth(&self, old: &Checkpoint, keys: &[VerifierKey]) {
        let path = format!("/v1/checkpoint/consistency?from_size={}", old.size);
        let answer = self.read(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let proof = answer.json();
        let note = Note::parse(proof["checkpoint"].as_str().unwrap()).unwrap();
        let new = Checkpoint::parse(note.verify(keys).unwrap()).unwrap();
        let hashes = proof["path"].as_array().unwrap().iter();
        let hashes: Vec<Hash> = hashes
            .map(|hash| Hash::parse(hash.as_str().unwrap()).unwrap())
            .collect();
        let sizes = (old.size, new.size);
        verify_consistency(sizes.0, sizes.1, &hashes, &old.root, &new.root).unwrap();
    }

    /// The ids of contoso's log, the oldest first.
    pub(crate) async fn ids(&self, to: &str) -> Vec<String> {
        let query = format!("from=2000-01-01&to={to}&order=asc&limit=500");
        let items = self.list_all(&query).await;
        let ids = items.iter().map(|item| item["id"].as_str().unwrap());
        ids.map(str::to_owned).collect()
    }
}

/// The commitment that a leaf has.
fn hidden_in(leaf: &str) -> Commitment {
    let leaf: Value = serde_json::from_str(leaf).unwrap();
    let hex = leaf["hidden"].as_str().unwrap();
    let digits = |place: usize| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).unwrap();
    Commitment(std::array::from_fn(digits))
}

#[tokio::test]
async fn each_sealed_activity_is_proven_at_its_place() {
    let app = TestApp::start_sealing(&[]).await;
    app.stack.load("contoso", 700, app.now()).unwrap();
    app.record(&activity()).await;
    app.seal().await;
    let (keys, checkpoint) = (app.keys().await, app.checkpoint().await);
    let ids = app.ids(checkpoint.sealed_to().unwrap()).await;
    assert_eq!(ids.len() as u64, checkpoint.size);
    for (index, id) in ids.iter().enumerate().step_by(29) {
        app.check_proof(id, &keys).await;
        let proof = app.proof(id).await.json();
        assert_eq!(proof["index"], index);
    }
    app.check_proof(ids.last().unwrap(), &keys).await;
}

#[tokio::test]
async fn each_checkpoint_that_somebody_kept_is_a_beginning_of_the_log() {
    let app = TestApp::start_sealing(&[]).await;
    let mut kept = Vec::new();
    for day in 0..8 {
        for _ in 0..=day {
            app.record(&with("occurred_at", app.now().to_string()))
                .await;
        }
        app.run_sealer().await;
        if app.read("/v1/checkpoint").await.status == 200 {
            kept.push(app.checkpoint().await);
        }
        app.advance(Duration::from_hours(25));
    }
    let keys = app.keys().await;
    assert!(kept.len() >= 5, "{kept:?}");
    for old in &kept {
        app.check_growth(old, &keys).await;
    }
    // A fork of the same size, which one changed entry makes.
    let mut forked = kept[3].clone();
    forked.root = Hash::of_leaf(b"another log");
    let path = format!("/v1/checkpoint/consistency?from_size={}", forked.size);
    let proof = app.read(&path).await.json();
    let hashes = proof["path"].as_array().unwrap().iter();
    let hashes: Vec<Hash> = hashes
        .map(|hash| Hash::parse(hash.as_str().unwrap()).unwrap())
        .collect();
    let new = app.checkpoint().await;
    let (old_root, new_root) = (&forked.root, &new.root);
    verify_consistency(forked.size, new.size, &hashes, old_root, new_root).unwrap_err();
}

#[tokio::test]
async fn what_is_not_sealed_has_no_proof_yet_and_one_when_it_was_said() {
    let app = TestApp::start_sealing(&[]).await;
    for path in ["/v1/checkpoint", "/v1/checkpoint/consistency?from_size=1"] {
        let answer = app.read(path).await;
        assert_eq!(answer.status, 409, "{}", answer.text);
        assert_eq!(answer.json()["code"], "not_sealed");
    }
    let id = app.record(&activity()).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let refused = app.proof(&id).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.json()["sealed_to"].is_null());
    let expected_by = refused.json()["expected_by"].as_str().unwrap().to_owned();
    while app.now().to_string() < expected_by {
        app.call_sealer().await;
        app.advance(Duration::from_hours(1));
    }
    app.check_proof(&id, &app.keys().await).await;
    let younger = app.record(&activity()).await;
    let refused = app.proof(younger["id"].as_str().unwrap()).await.json();
    let sealed_to = app.checkpoint().await;
    assert_eq!(refused["sealed_to"], sealed_to.sealed_to().unwrap());
}

#[tokio::test]
async fn an_absent_activity_and_one_of_another_partner_have_no_proof() {
    let app = TestApp::start_sealing(&[]).await;
    let id = app.record(&activity()).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    app.advance(Duration::from_hours(72));
    app.seal().await;
    let path = format!("/v1/activities/{id}/proof");
    let other = app.token("fabrikam", "admin_agent");
    for (path, token) in [
        (path, other),
        (
            "/v1/activities/019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d/proof".into(),
            app.reader(),
        ),
    ] {
        let answer = app.get(&path).token(&token).send().await;
        assert_eq!(answer.status, 404, "{}", answer.text);
    }
    for (query, reason) in [
        ("", "is missing"),
        ("?from_size=0", "must be a whole number of at least 1"),
        ("?from_size=-1", "must be a whole number of at least 1"),
        ("?from_size=1.5", "must be a whole number of at least 1"),
        ("?from_size=2", "must be at most 1, the size of the log"),
    ] {
        let answer = app
            .read(&format!("/v1/checkpoint/consistency{query}"))
            .await;
        assert_eq!(answer.status, 400, "{query}");
        let error = &answer.json()["errors"][0];
        assert_eq!(error["field"], "from_size", "{query}");
        assert_eq!(error["reason"], reason, "{query}");
    }
}

#[tokio::test]
async fn an_erasure_breaks_no_proof() {
    let app = TestApp::start_sealing(&[]).await;
    let customer = with("customer", json!({ "id": "c-1", "name": "Relecloud" }));
    let id = app.record(&customer).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for _ in 0..9 {
        app.record(&activity()).await;
    }
    app.advance(Duration::from_hours(72));
    app.seal().await;
    let keys = app.keys().await;
    let before = app.proof(&id).await.json();
    assert!(before["salt"].is_string());
    let leaf = app.check_proof(&id, &keys).await;
    assert_eq!(app.erase().await["state"], "done");
    assert_eq!(app.check_proof(&id, &keys).await, leaf);
    let after = app.proof(&id).await.json();
    assert!(after["salt"].is_null(), "nobody can test a guess");
    assert_eq!(after["path"], before["path"]);
    assert_eq!(after["checkpoint"], before["checkpoint"]);
}

#[tokio::test]
async fn what_lies_behind_pruned_segments_is_still_proven() {
    let variables = [("RETENTION_DAYS", "30"), ("MAX_LATENESS_DAYS", "1")];
    let app = TestApp::start_sealing(&variables).await;
    for _ in 0..13 {
        app.record(&activity()).await;
    }
    app.advance(Duration::from_hours(72));
    app.seal().await;
    let old = app.checkpoint().await;
    app.advance(Duration::from_hours(24 * 33));
    let mut ids = Vec::new();
    for _ in 0..9 {
        ids.push(
            app.record(&activity()).await["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    app.advance(Duration::from_hours(72));
    app.seal().await;
    let partner = app.registered_partner("contoso").await;
    let segments = app.segments(&partner).await;
    assert!(segments[0].is_pruned(), "{segments:?}");
    let keys = app.keys().await;
    for id in &ids {
        app.check_proof(id, &keys).await;
    }
    app.check_growth(&old, &keys).await;
    // Within what was pruned there is nothing left to compare.
    let ended = app.read("/v1/checkpoint/consistency?from_size=5").await;
    assert_eq!(ended.status, 410, "{}", ended.text);
    assert_eq!(ended.json()["code"], "retention_ended");
}

/// What somebody changed of a text that is JSON.
fn changed(text: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut value = serde_json::from_str(text).unwrap();
    change(&mut value);
    value.to_string()
}

/// A log of eleven entries, the first checkpoint of five of them, and another partner's log.
async fn two_logs() -> TestApp {
    let app = TestApp::start_sealing(&[]).await;
    for count in [5, 6] {
        for _ in 0..count {
            app.record(&activity()).await;
        }
        let theirs = app.post("/v1/activities", &activity());
        let recorder = app.token("fabrikam", "activity_recorder");
        assert_eq!(theirs.token(&recorder).send().await.status, 201);
        app.advance(Duration::from_hours(72));
        app.seal().await;
    }
    app
}

#[tokio::test]
async fn a_change_of_an_entry_or_of_its_proof_is_found_and_named() {
    let app = two_logs().await;
    let keys = app.keys().await;
    let checkpoint = app.checkpoint().await;
    let ids = app.ids(checkpoint.sealed_to().unwrap()).await;
    let [id, other] = [&ids[4], &ids[7]];
    let activity = app.read(&format!("/v1/activities/{id}")).await.text;
    let proof = app.proof(id).await.text;
    let entry = verify::check_entry(&proof, Some(&activity), &keys).unwrap();
    assert_eq!((&entry.id, entry.index), (id, 4));
    assert!(entry.is_compared_whole);
    let text = app.text(&format!("/v1/activities/{id}/proof")).await;
    verify::check_entry(&text, None, &keys).unwrap();
    // A text has no salt, so name and details could be any.
    let unsalted = changed(&proof, |it| {
        drop(it.as_object_mut().unwrap().remove("salt"));
    });
    for proof in [&text, &unsalted] {
        let by_text = verify::check_entry(proof, Some(&activity), &keys);
        assert!(
            matches!(by_text, Err(verify::Finding::Unknown(_))),
            "{by_text:?}"
        );
    }
    let found =
        |proof: &str, activity: &str| match verify::check_entry(proof, Some(activity), &keys) {
            Err(verify::Finding::NotWhole(text)) => text,
            other => panic!("{other:?}"),
        };
    // The activity.
    let set = |name: &str, value: Value| changed(&activity, |it| it[name] = value);
    for (tampered, words) in [
        (set("action", "delete_customer".into()), "action is"),
        (set("outcome", "failed".into()), "outcome is"),
        (
            set("recorded_at", "2026-01-01T00:00:00.000Z".into()),
            "recorded_at is",
        ),
        (
            set("occurred_at", "2026-01-01T00:00:00.000Z".into()),
            "occurred_at is",
        ),
        (set("partner_id", "fabrikam".into()), "partner_id is"),
        (set("id", other.as_str().into()), "id is"),
        (
            set(
                "actor",
                json!({ "id": "u-2", "name": "Bob", "kind": "user" }),
            ),
            "actor is",
        ),
        (set("correlation_id", "c-2".into()), "correlation_id is"),
        (
            set("resource", json!({ "type": "order", "id": "o-9" })),
            "resource is",
        ),
        (set("note", "added".into()), "note is"),
        (
            set("details", json!({ "quantity": 26 })),
            "its customer name or its details",
        ),
        (
            changed(&activity, |it| it["customer"]["name"] = "Bob Ltd".into()),
            "its customer name",
        ),
        (
            changed(&activity, |it| it["customer"]["id"] = "c-2".into()),
            "customer is",
        ),
        (
            changed(&activity, |it| {
                drop(it.as_object_mut().unwrap().remove("outcome"));
            }),
            "outcome is nothing",
        ),
    ] {
        let text = found(&proof, &tampered);
        assert!(text.contains(words) && text.contains(id.as_str()), "{text}");
    }
    // The proof.
    let others: Value = serde_json::from_str(&app.proof(other).await.text).unwrap();
    let theirs = app.token("fabrikam", "admin_agent");
    let theirs = app.get("/v1/checkpoint").token(&theirs).send().await.json();
    let set = |name: &str, value: Value| changed(&proof, |it| it[name] = value);
    let leaf = |from: &str, to: &str| {
        let leaf = entry_leaf(&proof).replace(from, to);
        set("leaf", leaf.into())
    };
    for (tampered, words) in [
        (
            set("index", 3.into()),
            "is not what was sealed at place 3 of",
        ),
        (
            set("index", 11.into()),
            "is not what was sealed at place 11 of",
        ),
        (
            set("path", others["path"].clone()),
            "do not lead to the signed root",
        ),
        (
            changed(&proof, |it| drop(it["path"].as_array_mut().unwrap().pop())),
            "do not lead",
        ),
        (
            changed(&proof, |it| it["path"].as_array_mut().unwrap().reverse()),
            "do not lead",
        ),
        (
            leaf("succeeded", "failed"),
            "do not lead to the signed root",
        ),
        (
            leaf(r#""hidden":""#, r#""hidden":"0"#),
            "do not lead to the signed root",
        ),
        (leaf("contoso", "fabrikam"), "is of the partner fabrikam"),
        (
            set("leaf", others["leaf"].clone()),
            "do not lead to the signed root",
        ),
        (
            set("salt", others["salt"].clone()),
            "its customer name or its details",
        ),
        (
            set("checkpoint", theirs["checkpoint"].clone()),
            "but the checkpoint of the log",
        ),
        (
            changed(&proof, |it| {
                let note = it["checkpoint"]
                    .as_str()
                    .unwrap()
                    .replacen("\n11\n", "\n12\n", 1);
                it["checkpoint"] = note.into();
            }),
            "the checkpoint was changed",
        ),
    ] {
        let text = found(&tampered, &activity);
        assert!(text.contains(words), "{words}: {text}");
    }
    let stranger = VerifierKey::new("partner-activity-log", [7; 32]).unwrap();
    let error = verify::check_entry(&proof, None, &[stranger]).unwrap_err();
    assert!(
        error.to_string().contains("none of the given keys signed"),
        "{error}"
    );
    for unreadable in ["", "{}", "c2sp.org/tlog-proof@v2\n", "\u{0}"] {
        let error = verify::check_entry(unreadable, None, &keys).unwrap_err();
        assert!(matches!(error, verify::Finding::Unknown(_)), "{error}");
    }
}

fn entry_leaf(proof: &str) -> String {
    let proof: Value = serde_json::from_str(proof).unwrap();
    proof["leaf"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_log_that_did_more_than_grow_is_found() {
    let app = TestApp::start_sealing(&[]).await;
    let mut notes = Vec::new();
    for _ in 0..3 {
        for _ in 0..4 {
            app.record(&activity()).await;
        }
        app.advance(Duration::from_hours(72));
        app.seal().await;
        notes.push(app.text("/v1/checkpoint").await);
    }
    let keys = app.keys().await;
    let [first, middle, last] = notes.try_into().unwrap();
    let path = "/v1/checkpoint/consistency?from_size=4";
    let proof = app.read(path).await.text;
    let check = |old: &str, new: &str, proof: &str| verify::check_growth(old, new, proof, &keys);
    let growth = check(&first, &last, &proof).unwrap();
    assert_eq!((growth.from_size, growth.to_size), (4, 12));
    let error = check(&last, &first, &proof).unwrap_err();
    assert!(error.to_string().contains("8 are missing"), "{error}");
    let error = check(&middle, &last, &proof).unwrap_err();
    assert!(matches!(error, verify::Finding::Unknown(_)), "{error}");
    for tampered in [
        changed(&proof, |it| it["path"].as_array_mut().unwrap().reverse()),
        changed(&proof, |it| drop(it["path"].as_array_mut().unwrap().pop())),
        changed(&proof, |it| {
            it["path"][0] = Hash::of_leaf(b"").to_string().into();
        }),
    ] {
        let error = check(&first, &last, &tampered).unwrap_err();
        assert!(
            error.to_string().contains("first 4 entries are not those"),
            "{error}"
        );
    }
    let forged = first.replacen("\n4\n", "\n3\n", 1);
    let error = check(&forged, &last, &proof).unwrap_err();
    assert!(
        error.to_string().contains("the old checkpoint was changed"),
        "{error}"
    );
}

#[tokio::test]
async fn what_a_recorder_keeps_is_what_the_leaf_says() {
    let page = include_str!("../../docs/verify.md");
    let (_, program) = page
        .split_once("<!-- python: kept -->\n```python\n")
        .unwrap();
    let (program, _) = program.split_once("```").unwrap();
    let app = TestApp::start_sealing(&[]).await;
    let special = with(
        "actor",
        json!({ "id": "a\"\\/é", "name": "김 \u{1f600}", "kind": "user" }),
    );
    let recorded = app.record(&special).await;
    app.advance(Duration::from_hours(72));
    app.seal().await;
    let proof = app.proof(recorded["id"].as_str().unwrap()).await.json();
    let mut other = recorded.clone();
    other["recorded_at"] = "2026-01-01T00:00:00.000Z".into();
    for (activity, wanted) in [(&recorded, "True"), (&other, "False")] {
        let ask = "import sys\nactivity, proof = json.load(sys.stdin)\n\
                   leaf = json.loads(proof['leaf'])\n\
                   kept = public_part(activity)\n\
                   del leaf['hidden']\n\
                   print(is_as_recorded(kept, proof), kept == json.dumps(leaf, ensure_ascii=False, separators=(',', ':')))";
        let mut python = std::process::Command::new("python3")
            .args(["-c", &format!("{program}\n{ask}")])
            .env("PYTHONIOENCODING", "utf-8")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let input = json!([activity, proof]).to_string();
        std::io::Write::write_all(&mut python.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.trim(), format!("{wanted} {wanted}"));
    }
}
