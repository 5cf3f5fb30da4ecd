//! The whole service on one machine, in one process.
//!
//! An embedded DynamoDB, an S3 over a folder, a gateway that reads its routes
//! from `template.yaml`, and a development issuer. The functions are the same
//! code as on AWS, with the same SDK clients; their endpoints are here.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

pub mod aws;
pub mod demo;
mod environment;
mod folder;
pub mod functions;
mod gateway;
pub mod page;
mod s3;
pub mod sample;
mod sign_in;
mod tables;
pub mod template;
pub mod token;

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
};

use aws_config::{AppName, SdkConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use dynoxide::Database;
use shared::{Clock, Config};
use std::time::Duration;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    aws::Endpoints,
    folder::Folder,
    functions::{Apps, Functions},
    gateway::Gateway,
    token::Issuer,
};

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it all")]
pub enum Error {
    #[error(
        "port {port} is in use or not allowed; choose another with {flag} (0 picks a free one)"
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
    #[error("the embedded DynamoDB did not start: {0}")]
    DynamoDb(String),
    #[error("the embedded S3 did not start: {0}")]
    S3(String),
    #[error("the table {0} could not be made")]
    Table(String, #[source] Box<aws_sdk_dynamodb::Error>),
    #[error("template.yaml: {0}")]
    Template(String),
    #[error(transparent)]
    Config(#[from] shared::config::ConfigError),
    #[error("loading activities into the table failed: {0}")]
    Load(String),
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
    /// Where data stays; none keeps it in memory and a temporary folder.
    pub data_dir: Option<PathBuf>,
    /// The folder of the built page; none serves no page.
    pub page: Option<PathBuf>,
    /// Where the functions run instead of in this process.
    pub functions: Option<String>,
    /// The service's variables that differ from those of a laptop.
    pub variables: HashMap<String, String>,
    /// The development issuer's key; none reads or makes one in the folder.
    pub key: Option<String>,
    /// The clock of gateway and functions.
    pub clock: Clock,
    /// The time limit of the workers; the template's is 15 minutes.
    pub worker_time: Duration,
    /// Activities to load straight into the table before serving: partner and count.
    pub preload: Vec<(String, usize)>,
    /// What the functions' SDK clients send their requests with; none for the
    /// SDK's own.
    pub http_client: Option<SharedHttpClient>,
}

impl Options {
    /// In memory, on free ports.
    pub fn in_memory() -> Self {
        Self {
            port: 0,
            dynamodb_port: 0,
            s3_port: 0,
            data_dir: None,
            page: None,
            functions: None,
            variables: HashMap::new(),
            key: None,
            clock: Clock::system(),
            worker_time: Duration::from_mins(15),
            preload: Vec::new(),
            http_client: None,
        }
    }
}

/// A base address as the command line takes it: http, without a slash at its end.
pub fn base_url(text: &str) -> Result<String, String> {
    match reqwest::Url::parse(text) {
        Ok(url) if url.scheme() == "http" && url.has_host() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("must be an http address, such as http://127.0.0.1:9000".into()),
    }
}

/// The service, until it is dropped.
pub struct Stack {
    /// The gateway's address: `http://127.0.0.1:3000`.
    pub url: String,
    /// DynamoDB's address.
    pub dynamodb_url: String,
    /// S3's address.
    pub s3_url: String,
    /// The configuration of the functions.
    pub config: Config,
    /// The functions.
    pub functions: Functions,
    /// The development issuer.
    pub issuer: Arc<Issuer>,
    /// The SDK's configuration for this stack's DynamoDB, S3 and Lambda.
    pub sdk: SdkConfig,
    /// The variables with which the functions run elsewhere.
    pub environment: Vec<(String, String)>,
    /// The folder of the bucket's files.
    pub s3_dir: PathBuf,
    database: Database,
    servers: [JoinHandle<()>; 3],
    _temporary: Option<tempfile::TempDir>,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

impl Stack {
    /// Starts everything; it answers when this returns.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let gateway = listen(options.port, "--port").await?;
        let dynamodb = listen(options.dynamodb_port, "--dynamodb-port").await?;
        let s3 = listen(options.s3_port, "--s3-port").await?;
        let (url, dynamodb_url, s3_url) = (url_of(&gateway)?, url_of(&dynamodb)?, url_of(&s3)?);
        let endpoints = [
            ("DynamoDB", &dynamodb_url),
            ("S3", &s3_url),
            ("Lambda", &url),
        ];
        let endpoints = Endpoints(endpoints.map(|(name, url)| (name, url.clone())).into());
        let folder = Folder::open(options.data_dir.as_deref())?;
        let variables = environment::variables(&options.variables);
        let config = Config::from_lookup(|name| variables.get(name).cloned())?;
        let environment = environment::environment(&variables, &endpoints);
        let sdk = aws::sdk_config(endpoints);

        let database = folder.database()?;
        let dynamodb = tokio::spawn(dynoxide::server::serve_on(dynamodb, database.clone()));
        tables::create(&sdk, &config.activities_table).await?;
        tables::create(&sdk, &config.exports_table).await?;
        tables::create(&sdk, &config.erasures_table).await?;
        for (partner, count) in &options.preload {
            load(&database, &config, partner, *count, options.clock.now())?;
        }
        let s3_dir = folder.bucket(&config.exports_bucket)?;
        let s3 = serve(s3, s3::router(&s3_dir)?);
        let key = options.key.clone().map_or_else(|| folder.key(), Ok)?;
        let issuer = Arc::new(Issuer::new(url.clone(), &key)?);
        let functions = functions(&options, &sdk, &config);
        let router = router(options, &url, &issuer, &functions)?;
        Ok(Self {
            url,
            dynamodb_url,
            s3_url,
            config,
            functions,
            issuer,
            sdk,
            environment,
            s3_dir,
            database,
            servers: [dynamodb, s3, serve(gateway, router)],
            _temporary: folder.temporary,
        })
    }

    /// Loads activities straight into the table, past the API, for large trials.
    pub fn load(&self, partner: &str, count: usize, now: shared::Moment) -> Result<(), Error> {
        load(&self.database, &self.config, partner, count, now)
    }
}

fn load(
    database: &Database,
    config: &Config,
    partner: &str,
    count: usize,
    now: shared::Moment,
) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Load(error.to_string());
    let mut samples = sample::Samples::new(now);
    for start in (0..count).step_by(LOAD_AT_ONCE) {
        let items = (start..count.min(start + LOAD_AT_ONCE))
            .map(|_| {
                let content = samples.next();
                let (retention, shards) = (config.retention, &config.write_shards);
                shared::aws::activities::loadable_item(partner, content, now, retention, shards)
                    .map(sample::into_dynoxide)
            })
            .collect::<Result<_, _>>()
            .map_err(|error| failed(&error))?;
        database
            .import_items(
                &config.activities_table,
                items,
                dynoxide::ImportOptions::default(),
            )
            .map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// How many activities one transaction loads.
const LOAD_AT_ONCE: usize = 10_000;

/// The API, and the page beside it if there is one.
fn router(
    options: Options,
    url: &str,
    issuer: &Arc<Issuer>,
    functions: &Functions,
) -> Result<axum::Router, Error> {
    let api = gateway::router(Gateway {
        routes: template::routes()?,
        issuer: Arc::clone(issuer),
        functions: functions.clone(),
        clock: options.clock,
    });
    Ok(match &options.page {
        Some(folder) => page::serve(api, folder, url),
        None => api,
    })
}

fn functions(options: &Options, sdk: &SdkConfig, config: &Config) -> Functions {
    if let Some(url) = &options.functions {
        return Functions::There {
            url: url.clone(),
            client: reqwest::Client::new(),
        };
    }
    let mut sdk = sdk.to_builder();
    sdk.set_http_client(options.http_client.clone());
    Functions::Here(Arc::new(apps(&sdk.build(), config, options)))
}

fn apps(sdk: &SdkConfig, config: &Config, options: &Options) -> Apps {
    let (config, clock) = (|| config.clone(), || options.clock.clone());
    // Each function's requests carry its name, so that they can be told apart.
    let name = |name| AppName::new(name).expect("the functions' names are valid");
    let sdk = |function| sdk.to_builder().app_name(name(function)).build();
    Apps {
        record: record::App::new(&sdk("record"), config(), clock()),
        list: list::App::new(&sdk("list"), config(), clock()),
        export: export::App::new(&sdk("export"), config(), clock()),
        export_worker: export_worker::App::new(&sdk("export-worker"), config(), clock()),
        erasure: erasure::App::new(&sdk("erasure"), config(), clock()),
        erasure_worker: erasure_worker::App::new(&sdk("erasure-worker"), config(), clock()),
        worker_time: options.worker_time,
        worker_failures: AtomicUsize::new(0),
        workers_running: AtomicUsize::new(0),
    }
}

async fn listen(port: u16, flag: &'static str) -> Result<TcpListener, Error> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Port { port, flag, source })
}

fn url_of(listener: &TcpListener) -> Result<String, Error> {
    let address = listener.local_addr();
    let address = address.map_err(|source| Error::Port {
        port: 0,
        flag: "--port",
        source,
    })?;
    Ok(format!("http://{address}"))
}

fn serve(listener: TcpListener, router: axum::Router) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "a server ended");
        }
    })
}
