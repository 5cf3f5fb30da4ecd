//! The table and the checks beneath it.

use std::fmt;

use super::entrant::{
    Entrant, FLOOR, NODE, PLAIN, PYTHON, RAW, Rows, SMALL_FLOOR, SMALL_PLAIN, SMALL_RAW,
};
use crate::{
    markdown,
    measure::Measured,
    samples::{Samples, digits},
    units::float,
};

/// The most memory that a worker may need.
const PEAK_MIB_MAX: f64 = 64.0;

/// By so much the peak of the largest export may exceed that of the smallest one
/// that fills all buffers.
const GROWTH_MIB_MAX: f64 = 4.0;

/// The worker's two buffers for parts.
const BUFFERS_BYTES: u64 = 2 * 8 * 1024 * 1024;

const MIB: f64 = 1024.0 * 1024.0;

/// One line of the table.
#[derive(Debug)]
pub(super) struct Line {
    /// Who wrote the file.
    entrant: Entrant,
    /// How many rows it has.
    entries: u64,
    /// Allocations of a run, if they were counted.
    pub(super) allocations: Option<u64>,
    found: Found,
}

/// What the rounds have found.
#[derive(Debug, Default)]
struct Found {
    rows_per_cpu_second: Samples,
    wall_seconds: Samples,
    peak_mib: Samples,
    file_bytes: u64,
}

impl Line {
    /// A line of which nothing is known yet.
    pub(super) fn new(entrant: Entrant, entries: u64) -> Self {
        Self {
            entrant,
            entries,
            allocations: None,
            found: Found::default(),
        }
    }

    /// Adds what a round has found.
    pub(super) fn add(&mut self, found: &Measured) {
        let cpu_seconds = found.cpu_seconds.max(f64::EPSILON);
        let rows_per_cpu_second = float(self.entries) / cpu_seconds;
        self.found.rows_per_cpu_second.add(rows_per_cpu_second);
        self.found.wall_seconds.add(found.wall.as_secs_f64());
        self.found.peak_mib.add(float(found.peak_bytes) / MIB);
        self.found.file_bytes = found.file_bytes;
    }

    /// How many times as many rows a CPU second it writes.
    fn times(&self, other: &Self) -> Option<f64> {
        Some(self.found.rows_per_cpu_second.median()? / other.found.rows_per_cpu_second.median()?)
    }

    /// How it compares with the floor, at as many entries or the next larger number.
    fn to_floor(&self, lines: &[Self]) -> Option<f64> {
        let floor = match self.entrant.rows {
            Rows::Usual => FLOOR,
            Rows::Small => SMALL_FLOOR,
        };
        let floors = lines
            .iter()
            .filter(|line| line.entrant == floor && line.entries >= self.entries);
        self.times(floors.min_by_key(|line| line.entries)?)
    }

    fn cells(&self, lines: &[Self]) -> Vec<String> {
        let each = self
            .allocations
            .map(|count| float(count) / float(self.entries));
        vec![
            self.entrant.name.to_owned(),
            grouped(self.entries),
            self.found.rows_per_cpu_second.scaled(1e-3).text(),
            self.to_floor(lines).map(digits).unwrap_or_default(),
            self.found.wall_seconds.text(),
            self.found.peak_mib.text(),
            each.map(digits).unwrap_or_default(),
            digits(float(self.found.file_bytes) * 1e-6),
        ]
    }
}

const HEADER: [&str; 8] = [
    "who",
    "entries",
    "thousand rows a CPU s",
    "to floor",
    "wall s",
    "peak MiB",
    "allocations a row",
    "file MB",
];

/// The measurements as a table in Markdown.
pub(super) fn table(lines: &[Line]) -> String {
    let rows: Vec<_> = lines.iter().map(|line| line.cells(lines)).collect();
    markdown::table(&HEADER, &rows)
}

