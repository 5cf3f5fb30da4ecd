//! The folder for the data of a stack.

use std::{
    fs,
    path::{Path, PathBuf},
};

use dynoxide::Database;
use shared::Config;

use crate::{checkpoints_key, error::Error, token};

/// The folder for the data; it is kept, or it is temporary.
pub(crate) struct Folder {
    kept: Option<PathBuf>,
    pub(crate) temporary: Option<tempfile::TempDir>,
}

impl Folder {
    pub(crate) fn open(data_dir: Option<&Path>) -> Result<Self, Error> {
        let Some(folder) = data_dir else {
            let temporary = tempfile::tempdir().map_err(|source| Error::Folder {
                folder: std::env::temp_dir(),
                source,
            })?;
            return Ok(Self {
                kept: None,
                temporary: Some(temporary),
            });
        };
        make(folder)?;
        Ok(Self {
            kept: Some(folder.to_owned()),
            temporary: None,
        })
    }

    pub(crate) fn database(&self) -> Result<Database, Error> {
        let opened = match &self.kept {
            None => Database::memory(),
            Some(folder) => Database::new(&folder.join("dynamodb.sqlite").to_string_lossy()),
        };
        opened.map_err(|error| Error::DynamoDb(error.to_string()))
    }

    /// The folder of the buckets, which are made if there are none.
    pub(crate) fn buckets(&self, config: &Config) -> Result<PathBuf, Error> {
        let folder = self.path().join("s3");
        for bucket in [
            &config.exports_bucket,
            &config.archive_bucket,
            &config.checkpoints_bucket,
        ] {
            make(&folder.join(bucket))?;
        }
        Ok(folder)
    }

    fn path(&self) -> &Path {
        let temporary = self.temporary.as_ref().map(tempfile::TempDir::path);
        self.kept.as_deref().or(temporary).unwrap_or(Path::new("."))
    }

    /// The file that says how far the stream was brought.
    pub(crate) fn stream_position(&self) -> PathBuf {
        self.path().join("stream-position")
    }

    /// The path of the key that signs checkpoints, which is made if there is none.
    ///
    /// It is an item of a list in a variable, so it must be text without a comma.
    pub(crate) fn checkpoints_key(&self) -> Result<String, Error> {
        let file = self.path().join("checkpoints.pem");
        // The functions may run in processes with another working directory.
        let file = std::path::absolute(file).map_err(Error::CheckpointsKey)?;
        let path = file.to_str().filter(|path| !path.contains(','));
        let Some(path) = path else {
            return Err(Error::KeyPath { file });
        };
        checkpoints_key::make_in(&file)?;
        Ok(path.to_owned())
    }

    pub(crate) fn key(&self) -> Result<String, Error> {
        match &self.kept {
            Some(folder) => token::key_in(&folder.join("issuer.pem")),
            None => token::new_key(),
        }
    }
}

fn make(folder: &Path) -> Result<(), Error> {
    let failed = |source| Error::Folder {
        folder: folder.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(failed)
}
