//! Activities as they are sent and as they are answered.

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;
use uuid::Uuid;

/// An activity to record.
///
/// It has its idempotency key and its time from the beginning, so that every attempt to
/// record it is the same, and it is recorded once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Given")]
pub struct NewActivity {
    /// What makes a repetition the same activity: 1 to 128 characters without a comma.
    pub idempotency_key: String,
    /// Whose log; only who records for several partners must say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner_id: Option<String>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// What was done: 1 to 64 of `a-z 0-9 . _ -`.
    pub action: String,
    /// How it ended.
    pub outcome: Outcome,
    /// To whose account it was done.
    pub customer: Customer,
    /// Who did it.
    pub actor: Actor,
    /// What it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// What it has in common with other activities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Anything else: a JSON object of at most 262,144 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<RawValue>>,
}

impl NewActivity {
    /// An activity that happens now, with a key that no other one has.
    pub fn new(
        action: impl Into<String>,
        outcome: Outcome,
        customer: Customer,
        actor: Actor,
    ) -> Self {
        Self {
            idempotency_key: new_key(),
            partner_id: None,
            occurred_at: now(),
            action: action.into(),
            outcome,
            customer,
            actor,
            resource: None,
            correlation_id: None,
            details: None,
        }
    }
}

/// An activity as somebody wrote it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    idempotency_key: Option<String>,
    partner_id: Option<String>,
    occurred_at: Option<DateTime<Utc>>,
    action: String,
    outcome: Outcome,
    customer: Customer,
    actor: Actor,
    resource: Option<Resource>,
    correlation_id: Option<String>,
    details: Option<Box<RawValue>>,
}

impl TryFrom<Given> for NewActivity {
    type Error = &'static str;

    fn try_from(given: Given) -> Result<Self, &'static str> {
        if given.idempotency_key.is_some() && given.occurred_at.is_none() {
            // Each attempt would be another activity.
            return Err("an activity with an idempotency_key needs its occurred_at");
        }
        Ok(Self {
            idempotency_key: given.idempotency_key.unwrap_or_else(new_key),
            partner_id: given.partner_id,
            occurred_at: given.occurred_at.unwrap_or_else(now),
            action: given.action,
            outcome: given.outcome,
            customer: given.customer,
            actor: given.actor,
            resource: given.resource,
            correlation_id: given.correlation_id,
            details: given.details,
        })
    }
}

fn new_key() -> String {
    Uuid::new_v4().to_string()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a recorder's own clock says when something happens"
)]
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// How an activity ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub enum Outcome {
    Succeeded,
    Failed,
    InProgress,
    Declined,
}

/// A customer of a partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The portal's id: 1 to 128 characters.
    pub id: String,
    /// The name: 1 to 256 characters.
    pub name: String,
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The portal's id: 1 to 128 characters.
    pub id: String,
    /// The name: 1 to 256 characters.
    pub name: String,
    /// A person or a program.
    pub kind: ActorKind,
}

/// A person or a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub enum ActorKind {
    User,
    Application,
}

/// What something is done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// The kind: 1 to 128 characters.
    pub r#type: String,
    /// The portal's id: 1 to 128 characters.
    pub id: String,
}

/// An activity of the log.
#[derive(Debug, Clone)]
pub struct Activity {
    /// What the service answered.
    json: Box<RawValue>,
    fields: Fields,
}

/// What is of use of an activity; fields of later versions are only in the JSON.
#[derive(Debug, Clone, Deserialize)]
struct Fields {
    id: Uuid,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    action: String,
    outcome: String,
    customer: Option<Customer>,
    actor: Actor,
    resource: Option<Resource>,
    correlation_id: Option<String>,
    has_details: Option<bool>,
    details: Option<serde::de::IgnoredAny>,
    erased_at: Option<DateTime<Utc>>,
}

impl Activity {
    /// The JSON of the service's answer, as it was.
    pub fn json(&self) -> &str {
        self.json.get()
    }

    /// Its id.
    pub fn id(&self) -> Uuid {
        self.fields.id
    }

    /// When it happened.
    pub fn occurred_at(&self) -> DateTime<Utc> {
        self.fields.occurred_at
    }

    /// When it was recorded.
    pub fn recorded_at(&self) -> DateTime<Utc> {
        self.fields.recorded_at
    }

    /// What was done.
    pub fn action(&self) -> &str {
        &self.fields.action
    }

    /// How it ended.
    pub fn outcome(&self) -> &str {
        &self.fields.outcome
    }

    /// To whose account it was done; absent in the service's own entries.
    pub fn customer(&self) -> Option<&Customer> {
        self.fields.customer.as_ref()
    }

    /// Who did it.
    pub fn actor(&self) -> &Actor {
        &self.fields.actor
    }

    /// What it was done to.
    pub fn resource(&self) -> Option<&Resource> {
        self.fields.resource.as_ref()
    }

    /// Whether it has details, also where a list leaves them out.
    pub fn has_details(&self) -> bool {
        self.fields.details.is_some() || self.fields.has_details == Some(true)
    }

    /// When the customer's name and the details were erased.
    pub fn erased_at(&self) -> Option<DateTime<Utc>> {
        self.fields.erased_at
    }

    /// What it has in common with others.
    pub fn correlation_id(&self) -> Option<&str> {
        self.fields.correlation_id.as_deref()
    }
}

impl<'de> Deserialize<'de> for Activity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let fields = serde_json::from_str(json.get()).map_err(de::Error::custom)?;
        Ok(Self { json, fields })
    }
}

impl Serialize for Activity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

/// An activity that is stored.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The stored activity.
    pub activity: Activity,
    /// Whether an earlier request with its key had stored it.
    pub replayed: bool,
}