/// How many times as many rows a CPU second ours should write as another.
struct Goal {
    ours: Entrant,
    theirs: Entrant,
    least: f64,
}

const GOALS: [Goal; 4] = [
    goal(RAW, PLAIN, 2.0),
    goal(SMALL_RAW, SMALL_PLAIN, 2.0),
    goal(RAW, PYTHON, 20.0),
    goal(RAW, NODE, 8.0),
];

const fn goal(ours: Entrant, theirs: Entrant, least: f64) -> Goal {
    Goal {
        ours,
        theirs,
        least,
    }
}

impl Goal {
    /// What became of it for this line, if it is about it and the other is there.
    fn outcome(&self, line: &Line, lines: &[Line]) -> Option<String> {
        if line.entrant != self.ours {
            return None;
        }
        let is_other =
            |other: &&Line| other.entrant == self.theirs && other.entries == line.entries;
        let ratio = line.times(lines.iter().find(is_other)?)?;
        Some(format!(
            "goal {}: at {} {} is {ratio:.2} times {}, of at least {}",
            if ratio >= self.least {
                "holds"
            } else {
                "is missed"
            },
            grouped(line.entries),
            self.ours.name,
            self.theirs.name,
            self.least
        ))
    }
}

/// What became of the goals, at each number of entries.
pub(super) fn goals(lines: &[Line]) -> Vec<String> {
    let of = |line| {
        GOALS
            .iter()
            .filter_map(move |goal| goal.outcome(line, lines))
    };
    lines.iter().flat_map(of).collect()
}

/// What must hold of the worker's memory.
#[derive(Debug)]
pub(super) struct Check {
    what: String,
    passes: bool,
}

impl Check {
    /// Whether it holds.
    pub(super) fn passes(&self) -> bool {
        self.passes
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.passes { "pass" } else { "FAIL" };
        write!(f, "{outcome}: {}", self.what)
    }
}

/// A worker needs little memory, and no more for a larger export; whoever writes
/// the same rows writes the same file.
pub(super) fn checks(lines: &[Line]) -> Vec<Check> {
    let same = SAME_FILE.iter().flat_map(|writers| sizes(lines, writers));
    let mut workers: Vec<_> = lines
        .iter()
        .filter(|line| line.entrant.is_worker())
        .collect();
    workers.sort_by_key(|line| (line.entrant, line.entries));
    let each = workers.chunk_by(|a, b| a.entrant == b.entrant);
    each.flat_map(|lines| [steady(lines), below(lines)])
        .flatten()
        .chain(same)
        .collect()
}

/// Who writes the same rows as CSV.
const SAME_FILE: [&[Entrant]; 2] = [
    &[RAW, FLOOR, PLAIN, PYTHON, NODE],
    &[SMALL_RAW, SMALL_FLOOR, SMALL_PLAIN],
];

/// A header and the line's end may differ.
const HEADER_BYTES: u64 = 512;

/// The files of the same rows, for each number of them.
fn sizes(lines: &[Line], writers: &[Entrant]) -> Vec<Check> {
    let mut same: Vec<_> = lines
        .iter()
        .filter(|line| writers.contains(&line.entrant))
        .collect();
    same.sort_by_key(|line| line.entries);
    same.chunk_by(|a, b| a.entries == b.entries)
        .filter(|lines| lines.len() > 1)
        .filter_map(|lines| {
            let bytes = || lines.iter().map(|line| line.found.file_bytes);
            let (least, most, first) = (bytes().min()?, bytes().max()?, lines.first()?);
            Some(Check {
                what: format!(
                    "{} files of {} rows have the same size but for header and line ends",
                    lines.len(),
                    grouped(first.entries)
                ),
                passes: most - least <= first.entries + HEADER_BYTES,
            })
        })
        .collect()
}

