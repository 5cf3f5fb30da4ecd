//! The rows that were not imported, with the reasons, in a file of the source's form.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde_json::json;

use super::source::Raw;

/// The column and the field with the reason.
const REASON: &str = "import_error";

/// The file of rejected rows; it is made with the first of them.
#[derive(Debug)]
pub(crate) struct Rejects {
    pub(crate) path: PathBuf,
    columns: Option<Vec<String>>,
    file: Option<File>,
    /// How many bytes it has.
    pub(crate) bytes: u64,
}

impl Rejects {
    /// The rejected rows of a file; of an import that goes on, those of its first bytes.
    pub(crate) fn open(
        source: &Path,
        columns: Option<Vec<String>>,
        bytes: u64,
    ) -> io::Result<Self> {
        let mut path = source.as_os_str().to_owned();
        path.push(if columns.is_some() {
            ".rejected.csv"
        } else {
            ".rejected.jsonl"
        });
        let path = PathBuf::from(path);
        let mut rejects = Self {
            path,
            columns,
            file: None,
            bytes: 0,
        };
        if bytes == 0 {
            return match std::fs::remove_file(&rejects.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(rejects),
            };
        }
        let mut file = OpenOptions::new().write(true).open(&rejects.path)?;
        // What was written behind them is rejected again.
        file.set_len(bytes)?;
        file.seek(SeekFrom::End(0))?;
        rejects.file = Some(file);
        rejects.bytes = bytes;
        Ok(rejects)
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, raw: &Raw, reason: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        match raw {
            Raw::Csv(record) => {
                let mut writer = csv::WriterBuilder::new()
                    .flexible(true)
                    .from_writer(&mut bytes);
                if let Some(columns) = self.columns.as_ref().filter(|_| self.bytes == 0) {
                    writer.write_record(columns.iter().map(String::as_str).chain([REASON]))?;
                }
                // A row may have fewer columns than the header.
                let count = self.columns.as_ref().map_or(0, Vec::len);
                let missing = count.saturating_sub(record.len());
                let missing = std::iter::repeat_n("", missing);
                writer.write_record(record.iter().chain(missing).chain([reason]))?;
                writer.flush()?;
            }
            Raw::Json(text) => {
                let reason = json!(reason);
                writeln!(bytes, "{{\"{REASON}\":{reason},\"record\":{text}}}")?;
            }
        }
        if self.file.is_none() {
            self.file = Some(File::create(&self.path)?);
        }
        if let Some(file) = &mut self.file {
            file.write_all(&bytes)?;
        }
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Makes sure that the disk has what was added.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }
}
