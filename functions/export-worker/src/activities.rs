//! The activities of an export, in order: reads pages ahead and filters them.

use std::time::Duration;

use activity_log::{Effort, Entry, Page, Question, Recorded, Walk};
use proof::{Hash, RowProof};
use shared::{
    Activity, ActivityId, ActivityStore, Error, Export, Moment, Order,
    aws::activities::{RangeQuery, Stored},
};
use tokio::sync::mpsc;

use crate::context::{Context, Stop, require_held};

/// Reads as far as the range goes, a page at a time.
const EFFORT: Effort = Effort {
    pages: usize::MAX,
    page_limit: ActivityStore::QUERY_PAGE_MAX,
    wanted: usize::MAX,
    until: None,
};

/// Where the activities are that were recorded in a time, if the export asks for these.
pub(crate) async fn recorded(context: &Context<'_>) -> Result<Option<Recorded>, Error> {
    let export = context.export;
    let Some(recorded) = export.recorded() else {
        return Ok(None);
    };
    let (partner, log) = (&context.lease.key.partner_id, &context.app.log);
    let recorded = log.recorded(partner, &export.range, recorded, true);
    recorded.await.map(Some)
}

/// The activities that an export asks for, apart from those recorded after its `as_of`.
pub(crate) fn question<'a>(context: &Context<'a>, recorded: Option<&'a Recorded>) -> Question<'a> {
    let export = context.export;
    Question {
        recorded,
        is_proving: export.request.proof,
        ..Question::new(
            &context.lease.key.partner_id,
            RangeQuery {
                range: export.range,
                order: export.request.filter.order,
                with_details: true,
                eventual: export.range.to() < context.app.config.too_late_before(export.as_of),
            },
            &export.request.filter,
            export.as_of,
        )
    }
}

/// Reads page after page into the channel, until the end of the range, an error,
/// or the end of the receiver.
///
/// While a page is encoded, the next one is read.
pub(crate) async fn read_pages(
    context: &Context<'_>,
    question: &Question<'_>,
    resume_after: Option<ActivityId>,
    pages: mpsc::Sender<Result<Page, Stop>>,
) {
    let mut walk = context.app.log.walk(question, resume_after, EFFORT);
    // A page is only read when the channel has room for it, so at most two pages
    // are in memory: one is encoded, one waits.
    while let Ok(room) = pages.reserve().await {
        let Some(page) = read_page(context, &mut walk).await.transpose() else {
            return;
        };
        let is_last = page
            .as_ref()
            .map_or(true, |page| page.resume_after.is_none());
        room.send(page);
        if is_last {
            return;
        }
    }
}

/// Reads a page and checks that this worker still has the export.
async fn read_page(context: &Context<'_>, walk: &mut Walk<'_>) -> Result<Option<Page>, Stop> {
    let status = context.app.exports.lease_status(context.lease);
    let (page, status) = tokio::try_join!(walk.next(1), status)?;
    require_held(status)?;
    Ok(page)
}

/// What comes next in the range.
#[expect(
    clippy::large_enum_variant,
    reason = "a box would be an allocation for each row"
)]
pub(crate) enum Step {
    /// An activity that belongs in the file, with what proves it if that was asked for.
    Activity(Activity, Option<Proven>),
    /// An entry of the log that is not in a file with a proof: its index and its leaf's hash.
    LeftOut(u64, Hash),
    /// The end of a page that another page follows; here the worker can hand over.
    EndOfPage,
    /// The end of the range.
    EndOfRange,
}

/// What proves an activity of the file.
#[derive(Debug)]
pub(crate) struct Proven {
    pub(crate) index: u64,
    pub(crate) row: RowProof,
}

/// What was read of the log.
enum Read {
    Activity(Stored),
    Entry(Entry),
}