fn below(lines: &[&Line]) -> Option<Check> {
    let peaks = lines
        .iter()
        .filter_map(|line| line.found.peak_mib.highest());
    Some(Check {
        what: format!(
            "{}: peak memory is below {PEAK_MIB_MAX} MiB",
            lines.first()?.entrant.name
        ),
        passes: peaks.fold(0.0, f64::max) < PEAK_MIB_MAX,
    })
}

fn steady(lines: &[&Line]) -> Option<Check> {
    let first = lines
        .iter()
        .find(|line| line.found.file_bytes > BUFFERS_BYTES)?;
    let last = lines.last().filter(|last| last.entries > first.entries)?;
    let growth = last.found.peak_mib.highest()? - first.found.peak_mib.highest()?;
    Some(Check {
        what: format!(
            "{}: peak memory at {} is within {GROWTH_MIB_MAX} MiB of that at {}",
            last.entrant.name,
            grouped(last.entries),
            grouped(first.entries)
        ),
        passes: growth <= GROWTH_MIB_MAX,
    })
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    match number / 1_000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), number % 1_000),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn line(entrant: Entrant, entries: u64, cpu_seconds: &[f64], peak_mib: u64) -> Line {
        let mut line = Line::new(entrant, entries);
        for &cpu_seconds in cpu_seconds {
            line.add(&Measured {
                wall: Duration::from_secs(1),
                cpu_seconds,
                peak_bytes: peak_mib * 1024 * 1024,
                allocations: None,
                file_bytes: 23_456_789,
            });
        }
        line
    }

    fn worker(entries: u64, peak_mib: u64) -> Line {
        line(RAW, entries, &[1.0], peak_mib)
    }

    #[test]
    fn memory_may_grow_by_four_and_stays_below_sixty_four() {
        let passes = |first, last| {
            let checks = checks(&[worker(1_000_000, last), worker(10_000, first)]);
            checks.iter().map(Check::passes).collect::<Vec<_>>()
        };
        assert_eq!(passes(30, 34), [true, true]);
        assert_eq!(passes(30, 35), [false, true]);
        assert_eq!(passes(60, 64), [true, false]);
    }

    #[test]
    fn a_goal_is_about_medians_at_the_same_number_of_entries() {
        let lines = [
            line(RAW, 100, &[1.0], 1),
            line(RAW, 1_000, &[9.0, 1.0, 2.0], 1),
            line(PLAIN, 100, &[1.0], 1),
            line(PLAIN, 1_000, &[4.0], 1),
            line(PYTHON, 1_000, &[39.0], 1),
        ];
        let [few, plain, python] = &goals(&lines)[..] else {
            panic!("three pairs are there");
        };
        assert!(few.starts_with("goal is missed: at 100 "), "{few}");
        assert!(
            plain.starts_with("goal holds") && plain.contains("is 2.00 times"),
            "{plain}"
        );
        assert!(
            python.starts_with("goal is missed: at 1,000 worker: csv, raw is 19.50"),
            "{python}"
        );
    }

    #[test]
    fn files_of_the_same_rows_differ_by_a_header_and_line_ends_at_most() {
        let passes = |bytes| {
            let mut lines = [PLAIN, FLOOR].map(|entrant| line(entrant, 1_000, &[1.0], 1));
            for (line, bytes) in lines.iter_mut().zip(bytes) {
                line.found.file_bytes = bytes;
            }
            let checks = checks(&lines);
            checks.iter().map(Check::passes).collect::<Vec<_>>()
        };
        assert_eq!(passes([301_200, 300_000]), [true]);
        assert_eq!(passes([300_000, 301_700]), [false]);
    }

    #[test]
    fn a_line_shows_medians_with_their_range() {
        let table = table(&[line(RAW, 10_000, &[1.0, 2.0, 4.0], 30)]);
        let shown = "| worker: csv, raw | 10,000 | 5.00 (2.50–10.0) |  | 1.00 | 30.0 |  | 23.5 |";
        assert!(table.ends_with(&format!("{shown}\n")), "{table}");
    }
}
