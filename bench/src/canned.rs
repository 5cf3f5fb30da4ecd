//! A DynamoDB and an S3 that answer from memory, as fast as they can.
//!
//! They speak the protocols that the SDKs speak, check nothing and keep nothing.

mod dynamodb;
mod limit;
mod log;
mod s3;
mod tls;
mod wire;

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Router, serve::ListenerExt};
use serde::{Deserialize, Serialize};
use shared::{Clock, ExportRequest};
use tokio::{
    io::{AsyncReadExt, stdin},
    net::TcpListener,
};

use crate::{
    Error,
    canned::{dynamodb::DynamoDb, limit::Limit, log::Log, s3::S3, tls::TlsListener},
};

/// What the servers hold and how fast they are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Options {
    /// How many entries the log has.
    pub entries: u64,
    /// What the export was asked to hold and how, as its request's body.
    pub request: String,
    /// How fast S3 takes a file; as fast as it can if absent.
    pub bytes_per_second: Option<u64>,
    /// Whether the entries' details are left out.
    pub without_details: bool,
    /// Over how many shards the log is spread.
    pub shards: u32,
    /// Write units that a partition takes each second; as many as it can if absent.
    pub units_per_second: Option<u32>,
    /// Serve DynamoDB over TLS, and write the certificate to trust to this file.
    pub authority: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            entries: 0,
            request: "{}".into(),
            bytes_per_second: None,
            without_details: false,
            shards: 1,
            units_per_second: None,
            authority: None,
        }
    }
}

impl FromStr for Options {
    type Err = serde_json::Error;

    fn from_str(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

/// Where the servers listen.
#[derive(Debug, Serialize, Deserialize)]
pub struct Addresses {
    /// DynamoDB's endpoint.
    pub dynamodb: String,
    /// S3's endpoint.
    pub s3: String,
}

/// What was asked of the servers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Totals {
    /// Entries in the answers to queries.
    pub entries_read: u64,
    /// Items that were put.
    pub items_put: u64,
    /// Rows of the file, as the worker said last; 0 if nothing said so.
    pub rows_reported: u64,
    /// Bytes of parts and objects.
    pub file_bytes: u64,
}

/// The same while it is counted.
#[derive(Debug, Default)]
struct Counts {
    entries_read: AtomicU64,
    items_put: AtomicU64,
    rows_reported: AtomicU64,
    file_bytes: AtomicU64,
}

/// Serves until standard input ends.
///
/// Prints [`Addresses`] when it listens and [`Totals`] at its end.
pub async fn run(options: &Options) -> Result<(), Error> {
    let now = Clock::system().now();
    let request = ExportRequest::read(options.request.as_bytes())?;
    let log = Log::new(options, now)?;
    let limit = options.units_per_second.map(Limit::new);
    let counts = Arc::new(Counts::default());
    let dynamodb = DynamoDb::new(log, limit, request, now, Arc::clone(&counts))?;
    let s3 = S3::new(options.bytes_per_second, Arc::clone(&counts));
    let addresses = Addresses {
        dynamodb: match &options.authority {
            None => serve(dynamodb::router(dynamodb)).await?,
            Some(path) => serve_tls(dynamodb::router(dynamodb), path).await?,
        },
        s3: serve(s3::router(s3)).await?,
    };
    println!("{}", serde_json::to_string(&addresses)?);
    stdin().read_to_end(&mut Vec::new()).await?;
    println!("{}", serde_json::to_string(&counts.totals())?);
    Ok(())
}

/// Serves on a free port of the loopback; answers with the address.
pub(crate) async fn serve(router: Router) -> Result<String, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    // The end of an answer must not wait for the acknowledgement of its start.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

/// The same over TLS, to clients that trust the certificate in a file.
async fn serve_tls(router: Router, authority: &Path) -> Result<String, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("https://{}", listener.local_addr()?);
    let listener = TlsListener::new(listener, authority)?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

impl Counts {
    fn totals(&self) -> Totals {
        Totals {
            entries_read: self.entries_read.load(Ordering::Relaxed),
            items_put: self.items_put.load(Ordering::Relaxed),
            rows_reported: self.rows_reported.load(Ordering::Relaxed),
            file_bytes: self.file_bytes.load(Ordering::Relaxed),
        }
    }
}
