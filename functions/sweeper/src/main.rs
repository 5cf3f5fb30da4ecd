//! The `sweeper` function as Lambda starts it.

use lambda_runtime::Error;
use serde::de::IgnoredAny;
use shared::{Clock, Config, aws::sdk, lambda::event, observe};
use sweeper::App;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let observer = observe::start();
    let config = Config::from_env()?;
    let app = App::new(&sdk::config(&config).await?, config, Clock::system());
    let app = &app;
    // The schedule's event says nothing that the sweeper needs.
    event::work(&observer, async |_: IgnoredAny, deadline| {
        sweeper::handle(app, deadline).await
    })
    .await
}
