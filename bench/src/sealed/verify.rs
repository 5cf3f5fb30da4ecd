//! What it costs to verify an export offline: a year, and one ten times as long.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
    time::Duration,
};

use archive::Row;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use proof::{
    Checkpoint, CompactRange, ExportFrame, ExportLine, FrameVersion, Note, Opening, RowFormat,
    RowOrder, RowProof, Side, VerifierKey,
};
use serde_json::{Value, json};
use shared::{Clock, Moment};
use tokio::time::sleep;

use super::year::{Details, Year};
use crate::{
    Error,
    comparison::{self, Comparison},
    process::{cpu_seconds, peak_mebibytes, spawn},
    samples::{Samples, float},
    workbench::{Program, Workbench},
};

/// The partner whose log it is.
const PARTNER: &str = "contoso";

/// The name of the service in keys and origins.
const LOG_NAME: &str = "log.example";

/// A million entries are to be verified in so many seconds.
const CPU_SECONDS_MAX: f64 = 10.0;

/// How much longer the second file is.
const TIMES: u64 = 10;

/// The memory of the longer file is to be at most so many times that of the shorter one.
const MEMORY_RATIO_MAX: f64 = 1.1;

/// An export with its proof, and the key that signed.
struct Proven {
    file: PathBuf,
    proof: PathBuf,
    key: String,
}

/// What `verify` took.
struct Taken {
    cpu_seconds: f64,
    mebibytes: f64,
}

/// Verifies both files, once each.
pub async fn measure(bench: &Workbench<'_>) -> Result<Vec<Comparison>, Error> {
    let entries = bench.settings.sealed_entries;
    let mut taken = Vec::new();
    for entries in [entries, entries * TIMES] {
        eprintln!("verifying {entries} entries");
        let proven = Proven::write(bench, entries)?;
        taken.push(proven.verify(bench).await?);
        std::fs::remove_file(&proven.file)?;
        std::fs::remove_file(&proven.proof)?;
    }
    let [once, longer] = taken.as_slice() else {
        return Err("two files were not verified".into());
    };
    let seconds = once.cpu_seconds * 1e6 / float(entries);
    Ok(vec![
        Comparison::limited(
            "verifying a million offline",
            "CPU s",
            "details of 0.3 kB",
            Samples::one(seconds),
            CPU_SECONDS_MAX,
        ),
        Comparison {
            measure: "verifying, peak memory".into(),
            unit: "MiB",
            ours: comparison::Side::new("ten times as many", Samples::one(longer.mebibytes)),
            other: comparison::Side::new("a year", Samples::one(once.mebibytes)),
            goal: Some(MEMORY_RATIO_MAX),
        },
    ])
}

impl Proven {
    /// Writes the export of a whole log, as the service would.
    fn write(bench: &Workbench<'_>, entries: u64) -> Result<Self, Error> {
        let to = Clock::system().now().minus(Duration::from_hours(48));
        let mut year = Year::new(to, entries, Details::Small)?;
        let (file, proof) = (bench.file("year.jsonl"), bench.file("year.proof"));
        let lines = bench.file("year.lines");
        let mut rows = BufWriter::new(File::create(&file)?);
        let mut body = BufWriter::new(File::create(&lines)?);
        let mut tree = CompactRange::empty(0)?;
        while let Some(row) = year.next()? {
            let leaf = row.leaf(PARTNER)?;
            let salt = row.salt.ok_or("a row has no salt")?;
            tree.append(leaf)?;
            writeln!(rows, "{}", json_of(&row)?)?;
            let line = ExportLine::Row(RowProof {
                opening: Opening::Salt(salt),
                mark: leaf.mark(),
            });
            writeln!(body, "{line}")?;
        }
        rows.flush()?;
        writeln!(body, "f {}", verify::sha256(File::open(&file)?)?)?;
        body.flush()?;
        let (note, key) = sign(&tree, to)?;
        let mut whole = File::create(&proof)?;
        writeln!(whole, "{}", serde_json::to_string(&frame(to, note))?)?;
        io::copy(&mut File::open(&lines)?, &mut whole)?;
        std::fs::remove_file(lines)?;
        Ok(Self { file, proof, key })
    }

    /// Runs `verify`, whose exit code must be 0.
    async fn verify(&self, bench: &Workbench<'_>) -> Result<Taken, Error> {
        let mut command = bench.command(Program::Function("verify"), None);
        command.arg("export").args([&self.file, &self.proof]);
        let mut child = spawn(command.args(["--key", &self.key]))?;
        let mut mebibytes: f64 = 0.0;
        // A process that has ended has no memory any more, until it is waited for.
        while let Ok(peak) = peak_mebibytes(&child) {
            mebibytes = mebibytes.max(peak);
            sleep(Duration::from_millis(20)).await;
        }
        let cpu_seconds = cpu_seconds(&child)?;
        let status = child.wait().await?;
        if !status.success() {
            return Err(format!("verify: {status}").into());
        }
        Ok(Taken {
            cpu_seconds,
            mebibytes,
        })
    }
}

/// The row as a line of an export.
fn json_of(row: &Row) -> Result<Value, Error> {
    let moment = |millis| Moment::from_millis(millis).ok_or("a row has no moment");
    let mut entry = json!({
        "id": row.id,
        "partner_id": PARTNER,
        "recorded_at": moment(row.recorded_at)?,
        "occurred_at": moment(row.occurred_at)?,
        "action": row.action,
        "outcome": row.outcome,
        "customer": { "id": row.customer_id, "name": row.customer_name },
        "actor": { "id": row.actor_id, "name": row.actor_name, "kind": row.actor_kind },
    });
    let members = entry.as_object_mut().ok_or("an object is none")?;
    if let Some((kind, id)) = row.resource_type.as_ref().zip(row.resource_id.as_ref()) {
        members.insert("resource".into(), json!({ "type": kind, "id": id }));
    }
    if let Some(id) = &row.correlation_id {
        members.insert("correlation_id".into(), id.as_str().into());
    }
    if let Some(details) = &row.details {
        members.insert("details".into(), serde_json::from_str(details)?);
    }
    Ok(entry)
}

fn frame(to: Moment, note: String) -> ExportFrame {
    let nothing = || Side {
        count: 0,
        hashes: Vec::new(),
        neighbour: None,
    };
    ExportFrame {
        version: FrameVersion::V1,
        partner_id: PARTNER.to_owned(),
        format: RowFormat::Jsonl,
        order: RowOrder::Asc,
        from: "1970-01-01T00:00:00.000Z".to_owned(),
        to: to.to_string(),
        complete: true,
        before: nothing(),
        behind: nothing(),
        checkpoint: note,
    }
}

/// A checkpoint of the tree, and the key that signed it.
fn sign(tree: &CompactRange, sealed_to: Moment) -> Result<(String, String), Error> {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).map_err(|it| it.to_string())?;
    let key = VerifierKey::new(LOG_NAME, pair.public_key().as_ref().try_into()?)?;
    let text = Checkpoint {
        origin: Checkpoint::origin_of(LOG_NAME, PARTNER),
        size: tree.leaves().end,
        root: tree.root()?,
        extensions: vec![Checkpoint::sealed_to_line(sealed_to.as_millis())?],
    }
    .to_string();
    let signature = pair.sign(text.as_bytes()).as_ref().try_into()?;
    let note = Note::new(&text, &key, &signature)?;
    Ok((note.to_string(), key.to_string()))
}
