//! What it costs to seal a year, to ask a log that is sealed, and to verify its export.

mod ask;
mod export;
mod message;
mod question;
mod seal;
mod verify;
mod year;

pub use self::verify::measure as verify;
pub(crate) use self::year::change;
pub use self::{
    message::{Answer, Event},
    year::{Details, Year},
};
use crate::{Error, comparison::Comparison, cost, workbench::Workbench};

/// Seals years, and asks the one whose activities have 0.7 kB of JSON.
pub async fn compare(bench: &Workbench<'_>) -> Result<Vec<Comparison>, Error> {
    let sealed = seal::measure(bench).await?;
    let mut comparisons = sealed.comparisons;
    comparisons.extend(ask::measure(bench, &sealed.archive, &sealed.answer).await?);
    comparisons.extend(export::measure(bench, &sealed.archive, &sealed.answer).await?);
    comparisons.extend(cost::compare().await?);
    Ok(comparisons)
}
