//! The tables of dollars.

use shared::model::export::Compression;

use super::{
    archive::{FEW, HOT_DAYS, Kept, Years},
    bill::{self, Bill, PARTS},
    prices::Prices,
    scenario::{Action, Age, Filter, Scenario},
    scenarios::Scenarios,
    usage::Usage,
};
use crate::markdown;

/// What things cost: recorded, listed, exported and kept.
pub(super) fn dollars(scenarios: &Scenarios, prices: &Prices) -> String {
    let mut text = format!("Prices of {} in {}.\n", prices.date, prices.region);
    let groups = [
        ("a million recorded", &scenarios.record),
        ("a million pages", &scenarios.list),
        ("a million rows", &scenarios.export),
        ("a million sealed", &scenarios.seal),
    ];
    for (what, group) in groups {
        let bills = group.iter();
        let bills = bills.map(|it| (it, Bill::new(&it.per_million, prices)));
        text += &bills_of(what, bills);
    }
    text += &storage(&scenarios.kept, prices);
    text += &years(&scenarios.kept, prices);
    text + &few(&scenarios.few, prices)
}

fn bills_of<'a>(what: &str, bills: impl Iterator<Item = (&'a Scenario, Bill)>) -> String {
    let what = format!("dollars for {what}");
    let header = [&[what.as_str(), "size"], &PARTS[..], &["total", "largest"]].concat();
    let rows = bills.map(|(scenario, bill)| {
        let (largest, share) = bill.largest();
        let parts = bill.0.map(money);
        let ends = [
            money(bill.total()),
            format!("{largest} {:.0} %", share * 100.0),
        ];
        [name(scenario), scenario.size.name().to_owned()]
            .into_iter()
            .chain(parts)
            .chain(ends)
            .collect()
    });
    section(&header, rows)
}

fn name(scenario: &Scenario) -> String {
    let action = match scenario.action {
        Action::RecordSingly => "recorded singly".to_owned(),
        Action::RecordBatch(size) => format!("recorded in batches of {size}"),
        Action::List(Filter::None) => "pages of 100".to_owned(),
        Action::List(Filter::OneInTen) => "pages of 100, one in ten matches".to_owned(),
        Action::Export(Compression::None) => "rows of csv".to_owned(),
        Action::Export(Compression::Gzip) => "rows of csv, gzip".to_owned(),
        Action::Seal { forgets: false } => "sealed".to_owned(),
        Action::Seal { forgets: true } => format!("sealed, `HOT_DAYS` {HOT_DAYS}"),
    };
    let age = match scenario.age {
        Age::TooOld => ", too old to be recorded",
        Age::Sealed if !matches!(scenario.action, Action::Seal { .. }) => ", sealed",
        Age::Open | Age::Sealed => "",
    };
    match scenario.shards {
        1 => format!("{action}{age}"),
        shards => format!("{action}{age}, {shards} write shards"),
    }
}

fn storage(kept: &[Kept], prices: &Prices) -> String {
    let header = [
        "dollars a month for a million kept",
        "item bytes",
        "table",
        "recovery",
        "both",
        "segment bytes",
        "archive",
    ];
    let rows = kept.iter().map(|kept| {
        let [table, recovery] = bill::storage(kept.item_bytes, prices);
        let archive = bill::archived(kept.segment_bytes, prices);
        let name = [kept.size.name().to_owned(), kept.item_bytes.to_string()];
        let table = [table, recovery, table + recovery].map(money);
        let archive = [format!("{:.0}", kept.segment_bytes), money(archive)];
        name.into_iter().chain(table).chain(archive).collect()
    });
    section(&header, rows)
}

/// For how many years activities are kept, in the table of them.
const YEARS: [u32; 3] = [1, 3, 7];

/// What a million costs for years, from its first day on, without what recording costs.
fn years(kept: &[Kept], prices: &Prices) -> String {
    let hot = format!("archive, `HOT_DAYS` {HOT_DAYS}");
    let header = [
        "dollars for a million kept",
        "size",
        "table alone",
        "archive beside it",
        &hot,
        "times less",
    ];
    let rows = kept.iter().flat_map(|kept| {
        YEARS.map(|years| {
            let Years { alone, beside, hot } = kept.years(years, prices);
            let name = match years {
                1 => "1 year".to_owned(),
                years => format!("{years} years"),
            };
            [name, kept.size.name().to_owned()]
                .into_iter()
                .chain([alone, beside, hot, alone / hot].map(money))
                .collect()
        })
    });
    section(&header, rows)
}

/// How many partners with few activities there are.
const FEW_PARTNERS: f64 = 10_000.0;

/// What sealing the logs of many partners with few activities costs a year.
fn few(days: &[(u32, Usage)], prices: &Prices) -> String {
    let what = format!(
        "dollars a year to seal for {FEW_PARTNERS} partners with {FEW} activities a day each"
    );
    let header = [&[what.as_str()], &PARTS[..], &["total"]].concat();
    let rows = days.iter().map(|(hot_days, day)| {
        let bill = Bill::new(&day.times(365.0 * FEW_PARTNERS), prices);
        [format!("`HOT_DAYS` {hot_days}")]
            .into_iter()
            .chain(bill.0.map(money))
            .chain([money(bill.total())])
            .collect()
    });
    section(&header, rows)
}

/// Dollars to a tenth of a cent.
fn money(dollars: f64) -> String {
    format!("{dollars:.3}")
}

/// A table below an empty line.
fn section(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    format!("\n{}", markdown::table(header, &rows.collect::<Vec<_>>()))
}
