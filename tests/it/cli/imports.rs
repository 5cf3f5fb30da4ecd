//! Imports: of foreign files, interrupted, and twice.

use std::fs;

use super::*;

/// Of the columns of [`csv`].
pub(super) const MAPPING: &str = r#"
delimiter = ";"
key = ["Nr"]
occurred_at = { column = "Zeit", format = "%d.%m.%Y %H:%M:%S", time_zone = "Europe/Berlin" }
action = { column = "Was", values = { "Bestellung angelegt" = "create_order" } }
outcome = { column = "Ergebnis", values = { ok = "succeeded", Fehler = "failed" } }
customer = { id = "KdNr", name = "Kunde" }
actor = { id = "Benutzer" }
correlation_id = "Nr"
"#;

/// A foreign file of as many rows, a day old, with texts over several lines.
pub(super) fn csv(rows: usize) -> String {
    let mut csv = "Nr;Zeit;Was;Ergebnis;KdNr;Kunde;Benutzer;Notiz\r\n".to_owned();
    let day = chrono::DateTime::parse_from_rfc3339(&crate::harness::ago(86_400)).unwrap();
    for row in 0..rows {
        let at = day.format("%d.%m.%Y %H:%M:%S");
        let outcome = if row % 7 == 0 { "Fehler" } else { "ok" };
        let line = format!(
            "{row:06};{at};Bestellung angelegt;{outcome};{};Müller & Co;ann;\"Zeile\n\"\"zwei\"\"\"\r\n",
            row % 9
        );
        csv.push_str(&line);
    }
    csv
}

fn put(folder: &Path, csv: &str) {
    fs::write(folder.join("history.csv"), csv).unwrap();
    fs::write(folder.join("mapping.toml"), MAPPING).unwrap();
}

