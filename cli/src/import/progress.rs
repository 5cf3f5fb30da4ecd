//! How far an import is, kept in a file beside the source.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How many bytes of the source tell it from another one.
const START_BYTES: u64 = 1 << 16;

/// How far an import is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Tells the source, its mapping and the log from others.
    what: String,
    /// How many rows are done, from the first one on.
    pub(crate) rows: u64,
    /// How many of them were recorded by this import.
    pub(crate) recorded: u64,
    /// How many the log had already.
    pub(crate) known: u64,
    /// How many were rejected.
    pub(crate) rejected: u64,
    /// How many bytes the file of rejected rows has.
    pub(crate) rejects_bytes: u64,
}

/// The file in which it is kept.
#[derive(Debug)]
pub(crate) struct ProgressFile(PathBuf);

impl ProgressFile {
    pub(crate) fn of(source: &Path) -> Self {
        let mut path = source.as_os_str().to_owned();
        path.push(".import");
        Self(PathBuf::from(path))
    }

    /// How far the import of the same source was; the beginning if it is another one.
    pub(crate) fn read(&self, source: &Path, conditions: &str) -> io::Result<Progress> {
        let what = identity(source, conditions)?;
        let kept = match fs::read(&self.0) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Progress::default(),
            Err(error) => return Err(error),
        };
        Ok(if kept.what == what {
            kept
        } else {
            Progress {
                what,
                ..Progress::default()
            }
        })
    }

    pub(crate) fn keep(&self, progress: &Progress) -> io::Result<()> {
        let mut new = self.0.as_os_str().to_owned();
        new.push(".new");
        fs::write(&new, serde_json::to_vec(progress)?)?;
        fs::rename(new, &self.0)
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// A hash of the length, the time of the last change, the beginning, and what else decides
/// what is sent and where to.
fn identity(source: &Path, conditions: &str) -> io::Result<String> {
    let file = File::open(source)?;
    let metadata = file.metadata()?;
    let changed = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH);
    let changed = changed.unwrap_or_default().as_nanos();
    let mut start = Vec::new();
    file.take(START_BYTES).read_to_end(&mut start)?;
    let digest = Sha256::new()
        .chain_update(metadata.len().to_be_bytes())
        .chain_update(changed.to_be_bytes())
        .chain_update(conditions)
        .chain_update([0])
        .chain_update(start)
        .finalize();
    Ok(base16ct::lower::encode_string(&digest))
}
