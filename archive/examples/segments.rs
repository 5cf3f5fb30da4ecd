//! Writes segments and what is in them, for `make engines`.
//!
//! Its argument is the folder; files of an earlier run are replaced.

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
    let (mut index, mut lines) = (0, String::new());
    for (month, start) in MONTHS {
        // More than a page, one row, and what a second file of the month has.
        for count in [5_000, 1, 300] {
            let mut writer = SegmentWriter::new("contoso", index);
            let first = index;
            for _ in 0..count {
                let moment = start + i64::try_from(index)? * 60_000;
                let row = row(&mut random, index, moment);
                writeln!(lines, "{}", json(&row))?;
                writer.push(row)?;
                index += 1;
            }
            let written = writer.finish()?.ok_or("a segment has rows")?;
            let folder = folder.join(format!("archive/v1/partner=contoso/month={month}"));
            fs::create_dir_all(&folder)?;
            let name = format!("{first:012}-{count}-1.parquet");
            fs::write(folder.join(name), written.bytes)?;
        }
    }
    fs::write(folder.join("rows.jsonl"), lines)?;
    Ok(())
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
        kept_until: random.bool().then_some(moment + 31_536_000_000),
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

fn json(row: &Row) -> Value {
    json!({
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
