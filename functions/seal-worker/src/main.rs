//! The `seal-worker` function as Lambda starts it.

use lambda_runtime::Error;
use seal_worker::App;
use shared::{Clock, Config, aws::sdk, lambda::event, model::seal::WorkerEvent, observe};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let observer = observe::start();
    let config = Config::from_env()?;
    let app = App::new(&sdk::config(&config).await?, config, Clock::system());
    let app = &app;
    event::work(&observer, async |event: WorkerEvent, deadline| {
        seal_worker::handle(app, &event, deadline).await
    })
    .await
}
