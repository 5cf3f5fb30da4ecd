//! How large the functions' binaries are in the archives that Lambda unpacks.

use std::{fs::File, io, path::Path};

use flate2::{Compression, write::DeflateEncoder};

use crate::{
    Error,
    comparison::{Comparison, Side},
    samples::{Samples, float},
    workbench::Workbench,
};

const FUNCTIONS: [&str; 7] = [
    "record",
    "list",
    "export",
    "export-worker",
    "erasure",
    "erasure-worker",
    "sweeper",
];

const MEGABYTES_MAX: f64 = 4.0;

/// Compares each function's binary with the limit.
pub fn compare(bench: &Workbench<'_>) -> Result<Vec<Comparison>, Error> {
    let compare = |name: &&str| {
        let size = zipped_megabytes(&bench.functions.join(name))?;
        Ok(Comparison {
            measure: "zipped binary".into(),
            unit: "MB",
            ours: side(name, size),
            other: side("limit", MEGABYTES_MAX),
            goal: Some(1.0),
        })
    };
    FUNCTIONS.iter().map(compare).collect()
}

fn side(who: &str, size: f64) -> Side {
    Side {
        who: who.to_owned(),
        samples: Samples::one(size),
    }
}

/// The size as `zip` packs it, without the archive's names and sums.
fn zipped_megabytes(path: &Path) -> Result<f64, Error> {
    let mut packed = DeflateEncoder::new(io::sink(), Compression::default());
    let mut file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    io::copy(&mut file, &mut packed)?;
    packed.try_finish()?;
    Ok(float(packed.total_out()) / 1e6)
}
