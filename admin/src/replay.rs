//! `admin replay`: sends again what logs have, as the events that told of it first.
//!
//! For what was not sent in time, and for whoever listens only now. It reads the logs
//! themselves, so what was erased or has ended since is not in the events.

use std::time::Duration;

use activity_log::{Effort, Log, Page, Question, Recorded, Signed};
use aws_config::SdkConfig;
use events::{Bus, Delivery, Event, Telling};
use shared::{
    ActivityId, ActivityStore, Clock, Config, Filter, Moment, Order, PartnerId, TimeRange,
    aws::{
        activities::{RangeQuery, Streamed, StreamedCheckpoint},
        archive::{ArchiveStore, Registry, partner_id},
        sdk,
    },
    model::recorded::RecordedRange,
};

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
    /// How many partners have a log.
    pub partners: usize,
    /// How many events were sent.
    pub events: usize,
}

/// What a replay works with.
struct Player<'a> {
    log: Log,
    bus: Bus,
    telling: Telling,
    clock: &'a Clock,
    range: TimeRange,
    recorded: Option<RecordedRange>,
}

fn moment(text: &str) -> Result<Moment, String> {
    text.parse()
        .map_err(|_| "must be a moment such as 2026-11-27T08:00:00Z".to_owned())
}

impl Replay {
    /// Sends partner by partner, oldest entries first; sending again changes nothing for who
    /// knows the events by their ids.
    pub async fn run(
        &self,
        sdk: &SdkConfig,
        config: &Config,
        clock: &Clock,
    ) -> Result<Replayed, Error> {
        let player = self.player(sdk, config, clock)?;
        let mut done = Replayed::default();
        for partner in self.partners(sdk, config).await? {
            let events = player.play(&partner).await?;
            eprintln!("{partner}: {events} events were sent");
            done.partners += 1;
            done.events += events;
        }
        Ok(done)
    }

    fn player<'a>(
        &self,
        sdk: &SdkConfig,
        config: &Config,
        clock: &'a Clock,
    ) -> Result<Player<'a>, Error> {
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
        Ok(Player {
            log: Log::new(ActivityStore::new(dynamodb, config), Some(archive)),
            bus: Bus::new(sdk, stream.bus.clone()),
            telling: Telling::new(config, stream.format),
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

impl Player<'_> {
    /// Sends the events of one log; returns how many.
    async fn play(&self, partner: &PartnerId) -> Result<usize, Error> {
        let recorded = match self.recorded {
            None => None,
            Some(range) => Some(self.log.recorded(partner, &self.range, range, true).await?),
        };
        let (mut events, mut after, mut failures) = (0, None, 0);
        loop {
            match self.play_on(partner, recorded.as_ref(), after).await {
                Ok((sent, resume_after)) => {
                    (events, failures) = (events + sent, 0);
                    after = resume_after;
                    if after.is_none() {
                        break;
                    }
                }
                Err(source) if failures + 1 == ATTEMPTS_MAX => {
                    let from = after.map_or(self.range.from(), ActivityId::occurred_at);
                    let partner = partner.to_string();
                    return Err(Error::Replay {
                        partner,
                        from,
                        source,
                    });
                }
                Err(_) => {
                    tokio::time::sleep(PAUSE * 2_u32.pow(failures)).await;
                    failures += 1;
                }
            }
        }
        if let Some(signed) = self.log.checkpoint(partner).await? {
            events += self.send(self.checkpoint(partner, &signed)?).await?;
        }
        Ok(events)
    }

    /// Reads and sends what comes after an entry; returns how many events, and after which entry
    /// it goes on.
    async fn play_on(
        &self,
        partner: &PartnerId,
        recorded: Option<&Recorded>,
        after: Option<ActivityId>,
    ) -> Result<(usize, Option<ActivityId>), shared::Error> {
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
        let Some(page) = self.log.walk(&question, after, EFFORT).next(1).await? else {
            return Ok((0, None));
        };
        let resume_after = page.resume_after;
        let sent = self.send(self.events(page, question)?).await?;
        Ok((sent, resume_after))
    }

    fn events(&self, page: Page, question: Question<'_>) -> Result<Vec<Event>, shared::Error> {
        let mut events = Vec::new();
        for stored in page.activities(question) {
            events.extend(self.telling.events(Streamed::Entry(Box::new(stored?)))?);
        }
        Ok(events)
    }

    async fn send(&self, events: Vec<Event>) -> Result<usize, shared::Error> {
        for delivery in self.bus.send(&events).await {
            match delivery {
                Delivery::Done => {}
                Delivery::Refused(reason) => {
                    return Err(shared::Error::internal("sending an event", reason));
                }
                Delivery::Failed(error) => return Err(error),
            }
        }
        Ok(events.len())
    }

    fn checkpoint(
        &self,
        partner: &PartnerId,
        signed: &Signed,
    ) -> Result<Vec<Event>, shared::Error> {
        let checkpoint = StreamedCheckpoint {
            partner_id: partner.clone(),
            size: signed.checkpoint.size,
            sealed_to: signed.sealed_to().unwrap_or(Moment::MIN),
            note: signed.note.to_string(),
        };
        self.telling.events(Streamed::Checkpoint(checkpoint))
    }
}
