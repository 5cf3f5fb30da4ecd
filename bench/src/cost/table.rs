//! The tables of dollars.

use shared::model::export::Compression;

use super::{
    activities::Size,
    bill::{self, Bill, PARTS},
    prices::Prices,
    scenario::{Action, Filter, Scenario, Scenarios},
};
use crate::markdown;

/// What things cost: recorded, listed, exported and kept.
pub(super) fn dollars(scenarios: &Scenarios, prices: &Prices) -> String {
    let mut text = format!("Prices of {} in {}.\n", prices.date, prices.region);
    let groups = [
        ("a million recorded", &scenarios.record),
        ("a million pages", &scenarios.list),
        ("a million rows", &scenarios.export),
    ];
    for (what, group) in groups {
        let bills = group.iter();
        let bills = bills.map(|it| (it, Bill::new(&it.per_million, prices)));
        text += &bills_of(what, bills);
    }
    text + &storage(&scenarios.item_bytes, prices)
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
    };
    let settled = if scenario.is_settled { ", settled" } else { "" };
    match scenario.shards {
        1 => format!("{action}{settled}"),
        shards => format!("{action}{settled}, {shards} write shards"),
    }
}

fn storage(sizes: &[(Size, usize)], prices: &Prices) -> String {
    let header = [
        "dollars a month for a million kept",
        "item bytes",
        "table",
        "recovery",
        "total",
    ];
    let rows = sizes.iter().map(|(size, bytes)| {
        let [table, recovery] = bill::storage(*bytes, prices);
        let dollars = [table, recovery, table + recovery].map(money);
        [size.name().to_owned(), bytes.to_string()]
            .into_iter()
            .chain(dollars)
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
