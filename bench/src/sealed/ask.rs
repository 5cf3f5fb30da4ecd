//! Asks a sealed year, and a table with as many entries.

use std::time::{Duration, Instant};

use shared::{Clock, TimeRange};

use super::{
    message::Answer,
    question::{QUESTIONS, Question},
};
use crate::{
    Error,
    canned::{Archive, Options},
    comparison::{Comparison, Side},
    process::{cpu_of_threads, peak_mebibytes},
    samples::{Samples, float},
    session::Session,
    workbench::{Program, Workbench},
};

/// What a whole answer cost, in each round.
#[derive(Debug, Default)]
struct Cost {
    milliseconds: Samples,
    cpu_milliseconds: Samples,
    mebibytes: Samples,
    requests: Samples,
    /// GETs of a sealed year, and pages of Queries of a table.
    reads: Samples,
    megabytes: Samples,
}

/// Asks every question in each round, of both in turn.
pub(super) async fn measure(
    bench: &Workbench<'_>,
    archive: &Archive,
    sealed: &Answer,
) -> Result<Vec<Comparison>, Error> {
    let mut costs: Vec<(Cost, Cost)> = QUESTIONS.iter().map(|_| Default::default()).collect();
    for round in 1..=bench.settings.export_rounds {
        for (question, (ours, table)) in QUESTIONS.iter().zip(&mut costs) {
            eprintln!("round {round}: {}", question.name);
            ask_sealed(bench, *question, archive, sealed, ours).await?;
            if question.is_for_the_table() {
                ask_table(bench, *question, sealed, table).await?;
            }
        }
    }
    let costs = QUESTIONS.iter().zip(costs);
    Ok(costs
        .flat_map(|(question, cost)| compare(question, cost))
        .collect())
}

async fn ask_sealed(
    bench: &Workbench<'_>,
    question: Question,
    archive: &Archive,
    sealed: &Answer,
    cost: &mut Cost,
) -> Result<(), Error> {
    let options = Options {
        archive: archive.clone(),
        ..Options::default()
    };
    let session = Session::start(bench, Program::Function("list"), options, None).await?;
    let found = ask(session, question, sealed, sealed.range()?, cost).await?;
    question.check(found, sealed.head()?)
}

async fn ask_table(
    bench: &Workbench<'_>,
    question: Question,
    sealed: &Answer,
    cost: &mut Cost,
) -> Result<(), Error> {
    let options = Options {
        entries: bench.settings.sealed_entries,
        ..Options::default()
    };
    let session = Session::start(bench, Program::Function("list"), options, None).await?;
    let now = Clock::system().now();
    let range = TimeRange::new(now.minus(Duration::from_hours(32 * 24)), now);
    let range = range.ok_or("the range is reversed")?;
    ask(session, question, sealed, range, cost).await?;
    Ok(())
}

/// Makes requests until the answer is whole; answers how many entries it has.
async fn ask(
    mut session: Session,
    question: Question,
    sealed: &Answer,
    range: TimeRange,
    cost: &mut Cost,
) -> Result<u64, Error> {
    let idle = peak_mebibytes(&session.process)?;
    let cpu = cpu_of_threads(&session.process)?;
    let started_at = Instant::now();
    let (mut found, mut requests, mut cursor) = (0, 0_u64, None);
    loop {
        let event = question.event(sealed, range, cursor.as_deref())?;
        let answer = session.call(event).await?;
        let (count, next) = question.read(&answer.body)?;
        (found, requests, cursor) = (found + count, requests + 1, next);
        if cursor.is_none() {
            break;
        }
    }
    let time = started_at.elapsed();
    let cpu = cpu_of_threads(&session.process)?.saturating_sub(cpu);
    cost.milliseconds.add(time.as_secs_f64() * 1e3);
    cost.cpu_milliseconds.add(cpu.as_secs_f64() * 1e3);
    let peak = peak_mebibytes(&session.process)?;
    cost.mebibytes.add(peak - idle);
    cost.requests.add(float(requests));
    let counts = session.end().await?;
    cost.reads.add(float(counts.ranges_read + counts.pages));
    cost.megabytes.add(float(counts.range_bytes) / 1e6);
    Ok(found)
}

/// The figures of a sealed year beside their limits and beside the table's.
fn compare(question: &Question, (ours, table): (Cost, Cost)) -> Vec<Comparison> {
    let limits = question.limits;
    let limit = |measure: &str, unit, samples: &Samples, max: Option<f64>| {
        let max = max?;
        let measure = format!("{}, {measure}", question.name);
        let samples = samples.clone();
        Some(Comparison::limited(measure, unit, "sealed", samples, max))
    };
    let limits = [
        limit("requests", "", &ours.requests, Some(1.0)),
        limit("time", "ms", &ours.milliseconds, Some(limits.milliseconds)),
        limit("GETs", "", &ours.reads, Some(limits.gets)),
        limit("read", "MB", &ours.megabytes, limits.megabytes),
        limit(
            "time",
            "CPU ms",
            &ours.cpu_milliseconds,
            limits.cpu_milliseconds,
        ),
        limit(
            "memory above idle",
            "MiB",
            &ours.mebibytes,
            limits.mebibytes,
        ),
    ];
    let beside = |measure: &str, unit, samples: fn(&Cost) -> &Samples| Comparison {
        measure: format!("{}, {measure}", question.name),
        unit,
        ours: Side::new("sealed", samples(&ours).clone()),
        other: Side::new("table", samples(&table).clone()),
        goal: None,
    };
    let table = question.is_for_the_table().then(|| {
        [
            beside("requests", "", |it| &it.requests),
            beside("time", "ms", |it| &it.milliseconds),
            beside("time", "CPU ms", |it| &it.cpu_milliseconds),
        ]
    });
    let limits = limits.into_iter().flatten();
    limits.chain(table.into_iter().flatten()).collect()
}
