//! `local`: starts the service on this machine, or records demo activities.

use std::{collections::HashMap, fs, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};
use local::{Options, Stack, demo};
use shared::model::error::chain;
use tracing_subscriber::EnvFilter;

/// How often the sweeper is called: so often that one sees at once what it does.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The partner activity log on one machine.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fill a partner's log with realistic activities, through the public API
    Demo(demo::Demo),
}

#[derive(Debug, Args)]
struct Serve {
    /// Port of the API; 0 picks a free one
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Port of DynamoDB; 0 picks a free one
    #[arg(long, default_value_t = 3001)]
    dynamodb_port: u16,
    /// Port of S3; 0 picks a free one
    #[arg(long, default_value_t = 3002)]
    s3_port: u16,
    /// Origin of the portal's pages, such as `https://portal.example`; pages on this
    /// machine may always call
    #[arg(long, value_name = "ORIGIN", value_parser = local::origin)]
    portal_origin: Option<reqwest::Url>,
    /// Origin of the portal whose pages may show the page in a frame, and give it its token
    #[arg(long, value_name = "ORIGIN", value_parser = local::origin)]
    frame_ancestors: Option<reqwest::Url>,
    /// Folder that keeps the data
    #[arg(long, default_value = ".local")]
    data_dir: PathBuf,
    /// Keep the data in memory instead of in that folder
    #[arg(long)]
    in_memory: bool,
    /// Folder of the built page; without it only the API is served
    #[arg(long, default_value = "portal/dist")]
    page: PathBuf,
    /// Call the functions at this address, such as those of `cargo lambda watch`,
    /// instead of in this process
    #[arg(long, value_name = "URL", value_parser = local::base_url)]
    functions: Option<String>,
    /// Load that many activities into the table at each start, without the API
    #[arg(long, value_name = "PARTNER=COUNT", value_parser = preload)]
    preload: Vec<(String, usize)>,
    /// Set a variable of the functions, such as `MAX_LATENESS_DAYS=366`
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    variable: Vec<(String, String)>,
    /// Move the service's clock forward, for trials of what happens only after days
    #[arg(long, value_name = "DAYS", default_value_t = 0, conflicts_with = "functions",
        value_parser = clap::value_parser!(u64).range(..=DAYS_AHEAD_MAX))]
    clock_ahead_days: u64,
}

/// The most days by which the service's clock can be moved forward.
const DAYS_AHEAD_MAX: u64 = 3_650;

fn preload(text: &str) -> Result<(String, usize), String> {
    let (partner, count) = text.split_once('=').ok_or("must be PARTNER=COUNT")?;
    let count = count.parse().map_err(|_| "COUNT must be a whole number")?;
    Ok((partner.to_owned(), count))
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The log filter; the embedded servers would otherwise log each refused request.
const QUIET: &str = "warn,dynoxide=error,s3s=off";

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(QUIET));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let Cli { command, serve } = Cli::parse();
    let done = match command {
        Some(Command::Demo(demo)) => demo.run().await.map_err(|error| chain(&error)),
        None => run(serve).await.map_err(|error| chain(&error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(serve: Serve) -> Result<(), local::Error> {
    let has_page = serve.page.join("index.html").is_file();
    let options = Options {
        port: serve.port,
        dynamodb_port: serve.dynamodb_port,
        s3_port: serve.s3_port,
        portal_origin: serve.portal_origin,
        frame_ancestors: serve.frame_ancestors,
        data_dir: (!serve.in_memory).then(|| serve.data_dir.clone()),
        page: has_page.then_some(serve.page),
        functions: serve.functions,
        preload: serve.preload,
        variables: with_stream(serve.variable),
        sweep_every: Some(SWEEP_EVERY),
        ..Options::in_memory()
    };
    let ahead = Duration::from_hours(24 * serve.clock_ahead_days);
    let stack = Stack::start(options.with_clock_ahead(ahead)).await?;
    if !serve.in_memory {
        write_environment(&stack, &serve.data_dir)?;
    }
    greet(
        &stack,
        has_page,
        (!serve.in_memory).then_some(&serve.data_dir),
    );
    // The data is on the disk, so any end of the process is safe.
    let _ = tokio::signal::ctrl_c().await;
    Ok(())
}

/// The variables of the functions; unless they say otherwise, the log is streamed.
fn with_stream(changed: Vec<(String, String)>) -> HashMap<String, String> {
    let default = [("STREAM_FORMAT".to_owned(), "activity".to_owned())];
    default.into_iter().chain(changed).collect()
}

/// The variables for `cargo lambda watch --env-file`.
fn write_environment(stack: &Stack, folder: &std::path::Path) -> Result<(), local::Error> {
    let lines = stack
        .environment
        .iter()
        .map(|(name, value)| format!("{name}='{value}'\n"));
    fs::write(folder.join("functions.env"), lines.collect::<String>()).map_err(|source| {
        local::Error::Folder {
            folder: folder.to_owned(),
            source,
        }
    })
}

fn greet(stack: &Stack, has_page: bool, folder: Option<&PathBuf>) {
    let data = folder.map_or_else(
        || "in memory; it is deleted when this process ends".to_owned(),
        |folder| format!("in {}", folder.display()),
    );
    println!("Partner activity log");
    if has_page {
        println!("  Page      {}/", stack.url);
    } else {
        println!("  Page      not built: run `make page`");
    }
    println!(
        "  API       {}   with its contract at /v1/openapi.json",
        stack.url
    );
    let config = &stack.config;
    println!(
        "  DynamoDB  {}   tables {}, {}, {}, {}",
        stack.dynamodb_url,
        config.activities_table,
        config.exports_table,
        config.erasures_table,
        config.archive_table
    );
    println!(
        "  S3        {}   buckets {}, {}, {}",
        stack.s3_url, config.exports_bucket, config.archive_bucket, config.checkpoints_bucket
    );
    if config.stream.is_some() {
        println!("  Events    {}/dev/events.html", stack.url);
    }
    println!("  Data      {data}");
    println!(
        "A token:  curl '{}/dev/token?partner_id=contoso&roles=admin_agent,activity_recorder&name=ann@contoso.example'",
        stack.url
    );
    println!(
        "A demo:   cargo run -p local -- demo --url {} --partner contoso --activities 2000",
        stack.url
    );
    println!("Ctrl-C stops the service.");
}
