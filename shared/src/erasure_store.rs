//! The table of erasures; no other code knows it.

use aws_sdk_dynamodb::Client;

use crate::{
    ActivityId, Error, Moment, PartnerId,
    erasure::{
        ATTEMPTS_MAX, Erasure, ErasureKey, Progress, State, WorkerEvent, dispatch_again_before,
        lost_cause,
    },
    table::{self, Item, Table, Update, from_item, moment, number, text, to_item, to_value},
};

/// The erasures of all partners, in DynamoDB.
#[derive(Debug, Clone)]
pub struct ErasureStore {
    table: Table,
}

/// A worker's turn at an erasure, which ends when another one begins.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Which erasure.
    pub key: ErasureKey,
    epoch: u64,
}

impl ErasureStore {
    /// A store over `table`.
    pub fn new(client: Client, table: String) -> Self {
        let table = Table {
            client,
            name: table,
        };
        Self { table }
    }

    /// Stores a new erasure.
    pub async fn create(&self, key: &ErasureKey, erasure: &Erasure) -> Result<(), Error> {
        let mut item = to_item(erasure)?;
        item.extend(item_key(key));
        // Only a repetition of this put can be in the way of a random id.
        self.table.put_new(item).await?.or(Ok(()))
    }

    /// One erasure; none when absent or forgotten.
    pub async fn get(&self, key: &ErasureKey, now: Moment) -> Result<Option<Erasure>, Error> {
        let erasure: Option<Erasure> = self.table.get(item_key(key)).await?;
        Ok(erasure.filter(|erasure| erasure.expires_at > now.as_seconds()))
    }

    /// Claims the right to call a worker, at most once a minute.
    pub async fn claim_dispatch(&self, key: &ErasureKey, now: Moment) -> Result<bool, Error> {
        let update = active("active_at = :now")
            .when("active_at < :again_before")
            .value(":now", moment(now))
            .value(":again_before", moment(dispatch_again_before(now)));
        Ok(self.table.update(item_key(key), update).await?.is_ok())
    }

    /// Begins a worker's turn; none when there is nothing to do.
    ///
    /// The event's partner is only looked up: without such an item nothing is done.
    pub async fn begin(
        &self,
        event: &WorkerEvent,
        now: Moment,
    ) -> Result<Option<(Turn, Erasure)>, Error> {
        let partner_id = PartnerId::parse(&event.partner_id)
            .ok_or_else(|| Error::invalid("partner_id", "is no partner's id"))?;
        let key = ErasureKey {
            partner_id,
            id: event.erasure_id,
        };
        let update = active(
            "#state = :running, epoch = epoch + :one, attempts = attempts + :one, active_at = :now",
        )
        .value(":one", number(1))
        .value(":now", moment(now))
        .returning_it();
        let Ok(item) = self.table.update(item_key(&key), update).await? else {
            return Ok(None);
        };
        let erasure: Erasure = from_item(item)?;
        let epoch = erasure.epoch;
        let turn = Turn { key, epoch };
        if erasure.attempts > ATTEMPTS_MAX {
            self.fail(&turn).await?;
            return Ok(None);
        }
        Ok(Some((turn, erasure)))
    }

    /// Says how far the walk is; false when the turn is over.
    pub async fn checkpoint(
        &self,
        turn: &Turn,
        position: ActivityId,
        progress: Progress,
        now: Moment,
    ) -> Result<bool, Error> {
        let update = Update::new(
            "#position = :position, progress = :progress, attempts = :zero, active_at = :now",
        )
        .name("#position", "position")
        .value(":position", text(position.to_string()))
        .value(":progress", to_value(&progress)?)
        .value(":zero", number(0))
        .value(":now", moment(now));
        self.update_turn(turn, update).await
    }

    /// The whole log was walked; false when the turn is over.
    pub async fn finish(
        &self,
        turn: &Turn,
        progress: Progress,
        now: Moment,
    ) -> Result<bool, Error> {
        let update = Update::new("#state = :done, progress = :progress, finished_at = :now")
            .state(":done", State::Done.as_str())
            .value(":progress", to_value(&progress)?)
            .value(":now", moment(now));
        self.update_turn(turn, update).await
    }

    async fn fail(&self, turn: &Turn) -> Result<bool, Error> {
        let update = Update::new("#state = :failed, failure = :failure")
            .state(":failed", State::Failed.as_str())
            .value(":failure", to_value(&lost_cause())?);
        self.update_turn(turn, update).await
    }

    async fn update_turn(&self, turn: &Turn, update: Update) -> Result<bool, Error> {
        let update = update
            .when("#state = :running")
            .when("epoch = :epoch")
            .state(":running", State::Running.as_str())
            .value(":epoch", table::count(turn.epoch));
        let updated = self.table.update(item_key(&turn.key), update).await?;
        Ok(updated.is_ok())
    }
}

/// An update of an erasure that is not over.
fn active(assignments: &str) -> Update {
    Update::new(assignments)
        .when("#state IN (:queued, :running)")
        .state(":queued", State::Queued.as_str())
        .state(":running", State::Running.as_str())
}

fn item_key(key: &ErasureKey) -> Item {
    table::key(&key.partner_id, key.id)
}
