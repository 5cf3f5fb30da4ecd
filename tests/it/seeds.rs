//! Random clients at the same time, under faults, one run for each seed: what
//! they were told must agree with what is stored.
//!
//! `MODEL_SEEDS=17` runs one seed again, `MODEL_SEEDS=0..50000` many.

mod files;
mod plan;
mod run;

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
    time::Instant,
};

use serde_json::json;
use tokio::task::JoinSet;

use self::{plan::Plan, run::Run};
use crate::harness::{TestApp, activity};

/// How many seeds run at the same time, each on a stack of its own while it
/// runs: clocks jump.
const LANES: usize = 16;

/// Runs of records, batches, retries and lists.
const SEEDS: Range<u64> = 0..2_000;

/// Runs of exports too.
const SEEDS_WITH_EXPORTS: Range<u64> = 0..300;

/// How old an activity may be.
const LATENESS: Duration = Duration::from_hours(24);

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_clients_under_faults_are_told_what_is_stored() {
    let tally = run_all(SEEDS, false).await;
    for kind in [
        "stored",
        "replayed",
        "unknown",
        "taken keys",
        "bad",
        "too late",
        "pages",
    ] {
        assert!(tally.has(kind), "{kind} never: {tally:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_beside_concurrent_clients_under_faults_hold_what_is_stored() {
    let tally = run_all(SEEDS_WITH_EXPORTS, true).await;
    let of_exports = ["exports made", "exports refused", "links", "rows"];
    let faults = [
        "Lost",
        "ReplyLost",
        "Throttled",
        "Late",
        "Twice",
        "Killed",
        "KilledAfter",
    ];
    for kind in [&of_exports[..], &faults].concat() {
        assert!(tally.has(kind), "{kind} never: {tally:?}");
    }
}

/// How often what happened in all runs; few of them may lack a kind.
#[derive(Debug, Clone, Default)]
struct Tally(Arc<Mutex<BTreeMap<String, usize>>>);

impl Tally {
    fn add(&self, kind: &str, count: usize) {
        *self.0.lock().unwrap().entry(kind.to_owned()).or_default() += count;
    }

    fn has(&self, kind: &str) -> bool {
        chosen().is_some() || self.0.lock().unwrap().get(kind) > Some(&0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_faults_of_a_seed_meet_its_own_partners_alone() {
    let app = TestApp::start().await;
    app.faults.add_random_faults(1, &["theirs"]);
    let record = async |partner| {
        let token = app.token(partner, "activity_recorder");
        for _ in 0..40 {
            let request = app.post("/v1/activities", &activity());
            request.token(&token).send().await;
        }
        app.faults.take_met_faults().len()
    };
    assert_eq!(record("contoso").await, 0);
    app.export(&json!({})).await;
    assert_eq!(app.faults.take_met_faults(), []);
    assert!(record("theirs").await > 0);
    app.faults.remove_random_faults(1);
    assert_eq!(record("theirs").await, 0);
}

/// Runs each seed; the lanes take them in turn.
async fn run_all(seeds: Range<u64>, exports: bool) -> Tally {
    let seeds = chosen().unwrap_or(seeds);
    let (begun, next) = (Instant::now(), Arc::new(AtomicU64::new(seeds.start)));
    let (mut lanes, tally) = (JoinSet::new(), Tally::default());
    for _ in 0..LANES {
        lanes.spawn(lane(Arc::clone(&next), seeds.end, exports, tally.clone()));
    }
    while let Some(ended) = lanes.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    println!("{seeds:?} in {:?}: {tally:?}", begun.elapsed());
    tally
}

async fn lane(next: Arc<AtomicU64>, end: u64, exports: bool, tally: Tally) {
    let app = async |shards| {
        let variables = [
            ("MAX_LATENESS_DAYS", "1"),
            ("MAX_RUNNING_EXPORTS", "2"),
            ("WRITE_SHARDS", shards),
        ];
        Arc::new(TestApp::start_with(&variables).await)
    };
    let (one, several) = (app("1").await, app("3").await);
    loop {
        let seed = next.fetch_add(1, SeqCst);
        if seed >= end {
            return;
        }
        let app = if seed.is_multiple_of(2) {
            &one
        } else {
            &several
        };
        let run = tokio::spawn(run(Arc::clone(app), seed, exports, tally.clone()));
        assert!(
            run.await.is_ok(),
            "seed {seed} failed; MODEL_SEEDS={seed} runs it again"
        );
    }
}

/// One seed's run and what its history says.
async fn run(app: Arc<TestApp>, seed: u64, exports: bool, tally: Tally) {
    app.set_ahead(0);
    app.faults.take_met_faults();
    let plan = Plan::of(seed, app.now(), LATENESS, exports);
    let history = Run::new(&app, seed).carry_out(&plan).await;
    let (wrongs, met) = (history.wrongs(), app.faults.take_met_faults());
    assert!(
        wrongs.is_empty(),
        "seed {seed}: {wrongs:#?}\n{history}faults: {met:?}"
    );
    for (kind, count) in history.counts() {
        tally.add(kind, count);
    }
    for (_, fault) in met {
        tally.add(&format!("{fault:?}"), 1);
    }
}

/// The seeds that whoever runs the tests asks for.
#[expect(
    clippy::disallowed_methods,
    reason = "a variable of the tests, not of the service"
)]
fn chosen() -> Option<Range<u64>> {
    let text = std::env::var("MODEL_SEEDS").ok()?;
    let number = |text: &str| text.parse().expect("MODEL_SEEDS is a seed or first..end");
    Some(match text.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(&text)..number(&text) + 1,
    })
}
