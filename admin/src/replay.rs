//! `admin replay`: sends again what logs have, as the events that told of it first.
//!
//! For what was not sent in time, and for whoever listens only now. It reads the logs
//! themselves, so what was erased or has ended since is not in the events.

use std::time::Duration;

use activity_log::{Effort, Log, Page, Question, Recorded};
use aws_config::SdkConfig;
use events::{Bus, Delivery, Event, EventMaker};
use shared::{
    ActivityId, ActivityStore, Clock, Config, Filter, Moment, Order, PartnerId, TimeRange,
    aws::{
        activities::{RangeQuery, Streamed, StreamedCheckpoint},
        archive::{ArchiveStore, Registry, partner_id},
        sdk,
    },
    model::{recorded::RecordedRange, stream::FORWARDED_WITHIN},
};
use tokio::time::timeout;

use crate::Error;

/// How many entries are read, and sent at once: soon after they were read, so that nothing
/// is sent that was erased long before.
const EFFORT: Effort = Effort {
    pages: usize::MAX,
    page_limit: 100,
    wanted: 100,
    until: None,
};

/// How often something is sent at most, and the pause before the second time.
const ATTEMPTS_MAX: u32 = 8;
const PAUSE: Duration = Duration::from_secs(1);

/// Sends entries and the last checkpoint of each log to the bus of `EVENT_BUS`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Replay {
    /// The partner; without it, all partners who have a log
    #[arg(long)]
    pub partner: Option<String>,
    /// Only what happened at this moment or later, such as `2026-11-27T08:00:00Z`
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub from: Option<Moment>,
    /// Only what happened before this moment
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub to: Option<Moment>,
    /// Only what was recorded at this moment or later, whenever it happened
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub recorded_from: Option<Moment>,
    /// Only what was recorded before this moment
    #[arg(long, value_name = "MOMENT", value_parser = moment, requires = "recorded_from")]
    pub recorded_to: Option<Moment>,
}

/// What was sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// How many partners' logs were read to their end.
    pub partners: usize,
    /// How many events were sent.
    pub events: usize,
    /// How many entries can't be sent, because they are damaged or the bus refuses them.
    pub not_sent: usize,
}

/// What a replay works with.
struct Replayer<'a> {
    log: Log,
    bus: Bus,
    events: EventMaker,
    clock: &'a Clock,
    range: TimeRange,
    recorded: Option<RecordedRange>,
}

/// What became of some entries.
#[derive(Debug, Default, Clone, Copy)]
struct Sent {
    events: usize,
    not_sent: usize,
}

/// Where a replay of a log ended early, and why.
struct Interrupted {
    from: Moment,
    source: shared::Error,
}

fn moment(text: &str) -> Result<Moment, String> {
    text.parse()
        .map_err(|_| "must be a moment such as 2026-11-27T08:00:00Z".to_owned())
}

impl Replay {
    /// Sends partner by partner, oldest entries first; sending again changes nothing for who
    /// knows the events by their ids.
    ///
    /// A partner whose log can't be sent does not stop the others; it is an error at the end.
    pub async fn run(
        &self,
        sdk: &SdkConfig,
        config: &Config,
        clock: &Clock,
    ) -> Result<Replayed, Error> {
        let replayer = self.replayer(sdk, config, clock)?;
        let (mut done, mut interrupted) = (Replayed::default(), Vec::new());
        for partner in self.partners(sdk, config).await? {
            match replayer.replay(&partner).await {
                Ok(sent) => {
                    let Sent { events, not_sent } = sent;
                    eprintln!("{partner}: {events} events were sent, {not_sent} entries can't be");
                    done.partners += 1;
                    done.events += events;
                    done.not_sent += not_sent;
                }
                Err(Interrupted { from, source }) => {
                    let reason = source.chain();
                    let rest = self.rest(&partner, from);
                    eprintln!("{partner}: {reason}; the rest of it: admin replay {rest}");
                    interrupted.push(partner.to_string());
                }
            }
        }
        if interrupted.is_empty() {
            return Ok(done);
        }
        Err(Error::Interrupted(interrupted))
    }

    /// The flags with which the rest of a log is sent.
    fn rest(&self, partner: &PartnerId, from: Moment) -> String {
        let flag = |name: &str, moment: Option<Moment>| {
            moment
                .map(|moment| format!(" --{name} {moment}"))
                .unwrap_or_default()
        };
        let others = [
            flag("to", self.to),
            flag("recorded-from", self.recorded_from),
            flag("recorded-to", self.recorded_to),
        ];
        format!("--partner {partner} --from {from}{}", others.concat())
    }

    fn replayer<'a>(
        &self,
        sdk: &SdkConfig,
        config: &Config,
        clock: &'a Clock,
    ) -> Result<Replayer<'a>, Error> {
        let stream = config.stream.as_ref().ok_or(Error::NoStream)?;
        let (from, to) = (
            self.from.unwrap_or(Moment::MIN),
            self.to.unwrap_or(Moment::MAX),
        );
        let recorded = |from| RecordedRange::since(from, clock.now());
        let mut recorded = self.recorded_from.map(recorded);
        if let (Some(range), Some(to)) = (recorded, self.recorded_to) {
            let end = range.to().min(to);
            recorded = Some(range.ending_at(end).ok_or(Error::Backwards)?);
        }
        let dynamodb = sdk::dynamodb(sdk);
        let archive = ArchiveStore::configured(sdk, dynamodb.clone(), config);
        Ok(Replayer {
            log: Log::new(ActivityStore::new(dynamodb, config), Some(archive)),
            bus: Bus::new(sdk, stream.bus.clone()),
            events: EventMaker::new(config, stream.format),
            clock,
            range: TimeRange::new(from, to).ok_or(Error::Backwards)?,
            recorded,
        })
    }

    async fn partners(&self, sdk: &SdkConfig, config: &Config) -> Result<Vec<PartnerId>, Error> {
        if let Some(partner) = &self.partner {
            return Ok(vec![partner_id(partner)?]);
        }
        let registry = Registry::new(sdk::dynamodb(sdk), config.archive_table.clone());
        Ok(registry.all().await?)
    }
}

