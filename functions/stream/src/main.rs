//! The `stream` function as Lambda starts it.

use lambda_runtime::Error;
use shared::{Clock, Config, aws::sdk, lambda::event, observe};
use stream::{App, Batch};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let observer = observe::start();
    let config = Config::from_env()?;
    let app = App::new(&sdk::config(&config).await?, &config, Clock::system());
    let app = &app.ok_or("STREAM_FORMAT and EVENT_BUS are missing")?;
    event::work(&observer, async |batch: Batch, _| {
        stream::handle(app, &batch).await
    })
    .await
}
