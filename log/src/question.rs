//! What is asked of a log.

use shared::{
    Filter, Moment, PartnerId,
    aws::activities::{RangeQuery, Stored},
};

use crate::{recorded::Recorded, tally::CountedBy};

/// Which activities of a partner's log to read, and how.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Whose log.
    pub partner: &'a PartnerId,
    /// The range and the order.
    pub query: RangeQuery,
    /// The conditions.
    pub filter: &'a Filter,
    /// Activities whose retention had ended at this moment are left out.
    pub kept_at: Moment,
    /// Where what was recorded in some time is, if only that is asked for.
    pub recorded: Option<&'a Recorded>,
    /// By what activities are counted, if only their number is asked for.
    pub counted_by: Option<&'a CountedBy>,
    /// Whether what proves activities is asked for: then pages have every entry of a sealed
    /// range, and say which of them the question is about.
    pub is_proving: bool,
}

impl<'a> Question<'a> {
    /// Asks for the activities themselves.
    pub fn new(
        partner: &'a PartnerId,
        query: RangeQuery,
        filter: &'a Filter,
        kept_at: Moment,
    ) -> Self {
        Self {
            partner,
            query,
            filter,
            kept_at,
            recorded: None,
            counted_by: None,
            is_proving: false,
        }
    }

    /// Whether an activity of the range belongs to the answer.
    pub(crate) fn accepts(&self, stored: &Stored) -> bool {
        let activity = &stored.activity;
        let is_recorded = |it: &Recorded| it.range.contains(activity.recorded_at);
        !stored.is_expired(self.kept_at)
            && self.filter.matches(&activity.content)
            && self.recorded.is_none_or(is_recorded)
    }
}
