//! Query pages, rows, parts: three stages that wait for each other.
//!
//! Between the stages lie channels of one place, so that memory holds at most
//! three pages and three parts, and a slow bucket slows the reading.

use shared::{
    Error, Export,
    export::{Failure, Progress},
    export_store::Lease,
    store::{Reading, Slice, Stored},
};
use tokio::sync::{mpsc, watch};

use crate::{
    App, Stop,
    csv::Encoder,
    upload::{PART_BYTES, PARTS_MAX, Upload},
};

/// A file that is wholly in the bucket.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// A part of the file; the last one may be empty.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) bytes: Vec<u8>,
    pub(crate) reached: Reached,
}

/// How far the file reaches with a part.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reached {
    pub(crate) rows: u64,
    pub(crate) fraction: f64,
}

/// Writes the whole file of an export.
pub(crate) async fn write(
    app: &App,
    lease: &Lease,
    export: &Export,
    progress: &watch::Sender<Progress>,
) -> Result<Written, Stop> {
    let (slices_in, slices) = mpsc::channel(1);
    let (parts_in, parts) = mpsc::channel(1);
    let read = read(app, lease, export, slices_in);
    let encode = encode(export, slices, parts_in);
    let upload = Upload::new(app, lease, export, progress).run(parts);
    let ((), (), written) = tokio::try_join!(read, encode, upload)?;
    Ok(written)
}

async fn read(
    app: &App,
    lease: &Lease,
    export: &Export,
    slices: mpsc::Sender<Slice>,
) -> Result<(), Stop> {
    let reading = Reading {
        range: export.range,
        order: export.request.filter.order,
        with_details: true,
        settled: export.settled,
    };
    let mut resume_after = None;
    loop {
        let partner = &lease.key.partner_id;
        let limit = shared::ActivityStore::SLICE_MAX;
        let slice = app
            .activities
            .query(partner, &reading, resume_after, limit)
            .await?;
        resume_after = slice.resume_after;
        // The receiver is gone only when another stage failed, which says why.
        if slices.send(slice).await.is_err() || resume_after.is_none() {
            return Ok(());
        }
    }
}

async fn encode(
    export: &Export,
    mut slices: mpsc::Receiver<Slice>,
    parts: mpsc::Sender<Part>,
) -> Result<(), Stop> {
    let mut encoder = Encoder::new(&export.request).map_err(unencodable)?;
    let mut reached = Reached::default();
    let mut sent = 0;
    while let Some(slice) = slices.recv().await {
        for stored in slice.activities() {
            let stored = stored?;
            if !holds(export, &stored) {
                continue;
            }
            let waiting = encoder.row(&stored.activity).map_err(unencodable)?;
            reached = Reached {
                rows: reached.rows + 1,
                fraction: fraction(export, &stored),
            };
            if waiting < PART_BYTES {
                continue;
            }
            sent += 1;
            if sent == PARTS_MAX {
                return Err(Stop::Impossible(too_large()));
            }
            // The receiver is gone only when the upload failed, which says why.
            let part = Part {
                bytes: encoder.take().map_err(unencodable)?,
                reached,
            };
            if parts.send(part).await.is_err() {
                return Ok(());
            }
        }
    }
    reached.fraction = 1.0;
    let last = Part {
        bytes: encoder.take().map_err(unencodable)?,
        reached,
    };
    let _ = parts.send(last).await;
    Ok(())
}

fn unencodable(error: impl Into<shared::error::Source>) -> Error {
    Error::internal("encoding a row", error)
}

/// Whether the export holds this activity: stored by its `as_of`, not expired
/// then, and wanted.
fn holds(export: &Export, stored: &Stored) -> bool {
    stored.activity.recorded_at <= export.as_of
        && !stored.is_expired(export.as_of)
        && export.request.filter.matches(&stored.activity.content)
}

/// How far into the part of the range that has happened an activity lies.
#[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
fn fraction(export: &Export, stored: &Stored) -> f64 {
    let from = export.range.from().as_millis();
    let to = export.range.to().min(export.as_of).as_millis();
    let at = stored.activity.content.occurred_at.as_millis();
    let done = match export.request.filter.order {
        shared::Order::Asc => at - from,
        shared::Order::Desc => to - at,
    };
    (done as f64 / (to - from).max(1) as f64).clamp(0.0, 1.0)
}

fn too_large() -> Failure {
    Failure {
        code: "too_large".into(),
        detail: "The file would have more than 80 GB. Export a shorter range.".into(),
    }
}
