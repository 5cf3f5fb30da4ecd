//! A DynamoDB and an S3 that answer from memory, as fast as they can.
//!
//! They speak the protocols that the SDKs speak, check nothing and keep nothing but what
//! is sealed.

mod archive;
mod counts;
mod dynamodb;
mod log;
mod options;
mod s3;

use shared::{Clock, ExportRequest};

pub(crate) use self::{
    archive::Archive,
    counts::Counts,
    options::{Details, Options},
};
use self::{counts::Counter, dynamodb::DynamoDb, log::Log, s3::S3};
use crate::{Error, loopback::Server};

/// The servers; they end when dropped.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) dynamodb: Server,
    pub(crate) s3: Server,
    counter: Counter,
}

impl Servers {
    /// Starts both, with an export of the whole log that waits for its worker.
    pub(crate) async fn start(options: Options) -> Result<Self, Error> {
        let now = Clock::system().now();
        let request = ExportRequest::read(options.export_request.as_bytes())?;
        let log = Log::new(&options, now)?;
        let counter = Counter::default();
        let archive = options.archive;
        let range = options.export_range.unwrap_or(log.range());
        let leased = dynamodb::leased(request, range, now)?;
        let dynamodb = DynamoDb::new(log, &leased, archive.clone(), counter.clone()).router();
        let s3 = S3::new(options.s3_bytes_per_second, archive, counter.clone()).router();
        Ok(Self {
            dynamodb: match &options.authority {
                None => Server::http(dynamodb).await?,
                Some(authority) => Server::https(dynamodb, authority).await?,
            },
            s3: Server::http(s3).await?,
            counter,
        })
    }

    /// What was asked of them so far.
    pub(crate) fn counts(&self) -> Counts {
        *self.counter.counts()
    }
}
