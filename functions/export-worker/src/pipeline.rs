//! Query pages, rows, parts: the stages overlap and wait for each other.
//!
//! While a part is uploaded the next one is encoded, and while a page is
//! encoded the next one is read. Memory holds at most two parts and three
//! pages, and a slow bucket slows the reading.

use jiff::SignedDuration;
use shared::{
    ActivityId, Error, Export, Moment, Order,
    export::{Failure, Progress},
    export_store::Lease,
    store::{Reading, Slice, Stored},
};
use tokio::sync::{mpsc, watch};

use crate::{
    App, Stop,
    csv::Encoder,
    upload::{Begun, PART_BYTES, PARTS_MAX, Upload},
};

/// A file that is wholly in the bucket.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// A part of the file.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) bytes: Vec<u8>,
    /// Rows of the file up to here.
    pub(crate) rows: u64,
    /// How far into the range the file reaches with it.
    pub(crate) fraction: f64,
    /// The last activity of the file up to here.
    pub(crate) position: Option<ActivityId>,
    /// Whether the file ends here; the last part may be empty.
    pub(crate) is_last: bool,
}

/// Writes the file of an export, or the rest of it.
pub(crate) async fn write(
    app: &App,
    lease: &Lease,
    export: &Export,
    begun: Option<Begun>,
    progress: &watch::Sender<Progress>,
    hand_on_at: Moment,
) -> Result<Written, Stop> {
    let after = begun.as_ref().map(|begun| begun.checkpoint.position);
    let (sender, slices) = mpsc::channel(1);
    let parts = Parts::new(export, app.config.retention, begun.as_ref(), slices)?;
    let upload = Upload::new(app, lease, progress, hand_on_at).run(begun, parts);
    let ((), written) = tokio::try_join!(read(app, lease, export, after, sender), upload)?;
    Ok(written)
}

async fn read(
    app: &App,
    lease: &Lease,
    export: &Export,
    mut resume_after: Option<ActivityId>,
    slices: mpsc::Sender<Slice>,
) -> Result<(), Stop> {
    let reading = Reading {
        range: export.range,
        order: export.request.filter.order,
        with_details: true,
        settled: export.settled,
    };
    loop {
        let partner = &lease.key.partner_id;
        let limit = shared::ActivityStore::SLICE_MAX;
        let slice = app
            .activities
            .query(partner, &reading, resume_after, limit)
            .await?;
        resume_after = slice.resume_after;
        // The receiver is gone only when the upload failed, which says why.
        if slices.send(slice).await.is_err() || resume_after.is_none() {
            return Ok(());
        }
    }
}

/// The parts of an export's file, encoded as they are asked for.
pub(crate) struct Parts<'a> {
    export: &'a Export,
    slices: mpsc::Receiver<Slice>,
    slice: Box<dyn Iterator<Item = Result<Stored, Error>> + Send>,
    encoder: Encoder,
    count: usize,
    rows: u64,
    fraction: f64,
    position: Option<ActivityId>,
    lived: (Moment, Moment),
}

impl<'a> Parts<'a> {
    fn new(
        export: &'a Export,
        retention: Option<SignedDuration>,
        begun: Option<&Begun>,
        slices: mpsc::Receiver<Slice>,
    ) -> Result<Self, Error> {
        let mut encoder = Encoder::new(&export.request);
        if begun.is_none() {
            encoder.begin(export.request.locale).map_err(unencodable)?;
        }
        Ok(Self {
            export,
            slices,
            slice: Box::new(std::iter::empty()),
            encoder,
            count: begun.map_or(0, Begun::parts),
            rows: begun.map_or(0, |begun| begun.checkpoint.rows),
            fraction: export.progress.fraction,
            position: begun.map(|begun| begun.checkpoint.position),
            lived: lived(export, retention),
        })
    }

    /// The next part, which ends with the row that makes it large enough.
    pub(crate) async fn next(&mut self) -> Result<Part, Stop> {
        self.count += 1;
        loop {
            for stored in self.slice.by_ref() {
                let stored = stored?;
                if !holds(self.export, &stored) {
                    continue;
                }
                let waiting = self.encoder.row(&stored.activity).map_err(unencodable)?;
                self.rows += 1;
                let at = stored.activity.content.occurred_at;
                self.fraction = fraction(self.lived, self.export.request.filter.order, at);
                self.position = Some(stored.activity.id);
                if waiting >= PART_BYTES {
                    return self.part(false);
                }
            }
            match self.slices.recv().await {
                Some(slice) => self.slice = Box::new(slice.activities()),
                None => return self.part(true),
            }
        }
    }

    fn part(&mut self, is_last: bool) -> Result<Part, Stop> {
        if self.count > PARTS_MAX {
            return Err(Stop::Impossible(too_large()));
        }
        Ok(Part {
            bytes: self.encoder.take().map_err(unencodable)?,
            rows: self.rows,
            position: self.position,
            fraction: if is_last { 1.0 } else { self.fraction },
            is_last,
        })
    }
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

/// The part of the range that can hold anything: what has happened by `as_of`
/// and is not expired then.
fn lived(export: &Export, retention: Option<SignedDuration>) -> (Moment, Moment) {
    let oldest = retention.map(|retention| export.as_of.minus(retention));
    let from = export.range.from();
    (
        oldest.map_or(from, |oldest| oldest.max(from)),
        export.range.to().min(export.as_of),
    )
}

/// How far into that part an activity lies.
#[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
fn fraction((from, to): (Moment, Moment), order: Order, at: Moment) -> f64 {
    let done = match order {
        Order::Asc => at.as_millis() - from.as_millis(),
        Order::Desc => to.as_millis() - at.as_millis(),
    };
    let all = (to.as_millis() - from.as_millis()).max(1);
    (done as f64 / all as f64).clamp(0.0, 1.0)
}

fn too_large() -> Failure {
    Failure {
        code: "too_large".into(),
        detail: "The file would have more than 80 GB. Export a shorter range.".into(),
    }
}
