//! `sealed-export`: the function `export-worker` over a log that is sealed.

use bench::sealed::log;
use export_worker::App;
use lambda_http::Error;
use shared::{Clock, Config, aws::sdk, lambda::event, model::export::WorkerEvent, observe};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let observer = observe::start();
    let config = Config::from_env()?;
    let sdk = sdk::config(&config).await?;
    let log = log(&sdk, &config);
    let mut app = App::new(&sdk, config, Clock::system());
    app.log = log;
    let app = &app;
    event::work(&observer, async |event: WorkerEvent, deadline| {
        export_worker::handle(app, &event, deadline).await
    })
    .await
}
