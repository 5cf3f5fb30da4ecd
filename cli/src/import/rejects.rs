//! The rows that were not imported, with the reasons, in a file of the source's form.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde_json::{json, value::RawValue};

/// The column and the field with the reason.
pub(crate) const REASON: &str = "import_error";

/// The field with a record that was rejected.
pub(crate) const RECORD: &str = "record";

/// A row as it was.
#[derive(Debug, Clone)]
pub(crate) enum Raw {
    Csv(csv::StringRecord),
    Json(String),
}

/// The columns of a CSV, and what separates them.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub(crate) names: Vec<String>,
    pub(crate) delimiter: u8,
}

/// The file of rejected rows; it is made with the first of them.
#[derive(Debug)]
pub(crate) struct Rejects {
    pub(crate) path: PathBuf,
    columns: Option<Columns>,
    file: Option<File>,
    /// How many bytes it has.
    pub(crate) bytes: u64,
}

impl Rejects {
    /// The rejected rows of a file; of an import that goes on, those of its first bytes.
    pub(crate) fn open(source: &Path, columns: Option<Columns>, bytes: u64) -> io::Result<Self> {
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
            Raw::Csv(record) => self.csv_row(&mut bytes, record, reason)?,
            Raw::Json(text) => {
                // A line that is no JSON is kept as a text.
                let record = serde_json::from_str::<Box<RawValue>>(text);
                let record = record.map_or_else(|_| json!(text).to_string(), |it| it.to_string());
                writeln!(
                    bytes,
                    "{{\"{REASON}\":{},\"{RECORD}\":{record}}}",
                    json!(reason)
                )?;
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

    /// A row as it was, with the header before the first one.
    fn csv_row(
        &self,
        bytes: &mut Vec<u8>,
        record: &csv::StringRecord,
        reason: &str,
    ) -> io::Result<()> {
        let columns = self.columns.as_ref();
        let mut builder = csv::WriterBuilder::new();
        builder.flexible(true);
        builder.delimiter(columns.map_or(b',', |columns| columns.delimiter));
        let mut writer = builder.from_writer(bytes);
        let names = || columns.iter().flat_map(|columns| &columns.names);
        let names = || names().filter(|name| *name != REASON).map(String::as_str);
        if self.bytes == 0 {
            writer.write_record(names().chain([REASON]))?;
        }
        // A row may have fewer cells than the header, or more; or the reason of an earlier
        // import.
        let count = names().count();
        let has_reason = columns.is_some_and(|columns| columns.names.len() > count);
        let cells = record
            .iter()
            .take(if has_reason { count } else { usize::MAX });
        let missing = std::iter::repeat_n("", count.saturating_sub(record.len()));
        writer.write_record(cells.chain(missing).chain([reason]))?;
        writer.flush()
    }

    /// Makes sure that the disk has what was added.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file of rejected rows after these rows of a source with these columns.
    fn rejected(columns: &[&str], rows: &[&[&str]]) -> String {
        let columns = Columns {
            names: columns.iter().map(|name| (*name).to_owned()).collect(),
            delimiter: b';',
        };
        let mut bytes = Vec::new();
        let mut rejects = Rejects {
            path: PathBuf::new(),
            columns: Some(columns),
            file: None,
            bytes: 0,
        };
        for row in rows {
            let record = csv::StringRecord::from(row.to_vec());
            rejects.csv_row(&mut bytes, &record, "why").unwrap();
            rejects.bytes = bytes.len() as u64;
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_rejected_row_keeps_every_cell_and_has_one_reason() {
        let found = rejected(&["a", "b"], &[&["1", "2"], &["1"], &["1", "2", "3"]]);
        assert_eq!(found, "a;b;import_error\n1;2;why\n1;;why\n1;2;3;why\n");
        let again = rejected(&["a", "b", REASON], &[&["1", "2", "before"]]);
        assert_eq!(again, "a;b;import_error\n1;2;why\n");
    }
}
