//! Random clients at the same time, under faults: one run for each seed.
//!
//! After each run, the answers must agree with what is stored.
//! `MODEL_SEEDS=17` runs one seed again, `MODEL_SEEDS=0..50000` runs many, and `FULL=1`
//! as many as each change must pass.

mod days;
mod files;
mod observed;
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

use self::{
    plan::{Kind, Plan},
    run::Run,
};
use crate::harness::{TestApp, activity, is_full};

/// How many seeds run at the same time.
///
/// Each lane has stacks of its own, because a run changes its stack's clock. Runs that
/// seal wait less for pauses and more for the processor.
const LANES: usize = 16;
const LANES_WITH_SEALS: usize = 6;

/// How many seeds run with records, batches, retries and lists: with `FULL`, and without.
const SEEDS: [u64; 2] = [600, 120];

/// How many seeds run with exports too: with `FULL`, and without.
const SEEDS_WITH_EXPORTS: [u64; 2] = [100, 40];

/// How many seeds run in which days pass and logs are sealed: with `FULL`, and without.
const SEEDS_WITH_SEALS: [u64; 2] = [90, 24];

/// How old an activity may be.
const LATENESS: Duration = Duration::from_hours(24);

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_clients_under_faults_are_told_what_is_stored() {
    let tally = run_all(SEEDS, Kind::Records).await;
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
    let tally = run_all(SEEDS_WITH_EXPORTS, Kind::Exports).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn logs_that_are_sealed_and_erased_under_faults_hold_what_clients_were_told() {
    let tally = run_all(SEEDS_WITH_SEALS, Kind::Seals).await;
    let of_archives = [
        "sealed",
        "pruned",
        "checkpoints",
        "settled",
        "closed",
        "late",
        "erasures",
        "erased",
        "ended",
        "Killed",
        "KilledAfter",
    ];
    for kind in of_archives {
        assert!(tally.has(kind), "{kind} never: {tally:?}");
    }
}

/// How many outcomes, answers and faults of each kind all runs have had.
#[derive(Debug, Clone, Default)]
struct Tally(Arc<Mutex<BTreeMap<String, usize>>>);

impl Tally {
    fn add(&self, kind: &str, count: usize) {
        *self.0.lock().unwrap().entry(kind.to_owned()).or_default() += count;
    }

    /// Whether a kind has occurred, which is not required of chosen seeds.
    fn has(&self, kind: &str) -> bool {
        chosen_seeds().is_some() || self.0.lock().unwrap().get(kind) > Some(&0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_faults_of_a_seed_meet_only_its_own_partners() {
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

/// Runs all seeds; a lane that has ended one takes the next.
async fn run_all([full, few]: [u64; 2], kind: Kind) -> Tally {
    let seeds = chosen_seeds().unwrap_or(0..if is_full() { full } else { few });
    let (started_at, next) = (Instant::now(), Arc::new(AtomicU64::new(seeds.start)));
    let (mut lanes, tally) = (JoinSet::new(), Tally::default());
    let count = match kind {
        Kind::Seals => LANES_WITH_SEALS,
        Kind::Records | Kind::Exports => LANES,
    };
    for _ in 0..count {
        lanes.spawn(lane(Arc::clone(&next), seeds.end, kind, tally.clone()));
    }
    while let Some(ended) = lanes.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    println!("{seeds:?} in {:?}: {tally:?}", started_at.elapsed());
    tally
}

/// Runs one seed after another; odd seeds use a stack with several shards.
async fn lane(next: Arc<AtomicU64>, end: u64, kind: Kind, tally: Tally) {
    let app = async |shards| {
        let variables = [
            ("MAX_LATENESS_DAYS", "1"),
            ("MAX_RUNNING_EXPORTS", "2"),
            ("WRITE_SHARDS", shards),
        ];
        let of_days: &[_] = match kind {
            Kind::Seals => &[("RETENTION_DAYS", days::RETENTION_DAYS)],
            _ => &[],
        };
        Arc::new(TestApp::start_with(&[&variables, of_days].concat()).await)
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
        let run = tokio::spawn(run(Arc::clone(app), seed, kind, tally.clone()));
        assert!(
            run.await.is_ok(),
            "seed {seed} failed; MODEL_SEEDS={seed} runs it again"
        );
    }
}

/// Runs one seed and checks its history.
async fn run(app: Arc<TestApp>, seed: u64, kind: Kind, tally: Tally) {
    // A run that lasts for days begins on any day of a month.
    let days = if kind == Kind::Seals { seed % 30 } else { 0 };
    app.set_ahead(i64::try_from(days).unwrap() * 24 * 60 * 60 * 1_000);
    app.faults.take_met_faults();
    let plan = Plan::of(seed, app.now(), LATENESS, kind);
    let history = Run::new(&app, seed, kind).carry_out(&plan).await;
    let (violations, met) = (history.violations(), app.faults.take_met_faults());
    assert!(
        violations.is_empty(),
        "seed {seed}: {violations:#?}\n{history}faults: {met:?}"
    );
    for (kind, count) in history.counts() {
        tally.add(kind, count);
    }
    for (_, fault) in met {
        tally.add(&format!("{fault:?}"), 1);
    }
}

/// The seeds that the person who runs the tests has chosen by `MODEL_SEEDS`.
#[expect(
    clippy::disallowed_methods,
    reason = "a variable of the tests, not of the service"
)]
fn chosen_seeds() -> Option<Range<u64>> {
    let text = std::env::var("MODEL_SEEDS").ok()?;
    let number = |text: &str| text.parse().expect("MODEL_SEEDS is a seed or first..end");
    Some(match text.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(&text)..number(&text) + 1,
    })
}
