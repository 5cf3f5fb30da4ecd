//! One run of a subject, and the figures that it yields.

use std::{fs, path::Path};

use super::{
    figure::{Figure, Run, Stage},
    subject::Subject,
    workload::Workload,
};
use crate::{
    Error, canned,
    process::{cpu_of_threads, peak_mebibytes},
    runtime::Answer,
    session::Session,
    workbench::Workbench,
};

/// How long the log is of which a list is a page.
const ENTRIES: u64 = 100_000;

/// A warm call's instructions are the difference between so many calls and so many.
const FEW_CALLS: u32 = 5;
/// See [`FEW_CALLS`].
const MANY_CALLS: u32 = 25;

/// Measures a subject once.
pub(super) async fn measure(
    bench: &Workbench<'_>,
    subject: &Subject,
    run: Run,
) -> Result<Vec<(Figure, f64)>, Error> {
    match run {
        Run::Timed => times(bench, subject).await,
        Run::Counted(stage) => {
            let instructions = stage_instructions(bench, subject, stage).await?;
            Ok(vec![(Figure::Instructions(stage), instructions / 1e6)])
        }
    }
}

async fn stage_instructions(
    bench: &Workbench<'_>,
    subject: &Subject,
    stage: Stage,
) -> Result<f64, Error> {
    let with = |calls| instructions(bench, subject, calls);
    match stage {
        Stage::Start => with(0).await,
        Stage::FirstAnswer => with(1).await,
        Stage::WarmCall => {
            let difference = with(MANY_CALLS).await? - with(FEW_CALLS).await?;
            Ok(difference / f64::from(MANY_CALLS - FEW_CALLS))
        }
    }
}

/// Times of a start, of a first call and of warm calls, and the memory after them.
async fn times(bench: &Workbench<'_>, subject: &Subject) -> Result<Vec<(Figure, f64)>, Error> {
    let warm_calls = bench.settings.calls;
    let mut calls = Calls::start(bench, subject, None).await?;
    let start = calls.session.start_time().as_secs_f64();
    let first = calls.answer().await?;
    let first_answer = calls.session.time_to(&first).as_secs_f64();
    subject.workload.check(&first.body)?;
    calls.make(warm_calls / 2).await?;
    let before = cpu_of_threads(&calls.session.process)?;
    calls.make(warm_calls).await?;
    let cpu = cpu_of_threads(&calls.session.process)?.saturating_sub(before);
    let memory = peak_mebibytes(&calls.session.process)?;
    calls.session.end().await?;
    Ok(vec![
        (Figure::Time(Stage::Start), start * 1e3),
        (Figure::Time(Stage::FirstAnswer), first_answer * 1e3),
        (
            Figure::Time(Stage::WarmCall),
            cpu.as_secs_f64() / f64::from(warm_calls) * 1e6,
        ),
        (Figure::PeakMemory, memory),
    ])
}

/// The instructions of a start and so many calls, from the process's start to its end.
async fn instructions(
    bench: &Workbench<'_>,
    subject: &Subject,
    number_of_calls: u32,
) -> Result<f64, Error> {
    let name = format!("{}, {number_of_calls} calls.callgrind", subject.name);
    let profile = match &bench.settings.profiles {
        Some(folder) => folder.join(name),
        None => bench.file(&name),
    };
    let mut calls = Calls::start(bench, subject, Some(&profile)).await?;
    calls.make(number_of_calls).await?;
    calls.session.end().await?;
    total(&profile)
}

/// The total at the end of a profile.
fn total(profile: &Path) -> Result<f64, Error> {
    let text =
        fs::read_to_string(profile).map_err(|error| format!("{}: {error}", profile.display()))?;
    let mut lines = text.lines().rev();
    let total = lines.find_map(|line| line.strip_prefix("totals:"));
    Ok(total.ok_or("a profile has no total")?.trim().parse()?)
}

/// A subject that runs and is called.
struct Calls {
    workload: Workload,
    event: String,
    session: Session,
}

impl Calls {
    async fn start(
        bench: &Workbench<'_>,
        subject: &Subject,
        profile: Option<&Path>,
    ) -> Result<Self, Error> {
        let options = canned::Options {
            entries: ENTRIES,
            shards: subject.shards,
            authority: subject.over_tls.then(|| bench.file("authority.pem")),
            ..canned::Options::default()
        };
        Ok(Self {
            workload: subject.workload,
            event: subject.workload.event()?,
            session: Session::start(bench, subject.program, options, profile).await?,
        })
    }

    async fn answer(&mut self) -> Result<Answer, Error> {
        self.session.call(self.event.clone()).await
    }

    /// Makes so many calls.
    ///
    /// The answers are checked when all are there: between two calls that would
    /// take the processor's caches from what is measured.
    async fn make(&mut self, calls: u32) -> Result<(), Error> {
        let mut answers = Vec::new();
        for _ in 0..calls {
            answers.push(self.answer().await?);
        }
        let mut answers = answers.iter();
        answers.try_for_each(|answer| self.workload.check(&answer.body))
    }
}
