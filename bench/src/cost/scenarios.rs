//! All scenarios, one after another.

use shared::model::export::Compression;

use super::{
    activities::Size,
    archive::{HOT_DAYS, Kept},
    prices::Prices,
    scenario::{Filter, Run, Scenario},
    usage::Usage,
};
use crate::Error;

/// How many shards a log has that is spread.
const SHARDS: u32 = 4;

/// Everything that the tables show.
#[derive(Debug, Default)]
pub(super) struct Scenarios {
    pub(super) record: Vec<Scenario>,
    pub(super) list: Vec<Scenario>,
    pub(super) export: Vec<Scenario>,
    pub(super) seal: Vec<Scenario>,
    pub(super) kept: Vec<Kept>,
    /// A day of a partner with few activities: sealing alone, without and with `HOT_DAYS`.
    pub(super) few: Vec<(u32, Usage)>,
}

impl Scenarios {
    /// Carries everything out for both sizes, and some of it on a spread log.
    pub(super) async fn run(activities: usize, prices: &Prices) -> Result<Self, Error> {
        let mut all = Self::default();
        for size in [Size::Small, Size::Large] {
            let mut run = Run::start(1, 0, size, prices).await?;
            all.record.extend(run.record(activities).await?);
            all.read(&mut run).await?;
            run.get_too_old();
            all.read(&mut run).await?;
            let item_bytes = run.service.meter.item_bytes(size.partner());
            let seal = run.seal(activities).await?;
            all.read(&mut run).await?;
            let forgets = Run::start(1, HOT_DAYS, size, prices).await?;
            let forgets = forgets.record_and_seal(activities).await?;
            all.kept.push(Kept {
                size,
                item_bytes,
                segment_bytes: run.segment_bytes(activities)?,
                seal: seal.per_million,
                seal_and_forget: forgets.per_million,
            });
            all.seal.extend([seal, forgets]);
        }
        let mut spread = Run::start(SHARDS, 0, Size::Small, prices).await?;
        spread.record(activities).await?;
        all.list.push(spread.list(Filter::None).await?);
        all.export.push(spread.export(Compression::None).await?);
        for hot_days in [0, HOT_DAYS] {
            let few = Run::start(1, hot_days, Size::Small, prices).await?;
            all.few.push((hot_days, few.day().await?));
        }
        Ok(all)
    }

    async fn read(&mut self, run: &mut Run<'_>) -> Result<(), Error> {
        let (lists, exports) = run.read().await?;
        self.list.extend(lists);
        self.export.extend(exports);
        Ok(())
    }
}
