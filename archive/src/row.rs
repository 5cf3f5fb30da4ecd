//! A sealed activity as plain data.

use proof::{Activity, Commitment, Hash, Opening, Salt};

/// The place of an activity in list order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When it happened, in milliseconds after 1970.
    pub occurred_at: i64,
    /// Its id; the empty text comes before every id.
    pub id: String,
}

/// One row of a segment.
///
/// Times are milliseconds after 1970.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// The activity's place in its log, counted from 0; the writer sets it.
    pub index: u64,
    /// When it happened.
    pub occurred_at: i64,
    /// When it was stored.
    pub recorded_at: i64,
    /// Its id.
    pub id: String,
    /// What was done.
    pub action: String,
    /// How it ended.
    pub outcome: String,
    /// The actor's id.
    pub actor_id: String,
    /// The actor's name.
    pub actor_name: String,
    /// `user` or `application`.
    pub actor_kind: String,
    /// The customer's id; absent in the service's own entries.
    pub customer_id: Option<String>,
    /// The customer's name, `[erased]` after an erasure.
    pub customer_name: Option<String>,
    /// The resource's type.
    pub resource_type: Option<String>,
    /// The resource's id.
    pub resource_id: Option<String>,
    /// Links activities that the same call caused.
    pub correlation_id: Option<String>,
    /// Whether there are details; the writer sets it.
    pub has_details: bool,
    /// When its retention ends.
    pub kept_until: Option<i64>,
    /// When its customer was erased.
    pub erased_at: Option<i64>,
    /// The salt of its commitment; absent after an erasure, and if not asked for.
    pub salt: Option<Salt>,
    /// Its commitment; only present after an erasure, and if asked for.
    pub c: Option<[u8; 32]>,
    /// The details as they are stored; absent if not asked for.
    pub details: Option<String>,
}

impl Row {
    /// The place of the activity in list order.
    pub fn position(&self) -> Position {
        let id = self.id.clone();
        Position {
            occurred_at: self.occurred_at,
            id,
        }
    }

    /// The hash of the activity's leaf; the row has its salt, or is erased and has `c`.
    pub fn leaf(&self, partner_id: &str) -> Result<Hash, String> {
        self.public_part(partner_id)
            .map(|leaf| Hash::of_leaf(leaf.as_bytes()))
    }

    /// The leaf itself: the canonical JSON of the public part, with the commitment.
    pub fn public_part(&self, partner_id: &str) -> Result<String, String> {
        let opening = match (&self.salt, &self.c) {
            (Some(salt), None) => Opening::Salt(*salt),
            (None, Some(c)) => Opening::Commitment(Commitment(*c)),
            _ => return Err("must have either a salt or a commitment".to_owned()),
        };
        if self.customer_id.is_some() != self.customer_name.is_some() {
            return Err("must have both the customer's id and name, or none".to_owned());
        }
        if self.resource_type.is_some() != self.resource_id.is_some() {
            return Err("must have both the resource's type and id, or none".to_owned());
        }
        let resource = self
            .resource_type
            .as_deref()
            .zip(self.resource_id.as_deref());
        let activity = Activity {
            id: &self.id,
            partner_id,
            recorded_at: self.recorded_at,
            occurred_at: self.occurred_at,
            action: &self.action,
            outcome: &self.outcome,
            customer_id: self.customer_id.as_deref(),
            customer_name: self.customer_name.as_deref(),
            actor_id: &self.actor_id,
            actor_name: &self.actor_name,
            actor_kind: &self.actor_kind,
            resource,
            correlation_id: self.correlation_id.as_deref(),
            details: self.details.as_deref(),
        };
        let leaf = activity.public_part(&opening);
        let leaf = leaf.map_err(|error| format!("has no leaf, since {error}"))?;
        String::from_utf8(leaf).map_err(|error| format!("has no leaf, since {error}"))
    }

    /// Removes the customer's name and the details; their commitment takes the salt's place.
    ///
    /// `name` stands where the name was. Erasing it again changes nothing.
    pub fn erase(&mut self, name: &str, at: i64) -> Result<(), String> {
        let Some(salt) = self.salt else {
            return Ok(());
        };
        let (customer, details) = (self.customer_name.as_deref(), self.details.as_deref());
        let commitment = Commitment::new(&salt, customer, details);
        let Commitment(hash) = commitment.map_err(|error| error.to_string())?;
        self.c = Some(hash);
        self.salt = None;
        self.customer_name = self.customer_name.take().map(|_| name.to_owned());
        self.details = None;
        self.erased_at = Some(at);
        Ok(())
    }

    /// How many bytes its values have before they are encoded.
    pub fn raw_bytes(&self) -> usize {
        /// The numbers, times, hashes and lengths of a row.
        const REST: usize = 160;
        let required = [
            &self.id,
            &self.action,
            &self.outcome,
            &self.actor_id,
            &self.actor_name,
            &self.actor_kind,
        ];
        let optional = [
            &self.customer_id,
            &self.customer_name,
            &self.resource_type,
            &self.resource_id,
            &self.correlation_id,
            &self.details,
        ];
        let texts = required.into_iter().chain(optional.into_iter().flatten());
        REST + texts.map(String::len).sum::<usize>()
    }
}
