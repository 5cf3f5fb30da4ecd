//! `admin register`: registers every partner who has a log.
//!
//! A partner is registered by its next write; this is for those who write nothing any
//! more. Some of them may only have segments left. It is the only code that scans the
//! table of activities.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::scan::ScanOutput;
use shared::{
    Clock, Config, PartnerId,
    aws::{
        archive::{Registry, SealStore, partner_id},
        sdk,
    },
};

use crate::Error;

/// After how many pages the progress is printed.
const PAGES_A_LINE: usize = 100;

/// Registers every partner who has a log and is not registered.
#[derive(Debug, Default, clap::Args)]
pub struct Register {
    /// Only print who would be registered
    #[arg(long)]
    pub dry_run: bool,
}

/// Who has a log, and who was not registered.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// How many items of the table were read.
    pub items: usize,
    /// How many partners have items or segments.
    pub partners: usize,
    /// Those of them who were not registered.
    pub added: Vec<PartnerId>,
}

impl Register {
    /// Scans the table once, lists whose segments there are, then registers who is missing;
    /// an entry that exists stays.
    pub async fn run(
        &self,
        sdk: &SdkConfig,
        config: &Config,
        clock: &Clock,
    ) -> Result<Registration, Error> {
        let (items, mut partners) = partners(sdk, config).await?;
        partners.extend(SealStore::new(sdk, config).partners().await?);
        let mut done = Registration {
            items,
            partners: partners.len(),
            added: Vec::new(),
        };
        let registry = Registry::new(sdk::dynamodb(sdk), config.archive_table.clone());
        for partner in partners {
            if registry.has(&partner).await? {
                continue;
            }
            if !self.dry_run {
                let now = clock.now();
                let due_at = now.plus(config.first_seal_after);
                registry.add(&partner, now, due_at).await?;
            }
            println!("{partner}");
            done.added.push(partner);
        }
        let registered = if self.dry_run {
            "would be registered"
        } else {
            "were registered"
        };
        let (partners, added) = (done.partners, done.added.len());
        eprintln!("{items} items read; of {partners} partners with a log {added} {registered}");
        Ok(done)
    }
}

/// How many items the table of activities has, and whose they are.
///
/// The reads need not be consistent: who writes meanwhile is registered by that.
async fn partners(sdk: &SdkConfig, config: &Config) -> Result<(usize, BTreeSet<PartnerId>), Error> {
    let scan = sdk::dynamodb(sdk).scan();
    let mut pages = scan
        .table_name(&config.activities_table)
        .projection_expression("partition_key")
        .into_paginator()
        .send();
    let (mut items, mut partners) = (0, BTreeSet::new());
    let mut page_count = 0_usize;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| sdk::failed("reading the activities", error))?;
        items += page.items().len();
        add_partners(&mut partners, &page)?;
        page_count += 1;
        if page_count.is_multiple_of(PAGES_A_LINE) {
            eprintln!("{items} items of {} partners read", partners.len());
        }
    }
    Ok((items, partners))
}

/// Adds the partners of a page; what follows `#` in a key is a shard.
fn add_partners(partners: &mut BTreeSet<PartnerId>, page: &ScanOutput) -> Result<(), Error> {
    let mut last = None;
    for key in page
        .items()
        .iter()
        .filter_map(|item| item.get("partition_key"))
    {
        // Items of one partition follow each other.
        if last == Some(key) {
            continue;
        }
        last = Some(key);
        let partner = key.as_s().ok().and_then(|text| text.split('#').next());
        partners.insert(partner_id(partner.unwrap_or_default())?);
    }
    Ok(())
}