/// The activities of an export; each one is decoded when it is asked for.
pub(crate) struct Activities<'a> {
    question: Question<'a>,
    as_of: Moment,
    pages: mpsc::Receiver<Result<Page, Stop>>,
    page: Box<dyn Iterator<Item = Result<Read, Error>> + Send + 'a>,
    /// The position after the current page; none if the range ends with it.
    page_end: Option<ActivityId>,
    /// The part of the range in which there can be activities, to estimate the progress.
    span: (Moment, Moment),
    /// The last activity that was read.
    pub(crate) position: Option<ActivityId>,
    /// Which fraction of the range was read.
    pub(crate) fraction: f64,
}

impl<'a> Activities<'a> {
    pub(crate) fn new(
        context: &Context<'_>,
        question: Question<'a>,
        position: Option<ActivityId>,
        pages: mpsc::Receiver<Result<Page, Stop>>,
    ) -> Self {
        Self {
            question,
            as_of: context.export.as_of,
            pages,
            page: Box::new(std::iter::empty()),
            page_end: None,
            span: possible_span(context.export, context.app.config.retention),
            position,
            fraction: context.export.progress.fraction,
        }
    }

    pub(crate) async fn next(&mut self) -> Result<Step, Stop> {
        loop {
            while let Some(read) = self.page.next().transpose()? {
                if let Some(step) = self.step(read)? {
                    return Ok(step);
                }
            }
            if let Some(position) = self.page_end.take() {
                self.reach(position);
                return Ok(Step::EndOfPage);
            }
            let Some(page) = self.pages.recv().await else {
                self.fraction = 1.0;
                return Ok(Step::EndOfRange);
            };
            let page = page?;
            self.page_end = page.resume_after;
            self.page = if self.question.is_proving {
                Box::new(page.entries().into_iter().map(Read::Entry).map(Ok))
            } else {
                let activities = page.activities(self.question);
                Box::new(activities.map(|stored| stored.map(Read::Activity)))
            };
        }
    }

    /// What was read as a step; none if it was recorded after the export was requested.
    fn step(&mut self, read: Read) -> Result<Option<Step>, Error> {
        match read {
            Read::Activity(stored) => {
                self.reach(stored.activity.id);
                let is_known = stored.activity.recorded_at <= self.as_of;
                let activity = is_known.then(|| stored.into_whole()).transpose()?;
                Ok(activity.map(|activity| Step::Activity(activity, None)))
            }
            Read::Entry(entry) => {
                self.reach(entry.stored.activity.id);
                entry_step(entry).map(Some)
            }
        }
    }

    fn reach(&mut self, position: ActivityId) {
        self.position = Some(position);
        let order = self.question.query.order;
        self.fraction = fraction_read(self.span, order, position.occurred_at());
    }
}

fn entry_step(entry: Entry) -> Result<Step, Error> {
    let Entry {
        index,
        leaf,
        stored,
        is_wanted,
    } = entry;
    if !is_wanted {
        return Ok(Step::LeftOut(index, leaf));
    }
    let unproven = || Error::internal("proving a row", "it has neither salt nor commitment");
    let row = RowProof {
        opening: stored.opening.ok_or_else(unproven)?,
        mark: leaf.mark(),
    };
    let proven = Some(Proven { index, row });
    Ok(Step::Activity(stored.into_whole()?, proven))
}

/// The part of the range in which there can be activities: nothing happens after
/// `as_of`, and what is older than the retention has expired.
fn possible_span(export: &Export, retention: Option<Duration>) -> (Moment, Moment) {
    let oldest = retention.map(|retention| export.as_of.minus(retention));
    let from = export.range.from();
    (
        oldest.map_or(from, |oldest| oldest.max(from)),
        export.range.to().min(export.as_of),
    )
}

/// Which fraction of the span was read when the reading is at `at`.
#[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
fn fraction_read((from, to): (Moment, Moment), order: Order, at: Moment) -> f64 {
    let done = match order {
        Order::Asc => at.as_millis() - from.as_millis(),
        Order::Desc => to.as_millis() - at.as_millis(),
    };
    let all = (to.as_millis() - from.as_millis()).max(1);
    (done as f64 / all as f64).clamp(0.0, 1.0)
}
