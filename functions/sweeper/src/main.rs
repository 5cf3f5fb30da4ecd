//! The `sweeper` function as Lambda starts it.

use lambda_runtime::Error;
use shared::{Clock, Config, aws::sdk, lambda::event, observe};
use sweeper::{App, Event};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let observer = observe::start();
    let config = Config::from_env()?;
    let app = App::new(&sdk::config(&config).await?, config, Clock::system());
    let app = &app;
    event::work(&observer, async |event: Event, deadline| {
        sweeper::handle(app, &event, deadline).await
    })
    .await
}
