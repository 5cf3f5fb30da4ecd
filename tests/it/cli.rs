//! `activity-log`, the program, as people and scripts call it.

mod examples;
mod imports;
mod outboxes;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::{
    faults::Fault,
    harness::{TestApp, eventually},
};

/// The program, which is built with the tests.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().parent().unwrap().join("activity-log");
    assert!(
        path.exists(),
        "cargo builds the program with the tests of its package"
    );
    path
}

impl TestApp {
    /// The program in a folder, with nothing set but the service's address.
    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("ACTIVITY_LOG_URL", &self.stack.url)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    async fn run(&self, folder: &Path, arguments: &[&str]) -> Output {
        let mut command = self.command(folder, arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    /// What the program writes; it must succeed.
    pub(crate) async fn says(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = self.run(folder, arguments).await;
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            errors(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const RECORD: [&str; 9] = [
    "record",
    "--action",
    "create_order",
    "--customer",
    "c-1",
    "--actor",
    "u-17",
    "--resource",
    "order/o-1",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_is_listed_shown_and_counted_in_each_form() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    app.says(folder, &RECORD).await;
    let table = app.says(folder, &["list"]).await;
    assert!(
        table.contains("create_order") && table.contains("order o-1"),
        "{table}"
    );
    let json = app.says(folder, &["list", "--output", "json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let csv = app.says(folder, &["list", "--output", "csv"]).await;
    let id = json["id"].as_str().unwrap();
    assert_eq!(csv.lines().nth(1).unwrap().split(',').next(), Some(id));
    let shown = app.says(folder, &["show", id]).await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["customer"]["name"], "c-1");
    let bars = app
        .says(folder, &["summary", "--by", "action", "--by", "customer"])
        .await;
    assert!(
        bars.contains('█') && bars.contains("1 in 1 groups"),
        "{bars}"
    );
    let nothing = app
        .says(folder, &["list", "--exclude-action", "create_order"])
        .await;
    assert_eq!(nothing.lines().count(), 1, "only the header");
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_a_refusal_from_what_could_not_be_done() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let refused = app.run(folder, &["list", "--from", "yesterday"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        errors(&refused).contains("from must be"),
        "{}",
        errors(&refused)
    );
    let unknown = app.run(folder, &["list", "--colour"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    let mut elsewhere = app.command(folder, &["list"]);
    elsewhere.env("ACTIVITY_LOG_URL", "https://api.example");
    let output = elsewhere.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("no token: set ACTIVITY_LOG_TOKEN"));
}

/// A text of the log that a terminal would obey.
#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_the_log_moves_the_terminal() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut activity = crate::harness::activity();
    activity["customer"]["name"] = "a\r\nb\u{202e}c".into();
    app.record(&activity).await;
    let table = app.says(folder.path(), &["list"]).await;
    assert!(table.contains(r"a\r\nb\u{202e}c"), "{table}");
    let bars = app
        .says(folder.path(), &["summary", "--by", "customer"])
        .await;
    assert!(bars.contains(r"a\r\nb\u{202e}c"), "{bars}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_was_interrupted_goes_on_with_the_same_export() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // A worker is called again a minute later, and links are of the machine's time.
    app.set_ahead(-120_000);
    app.record(&crate::harness::activity()).await;
    let export = ["export", "--format", "jsonl", "--file", "log.jsonl"];
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let mut child = app
        .command(folder, &export)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = || std::fs::read_dir(folder).unwrap().count() > 0;
    assert!(eventually(begun).await);
    child.kill().unwrap();
    child.wait().unwrap();
    app.set_ahead(0);
    let said = app.says(folder, &export).await;
    assert_eq!(said, "log.jsonl: 1 activities\n");
    let exports = app.read("/v1/exports").await.json();
    assert_eq!(exports["items"].as_array().unwrap().len(), 1);
    let again = app.run(folder, &export).await;
    assert_eq!(again.status.code(), Some(2));
    assert!(errors(&again).contains("log.jsonl exists; with --force"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_log_is_exported_with_its_proof_and_verified() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "1")]).await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Everything is in the past, since a link is of the machine's time.
    let days = |days: i64| days * 86_400_000;
    app.set_ahead(days(-10));
    let from = app
        .now()
        .minus(std::time::Duration::from_hours(1))
        .to_string();
    app.record(&crate::harness::with("occurred_at", app.now().to_string()))
        .await;
    app.set_ahead(days(-1));
    app.seal().await;
    app.set_ahead(0);
    let to = app
        .now()
        .minus(std::time::Duration::from_hours(24 * 5))
        .to_string();
    let key = app.says(folder, &["keys"]).await;
    let note = app
        .says(folder, &["checkpoint", "--keep", "kept.txt"])
        .await;
    assert_eq!(
        note,
        std::fs::read_to_string(folder.join("kept.txt")).unwrap()
    );
    let file = [
        "export",
        "--format",
        "jsonl",
        "--proof",
        "--file",
        "log.jsonl",
    ];
    app.says(
        folder,
        &[&file[..], &["--from", &from, "--to", &to]].concat(),
    )
    .await;
    let verify = [
        "verify",
        "export",
        "log.jsonl",
        "log.jsonl.proof",
        "--key",
        key.trim(),
    ];
    let said = app.says(folder, &verify).await;
    assert!(
        said.starts_with("whole: ") && said.contains("every entry"),
        "{said}"
    );
    let text = std::fs::read_to_string(folder.join("log.jsonl")).unwrap();
    std::fs::write(
        folder.join("log.jsonl"),
        text.replace("Relecloud", "Xelecloud"),
    )
    .unwrap();
    let said = app.run(folder, &verify).await;
    assert_eq!(said.status.code(), Some(1), "{}", errors(&said));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_asks_a_person_or_is_told_not_to() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    app.says(folder, &RECORD).await;
    let refused = app.run(folder, &["erase", "c-1"]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors(&refused).contains("nobody can be asked"));
    let done = app.says(folder, &["erase", "c-1", "--yes"]).await;
    assert!(done.contains("done (1 activities)"), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn following_goes_on_where_it_was_interrupted() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let from = app.now().to_string();
    let follow = [
        "list",
        "--follow",
        "--output",
        "json",
        "--every",
        "1",
        "--position",
        "at",
    ];
    let mut seen = Vec::new();
    for round in 0..2 {
        app.says(folder, &RECORD).await;
        app.advance(std::time::Duration::from_secs(61));
        let mut arguments = follow.to_vec();
        arguments.extend(["--recorded-from", &from]);
        let out = folder.join(format!("out-{round}"));
        let mut command = app.command(folder, &arguments);
        command.stdout(std::fs::File::create(&out).unwrap());
        let mut child = command.spawn().unwrap();
        let has_line = || std::fs::read_to_string(&out).unwrap().contains('\n');
        let is_kept = || std::fs::read_to_string(folder.join("at")).is_ok_and(|at| at > from);
        assert!(eventually(|| has_line() && is_kept()).await);
        child.kill().unwrap();
        child.wait().unwrap();
        seen.extend(
            std::fs::read_to_string(&out)
                .unwrap()
                .lines()
                .map(str::to_owned),
        );
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
}
