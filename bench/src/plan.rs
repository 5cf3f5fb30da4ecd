//! What is measured, and with what: exports, and starts and calls.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{Error, calls, exports};

/// How much is measured.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// Only the lines whose name holds one of these texts, such as `worker` or `record`
    #[arg(long, value_delimiter = ',', default_value = "")]
    only: Vec<String>,
    /// The interpreter of the boto3 script
    #[arg(long, default_value = "bench/.venv/bin/python")]
    python: PathBuf,
    /// The interpreter of the JavaScript script
    #[arg(long, default_value = "bench/.venv/bin/node")]
    node: PathBuf,
    /// The binaries as cargo builds them by default; `stock` beside this one's folder unless told
    #[arg(long)]
    stock: Option<PathBuf>,
    /// The root certificates of a usual system, which the plain SDK reads
    #[arg(long, default_value = "/etc/ssl/certs/ca-certificates.crt")]
    roots: PathBuf,
    #[command(flatten)]
    exports: exports::Settings,
    #[command(flatten)]
    calls: calls::Settings,
}

/// What the others run with.
#[derive(Debug, Clone, Copy)]
pub struct Others<'a> {
    /// The interpreter of boto3's.
    pub python: &'a Path,
    /// The interpreter of those with the SDK for JavaScript.
    pub node: &'a Path,
    /// The folder of the binaries as cargo builds them by default.
    pub stock: &'a Path,
    /// The root certificates of a usual system.
    pub roots: &'a Path,
}

impl Plan {
    /// Measures everything, prints the tables and the checks; fails if a check does.
    pub async fn run(&self) -> Result<ExitCode, Error> {
        let others = Others {
            python: &self.python,
            node: &self.node,
            stock: &self.stock()?,
            roots: &self.roots,
        };
        let code = self.exports.run(&self.only, &others).await?;
        self.calls.run(&self.only, &others).await?;
        Ok(code)
    }

    fn stock(&self) -> Result<PathBuf, Error> {
        let stock = || beside().map(|folder| folder.with_file_name("stock"));
        self.stock.clone().map_or_else(stock, Ok)
    }
}

/// The folder of this binary.
pub(crate) fn beside() -> Result<PathBuf, Error> {
    let this = std::env::current_exe()?;
    Ok(this.parent().ok_or("a binary has no folder")?.to_owned())
}

/// Whether a line's name holds one of the texts that were asked for.
pub(crate) fn is_wanted(name: &str, only: &[String]) -> bool {
    only.iter().any(|text| name.contains(text))
}
