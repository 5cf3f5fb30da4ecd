//! The table and the checks beneath it.

use std::fmt;

use crate::{
    measure::Measured,
    plan::{FLOOR, NODE, PLAIN, PYTHON, RAW, SMALL_FLOOR, SMALL_PLAIN, SMALL_RAW},
};

/// The most memory that a worker may need.
const PEAK_BYTES_MAX: u64 = 64 * MIB;

/// By so much the peak of the largest export may exceed that of the smallest one
/// that fills all buffers.
const GROWTH_BYTES_MAX: u64 = 4 * MIB;

/// The worker's two buffers for parts.
const BUFFERS_BYTES: u64 = 2 * 8 * MIB;

const MIB: u64 = 1024 * 1024;

/// One measurement of the table.
#[derive(Debug)]
pub struct Line {
    /// Who wrote the file.
    pub name: &'static str,
    /// How many rows it has.
    pub entries: u64,
    /// What it cost.
    pub measured: Measured,
    /// Whether the checks are about it.
    pub is_worker: bool,
    /// Whether its rows are small, as few are.
    pub is_small: bool,
}

impl Line {
    fn rows_per_cpu_second(&self) -> f64 {
        float(self.entries) / self.measured.cpu_seconds.max(f64::EPSILON)
    }

    /// How the rows a CPU second compare with the floor's, at as many entries
    /// or the next larger number.
    fn ratio(&self, lines: &[Self]) -> Option<f64> {
        let name = if self.is_small { SMALL_FLOOR } else { FLOOR };
        let floors = lines
            .iter()
            .filter(|line| line.name == name && line.entries >= self.entries);
        let floor = floors.min_by_key(|line| line.entries)?;
        Some(self.rows_per_cpu_second() / floor.rows_per_cpu_second())
    }

    fn cells(&self, lines: &[Self]) -> [String; 10] {
        let Measured {
            wall,
            cpu_seconds,
            peak_bytes,
            allocations,
            file_bytes,
        } = &self.measured;
        let ratio = self.ratio(lines).map(|ratio| format!("{ratio:.2}"));
        let per_row = allocations.map(|count| format!("{:.1}", float(count) / float(self.entries)));
        [
            self.name.to_owned(),
            grouped(self.entries),
            format!("{:.0}", self.rows_per_cpu_second()),
            ratio.unwrap_or_default(),
            format!("{:.2}", wall.as_secs_f64()),
            format!("{cpu_seconds:.2}"),
            format!("{:.1}", float(*peak_bytes) / float(MIB)),
            allocations.map(grouped).unwrap_or_default(),
            per_row.unwrap_or_default(),
            grouped(*file_bytes),
        ]
    }
}

const HEADER: [&str; 10] = [
    "who",
    "entries",
    "rows / CPU s",
    "to floor",
    "wall s",
    "CPU s",
    "peak MiB",
    "allocations",
    "a row",
    "file bytes",
];

/// The measurements as a table in Markdown.
pub fn table(lines: &[Line]) -> String {
    let header = HEADER.map(str::to_owned);
    let rows: Vec<_> = lines.iter().map(|line| line.cells(lines)).collect();
    let mut widths = [0; HEADER.len()];
    for row in std::iter::once(&header).chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    let rule = widths.map(|width| "-".repeat(width));
    let rows = [header, rule].into_iter().chain(rows);
    rows.map(|row| line_of(&row, &widths)).collect()
}

/// The first cell begins at the left, numbers end at the right.
fn line_of(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::from("|");
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let cell = match column {
            0 => format!(" {cell:<width$} |"),
            _ => format!(" {cell:>width$} |"),
        };
        line.push_str(&cell);
    }
    line.push('\n');
    line
}

/// How many times as many rows a CPU second ours should write as another.
const GOALS: [(&str, &str, f64); 4] = [
    (RAW, PLAIN, 2.0),
    (SMALL_RAW, SMALL_PLAIN, 2.0),
    (RAW, PYTHON, 20.0),
    (RAW, NODE, 8.0),
];

