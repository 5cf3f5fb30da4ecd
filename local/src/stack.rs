//! Starts the whole service in this process, and stops it when it is dropped.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use aws_config::{AppName, SdkConfig};
use dynoxide::Database;
use shared::{Config, Moment};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    aws::{self, Endpoints},
    bus::{self, Bus},
    changes::Changes,
    concurrency::Concurrency,
    dynamodb, environment,
    error::Error,
    folder::Folder,
    functions::{Apps, Functions},
    gateway::{self, Gateway},
    load::load,
    options::Options,
    origins::Origins,
    page, s3,
    serve::Server,
    tables, template,
    token::Issuer,
};

/// The service; it runs until it is dropped.
pub struct Stack {
    /// The gateway's address, such as `http://127.0.0.1:3000`.
    pub url: String,
    /// DynamoDB's address.
    pub dynamodb_url: String,
    /// S3's address.
    pub s3_url: String,
    /// The configuration of the functions.
    pub config: Config,
    /// The bus to which events are sent.
    pub bus: Bus,
    /// The functions.
    pub functions: Functions,
    /// The development issuer.
    pub issuer: Arc<Issuer>,
    /// The SDK's configuration for this stack's DynamoDB, S3 and Lambda.
    pub sdk: SdkConfig,
    /// The variables with which the functions can run in processes of their own.
    pub environment: Vec<(String, String)>,
    /// The folder of the buckets.
    pub s3_dir: PathBuf,
    database: Database,
    /// The servers and the sweeper's timer.
    running: Vec<JoinHandle<()>>,
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
        self.running.iter().for_each(JoinHandle::abort);
    }
}

impl Stack {
    /// Starts everything; when this returns, the gateway takes requests.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let gateway = listen(options.port, "--port").await?;
        let dynamodb = listen(options.dynamodb_port, "--dynamodb-port").await?;
        let s3 = listen(options.s3_port, "--s3-port").await?;
        let (url, dynamodb_url, s3_url) = (url_of(&gateway)?, url_of(&dynamodb)?, url_of(&s3)?);
        let endpoints = endpoints(&url, &dynamodb_url, &s3_url);
        let server = Server {
            origins: Origins::new(options.portal_origin.clone()),
            request_timeout: options.request_timeout,
        };
        let folder = Folder::open(options.data_dir.as_deref())?;
        let variables = environment::variables(&options.variables, &folder)?;
        let config = Config::from_lookup(|name| variables.get(name).cloned())?;
        let environment = environment::environment(&variables, &endpoints);
        let sdk = aws::sdk_config(endpoints);

        let database = folder.database()?;
        let dynamodb = server.serve(dynamodb, dynamodb::router(database.clone()));
        tables::create_all(&sdk, &config).await?;
        for (partner, count) in &options.preload {
            load(&database, &config, partner, *count, options.clock.now())?;
        }
        let s3_dir = folder.buckets(&config)?;
        let s3 = server.serve(s3, s3::router(&s3_dir, options.links_ahead)?);
        let key = options.key.clone().map_or_else(|| folder.key(), Ok)?;
        let issuer = Arc::new(Issuer::new(url.clone(), &key, &options.jwt)?);
        let functions = functions(&options, &sdk, &config);
        let sweeper = options.sweep_every.map(|pause| sweep(&functions, pause));
        let changes = changes(&folder, &database, &config, &functions);
        let bus = Bus::default();
        let events = bus::router(bus.clone(), options.clock.clone());
        let router = router(options, &url, &issuer, &functions, &server.origins)?.merge(events);
        let running = [dynamodb, s3, server.serve(gateway, router)];
        let running = running.into_iter().chain(sweeper).chain(changes).collect();
        Ok(Self {
            url,
            dynamodb_url,
            s3_url,
            config,
            bus,
            functions,
            issuer,
            sdk,
            environment,
            s3_dir,
            database,
            running,
            _temporary: folder.temporary,
        })
    }

    /// Loads activities into the table without the API, for large trials.
    pub fn load(&self, partner: &str, count: usize, now: Moment) -> Result<(), Error> {
        load(&self.database, &self.config, partner, count, now)
    }
}

