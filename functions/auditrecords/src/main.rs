//! The `auditrecords` function as Lambda starts it.

use std::convert::Infallible;

use auditrecords::App;
use lambda_http::{Error, Request, service_fn};
use shared::{Clock, Config, aws::sdk, lambda::event, observe};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let observer = observe::start();
    let config = Config::from_env()?;
    let app = App::new(
        &sdk::config_of_requests(&config).await?,
        config,
        Clock::system(),
    );
    app.log.open().await;
    let app = &app;
    let handler = service_fn(async |request: Request| {
        Ok::<_, Infallible>(auditrecords::handle(app, &request).await)
    });
    event::run(&observer, handler).await
}
