//! `sealed-list`: the function `list` over a log that is sealed.

use std::convert::Infallible;

use bench::sealed::log;
use lambda_http::{Error, Request, service_fn};
use list::App;
use shared::{Clock, Config, aws::sdk, lambda::event, observe};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let observer = observe::start();
    let config = Config::from_env()?;
    let sdk = sdk::config(&config).await?;
    let log = log(&sdk, &config);
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
