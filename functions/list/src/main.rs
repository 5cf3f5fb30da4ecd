//! The `list` function as Lambda starts it.

use std::convert::Infallible;

use lambda_http::{Error, Request, service_fn};
use list::App;
use shared::{Clock, Config, aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let app = App::new(
        &aws::sdk_config().await,
        Config::from_env()?,
        Clock::system(),
    );
    let app = &app;
    lambda::run(service_fn(async |request: Request| {
        Ok::<_, Infallible>(list::handle(app, &request).await)
    }))
    .await
}
