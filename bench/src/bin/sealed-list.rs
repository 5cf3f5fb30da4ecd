//! `sealed-list`: the function `list` over a log that is sealed.

use std::convert::Infallible;

use activity_log::Log;
use aws_sdk_s3::Client as S3;
use bench::names::{ARCHIVE, BUCKET};
use lambda_http::{Error, Request, service_fn};
use list::App;
use shared::{
    ActivityStore, Clock, Config,
    aws::{archive::ArchiveStore, sdk},
    lambda::event,
    observe,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let observer = observe::start();
    let config = Config::from_env()?;
    let sdk = sdk::config(&config).await?;
    let dynamodb = sdk::dynamodb(&sdk);
    let archive = ArchiveStore::new(
        dynamodb.clone(),
        ARCHIVE.to_owned(),
        S3::new(&sdk),
        BUCKET.to_owned(),
    );
    let log = Log::new(ActivityStore::new(dynamodb, &config), Some(archive));
    log.open().await;
    let app = App {
        config,
        log,
        clock: Clock::system(),
    };
    let app = &app;
    let handler =
        service_fn(async |request: Request| Ok::<_, Infallible>(list::handle(app, &request).await));
    event::run(&observer, handler).await
}
