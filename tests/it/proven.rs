//! Exports with a proof, checked by both programs with nothing but the key.

pub(crate) mod resealed;
mod tampered;
mod walked;

use std::{path::Path, process::Command, time::Duration};

use export_worker::App;
use flate2::read::MultiGzDecoder;
use proof::VerifierKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::{
    Export as StoredExport, ExportRequest,
    model::export::{ExportId, ExportKey, WorkerEvent},
};
use tempfile::TempDir;
use verify::{Export, Finding, check_export};

use crate::{
    faults::Fault,
    harness::{TestApp, activity, random_digits, step, with},
};

/// An export with its proof, as they lie in the bucket.
#[derive(Clone)]
pub(crate) struct Proven {
    pub(crate) export: Value,
    pub(crate) file: Vec<u8>,
    pub(crate) proof: String,
}

impl TestApp {
    /// Up to when contoso's log is sealed.
    async fn sealed_to(&self) -> String {
        let checkpoint = self.read("/v1/checkpoint").await.json();
        checkpoint["sealed_to"].as_str().unwrap().to_owned()
    }

    /// An export of what is sealed, with its proof; `asked` may say more.
    pub(crate) async fn proven(&self, asked: Value) -> Proven {
        let mut body = json!({
            "from": "2000-01-01", "to": self.sealed_to().await, "format": "jsonl", "proof": true,
        });
        let asked = asked.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(asked);
        let created = self.post_export(&body).await;
        assert!(created.status.is_success(), "{}", created.text);
        let export = self.healed(&created.json()).await;
        assert_eq!(export["state"], "ready", "{export}");
        let proven = self.stored_proof(export);
        proven.is_as_said();
        proven
    }

    /// What lies in the bucket of exports, without what is left of several exports twice.
    fn left_in_bucket(&self) -> Vec<String> {
        let mut left = self.files_left();
        left.retain(|name| name == "proof" || name == "activity-log" || name.contains("part"));
        left.sort();
        left.dedup();
        left
    }

    fn stored_proof(&self, export: Value) -> Proven {
        let path = self.stored_file("contoso", &export);
        Proven {
            file: std::fs::read(&path).unwrap(),
            proof: std::fs::read_to_string(path.with_file_name("proof")).unwrap(),
            export,
        }
    }

    /// A partner's checkpoint, as a signed note.
    pub(crate) async fn note(&self, partner: &str) -> String {
        let token = self.token(partner, "admin_agent");
        let answer = self.get("/v1/checkpoint").token(&token).send().await;
        answer.json()["checkpoint"].as_str().unwrap().to_owned()
    }

    /// The key of the service, as it tells everybody.
    pub(crate) async fn key(&self) -> String {
        let keys = self.get("/v1/keys").send().await.json();
        keys["keys"][0]["key"].as_str().unwrap().to_owned()
    }

    /// A sealed log of so many entries of a year; returns its key.
    pub(crate) async fn sealed_year(&self, count: usize) -> String {
        self.stack.load("contoso", count, self.now()).unwrap();
        self.record(&activity()).await;
        self.seal().await;
        self.key().await
    }
}

impl Proven {
    fn is_as_said(&self) {
        let file = &self.export["file"];
        let hash = |bytes: &[u8]| base16ct::lower::encode_string(&Sha256::digest(bytes));
        assert_eq!(file["sha256"], hash(&self.file));
        assert_eq!(file["bytes"], self.file.len());
        assert_eq!(file["proof"]["sha256"], hash(self.proof.as_bytes()));
        assert_eq!(file["proof"]["bytes"], self.proof.len());
        let name = format!("{}.proof", file["name"].as_str().unwrap());
        assert_eq!(file["proof"]["name"], name);
    }

    pub(crate) fn check(&self, key: &str) -> Result<Export, Finding> {
        let keys = [VerifierKey::parse(key).unwrap()];
        let sha256 = base16ct::lower::encode_string(&Sha256::digest(&self.file));
        let proof = self.proof.as_bytes();
        if self.file.starts_with(&[0x1f, 0x8b]) {
            return check_export(MultiGzDecoder::new(&self.file[..]), &sha256, proof, &keys);
        }
        check_export(&self.file[..], &sha256, proof, &keys)
    }

    /// The exit code of the program in Python, and what it says.
    fn check_in_python(&self, key: &str) -> (i32, String) {
        let folder = TempDir::new().unwrap();
        let (file, proof) = (folder.path().join("file"), folder.path().join("proof"));
        std::fs::write(&file, &self.file).unwrap();
        std::fs::write(&proof, &self.proof).unwrap();
        python("export", &[&file, &proof], key)
    }

