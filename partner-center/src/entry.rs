//! An entry of the log, as far as a record can say it.

use crate::record::Members;

/// An entry of the log, as texts that the log accepts or refuses.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The moment, in UTC with three decimals, such as `2020-09-02T23:26:19.775Z`.
    pub occurred_at: String,
    /// What was done.
    pub action: String,
    /// How it ended: `succeeded`, `failed`, `in_progress` or `declined`.
    pub outcome: String,
    /// The customer; none in an entry of the service itself. Without a name it was erased.
    pub customer: Option<Party>,
    /// Who acted.
    pub actor: Actor,
    /// What was acted on.
    pub resource: Option<Resource>,
    /// The correlation id.
    pub correlation_id: Option<String>,
    /// The details.
    pub details: Members,
}

/// A customer: the id, and the name unless it was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Party {
    pub id: String,
    pub name: Option<String>,
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Actor {
    pub id: String,
    pub name: String,
    pub is_user: bool,
}

/// What was acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Resource {
    pub r#type: String,
    pub id: String,
}

impl Entry {
    /// Whether both say the same of what was done, apart from details.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.action == other.action
            && self.outcome == other.outcome
            && self.correlation_id == other.correlation_id
            && self.customer == other.customer
            && self.actor == other.actor
            && self.resource == other.resource
    }
}
