//! Loads sample activities into the table, without the API.

use dynoxide::{Database, ImportOptions};
use shared::{Config, Moment, aws::activities};

use crate::{
    error::Error,
    sample::{Samples, into_dynoxide},
};

/// How many activities one transaction loads.
const LOAD_AT_ONCE: usize = 10_000;

/// Loads `count` sample activities of one partner.
pub(crate) fn load(
    database: &Database,
    config: &Config,
    partner: &str,
    count: usize,
    now: Moment,
) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Load(error.to_string());
    let (retention, shards) = (config.retention, &config.write_shards);
    let mut samples = Samples::new(now);
    for start in (0..count).step_by(LOAD_AT_ONCE) {
        let items = (start..count.min(start + LOAD_AT_ONCE))
            .map(|_| {
                let content = samples.next();
                activities::loadable_item(partner, content, now, retention, shards)
                    .map(into_dynoxide)
            })
            .collect::<Result<_, _>>()
            .map_err(|error| failed(&error))?;
        database
            .import_items(&config.activities_table, items, ImportOptions::default())
            .map_err(|error| failed(&error))?;
    }
    Ok(())
}
