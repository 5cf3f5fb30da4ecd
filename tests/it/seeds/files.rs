//! Reads the file of an export, row by row, from the folder of the bucket.
//!
//! A download link would be refused: a run changes the service's clock, and the
//! bucket keeps the machine's.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::harness::TestApp;

/// Reads a finished file, checks its hash, and returns its rows as activities.
pub(super) fn read(app: &TestApp, partner: &str, export: &Value) -> Vec<Value> {
    let bytes = std::fs::read(app.stored_file(partner, export)).unwrap();
    let hash = base16ct::lower::encode_string(&Sha256::digest(&bytes));
    assert_eq!(export["file"]["sha256"], hash, "{export}");
    let rows = if export["format"] == "csv" {
        from_csv(partner, &bytes)
    } else {
        from_json_lines(&bytes)
    };
    assert_eq!(export["file"]["rows"], rows.len(), "{export}");
    rows
}

fn from_json_lines(bytes: &[u8]) -> Vec<Value> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn from_csv(partner: &str, bytes: &[u8]) -> Vec<Value> {
    let mut reader = csv::Reader::from_reader(bytes);
    let rows = reader.records().map(Result::unwrap);
    rows.map(|row| from_row(partner, &row)).collect()
}

/// The activity of a row of the style `raw`.
fn from_row(partner: &str, row: &csv::StringRecord) -> Value {
    let names = [
        "occurred_at",
        "customer.name",
        "action",
        "actor.name",
        "customer.id",
        "actor.id",
        "actor.kind",
        "outcome",
        "resource.type",
        "resource.id",
        "id",
        "recorded_at",
        "correlation_id",
        "details",
    ];
    let mut activity = json!({ "partner_id": partner });
    for (name, cell) in names.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        let value = match *name {
            "details" => serde_json::from_str(cell).unwrap(),
            _ => cell.into(),
        };
        match name.split_once('.') {
            Some((object, field)) => {
                let object = activity.as_object_mut().unwrap().entry(object);
                object.or_insert_with(|| Map::new().into())[field] = value;
            }
            None => activity[*name] = value,
        }
    }
    activity
}