    /// Both programs find it whole.
    #[track_caller]
    pub(crate) fn is_whole(&self, key: &str) -> Export {
        let export = self.check(key).unwrap();
        let (code, said) = self.check_in_python(key);
        let is_shown = export.is_complete && export.left_out.is_nothing() && export.erased == 0;
        assert_eq!(code, if is_shown { 0 } else { 2 }, "{said}");
        assert!(
            said.starts_with(&format!("{} rows are", export.rows)),
            "{said}"
        );
        export
    }

    /// Both programs find it not whole; returns what `verify` says.
    #[track_caller]
    fn is_not_whole(&self, key: &str) -> String {
        let Err(Finding::NotWhole(text)) = self.check(key) else {
            panic!("{:?}", self.check(key));
        };
        let (code, said) = self.check_in_python(key);
        assert_eq!(code, 1, "{said}; {text}");
        text
    }
}

/// Runs the program in Python; returns its exit code and what it says.
fn python(command: &str, files: &[&Path], key: &str) -> (i32, String) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/verify.py");
    let output = Command::new("python3")
        .args([program.as_os_str(), command.as_ref()])
        .args(files)
        .arg(key)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    (output.status.code().unwrap(), said)
}

fn time_of(entry: &Value) -> String {
    entry["occurred_at"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proven_export_has_every_entry_in_any_form_and_range() {
    let app = TestApp::start_sealing(&[]).await;
    let key = app.sealed_year(700).await;
    let sealed_to = app.sealed_to().await;
    let query = format!("from=2000-01-01&to={sealed_to}&order=asc&limit=500");
    let times: Vec<String> = app.list_all(&query).await.iter().map(time_of).collect();
    let all = times.len();
    let middle = times[300].clone();
    let before = times.iter().filter(|at| **at < middle).count();
    let mut checked = 0;
    for form in [
        json!({}),
        json!({ "order": "asc" }),
        json!({ "format": "csv", "style": "raw" }),
        json!({ "format": "csv", "style": "raw", "order": "asc", "compression": "gzip" }),
    ] {
        for (from, to, rows) in [
            ("2000-01-01", sealed_to.as_str(), all),
            (&middle, &sealed_to, all - before),
            ("2000-01-01", &middle, before),
            (&middle, &middle, 0),
            ("2000-01-01", "2000-01-02", 0),
        ] {
            let mut asked = form.clone();
            asked["from"] = from.into();
            asked["to"] = to.into();
            let proven = app.proven(asked.clone()).await;
            let export = proven.is_whole(&key);
            assert_eq!(export.rows, rows as u64, "{asked}");
            assert!(
                export.is_complete && export.left_out.is_nothing(),
                "{asked}"
            );
            assert_eq!(export.size, all as u64);
            assert_eq!(export.origin, "partner-activity-log/contoso/activity-v1");
            // The file itself is the same as without a proof.
            asked["proof"] = false.into();
            if form["format"].is_null() {
                asked["format"] = "jsonl".into();
            }
            let plain = app.post_export(&asked).await.json();
            let plain = app.healed(&plain).await;
            assert_eq!(plain["file"]["sha256"], proven.export["file"]["sha256"]);
            assert!(plain["file"]["proof"].is_null(), "{plain}");
            checked += 1;
        }
    }
    assert_eq!(checked, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_with_a_condition_proves_its_rows_and_not_that_they_are_all() {
    let app = TestApp::start_sealing(&[]).await;
    let key = app.sealed_year(700).await;
    for order in ["asc", "desc"] {
        let asked = json!({ "action": ["create_order"], "order": order });
        let proven = app.proven(asked).await;
        let export = proven.is_whole(&key);
        assert!(!export.is_complete);
        assert!(export.rows > 10, "{export:?}");
        assert_eq!(export.rows + export.left_out.within, export.size);
        let none = app
            .proven(json!({ "customer_id": "nobody", "order": order }))
            .await;
        assert_eq!(none.is_whole(&key).rows, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_entry_is_proven_without_its_name() {
    let app = TestApp::start_sealing(&[]).await;
    for place in 0..9 {
        let id = format!("c-{}", place % 3);
        let mut sent = with(
            "customer",
            json!({ "id": id, "name": "Rele \"cloud\", \u{e9}" }),
        );
        // What programs of other languages may write in another way.
        sent["details"] = json!({
            "\u{fb33}": place, "\u{1f600}": [1e4, true, null], "a\u{f}b": "\u{20ac}/\n\u{2028}\u{7f}",
            "": {}, "nested": { "z": -0.0, "a": 12_345_678_901_234_567_u64 },
        });
        app.record(&sent).await;
    }
    app.advance(Duration::from_hours(72));
    app.seal().await;
    let key = app.key().await;
    let before = app.proven(json!({})).await;
    assert_eq!(app.erase().await["state"], "done");
    for form in [json!({}), json!({ "format": "csv", "style": "raw" })] {
        let proven = app.proven(form).await;
        let export = proven.is_whole(&key);
        // The opening and the end of nothing else are in the log.
        assert_eq!((export.rows, export.erased), (9, 3));
        assert!(!proven.proof.contains("Rele"));
    }
    // What was exported before still holds.
    assert_eq!(before.is_whole(&key).erased, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_whose_retention_has_ended_are_said_to_be_left_out() {
    let variables = [("RETENTION_DAYS", "30"), ("MAX_LATENESS_DAYS", "1")];
    let app = TestApp::start_sealing(&variables).await;
    let record = async |count: usize| {
        for _ in 0..count {
            app.record(&activity()).await;
        }
    };
    record(13).await;
    app.advance(Duration::from_hours(24 * 12));
    record(3).await;
    app.advance(Duration::from_hours(72));
    app.seal().await;
    let key = app.key().await;
    // The first thirteen have ended, and their segment has three that have not.
    app.advance(Duration::from_hours(24 * 16));
    record(2).await;
    app.advance(Duration::from_hours(72));
    app.seal().await;
    for order in ["asc", "desc"] {
        let export = app.proven(json!({ "order": order })).await.is_whole(&key);
        assert_eq!((export.rows, export.left_out.within), (5, 13), "{order}");
    }
    // The whole month has ended, and nothing but hashes is left of it.
    app.advance(Duration::from_hours(24 * 14));
    record(9).await;
    app.advance(Duration::from_hours(72));
    app.seal().await;
    app.advance(Duration::from_hours(26));
    app.seal().await;
    let partner = app.registered_partner("contoso").await;
    assert!(app.segments(&partner).await[0].is_pruned());
    for order in ["asc", "desc"] {
        let proven = app.proven(json!({ "order": order })).await;
        let export = proven.is_whole(&key);
        assert_eq!(export.rows + export.left_out.within, export.size, "{order}");
        let first =
            serde_json::from_slice::<Value>(proven.file.split(|it| *it == b'\n').next().unwrap());
        let at = first.unwrap()["occurred_at"].clone();
        // A range that begins with what is kept does not show what lies before it.
        let from_kept = app.proven(json!({ "order": "asc", "from": at })).await;
        from_kept.is_whole(&key);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_with_a_proof_interrupted_at_any_request_has_the_same_bytes() {
    let app = TestApp::start_sealing(&[]).await;
    // Of five entries one is left out; the others fill more than a part.
    for place in 0..46 {
        let mut sent = with("occurred_at", app.now().to_string());
        sent["details"] = json!({ "blob": random_digits(place, 240_000) });
        if place % 5 == 0 {
            sent["action"] = "update_order".into();
        }
        app.record(&sent).await;
        app.move_clock(1_000);
    }
    app.advance(Duration::from_hours(72));
    app.seal().await;
    let key = app.key().await;
    let sealed_to = app.sealed_to().await;
    let faults = [
        (Fault::Lost, 3),
        (Fault::ReplyLost, 3),
        (Fault::Killed, 1),
        (Fault::KilledAfter, 1),
    ];
    let asked = json!({ "action": ["create_order"] });
    let body = json!({
        "from": "2000-01-01", "to": sealed_to, "format": "jsonl", "proof": true,
        "action": ["create_order"],
    });
    let undisturbed = app.proven(asked).await;
    assert_eq!(undisturbed.is_whole(&key).rows, 36);
    assert_eq!(app.left_in_bucket(), ["activity-log", "proof"]);
    let mut made = 0;
    for (fault, times) in faults {
        for place in (0..).step_by(step()) {
            app.faults.take_met_faults();
            app.faults.add_after("export-worker", place, fault, times);
            let ended = app.healed(&app.post_export(&body).await.json()).await;
            let at = format!("{fault:?} at {place}, {:?}", app.faults.take_met_faults());
            assert_eq!(ended["file"], undisturbed.export["file"], "{at}: {ended}");
            let proven = app.stored_proof(ended);
            proven.is_as_said();
            made += 1;
            if !app.faults.clear() {
                break;
            }
        }
    }
    assert!(made > 4 * 12 / step(), "only {made} exports");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_hand_over_after_each_page_leave_no_trace_in_a_proof() {
    let app = TestApp::start_sealing(&[]).await;
    let key = app.sealed_year(700).await;
    let to = app.sealed_to().await;
    for asked in [
        json!({}),
        json!({ "action": ["create_order"], "order": "asc" }),
        json!({ "customer_id": "nobody", "format": "csv", "style": "raw" }),
    ] {
        let undisturbed = app.proven(asked.clone()).await;
        assert!(undisturbed.is_whole(&key).size > 600);
        let mut body = json!({ "from": "2000-01-01", "to": to, "format": "jsonl", "proof": true });
        body.as_object_mut()
            .unwrap()
            .extend(asked.as_object().unwrap().clone());
        let (handed_over, calls) = app.handed_over(&body).await;
        // Each month is a page.
        assert!(calls > 8, "{calls} calls");
        assert_eq!(handed_over.proof, undisturbed.proof);
        assert!(handed_over.file == undisturbed.file);
    }
}

impl TestApp {
    /// An export of which each call of a worker reads one page; returns how many calls there were.
    async fn handed_over(&self, body: &Value) -> (Proven, usize) {
        let now = self.now();
        let partner = self.registered_partner("contoso").await;
        let mut config = self.stack.config.clone();
        // The next call is ours.
        config.export_worker_function = "nobody".into();
        let app = App::new(&self.stack.sdk, config, self.clock_behind(Duration::ZERO));
        let request = ExportRequest::read(body.to_string().as_bytes()).unwrap();
        let range = request.filter.range(now).unwrap();
        let actor = json!({ "id": "u-1", "name": "Ann", "kind": "user" });
        let actor = serde_json::from_value(actor).unwrap();
        let mut export = StoredExport::new(request, range, true, actor, now);
        export.proven_by = Some(self.note("contoso").await);
        let key = ExportKey {
            partner_id: partner,
            id: ExportId::random(now),
        };
        app.exports.create(&key, export).await.unwrap();
        let event = WorkerEvent::from(&key);
        for calls in 1..100 {
            let deadline = self.now().plus(Duration::from_secs(45));
            if export_worker::handle(&app, &event, deadline).await.is_ok() {
                let export = self.read(&format!("/v1/exports/{}", key.id)).await.json();
                return (self.stored_proof(export), calls);
            }
        }
        panic!("the export did not end");
    }
}

#[tokio::test]
async fn a_proof_is_refused_where_there_is_none() {
    let app = TestApp::start_sealing(&[]).await;
    app.record(&activity()).await;
    let asked = json!({ "from": "2000-01-01", "format": "jsonl", "proof": true });
    let refused = app.post_export(&asked).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(refused.json()["code"], "not_sealed");
    app.advance(Duration::from_hours(72));
    app.seal().await;
    let mut later = asked.clone();
    later["to"] = app.now().to_string().into();
    let refused = app.post_export(&later).await.json();
    assert_eq!(refused["code"], "not_sealed", "{refused}");
    assert_eq!(refused["sealed_to"], app.sealed_to().await);
    let expected_by = refused["expected_by"].as_str().unwrap().to_owned();
    while app.now().to_string() < expected_by {
        app.call_sealer().await;
        app.advance(Duration::from_hours(1));
    }
    assert_eq!(app.post_export(&later).await.status, 202);
    for (body, reason) in [
        (
            json!({ "proof": true }),
            "is only allowed with format jsonl, or csv in style raw",
        ),
        (
            json!({ "proof": true, "format": "xlsx" }),
            "is only allowed with format jsonl, or csv in style raw",
        ),
        (json!({ "proof": "yes" }), "must be true or false"),
    ] {
        let refused = app.post_export(&body).await;
        assert_eq!(refused.status, 400, "{body}");
        let error = &refused.json()["errors"][0];
        assert_eq!(
            (&error["field"], &error["reason"]),
            (&json!("proof"), &json!(reason))
        );
    }
}

#[tokio::test]
async fn a_deleted_export_leaves_no_proof_behind() {
    let app = TestApp::start_sealing(&[]).await;
    app.sealed_year(50).await;
    let proven = app.proven(json!({})).await;
    let path = app.stored_file("contoso", &proven.export);
    assert!(path.with_file_name("proof").exists());
    let delete = format!("/v1/exports/{}", proven.export["id"].as_str().unwrap());
    let delete = app.request(reqwest::Method::DELETE, &delete);
    assert_eq!(delete.token(&app.reader()).send().await.status, 204);
    assert!(!path.exists() && !path.with_file_name("proof").exists());
}