fn endpoints(url: &str, dynamodb_url: &str, s3_url: &str) -> Endpoints {
    let endpoints = [
        ("DynamoDB", dynamodb_url.to_owned()),
        ("EventBridge", format!("{url}{}", bus::PATH)),
        ("S3", s3_url.to_owned()),
        ("Lambda", url.to_owned()),
    ];
    Endpoints(endpoints.into())
}

/// Brings to `stream` what is stored, if anything is streamed.
fn changes(
    folder: &Folder,
    database: &Database,
    config: &Config,
    functions: &Functions,
) -> Option<JoinHandle<()>> {
    config.stream.as_ref()?;
    let changes = Changes {
        database: database.clone(),
        table: config.activities_table.clone(),
        functions: functions.clone(),
        position: folder.stream_position(),
    };
    Some(tokio::spawn(changes.bring()))
}

/// The API, and the page if there is one.
fn router(
    options: Options,
    url: &str,
    issuer: &Arc<Issuer>,
    functions: &Functions,
    origins: &Origins,
) -> Result<axum::Router, Error> {
    let gateway = Gateway {
        routes: template::routes()?,
        names: template::functions()?,
        issuer: Arc::clone(issuer),
        functions: functions.clone(),
        clock: options.clock,
    };
    let api = gateway::router(gateway, origins, template::cors()?);
    Ok(match &options.page {
        Some(folder) => {
            let portal = options.frame_ancestors.as_ref();
            let ancestors =
                portal.map_or("'none'".into(), |url| url.origin().ascii_serialization());
            page::serve(api, folder, url, &ancestors)
        }
        None => api,
    })
}

fn functions(options: &Options, sdk: &SdkConfig, config: &Config) -> Functions {
    if let Some(url) = &options.functions {
        return Functions::Endpoint {
            url: url.clone(),
            client: reqwest::Client::new(),
        };
    }
    let mut functions_sdk = sdk.to_builder();
    if let Some(http_client) = &options.http_client {
        functions_sdk.set_http_client(Some(http_client.clone()));
    }
    Functions::InProcess(Arc::new(apps(&functions_sdk.build(), config, options)))
}

fn apps(sdk: &SdkConfig, config: &Config, options: &Options) -> Apps {
    let (config, clock) = (|| config.clone(), || options.clock.clone());
    // Each function's requests carry its name, so that tests can tell them apart.
    let name = |name| AppName::new(name).expect("the functions' names are valid");
    let sdk = |function| sdk.to_builder().app_name(name(function)).build();
    Apps {
        record: record::App::new(&sdk("record"), config(), clock()),
        list: list::App::new(&sdk("list"), config(), clock()),
        auditrecords: auditrecords::App::new(&sdk("auditrecords"), config(), clock()),
        export: export::App::new(&sdk("export"), config(), clock()),
        export_worker: export_worker::App::new(&sdk("export-worker"), config(), clock()),
        erasure: erasure::App::new(&sdk("erasure"), config(), clock()),
        erasure_worker: erasure_worker::App::new(&sdk("erasure-worker"), config(), clock()),
        import: import::App::new(&sdk("import"), config(), clock()),
        seal_worker: seal_worker::App::new(&sdk("seal-worker"), config(), clock()),
        stream: stream::App::new(&sdk("stream"), &config(), clock()),
        sweeper: sweeper::App::new(&sdk("sweeper"), config(), clock()),
        worker_time: options.worker_time,
        concurrency: Concurrency::new(&options.concurrency),
        worker_failures: AtomicUsize::new(0),
        workers_running: AtomicUsize::new(0),
    }
}

fn sweep(functions: &Functions, pause: Duration) -> JoinHandle<()> {
    let functions = functions.clone();
    tokio::spawn(async move { functions.sweep_every(pause).await })
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
