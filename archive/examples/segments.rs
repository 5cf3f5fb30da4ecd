//! Writes segments and what is in them, for `make engines`.
//!
//! Its argument is the folder; files of an earlier run are replaced.
//! An object that another one has replaced is under `replaced/`, so that a check can put
//! it beside the others.

#![expect(
    clippy::indexing_slicing,
    reason = "a program for a check may end where it can't go on"
)]

use std::{error::Error, fmt::Write, fs, path::Path};

use archive::{Row, SegmentWriter};
use serde_json::{Value, json};

/// The first moments of October and November 2026.
const MONTHS: [(&str, i64); 2] = [
    ("2026-10", 1_790_812_800_000),
    ("2026-11", 1_793_491_200_000),
];

/// Partners, and how many rows the segments of each month have: more than a page, one row,
/// and what a second file of the month has.
const PARTNERS: [(&str, &[usize]); 3] = [
    ("1042", &[40]),
    ("contoso", &[5_000, 1, 300]),
    ("fabrikam", &[600]),
];

/// The ends of retentions: one that has passed and one that has not, whatever the clock says.
const ENDED: i64 = 1_577_836_800_000;
const KEPT: i64 = 4_102_444_800_000;

/// The lease's epoch in the keys, and that of the object that was replaced.
const EPOCH: u64 = 10;
const EARLIER_EPOCH: u64 = 9;

const NAMES: [&str; 6] = [
    "Relecloud",
    "한국전자 \"주식회사\"",
    "شركة النور",
    "Straße\n\t",
    "😀",
    "'; DROP TABLE",
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args()
        .nth(1)
        .ok_or("the argument must be a folder")?;
    let folder = Path::new(&folder);
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let mut random = fastrand::Rng::with_seed(1);
    let mut lines = String::new();
    for (partner, counts) in PARTNERS {
        let mut index = 0;
        for (month, start) in MONTHS {
            for count in counts {
                let rows = rows(&mut random, index, *count, start)?;
                for row in &rows {
                    writeln!(lines, "{}", json(partner, month, row))?;
                }
                store(folder, partner, month, EPOCH, &rows)?;
                index += u64::try_from(*count)?;
            }
        }
    }
    fs::write(folder.join("rows.jsonl"), lines)?;
    replaced(folder, &mut random)
}

/// Rows that follow each other, a minute apart.
fn rows(
    random: &mut fastrand::Rng,
    first: u64,
    count: usize,
    start: i64,
) -> Result<Vec<Row>, Box<dyn Error>> {
    let indexes = (first..).take(count);
    indexes
        .map(|index| Ok(row(random, index, start + i64::try_from(index)? * 60_000)))
        .collect()
}

/// Writes the segment of these rows under its key.
fn store(
    folder: &Path,
    partner: &str,
    month: &str,
    epoch: u64,
    rows: &[Row],
) -> Result<(), Box<dyn Error>> {
    let first = rows.first().ok_or("a segment has rows")?.index;
    let mut writer = SegmentWriter::new(partner, first);
    for row in rows {
        writer.push(row.clone())?;
    }
    let written = writer.finish()?.ok_or("a segment has rows")?;
    let folder = folder.join(format!("archive/v1/partner={partner}/month={month}"));
    fs::create_dir_all(&folder)?;
    let name = format!("{first:012}-{}-{epoch}.parquet", rows.len());
    fs::write(folder.join(name), written.bytes)?;
    Ok(())
}

/// Writes what a seal or an erasure has replaced: a shorter object with other names, in the
/// place of the first one of a month.
fn replaced(folder: &Path, random: &mut fastrand::Rng) -> Result<(), Box<dyn Error>> {
    let [_, (month, start)] = MONTHS;
    let mut rows = rows(random, 600, 250, start)?;
    for row in &mut rows {
        row.customer_name = row.customer_id.as_ref().map(|_| "replaced".to_owned());
    }
    store(
        &folder.join("replaced"),
        "fabrikam",
        month,
        EARLIER_EPOCH,
        &rows,
    )
}

fn row(random: &mut fastrand::Rng, index: u64, moment: i64) -> Row {
    let is_erased = random.u8(..9) == 0;
    let customer = random.usize(..7);
    let details = format!(
        "{{\"n\":{},\"t\":\"{}\"}}",
        random.u16(..),
        NAMES[random.usize(..3)].replace('"', "")
    );
    Row {
        index,
        occurred_at: moment,
        recorded_at: moment + random.i64(0..4_000),
        id: format!("{moment:012x}-{index:023}"),
        action: ["create_order", "delete_user"][random.usize(..2)].to_owned(),
        outcome: ["succeeded", "failed"][random.usize(..2)].to_owned(),
        actor_id: format!("u-{}", random.u8(..40)),
        actor_name: NAMES[random.usize(..6)].to_owned(),
        actor_kind: "user".to_owned(),
        customer_id: (customer < 6).then(|| format!("c-{customer}")),
        customer_name: (customer < 6).then(|| {
            if is_erased {
                "[erased]"
            } else {
                NAMES[customer % 6]
            }
            .to_owned()
        }),
        resource_type: Some("order".to_owned()).filter(|_| index.is_multiple_of(2)),
        resource_id: Some(format!("r-{}", random.u8(..90))).filter(|_| index.is_multiple_of(2)),
        correlation_id: random.bool().then(|| format!("x-{}", random.u8(..50))),
        has_details: !is_erased,
        kept_until: [None, Some(ENDED), Some(KEPT)][random.usize(..3)],
        erased_at: is_erased.then_some(moment + 86_400_000),
        salt: (!is_erased).then(|| std::array::from_fn(|_| random.u8(..))),
        c: is_erased.then(|| std::array::from_fn(|_| random.u8(..))),
        details: (!is_erased).then_some(details),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn json(partner: &str, month: &str, row: &Row) -> Value {
    json!({
        "partner": partner,
        "month": month,
        "index": row.index,
        "occurred_at": row.occurred_at,
        "recorded_at": row.recorded_at,
        "id": row.id,
        "action": row.action,
        "outcome": row.outcome,
        "actor_id": row.actor_id,
        "actor_name": row.actor_name,
        "actor_kind": row.actor_kind,
        "customer_id": row.customer_id,
        "customer_name": row.customer_name,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "correlation_id": row.correlation_id,
        "has_details": row.has_details,
        "kept_until": row.kept_until,
        "erased_at": row.erased_at,
        "salt": row.salt.map(|salt| hex(&salt)),
        "c": row.c.map(|c| hex(&c)),
        "details": row.details,
    })
}
