//! Seals years with details of three sizes.

use std::time::Duration;

use shared::{Clock, Moment};

use super::{
    message::{Answer, Event},
    year::Details,
};
use crate::{
    Error,
    canned::{Archive, Options},
    comparison::Comparison,
    process::{cpu_of_threads, peak_mebibytes},
    samples::{Samples, float},
    session::Session,
    workbench::{Program, Workbench},
};

/// The years, and the one that is asked later.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) comparisons: Vec<Comparison>,
    pub(super) archive: Archive,
    pub(super) answer: Answer,
}

/// A year that is sealed, and the limits of it.
struct Sealing {
    name: &'static str,
    details: Details,
    /// Large entries are fewer.
    part_of_entries: u64,
    bytes_an_entry_max: Option<f64>,
    cpu_seconds_a_million_max: Option<f64>,
}

const MEBIBYTES_MAX: f64 = 256.0;

const SEALINGS: [Sealing; 3] = [
    Sealing {
        name: "without details",
        details: Details::None,
        part_of_entries: 1,
        bytes_an_entry_max: None,
        cpu_seconds_a_million_max: None,
    },
    Sealing {
        name: "details of 4 kB",
        details: Details::Large,
        part_of_entries: 10,
        bytes_an_entry_max: Some(820.0),
        cpu_seconds_a_million_max: None,
    },
    // The last one is asked.
    Sealing {
        name: "details of 0.3 kB",
        details: Details::Small,
        part_of_entries: 1,
        bytes_an_entry_max: Some(115.0),
        cpu_seconds_a_million_max: Some(10.0),
    },
];

/// Seals each year once.
pub(super) async fn measure(bench: &Workbench<'_>) -> Result<Sealed, Error> {
    // What is younger than a day is never sealed.
    let to = Clock::system().now().minus(Duration::from_hours(48));
    let mut sealed = Sealed {
        comparisons: Vec::new(),
        archive: Archive::default(),
        answer: Answer::default(),
    };
    for sealing in &SEALINGS {
        eprintln!("sealing: {}", sealing.name);
        sealing.measure(bench, to, &mut sealed).await?;
    }
    Ok(sealed)
}

impl Sealing {
    async fn measure(
        &self,
        bench: &Workbench<'_>,
        to: Moment,
        sealed: &mut Sealed,
    ) -> Result<(), Error> {
        let archive = Archive::default();
        let options = Options {
            archive: archive.clone(),
            ..Options::default()
        };
        let mut session = Session::start(bench, Program::Function("sealer"), options, None).await?;
        let mut event = Event {
            to,
            entries: bench.settings.sealed_entries / self.part_of_entries,
            details: self.details,
            seal: false,
        };
        session.call(serde_json::to_string(&event)?).await?;
        let (rows, idle) = (
            cpu_of_threads(&session.process)?,
            peak_mebibytes(&session.process)?,
        );
        event.seal = true;
        let answer = session.call(serde_json::to_string(&event)?).await?;
        let answer: Answer = serde_json::from_slice(&answer.body)?;
        // The same rows were made twice.
        let cpu = cpu_of_threads(&session.process)?.saturating_sub(rows * 2);
        let peak = peak_mebibytes(&session.process)? - idle;
        session.end().await?;
        archive.commit(answer.head()?, &answer.segments)?;
        let bytes: u64 = answer.segments.iter().map(|segment| segment.bytes).sum();
        let entries = float(event.entries);
        let seconds = cpu.as_secs_f64() * 1e6 / entries;
        self.compare(float(bytes) / entries, seconds, peak, sealed);
        (sealed.archive, sealed.answer) = (archive, answer);
        Ok(())
    }

    fn compare(&self, bytes: f64, seconds: f64, mebibytes: f64, sealed: &mut Sealed) {
        let limit = |measure, unit, value, max: Option<f64>| {
            let mut row = Comparison::limited(
                measure,
                unit,
                self.name,
                Samples::one(value),
                max.unwrap_or(value),
            );
            row.goal = row.goal.filter(|_| max.is_some());
            row
        };
        sealed.comparisons.extend([
            limit(
                "sealed, bytes an entry",
                "bytes",
                bytes,
                self.bytes_an_entry_max,
            ),
            limit(
                "sealing a million",
                "CPU s",
                seconds,
                self.cpu_seconds_a_million_max,
            ),
            limit(
                "sealing, memory above idle",
                "MiB",
                mebibytes,
                Some(MEBIBYTES_MAX),
            ),
        ]);
    }
}
