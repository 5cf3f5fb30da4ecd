//! The table of erasures; no other code knows it.

use aws_sdk_dynamodb::Client;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{
    ActivityId, ErasureId, Error, Moment, PartnerId,
    aws::table::{
        self, Item, Table, Update, from_item, item_in_the_way, moment, number, text, to_item,
        to_value,
    },
    model::erasure::{
        AGE_MAX, Erasure, ErasureKey, Progress, State, WorkerEvent, dispatch_again_before,
    },
    model::export::Failure,
};

/// How long a worker has an erasure unless it gets on.
const LEASE: SignedDuration = SignedDuration::from_secs(45);

/// So long an erasure may be about to be stored after it took the place.
const CREATING: SignedDuration = SignedDuration::from_mins(1);

/// How long the item of the place stays; no erasure takes so long.
const PLACE_LIFETIME: SignedDuration = SignedDuration::from_hours(48);

/// The erasures of all partners, in DynamoDB.
#[derive(Debug, Clone)]
pub struct ErasureStore {
    table: Table,
}

/// A worker's turn at an erasure.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Which erasure.
    pub key: ErasureKey,
    epoch: u64,
}

/// The one place that a partner has for an erasure under way.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    partition_key: String,
    sort_key: String,
    erasure_id: String,
    expires_at: i64,
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

    /// Opens the connection; see [`crate::aws::sdk::open`].
    pub async fn open(&self) {
        self.table.open().await;
    }

    /// Takes the partner's place for an erasure, or answers which one has it.
    ///
    /// Nobody gives the place back, so it can't be lost: it is free once the
    /// erasure that has it is over.
    pub async fn take_place(
        &self,
        key: &ErasureKey,
        now: Moment,
    ) -> Result<Option<(ErasureKey, Option<Erasure>)>, Error> {
        let mut free = key.id.to_string();
        loop {
            let Some(taken_by) = self.put_place(key, &free, now).await? else {
                return Ok(None);
            };
            let id = ErasureId::try_from(taken_by.as_str())?;
            let other = ErasureKey {
                partner_id: key.partner_id.clone(),
                id,
            };
            let erasure = self.get(&other, now).await?;
            let is_new = || {
                // Machines' clocks differ, so it may also be a little ahead.
                let near = now.minus(CREATING)..now.plus(CREATING);
                id.created_at().is_some_and(|at| near.contains(&at))
            };
            let is_active = erasure
                .as_ref()
                .map_or_else(is_new, |erasure| erasure.state(now).is_active());
            if is_active {
                return Ok(Some((other, erasure)));
            }
            free = taken_by;
        }
    }

    /// Puts the place's item if there is none, or one of this or a `free`
    /// erasure; answers the erasure that is in the way.
    async fn put_place(
        &self,
        key: &ErasureKey,
        free: &str,
        now: Moment,
    ) -> Result<Option<String>, Error> {
        let place = Place {
            partition_key: format!("{}#place", key.partner_id),
            sort_key: "erasure".into(),
            erasure_id: key.id.to_string(),
            expires_at: now.plus(PLACE_LIFETIME).as_seconds(),
        };
        let put = self
            .table
            .client
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(to_item(&place)?))
            .condition_expression(
                "attribute_not_exists(partition_key) OR erasure_id IN (:own, :free)",
            )
            .expression_attribute_values(":own", text(place.erasure_id))
            .expression_attribute_values(":free", text(free))
            .return_values_on_condition_check_failure(table::ALL_OLD)
            .send()
            .await;
        match put {
            Ok(_) => Ok(None),
            Err(error) => {
                let old: Place = from_item(item_in_the_way(error)?)?;
                Ok(Some(old.erasure_id))
            }
        }
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
        let update = free(Update::new("active_at = :now"), now)
            .when("active_at < :again_before")
            .value(":again_before", moment(dispatch_again_before(now)));
        Ok(self.table.update(item_key(key), update).await?.is_ok())
    }

    /// Begins a worker's turn; none when there is nothing to do now.
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
        // The SDK repeats an update whose answer was lost, and meets its own lease.
        let holder = ErasureId::random(now).to_string();
        let begun = self
            .table
            .update(item_key(&key), turn_update(&holder, now))
            .await?;
        let erasure: Erasure = match begun {
            Ok(item) => from_item(item)?,
            Err(None) => return Ok(None),
            Err(Some(old)) => from_item(old)?,
        };
        let epoch = erasure.epoch;
        let is_own = erasure.lease_holder.as_ref() == Some(&holder);
        Ok(is_own.then_some((Turn { key, epoch }, erasure)))
    }

    /// Says how far the walk is and keeps the turn; false when it is over.
    pub async fn checkpoint(
        &self,
        turn: &Turn,
        position: ActivityId,
        progress: Progress,
        now: Moment,
    ) -> Result<bool, Error> {
        let update = Update::new(
            "#position = :position, progress = :progress, attempts = :one, active_at = :now, \
             lease_until = :until",
        )
        .name("#position", "position")
        .value(":position", text(position.to_string()))
        .value(":progress", to_value(&progress)?)
        .value(":one", number(1))
        .value(":now", moment(now))
        .value(":until", moment(now.plus(LEASE)));
        let update = not_late(update, now)
            .when("attribute_exists(lease_until)")
            .when("attribute_not_exists(finished_at)");
        Ok(self.update_turn(turn, update).await?.is_some())
    }

    /// Gives the turn back, so that another worker can begin at once; false
    /// when it was over.
    pub async fn give_back(&self, turn: &Turn, now: Moment) -> Result<bool, Error> {
        let update = Update::new("active_at = :now REMOVE lease_until").value(":now", moment(now));
        Ok(self.update_turn(turn, update).await?.is_some())
    }

    /// Settles when and how the walk ended, before the log is told; none when
    /// the turn is over.
    ///
    /// An earlier worker may have settled it; then that holds.
    pub async fn settle(
        &self,
        turn: &Turn,
        progress: Progress,
        failure: Option<&Failure>,
        now: Moment,
    ) -> Result<Option<Erasure>, Error> {
        let assignments = match failure {
            None => "progress = :progress, finished_at = if_not_exists(finished_at, :now)",
            Some(_) => {
                "progress = :progress, finished_at = if_not_exists(finished_at, :now), \
                 failure = :failure"
            }
        };
        let mut update = Update::new(assignments)
            .value(":progress", to_value(&progress)?)
            .value(":now", moment(now))
            .returning_it();
        if let Some(failure) = failure {
            update = update.value(":failure", to_value(failure)?);
        }
        let settled = self.update_turn(turn, not_late(update, now)).await?;
        settled.map(from_item).transpose()
    }

    /// The log was told; false when the turn is over.
    pub async fn close(&self, turn: &Turn, state: State) -> Result<bool, Error> {
        let update = Update::new("#state = :ended REMOVE lease_until");
        let update = during(turn, update.state(":ended", state.as_str()));
        match self.table.update(item_key(&turn.key), update).await? {
            Ok(_) => Ok(true),
            Err(None) => Ok(false),
            // The SDK repeats an update whose answer was lost, and meets its own.
            Err(Some(old)) => {
                let old: Erasure = from_item(old)?;
                Ok(old.state == state && old.epoch == turn.epoch)
            }
        }
    }

    /// Writes while the turn lasts; none when it is over.
    async fn update_turn(&self, turn: &Turn, update: Update) -> Result<Option<Item>, Error> {
        let update = during(turn, update);
        let updated = self.table.update(item_key(&turn.key), update).await?;
        Ok(updated.ok())
    }
}

