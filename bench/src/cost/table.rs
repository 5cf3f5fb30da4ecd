//! The tables, in Markdown.

use super::{
    activities::Size,
    bill::{self, Bill, PARTS},
    prices::{Architecture, Prices},
    scenario::{Scenario, Scenarios},
};
use crate::{markdown, units::float};

/// What things cost: recorded, listed, exported and kept.
pub(super) fn dollars(found: &Scenarios, prices: &Prices, architecture: Architecture) -> String {
    let mut text = format!(
        "Prices of {} in {}, {}.\n",
        prices.date,
        prices.region,
        architecture.name()
    );
    let groups = [
        ("a million recorded", &found.record),
        ("a million pages", &found.list),
        ("a million rows", &found.export),
    ];
    for (what, scenarios) in groups {
        let bills = scenarios.iter();
        let bills = bills.map(|it| (it, Bill::new(&it.per_million, prices, architecture)));
        text += &bills_of(what, bills);
    }
    text + &storage(&found.item_bytes, prices)
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
        [scenario.name.clone(), scenario.size.name().to_owned()]
            .into_iter()
            .chain(parts)
            .chain(ends)
            .collect()
    });
    section(&header, rows)
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

/// What each request called, on average.
pub(super) fn operations(found: &Scenarios) -> String {
    let header = [
        "operation, for each request",
        "size",
        "calls",
        "sent bytes",
        "received bytes",
        "units",
    ];
    let scenarios = found.record.iter().chain(&found.list).chain(&found.export);
    let rows = scenarios.flat_map(|scenario| {
        let requests = float(scenario.requests.max(1));
        let each = scenario.counted.operations.iter();
        each.map(move |(operation, traffic)| {
            let per_call = |bytes: usize| format!("{}", bytes / traffic.requests.max(1));
            vec![
                format!("{}: {operation}", scenario.name),
                scenario.size.name().to_owned(),
                format!("{:.1}", float(traffic.requests) / requests),
                per_call(traffic.sent_bytes),
                per_call(traffic.received_bytes),
                format!("{:.1}", traffic.units / requests),
            ]
        })
    });
    section(&header, rows)
}

/// Tenths of a cent; what is less is shown as nothing.
fn money(dollars: f64) -> String {
    format!("{dollars:.3}")
}

/// A table below an empty line.
fn section(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    format!("\n{}", markdown::table(header, &rows.collect::<Vec<_>>()))
}
