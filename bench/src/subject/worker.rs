//! The export worker, as its `main` calls it.

use export_worker::App;
use shared::{Clock, Config, ExportId, Moment, aws::sdk, model::export::WorkerEvent};

use crate::{Error, names};

/// Carries out one call that has all the time it wants.
pub(super) async fn run() -> Result<(), Error> {
    let config = Config::from_env()?;
    let app = App::new(&sdk::config(&config).await?, config, Clock::system());
    let event = WorkerEvent {
        partner_id: names::PARTNER.into(),
        export_id: ExportId::try_from(names::EXPORT)?,
    };
    Ok(export_worker::handle(&app, &event, Moment::MAX).await?)
}
