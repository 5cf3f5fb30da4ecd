//! What must hold of exports: the worker needs little memory, and no more for a
//! larger file; whoever writes the same rows writes the same file.

use super::{
    export::Export,
    writer::{SAME_FILE, Writer},
};
use crate::comparison::Check;

/// The most memory that a worker may need.
const PEAK_MEBIBYTES_MAX: f64 = 64.0;

/// How much more memory the largest export may need than the smallest one that
/// fills all buffers.
const GROWTH_MEBIBYTES_MAX: f64 = 4.0;

/// The size of the worker's two buffers for parts.
const BUFFERS_BYTES: u64 = 2 * 8 * 1024 * 1024;

/// How much the headers of two files may differ.
const HEADER_BYTES: u64 = 512;

/// All checks of these exports.
pub(super) fn of(exports: &[Export]) -> Vec<Check> {
    let mut workers: Vec<_> = exports.iter().filter(|it| it.writer.is_worker()).collect();
    let peaks: Vec<_> = workers.iter().filter_map(|it| low_peak(it)).collect();
    workers.retain(|export| !export.is_slow);
    workers.sort_by_key(|export| (export.writer, export.entries));
    let growths = workers
        .chunk_by(|a, b| a.writer == b.writer)
        .filter_map(flat_peak);
    let files = SAME_FILE
        .iter()
        .flat_map(|writers| same_files(exports, writers));
    peaks.into_iter().chain(growths).chain(files).collect()
}

fn low_peak(export: &Export) -> Option<Check> {
    let peak = export.peak_mebibytes.highest()?;
    Some(Check {
        claim: format!(
            "{}: peak memory, {peak:.1} MiB, is below {PEAK_MEBIBYTES_MAX} MiB",
            export.name()
        ),
        passes: peak < PEAK_MEBIBYTES_MAX,
    })
}

/// Of the exports of one writer, from the smallest to the largest.
fn flat_peak(exports: &[&Export]) -> Option<Check> {
    let mut exports = exports.iter().filter(|it| it.file_bytes > BUFFERS_BYTES);
    let (smallest, largest) = (exports.next()?, exports.next_back()?);
    let growth = largest.peak_mebibytes.highest()? - smallest.peak_mebibytes.highest()?;
    Some(Check {
        claim: format!(
            "{}: peak memory is {growth:.1} MiB above that of {} rows, of at most {GROWTH_MEBIBYTES_MAX}",
            largest.name(),
            smallest.entries
        ),
        passes: growth <= GROWTH_MEBIBYTES_MAX,
    })
}

/// Compares the files of writers of the same rows, for each number of rows.
fn same_files(exports: &[Export], writers: &[Writer]) -> Vec<Check> {
    let is_compared = |export: &&Export| !export.is_slow && writers.contains(&export.writer);
    let mut same: Vec<_> = exports.iter().filter(is_compared).collect();
    same.sort_by_key(|export| export.entries);
    same.chunk_by(|a, b| a.entries == b.entries)
        .filter_map(|files| {
            let sizes = || files.iter().map(|export| export.file_bytes);
            let (smallest, largest) = (sizes().min()?, sizes().max()?);
            let rows = files.first().filter(|_| files.len() > 1)?.entries;
            Some(Check {
                claim: format!(
                    "{} files of {rows} rows have the same size, but for headers and line ends",
                    files.len()
                ),
                passes: largest - smallest <= rows + HEADER_BYTES,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::writer::{CSV, WRITERS},
        *,
    };

    fn export(writer: Writer, entries: u64, peak: f64, file_bytes: u64) -> Export {
        let mut export = Export::new(writer, entries, false);
        export.peak_mebibytes.add(peak);
        export.file_bytes = file_bytes;
        export
    }

    fn outcomes(exports: &[Export]) -> Vec<bool> {
        of(exports).iter().map(|check| check.passes).collect()
    }

    #[test]
    fn memory_may_grow_by_four_and_stays_below_sixty_four() {
        let outcomes = |first, last| {
            let file_bytes = 2 * BUFFERS_BYTES;
            outcomes(&[
                export(CSV, 1_000_000, last, file_bytes),
                export(CSV, 10_000, first, file_bytes),
            ])
        };
        assert_eq!(outcomes(30.0, 34.0), [true, true, true]);
        assert_eq!(outcomes(30.0, 35.0), [true, true, false]);
        assert_eq!(outcomes(60.0, 64.0), [false, true, true]);
    }

    #[test]
    fn memory_that_fills_no_buffer_is_not_compared() {
        let exports = [export(CSV, 10, 10.0, 1), export(CSV, 1_000, 30.0, 100)];
        assert_eq!(outcomes(&exports), [true, true]);
    }

    #[test]
    fn files_of_the_same_rows_differ_by_a_header_and_line_ends_at_most() {
        let [plain, ..] = WRITERS;
        let outcomes = |bytes| {
            outcomes(&[
                export(CSV, 1_000, 1.0, bytes),
                export(plain, 1_000, 1.0, 300_000),
            ])
        };
        assert_eq!(outcomes(301_200), [true, true]);
        assert_eq!(outcomes(301_700), [true, false]);
    }
}
