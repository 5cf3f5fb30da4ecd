//! Why the service on this machine did not start.

use std::{io, path::PathBuf};

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants")]
pub enum Error {
    #[error(
        "port {port} is in use or not allowed; choose another one with {flag} (0 picks a free one)"
    )]
    Port {
        port: u16,
        flag: &'static str,
        source: io::Error,
    },
    #[error("the folder {} can't be used", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("the development issuer's key can't be used")]
    Key(#[source] io::Error),
    #[error("the key that signs checkpoints can't be used")]
    CheckpointsKey(#[source] io::Error),
    #[error(
        "SIGNING_KEYS can't name {}, because the path has a comma or is not UTF-8; choose another data folder",
        file.display()
    )]
    KeyPath { file: PathBuf },
    #[error("the embedded DynamoDB did not start: {0}")]
    DynamoDb(String),
    #[error("the embedded S3 did not start: {0}")]
    S3(String),
    #[error("the table {0} could not be created")]
    Table(String, #[source] Box<aws_sdk_dynamodb::Error>),
    #[error("template.yaml: {0}")]
    Template(String),
    #[error(transparent)]
    Config(#[from] shared::config::ConfigError),
    #[error("loading activities into the table failed: {0}")]
    Load(String),
}
