//! How large the functions' binaries are in the archives that Lambda unpacks.

use std::{fs::File, io, path::Path};

use flate2::{Compression, write::DeflateEncoder};

use crate::{
    Error,
    comparison::Comparison,
    samples::{Samples, float},
    workbench::Workbench,
};

/// The functions, and how many megabytes each may have.
///
/// Those that read segments have the reader and a client for S3.
const FUNCTIONS: [(&str, f64); 8] = [
    ("record", 4.0),
    ("list", 5.0),
    ("export", 4.0),
    ("export-worker", 5.0),
    ("erasure", 4.0),
    ("erasure-worker", 5.0),
    ("seal-worker", 5.0),
    ("sweeper", 4.0),
];

/// Compares each function's binary with the limit.
pub fn compare(bench: &Workbench<'_>) -> Result<Vec<Comparison>, Error> {
    let compare = |(name, limit): &(&str, f64)| {
        let size = zipped_megabytes(&bench.functions.join(name))?;
        let size = Samples::one(size);
        Ok(Comparison::limited(
            "zipped binary",
            "MB",
            name,
            size,
            *limit,
        ))
    };
    FUNCTIONS.iter().map(compare).collect()
}

/// The size as `make package` packs it, without the archive's names and sums.
fn zipped_megabytes(path: &Path) -> Result<f64, Error> {
    let mut packed = DeflateEncoder::new(io::sink(), Compression::best());
    let mut file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    io::copy(&mut file, &mut packed)?;
    packed.try_finish()?;
    Ok(float(packed.total_out()) / 1e6)
}
