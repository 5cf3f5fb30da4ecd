//! How large the binaries are in the archives that Lambda unpacks.

use std::{fs::File, io, path::Path};

use flate2::{Compression, write::DeflateEncoder};

use super::{figure::Figure, table::Line};
use crate::{Error, plan::is_wanted, samples::Samples};

const FUNCTIONS: [&str; 6] = [
    "record",
    "list",
    "export",
    "export-worker",
    "erasure",
    "erasure-worker",
];

/// In MB.
const SIZE_MAX: f64 = 4.0;

/// A line for each function that is built.
pub(super) fn lines(functions: &Path, only: &[String]) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for name in FUNCTIONS {
        let (measure, path) = (format!("zipped {name}"), functions.join(name));
        if is_wanted(&measure, only) {
            lines.push(Line {
                measure,
                figure: Figure::Zipped,
                who: name.to_owned(),
                ours: Samples::one(zipped(&path)?),
                against: "limit".to_owned(),
                theirs: Samples::one(SIZE_MAX),
                goal: Some(1.0),
            });
        }
    }
    Ok(lines)
}

/// The size in MB, packed as `zip` does unless told; its names and sums are not counted.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn zipped(path: &Path) -> Result<f64, Error> {
    let mut packed = DeflateEncoder::new(io::sink(), Compression::default());
    let mut file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    io::copy(&mut file, &mut packed)?;
    packed.try_finish()?;
    Ok(packed.total_out() as f64 / 1e6)
}