fn turn_update(holder: &str, now: Moment) -> Update {
    let update = Update::new(
        "#state = :running, epoch = epoch + :one, attempts = attempts + :one, \
         active_at = :now, lease_until = :until, lease_holder = :holder",
    );
    free(update, now)
        .when("(created_at > :too_old OR finished_at > :too_old)")
        .value(":one", number(1))
        .value(":until", moment(now.plus(LEASE)))
        .value(":holder", text(holder))
        .value(":too_old", moment(now.minus(AGE_MAX)))
        .returning_it()
}

/// Not of one that counts as failed by its age.
fn not_late(update: Update, now: Moment) -> Update {
    update
        .when("(created_at > :too_old OR finished_at > :too_old OR lease_until >= :now)")
        .value(":too_old", moment(now.minus(AGE_MAX)))
}

/// An update by the worker whose turn it is.
fn during(turn: &Turn, update: Update) -> Update {
    update
        .when("#state = :running")
        .when("epoch = :epoch")
        .state(":running", State::Running.as_str())
        .value(":epoch", table::count(turn.epoch))
}

/// An update of an erasure that is not over and that no worker has.
fn free(update: Update, now: Moment) -> Update {
    update
        .when("#state IN (:queued, :running)")
        .when("(attribute_not_exists(lease_until) OR lease_until < :now)")
        .state(":queued", State::Queued.as_str())
        .state(":running", State::Running.as_str())
        .value(":now", moment(now))
}

fn item_key(key: &ErasureKey) -> Item {
    table::key(&key.partner_id, key.id)
}
