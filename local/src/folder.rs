//! The folder for the data of a stack.

use std::{
    fs,
    path::{Path, PathBuf},
};

use dynoxide::Database;

use crate::{error::Error, token};

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

    pub(crate) fn bucket(&self, bucket: &str) -> Result<PathBuf, Error> {
        let temporary = self.temporary.as_ref().map(tempfile::TempDir::path);
        let folder = self
            .kept
            .as_deref()
            .or(temporary)
            .unwrap_or(Path::new("."))
            .join("s3");
        make(&folder.join(bucket))?;
        Ok(folder)
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