const IMPORT: [&str; 4] = ["import", "history.csv", "--mapping", "mapping.toml"];

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number:06}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_again_and_again_records_each_row_once() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, &csv(2_500));
    let mut random = fastrand::Rng::with_seed(21);
    for round in 0..6 {
        app.faults.throw_dice("record", round, 40);
        let mut child = app.command(folder, &IMPORT);
        let mut child = child
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(random.u64(50..900))).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    app.faults.throw_dice("record", 0, 0);
    let said = app.says(folder, &IMPORT).await;
    assert!(said.contains("0 rejected"), "{said}");
    assert_eq!(app.correlation_ids().await, numbers(2_500));
    // The same file again changes nothing, and the window is closed each time.
    let again = app.says(folder, &IMPORT).await;
    assert_eq!(again, "0 recorded, 2500 known before, 0 rejected\n");
    assert_eq!(app.correlation_ids().await, numbers(2_500));
    let importer = app.token("contoso", "history_importer");
    let window = app.get("/v1/import").token(&importer).send().await;
    assert_eq!(window.status, 404, "no import is open");
    let left = fs::read_dir(folder).unwrap().count();
    assert_eq!(left, 2, "no file of the import is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_fit_go_to_a_file_that_can_be_mended_and_imported() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows = csv(3).replacen(";Fehler;", ";vielleicht;", 1);
    put(
        folder,
        &(rows + "x;31.02.2026 10:00:00;x;ok;1;a;b;c\r\n9;01.02.2026;x\r\n"),
    );
    let dry = app
        .run(folder, &[&IMPORT[..], &["--dry-run"]].concat())
        .await;
    assert_eq!(dry.status.code(), Some(1));
    insta::assert_snapshot!(errors(&dry), @r#"
    row 1: outcome: "vielleicht" is unknown; give it a meaning in values
    row 4: occurred_at: "31.02.2026 10:00:00" is not of the form %d.%m.%Y %H:%M:%S
    row 5: occurred_at: "01.02.2026" is not of the form %d.%m.%Y %H:%M:%S
    "#);
    assert_eq!(app.correlation_ids().await, [""; 0]);
    let output = app.run(folder, &IMPORT).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.starts_with("2 recorded, 0 known before, 3 rejected"),
        "{said}"
    );
    let rejected = fs::read_to_string(folder.join("history.csv.rejected.csv")).unwrap();
    assert!(rejected.starts_with("Nr;Zeit;Was;Ergebnis;KdNr;Kunde;Benutzer;Notiz;import_error"));
    let mended = rejected.replace("vielleicht", "ok");
    fs::write(folder.join("mended.csv"), mended).unwrap();
    let output = app
        .run(
            folder,
            &["import", "mended.csv", "--mapping", "mapping.toml"],
        )
        .await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.starts_with("1 recorded, 0 known before, 2 rejected"),
        "{said}"
    );
    assert_eq!(app.correlation_ids().await, numbers(3));
    let stored = app
        .list_all("outcome=succeeded&correlation_id=000000")
        .await;
    let id = stored[0]["id"].as_str().unwrap();
    let stored = app.read(&format!("/v1/activities/{id}")).await.json();
    assert_eq!(
        stored["details"],
        serde_json::json!({ "Notiz": "Zeile\n\"zwei\"" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_were_rejected_are_mended_and_imported() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut bad = crate::harness::with("occurred_at", crate::harness::ago(90_000));
    bad["outcome"] = "perhaps".into();
    let mut large = crate::harness::with("occurred_at", crate::harness::ago(90_000));
    large["details"] = serde_json::json!({ "note": "x".repeat(3_000_000) });
    let good = crate::harness::with("occurred_at", crate::harness::ago(80_000));
    fs::write(
        folder.join("a.jsonl"),
        format!("{bad}\n{large}\nno json\n{good}\n"),
    )
    .unwrap();
    let output = app.run(folder, &["import", "a.jsonl"]).await;
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    let first = "1 recorded, 0 known before, 3 rejected";
    assert!(said.starts_with(first), "{said}{}", errors(&output));
    let rejected = fs::read_to_string(folder.join("a.jsonl.rejected.jsonl")).unwrap();
    assert!(rejected.contains("unknown variant `perhaps`") && rejected.contains("413"));
    let mended = rejected.replace("\"perhaps\"", "\"failed\"");
    let mended: Vec<&str> = mended
        .lines()
        .filter(|it| it.contains("\"failed\""))
        .collect();
    fs::write(folder.join("b.jsonl"), mended[0]).unwrap();
    let said = app.says(folder, &["import", "b.jsonl"]).await;
    assert_eq!(said, "1 recorded, 0 known before, 0 rejected\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_begun_elsewhere_begins_at_the_first_row() {
    let (app, other) = (TestApp::start().await, TestApp::start().await);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, &csv(1_500));
    let mut child = app.command(folder, &IMPORT);
    let mut child = child.stderr(Stdio::null()).spawn().unwrap();
    let is_kept = || folder.join("history.csv.import").exists();
    assert!(crate::harness::eventually(is_kept).await);
    child.kill().unwrap();
    child.wait().unwrap();
    let said = other.says(folder, &IMPORT).await;
    assert_eq!(said, "1500 recorded, 0 known before, 0 rejected\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_refuses_is_rejected_with_its_reason() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let long = "x".repeat(200);
    put(
        folder,
        &csv(2).replacen("Müller & Co;ann", &format!("Müller & Co;{long}"), 1),
    );
    let output = app.run(folder, &IMPORT).await;
    assert_eq!(output.status.code(), Some(1));
    let rejected = fs::read_to_string(folder.join("history.csv.rejected.csv")).unwrap();
    assert!(
        rejected.contains("actor.id must have 1 to 128 characters"),
        "{rejected}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_one_log_is_imported_into_another() {
    let (app, other) = (TestApp::start().await, TestApp::start().await);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, &csv(30));
    app.says(folder, &IMPORT).await;
    let no_trail = [
        "--exclude-action",
        "open_import",
        "--exclude-action",
        "close_import",
    ];
    let export = ["export", "--format", "jsonl", "--file", "log.jsonl"];
    app.says(folder, &[&export[..], &no_trail].concat()).await;
    let said = other.says(folder, &["import", "log.jsonl"]).await;
    assert_eq!(said, "30 recorded, 0 known before, 0 rejected\n");
    assert_eq!(other.correlation_ids().await, numbers(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_partner_center_are_imported() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let at = crate::harness::ago(86_400);
    let csv = format!(
        "Date-Time (UTC),Affected customer,Action,Partner user\r\n{},Relecloud,Create order,ann@contoso.example\r\n",
        at[..19].replace('T', " ")
    );
    fs::write(folder.join("page.csv"), csv).unwrap();
    app.says(
        folder,
        &["import", "page.csv", "--format", "partner-center"],
    )
    .await;
    let records = serde_json::json!([
        { "id": "1", "customerId": "c", "operationType": "update_order", "operationDate": at, "operationStatus": "progress" },
        { "id": "2", "customerId": "c", "operationType": "update_order", "operationDate": at, "operationStatus": "decline" },
    ]);
    fs::write(folder.join("records.json"), records.to_string()).unwrap();
    let lines = records
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{it}\n"));
    fs::write(folder.join("records.jsonl"), lines.collect::<String>()).unwrap();
    app.says(
        folder,
        &["import", "records.json", "--format", "auditrecords"],
    )
    .await;
    let again = app
        .says(
            folder,
            &["import", "records.jsonl", "--format", "auditrecords"],
        )
        .await;
    assert_eq!(again, "0 recorded, 2 known before, 0 rejected\n");
    let items = app
        .list_all("order=asc&exclude_action=open_import&exclude_action=close_import")
        .await;
    let shown = |item: &serde_json::Value| format!("{} {}", item["action"], item["outcome"]);
    let mut shown: Vec<_> = items.iter().map(shown).collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            r#""create_order" "succeeded""#,
            r#""update_order" "declined""#,
            r#""update_order" "in_progress""#
        ]
    );
}
