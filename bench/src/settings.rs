//! The flags of `bench`: what is measured, how often, and with which programs.

use std::path::PathBuf;

use clap::{Parser, ValueEnum, value_parser};

/// Measures the functions beside what one would write instead.
#[derive(Debug, Parser)]
pub struct Settings {
    /// Measure these parts only, separated by commas
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Rounds in which starts and calls are measured once each
    #[arg(long, default_value_t = 7, value_parser = value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Rounds in which instructions are counted, which vary little
    #[arg(long, default_value_t = 3)]
    pub(crate) counted_rounds: u32,
    /// Warm calls that are measured in a round; half as many come before them
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(1..))]
    pub(crate) calls: u32,
    /// Rounds in which every export is measured once
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u32).range(1..))]
    pub(crate) export_rounds: u32,
    /// Numbers of entries that are exported
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    pub(crate) entries: Vec<u64>,
    /// Entries of the export into a slow bucket; 0 leaves it out
    #[arg(long, default_value_t = 50_000)]
    pub(crate) slow_entries: u64,
    /// Entries of the year that is sealed, verified and imported
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) sealed_entries: u64,
    /// Folder of the plain programs, which cargo builds with its defaults [default: `stock` beside this binary's folder]
    #[arg(long)]
    pub(crate) stock: Option<PathBuf>,
    /// Python interpreter that has boto3
    #[arg(long, default_value = "bench/.venv/bin/python")]
    pub(crate) python: PathBuf,
    /// Root certificates of a usual system, which the plain programs and boto3 read
    #[arg(long, default_value = "/etc/ssl/certs/ca-certificates.crt")]
    pub(crate) roots: PathBuf,
    /// Program that counts instructions
    #[arg(long, default_value = "/usr/bin/valgrind")]
    pub(crate) valgrind: PathBuf,
    /// Keep valgrind's profiles in this folder, for `callgrind_annotate`
    #[arg(long)]
    pub(crate) profiles: Option<PathBuf>,
}

/// A part of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Starts and calls of the functions
    Calls,
    /// Sizes of the functions' binaries
    Sizes,
    /// Exports
    Exports,
    /// Segments: writing them, and lists and counts that read them
    Sealed,
    /// Verifying exports offline, of a year and of ten times as many entries
    Verify,
    /// Importing a year, and an outbox whose process is killed
    Clients,
}

impl Settings {
    /// Whether a part is measured.
    pub fn includes(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}
