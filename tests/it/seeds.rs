//! Random clients at the same time, under faults, one run for each seed: what
//! they were told must agree with what is stored.
//!
//! `MODEL_SEEDS=17` runs one seed again, `MODEL_SEEDS=0..50000` many.

mod files;
mod plan;
mod run;

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Instant,
};

use jiff::SignedDuration;
use tokio::task::JoinSet;

use self::{plan::Plan, run::Run};
use crate::harness::TestApp;

/// How many seeds run at the same time, each on a stack of its own while it
/// runs: clocks jump.
const LANES: usize = 16;

/// Runs of records, batches, retries and lists.
const SEEDS: Range<u64> = 0..2_000;

/// Runs of exports too.
const SEEDS_WITH_EXPORTS: Range<u64> = 0..300;

/// How old an activity may be.
const LATENESS: SignedDuration = SignedDuration::from_hours(24);

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_clients_under_faults_are_told_what_is_stored() {
    run_all(SEEDS, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_beside_concurrent_clients_under_faults_hold_what_is_stored() {
    run_all(SEEDS_WITH_EXPORTS, true).await;
}

/// Runs each seed; the lanes take them in turn.
async fn run_all(seeds: Range<u64>, exports: bool) {
    let seeds = chosen().unwrap_or(seeds);
    let (begun, next) = (Instant::now(), Arc::new(AtomicU64::new(seeds.start)));
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        lanes.spawn(lane(Arc::clone(&next), seeds.end, exports));
    }
    while let Some(ended) = lanes.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    println!("{} seeds in {:?}", seeds.end - seeds.start, begun.elapsed());
}

async fn lane(next: Arc<AtomicU64>, end: u64, exports: bool) {
    let variables = [("MAX_LATENESS_DAYS", "1"), ("MAX_RUNNING_EXPORTS", "2")];
    let app = Arc::new(TestApp::start_with(&variables).await);
    loop {
        let seed = next.fetch_add(1, SeqCst);
        if seed >= end {
            return;
        }
        let run = tokio::spawn(run(Arc::clone(&app), seed, exports)).await;
        assert!(
            run.is_ok(),
            "seed {seed} failed; MODEL_SEEDS={seed} runs it again"
        );
    }
}

/// One seed's run and what its history says.
async fn run(app: Arc<TestApp>, seed: u64, exports: bool) {
    app.set_ahead(SignedDuration::ZERO);
    app.faults.take_met();
    let plan = Plan::of(seed, app.now(), LATENESS, exports);
    let history = Run::new(&app, seed).carry_out(&plan).await;
    let wrongs = history.wrongs();
    assert!(
        wrongs.is_empty(),
        "seed {seed}: {wrongs:#?}\n{history}faults: {:?}",
        app.faults.take_met()
    );
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
