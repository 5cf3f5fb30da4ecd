//! Outboxes of processes that are killed.

use std::{
    collections::BTreeSet,
    fs::{self, File},
};

use serde_json::json;

use super::*;
use crate::harness::{activity, ago, random_digits};

/// How often the producer is killed.
const KILLS: usize = 20;

/// How many activities it is given each time.
const COUNT: usize = 120;

/// A file of activities whose keys are also their correlation ids.
fn activities(path: &Path, round: usize) -> BTreeSet<String> {
    let key = |number: usize| format!("k-{round:02}-{number:04}-{}", random_digits(number, 6));
    let keys: BTreeSet<String> = (0..COUNT).map(key).collect();
    let line = |key: &String| {
        let mut activity = activity();
        activity["idempotency_key"] = key.as_str().into();
        activity["correlation_id"] = key.as_str().into();
        activity["occurred_at"] = ago(60).into();
        activity["details"] = json!({ "padding": random_digits(round, 300) });
        format!("{activity}\n")
    };
    fs::write(path, keys.iter().map(line).collect::<String>()).unwrap();
    keys
}

/// The program says a key when the activity is on the disk; from then on it is recorded once.
#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_is_killed_again_and_again_loses_nothing_and_records_nothing_twice() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut random = fastrand::Rng::with_seed(20);
    let (mut given, mut handed_over) = (BTreeSet::new(), BTreeSet::new());
    let record = ["record", "--file", "activities.jsonl", "--outbox", "outbox"];
    for round in 0..KILLS {
        // The service is throttled and loses requests and answers.
        app.faults.throw_dice("record", round as u64, 60);
        given.extend(activities(&folder.join("activities.jsonl"), round));
        let said = folder.join("said");
        let mut command = app.command(folder, &record);
        command
            .stdout(File::create(&said).unwrap())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(random.u64(20..400))).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let said = fs::read_to_string(&said).unwrap();
        // The last line may be cut.
        let whole = said
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'));
        handed_over.extend(whole.map(str::to_owned));
    }
    app.faults.throw_dice("record", 0, 0);
    fs::write(folder.join("activities.jsonl"), "").unwrap();
    app.says(folder, &record).await;
    let recorded = app.correlation_ids().await;
    let once: BTreeSet<_> = recorded.iter().cloned().collect();
    assert_eq!(once.len(), recorded.len(), "one was recorded twice");
    assert!(handed_over.is_subset(&once), "one was lost");
    assert!(once.is_subset(&given));
    assert!(
        handed_over.len() > COUNT,
        "too few were handed over: {}",
        handed_over.len()
    );
}
