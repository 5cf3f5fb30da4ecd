//! Counts activities by what they have in common.

use std::collections::{BTreeMap, BTreeSet};

use archive::TextColumn;
use chrono::{Datelike, NaiveDate};
use serde::Serialize;
use shared::{
    Action, Activity, Error, Identifier, Moment, Name, Outcome,
    model::zone::{Date, Zone},
};
use strum::{EnumString, VariantNames};

/// A property by which activities are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of an activity's fields")]
pub enum Dimension {
    Day,
    Action,
    Customer,
    Actor,
    Outcome,
}

/// By what activities are counted.
#[derive(Debug, Clone)]
pub struct CountedBy {
    /// The properties.
    pub dimensions: Vec<Dimension>,
    /// The zone of the days.
    pub zone: Zone,
    /// How large the counts of one page of sealed activities may be together, in the unit
    /// of `size`.
    pub room: usize,
    /// How large a count with these texts is.
    pub size: fn(&[Option<String>]) -> usize,
}

/// Activities of the same day, action, outcome, customer and actor, as far as they were
/// asked for; the others are absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The day in the zone that was asked for.
    pub day: Date,
    /// What was done.
    pub action: Option<Action>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The customer concerned; also absent in the service's own entries.
    pub customer: Option<(Identifier, Name)>,
    /// Who did it.
    pub actor: Option<(Identifier, Name)>,
    /// How many.
    pub count: u64,
}

impl CountedBy {
    /// The day of a moment.
    fn day(&self, moment: Moment) -> Date {
        self.zone.date_of(moment)
    }

    fn has(&self, dimension: Dimension) -> bool {
        self.dimensions.contains(&dimension)
    }

    /// The columns of a segment by which it is counted.
    pub(crate) fn columns(&self) -> BTreeSet<TextColumn> {
        let columns = |dimension: &Dimension| match dimension {
            Dimension::Day => &[][..],
            Dimension::Action => &[TextColumn::Action],
            Dimension::Outcome => &[TextColumn::Outcome],
            Dimension::Customer => &[TextColumn::CustomerId, TextColumn::CustomerName],
            Dimension::Actor => &[TextColumn::ActorId, TextColumn::ActorName],
        };
        self.dimensions.iter().flat_map(columns).copied().collect()
    }

    /// A number for the day of a moment in milliseconds, the same for all if days are not
    /// asked for.
    pub(crate) fn day_number(&self, millis: i64) -> i64 {
        let moment = Moment::from_millis(millis).filter(|_| self.has(Dimension::Day));
        moment.map_or(0, |moment| self.day(moment).num_days_from_ce().into())
    }

    /// One activity, counted.
    pub(crate) fn one(&self, activity: Activity) -> Tally {
        let content = activity.content;
        let customer = content.customer.filter(|_| self.has(Dimension::Customer));
        let actor = Some(content.actor).filter(|_| self.has(Dimension::Actor));
        Tally {
            day: self.day(content.occurred_at),
            action: Some(content.action).filter(|_| self.has(Dimension::Action)),
            outcome: Some(content.outcome).filter(|_| self.has(Dimension::Outcome)),
            customer: customer.map(|customer| (customer.id, customer.name)),
            actor: actor.map(|actor| (actor.id, actor.name)),
            count: 1,
        }
    }

    /// Rows of a segment that were counted by [`CountedBy::columns`].
    pub(crate) fn many(&self, tally: archive::Tally) -> Result<Tally, Error> {
        let mut texts: BTreeMap<TextColumn, String> = self
            .columns()
            .into_iter()
            .zip(tally.texts)
            .filter_map(|(column, text)| Some((column, text?)))
            .collect();
        let mut named = |id: TextColumn, name: TextColumn| {
            let pair = texts.remove(&id).zip(texts.remove(&name));
            pair.map(|(id, name)| Ok::<_, Error>((parsed(id)?, parsed(name)?)))
                .transpose()
        };
        let customer = named(TextColumn::CustomerId, TextColumn::CustomerName)?;
        let actor = named(TextColumn::ActorId, TextColumn::ActorName)?;
        let day = i32::try_from(tally.day).ok();
        Ok(Tally {
            day: day
                .and_then(NaiveDate::from_num_days_from_ce_opt)
                .unwrap_or_default(),
            action: texts.remove(&TextColumn::Action).map(parsed).transpose()?,
            outcome: texts
                .remove(&TextColumn::Outcome)
                .map(|text| text.parse().map_err(|_| malformed()))
                .transpose()?,
            customer,
            actor,
            count: tally.count,
        })
    }
}

fn parsed<T: TryFrom<String>>(text: String) -> Result<T, Error> {
    T::try_from(text).map_err(|_| malformed())
}

fn malformed() -> Error {
    Error::internal("counting sealed activities", "a text is malformed")
}