impl Replayer<'_> {
    /// Sends the events of one log, and its last checkpoint.
    async fn replay(&self, partner: &PartnerId) -> Result<Sent, Interrupted> {
        let from = self.range.from();
        let recorded = repeated(from, async || self.recorded(partner).await).await?;
        let (mut sent, mut after) = (Sent::default(), None);
        loop {
            let from = after.map_or(from, ActivityId::occurred_at);
            let next = async || self.send_next(partner, recorded.as_ref(), after).await;
            let (more, resume_after) = repeated(from, next).await?;
            sent = sent.and(more);
            after = resume_after;
            if after.is_none() {
                break;
            }
        }
        let end = self.range.to();
        Ok(sent.and(repeated(end, async || self.send_checkpoint(partner).await).await?))
    }

    async fn recorded(&self, partner: &PartnerId) -> Result<Option<Recorded>, shared::Error> {
        match self.recorded {
            None => Ok(None),
            Some(range) => {
                let found = self.log.recorded(partner, &self.range, range, true);
                found.await.map(Some)
            }
        }
    }

    /// Reads and sends what comes after an entry; returns after which entry it goes on.
    ///
    /// What was read is sent soon or not at all: it may be erased meanwhile.
    async fn send_next(
        &self,
        partner: &PartnerId,
        recorded: Option<&Recorded>,
        after: Option<ActivityId>,
    ) -> Result<(Sent, Option<ActivityId>), shared::Error> {
        let filter = Filter::default();
        let query = RangeQuery {
            range: self.range,
            order: Order::Asc,
            with_details: true,
            eventual: false,
        };
        let question = Question {
            recorded,
            ..Question::new(partner, query, &filter, self.clock.now())
        };
        let read_and_send = async {
            let Some(page) = self.log.walk(&question, after, EFFORT).next(1).await? else {
                return Ok((Sent::default(), None));
            };
            let resume_after = page.resume_after;
            Ok((self.send(page, question).await?, resume_after))
        };
        let sent = timeout(FORWARDED_WITHIN, read_and_send).await;
        sent.unwrap_or_else(|late| Err(shared::Error::Unavailable(late.into())))
    }

    async fn send(&self, page: Page, question: Question<'_>) -> Result<Sent, shared::Error> {
        let (mut events, mut not_sent) = (Vec::new(), 0);
        for stored in page.activities(question) {
            let made = stored.and_then(|stored| self.events.of(Streamed::Entry(Box::new(stored))));
            match made {
                Ok(made) => events.extend(made),
                Err(error) => {
                    eprintln!("{}: {}", question.partner, error.chain());
                    not_sent += 1;
                }
            }
        }
        let sent = self.send_events(&events).await?;
        Ok(sent.and(Sent {
            events: 0,
            not_sent,
        }))
    }

    async fn send_checkpoint(&self, partner: &PartnerId) -> Result<Sent, shared::Error> {
        let Some(signed) = self.log.checkpoint(partner).await? else {
            return Ok(Sent::default());
        };
        let checkpoint = StreamedCheckpoint {
            partner_id: partner.clone(),
            size: signed.checkpoint.size,
            sealed_to: signed.sealed_to().unwrap_or(Moment::MIN),
            note: signed.note.to_string(),
        };
        let events = self.events.of(Streamed::Checkpoint(checkpoint))?;
        self.send_events(&events).await
    }

    async fn send_events(&self, events: &[Event]) -> Result<Sent, shared::Error> {
        let mut sent = Sent::default();
        for delivery in self.bus.send(events).await {
            match delivery {
                Delivery::Done => sent.events += 1,
                Delivery::Refused(reason) => {
                    eprintln!("an event was refused: {reason}");
                    sent.not_sent += 1;
                }
                Delivery::Failed(error) => return Err(error),
            }
        }
        Ok(sent)
    }
}

impl Sent {
    fn and(self, other: Self) -> Self {
        Self {
            events: self.events + other.events,
            not_sent: self.not_sent + other.not_sent,
        }
    }
}

/// Does something until it succeeds, a few times; `from` says where to go on otherwise.
async fn repeated<T>(
    from: Moment,
    mut work: impl AsyncFnMut() -> Result<T, shared::Error>,
) -> Result<T, Interrupted> {
    let mut failures = 0;
    loop {
        match work().await {
            Ok(done) => return Ok(done),
            Err(source) if failures + 1 == ATTEMPTS_MAX => {
                return Err(Interrupted { from, source });
            }
            Err(_) => {
                tokio::time::sleep(PAUSE * 2_u32.pow(failures)).await;
                failures += 1;
            }
        }
    }
}