/// What became of the goals, at the largest number of entries of each.
pub fn goals(lines: &[Line]) -> Vec<String> {
    let largest = |name| {
        let named = lines.iter().filter(|line| line.name == name);
        named.max_by_key(|line| line.entries)
    };
    let goal = |(ours, theirs, least): (_, _, f64)| {
        let (ours, theirs) = (largest(ours)?, largest(theirs)?);
        let ratio = ours.rows_per_cpu_second() / theirs.rows_per_cpu_second();
        let outcome = if ratio >= least { "holds" } else { "is missed" };
        let (ours, theirs) = (ours.name, theirs.name);
        Some(format!(
            "goal {outcome}: {ours} is {ratio:.2} times {theirs}, of at least {least}"
        ))
    };
    GOALS.into_iter().filter_map(goal).collect()
}

/// What must hold of the worker's memory.
#[derive(Debug)]
pub struct Check {
    what: String,
    passes: bool,
}

impl Check {
    /// Whether it holds.
    pub fn passes(&self) -> bool {
        self.passes
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.passes { "pass" } else { "FAIL" };
        write!(f, "{outcome}: {}", self.what)
    }
}

/// A worker needs little memory, and no more for a larger export.
pub fn checks(lines: &[Line]) -> Vec<Check> {
    let mut workers: Vec<_> = lines.iter().filter(|line| line.is_worker).collect();
    workers.sort_by_key(|line| (line.name, line.entries));
    let each = workers.chunk_by(|a, b| a.name == b.name);
    each.flat_map(|lines| [steady(lines), below(lines)])
        .flatten()
        .collect()
}

fn below(lines: &[&Line]) -> Option<Check> {
    let highest = lines.iter().max_by_key(|line| line.measured.peak_bytes)?;
    Some(Check {
        what: format!(
            "{}: peak memory is below {} MiB",
            highest.name,
            PEAK_BYTES_MAX / MIB
        ),
        passes: highest.measured.peak_bytes < PEAK_BYTES_MAX,
    })
}

fn steady(lines: &[&Line]) -> Option<Check> {
    let first = lines
        .iter()
        .find(|line| line.measured.file_bytes > BUFFERS_BYTES)?;
    let last = lines.last().filter(|last| last.entries > first.entries)?;
    let growth = last
        .measured
        .peak_bytes
        .saturating_sub(first.measured.peak_bytes);
    Some(Check {
        what: format!(
            "{}: peak memory at {} is within {} MiB of that at {}",
            last.name,
            grouped(last.entries),
            GROWTH_BYTES_MAX / MIB,
            grouped(first.entries)
        ),
        passes: growth <= GROWTH_BYTES_MAX,
    })
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    match number / 1_000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), number % 1_000),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn line(entries: u64, peak_mib: u64) -> Line {
        Line {
            name: "worker",
            entries,
            measured: Measured {
                wall: Duration::from_secs(1),
                cpu_seconds: 1.0,
                peak_bytes: peak_mib * MIB,
                allocations: None,
                file_bytes: 23_456_789,
            },
            is_worker: true,
            is_small: false,
        }
    }

    #[test]
    fn memory_may_grow_by_four_and_stays_below_sixty_four() {
        let passes = |first, last| {
            let checks = checks(&[line(1_000_000, last), line(10_000, first)]);
            checks.iter().map(Check::passes).collect::<Vec<_>>()
        };
        assert_eq!(passes(30, 34), [true, true]);
        assert_eq!(passes(30, 35), [false, true]);
        assert_eq!(passes(60, 64), [true, false]);
    }

    #[test]
    fn the_tables_columns_are_aligned() {
        let table = table(&[line(10_000, 30)]);
        let mut lengths = table.lines().map(str::len);
        let first = lengths.next();
        assert!(lengths.all(|length| Some(length) == first), "{table}");
        assert!(table.contains(" 23,456,789 |"), "{table}");
    }
}
