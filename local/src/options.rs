//! What to start, and where.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use shared::Clock;

use crate::concurrency::Limits;

/// Which tokens the gateway accepts.
#[derive(Debug, Clone, Default)]
pub struct JwtOptions {
    /// What a token's `iss` must be; by default the gateway's address.
    pub issuer: Option<String>,
    /// The audiences of which a token must name one; by default the development issuer's own.
    pub audiences: Vec<String>,
}

/// What to start, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port of the gateway; 0 picks a free one.
    pub port: u16,
    /// The port of DynamoDB; 0 picks a free one.
    pub dynamodb_port: u16,
    /// The port of S3; 0 picks a free one.
    pub s3_port: u16,
    /// The origin of the portal's pages, which may call as pages on this machine may.
    pub portal_origin: Option<reqwest::Url>,
    /// The origin of the portal whose pages may show the page in a frame.
    pub frame_ancestors: Option<reqwest::Url>,
    /// How long the head of a request may take, and a pause in its body.
    ///
    /// A connection without a request ends after this time too, so it is longer than
    /// the 90 s for which the SDK's and reqwest's clients keep such a connection.
    pub request_timeout: Duration,
    /// The folder that keeps the data; without one, it is in memory and in a temporary folder.
    pub data_dir: Option<PathBuf>,
    /// The folder of the built page; without one, no page is served.
    pub page: Option<PathBuf>,
    /// The address of the functions; without one, they run in this process.
    pub functions: Option<String>,
    /// The functions' variables that differ from the defaults on one machine.
    pub variables: HashMap<String, String>,
    /// Which tokens the gateway accepts.
    pub jwt: JwtOptions,
    /// The development issuer's key; without one, the data folder's key is used or created.
    pub key: Option<String>,
    /// The clock of the gateway and the functions.
    pub clock: Clock,
    /// How far ahead of the machine's clock a download link may begin, beside S3's own
    /// 15 minutes.
    pub links_ahead: Duration,
    /// The time limit of the workers; the template's is 15 minutes.
    pub worker_time: Duration,
    /// How often the sweeper is called; without it, only a test calls it.
    pub sweep_every: Option<Duration>,
    /// How many calls of functions may run at once; by default any number.
    pub concurrency: Limits,
    /// Activities to load into the table before the start: partner and count.
    pub preload: Vec<(String, usize)>,
    /// The HTTP client of the functions' SDK clients; without one, the stack's own.
    pub http_client: Option<SharedHttpClient>,
}

impl Options {
    /// Everything in memory, on free ports.
    pub fn in_memory() -> Self {
        Self {
            port: 0,
            dynamodb_port: 0,
            s3_port: 0,
            portal_origin: None,
            frame_ancestors: None,
            request_timeout: Duration::from_mins(2),
            data_dir: None,
            page: None,
            functions: None,
            variables: HashMap::new(),
            jwt: JwtOptions::default(),
            key: None,
            clock: Clock::system(),
            links_ahead: Duration::ZERO,
            worker_time: Duration::from_mins(15),
            sweep_every: None,
            concurrency: Limits::default(),
            preload: Vec::new(),
            http_client: None,
        }
    }

    /// The same with the service's clock moved forward.
    ///
    /// S3 keeps the machine's clock, so it must accept links that begin later.
    #[must_use]
    pub fn with_clock_ahead(self, by: Duration) -> Self {
        let clock = self.clock;
        Self {
            clock: Clock::from_fn(move || clock.now().plus(by)),
            links_ahead: by,
            ..self
        }
    }
}
