//! The examples of the program's help are run as they stand.

use std::fs;

use shared::Moment;

use super::*;
use crate::harness::with;

/// The commands of the examples in the help of a command.
fn examples(help: &str) -> Vec<Vec<String>> {
    let lines = help
        .lines()
        .skip_while(|line| !line.starts_with("Examples:"));
    let examples = lines.filter_map(|line| line.trim().strip_prefix("activity-log "));
    examples
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

/// The files that the examples name.
fn put_files(folder: &Path) {
    let activity = |number: u32| {
        let mut activity = crate::harness::activity();
        activity["idempotency_key"] = format!("k-{number}").into();
        activity["occurred_at"] = crate::harness::ago(60).into();
        activity.to_string() + "\n"
    };
    fs::write(folder.join("activities.jsonl"), activity(1) + &activity(2)).unwrap();
    fs::write(folder.join("mapping.toml"), super::imports::MAPPING).unwrap();
    fs::write(folder.join("history.csv"), super::imports::csv(20)).unwrap();
    let record = serde_json::json!({
        "id": "p_c_o_createorder_637", "customerId": "c", "customerName": "Contoso",
        "userPrincipalName": "ann@contoso.example", "resourceType": "order",
        "operationType": "create_order", "operationDate": crate::harness::ago(90),
        "operationStatus": "succeeded",
    });
    let page = serde_json::json!({ "totalCount": 1, "items": [record] });
    fs::write(folder.join("records.json"), page.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_help_runs() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "7")]).await;
    // An example has a proof of the first half of the year, which must be sealed.
    let june: Moment = "2026-06-20T10:00:00Z".parse().unwrap();
    app.set_ahead(june.as_millis() - app.now().as_millis());
    app.record(&with("occurred_at", june.to_string())).await;
    app.advance(std::time::Duration::from_hours(24 * 20));
    app.seal().await;
    app.set_ahead(0);
    let mut run = 0;
    for command in ["record", "list", "summary", "export", "import"] {
        let nowhere = tempfile::tempdir().unwrap();
        let help = app.says(nowhere.path(), &[command, "--help"]).await;
        let examples = examples(&help);
        assert!(examples.len() >= 2, "{help}");
        for example in examples {
            let folder = tempfile::tempdir().unwrap();
            put_files(folder.path());
            let arguments: Vec<&str> = example.iter().map(String::as_str).collect();
            run += 1;
            if !arguments.contains(&"--follow") {
                app.says(folder.path(), &arguments).await;
                continue;
            }
            let mut child = app.command(folder.path(), &arguments);
            let mut child = child.stdout(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            assert!(
                child.try_wait().unwrap().is_none(),
                "following ended by itself"
            );
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    assert!(run >= 14, "{run}");
}
