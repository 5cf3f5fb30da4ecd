//! The `erasure-worker` function as Lambda starts it.

use erasure_worker::App;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use shared::{Clock, Config, Moment, aws, erasure::WorkerEvent};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let app = App::new(
        &aws::sdk_config().await,
        Config::from_env()?,
        Clock::system(),
    );
    let app = &app;
    run(service_fn(async |event: LambdaEvent<WorkerEvent>| {
        let deadline = i64::try_from(event.context.deadline)
            .ok()
            .and_then(Moment::from_millis);
        let deadline = deadline.unwrap_or(Moment::MAX);
        erasure_worker::handle(app, &event.payload, deadline)
            .await
            .map_err(Error::from)
    }))
    .await
}
