//! A question as the archive asks it, and a sealed row as an activity.

use std::{collections::BTreeSet, fmt::Display, ops::Bound, str::FromStr};

use archive::{Accepts, Position, Predicate, Row, Selection, TextColumn};
use proof::{Commitment, Opening};
use shared::{
    Action, Activity, ActivityId, Actor, Content, Customer, Details, Error, Filter, Identifier,
    Moment, Order, PartnerId, Resource, aws::activities::Stored, model::filter::Needle,
};

use crate::{entry::Entry, question::Question};

/// The archive's question for the activities between two positions.
pub(crate) fn ask<'a>(
    question: &Question<'a>,
    (from, to): (Bound<Position>, Bound<Position>),
    limit: usize,
) -> archive::Question<'a> {
    let is_proving = question.is_proving;
    archive::Question {
        from,
        to,
        predicates: if is_proving {
            Vec::new()
        } else {
            predicates(question.filter)
        },
        recorded: question.recorded.filter(|_| !is_proving).map(|recorded| {
            let range = &recorded.range;
            range.from().as_millis()..range.to().as_millis()
        }),
        kept_at: (!is_proving).then_some(question.kept_at.as_millis()),
        order: match question.query.order {
            Order::Asc => archive::Order::Asc,
            Order::Desc => archive::Order::Desc,
        },
        limit,
        selection: Selection {
            details: question.query.with_details || is_proving,
            opening: is_proving,
        },
    }
}

/// The conditions of a filter, each on one column.
///
/// They accept what [`Filter::matches`] accepts; a new condition does not compile before
/// it stands here too.
fn predicates(filter: &Filter) -> Vec<Predicate<'_>> {
    let Filter {
        from: _,
        to: _,
        time_zone: _,
        order: _,
        customer_id,
        customer_id_in_any_case,
        customer,
        action,
        exclude_action,
        actor_id,
        actor,
        resource_type,
        resource_type_in_any_case,
        resource_id,
        outcome,
        correlation_id,
        recorded_from: _,
    } = filter;
    let conditions = [
        is(TextColumn::CustomerId, customer_id.as_ref()),
        is(TextColumn::ActorId, actor_id.as_ref()),
        is(TextColumn::ResourceType, resource_type.as_ref()),
        is(TextColumn::ResourceId, resource_id.as_ref()),
        is(TextColumn::CorrelationId, correlation_id.as_ref()),
        any_of(TextColumn::Action, texts(action, Action::as_str)),
        any_of(TextColumn::Outcome, texts(outcome, |it| it.as_str())),
        has(TextColumn::CustomerName, customer.as_ref()),
        has(TextColumn::ActorName, actor.as_ref()),
        is_whole(TextColumn::CustomerId, customer_id_in_any_case.as_ref()),
        is_whole(TextColumn::ResourceType, resource_type_in_any_case.as_ref()),
        none_of(TextColumn::Action, texts(exclude_action, Action::as_str)),
    ];
    conditions.into_iter().flatten().collect()
}

fn texts<T>(values: &BTreeSet<T>, text: impl Fn(&T) -> &str) -> BTreeSet<String> {
    values.iter().map(|value| text(value).to_owned()).collect()
}

fn is<'a>(column: TextColumn, id: Option<&Identifier>) -> Option<Predicate<'a>> {
    let accepts = Accepts::AnyOf([id?.as_str().to_owned()].into());
    Some(Predicate { column, accepts })
}

fn any_of<'a>(column: TextColumn, texts: BTreeSet<String>) -> Option<Predicate<'a>> {
    (!texts.is_empty()).then_some(Predicate {
        column,
        accepts: Accepts::AnyOf(texts),
    })
}

fn none_of<'a>(column: TextColumn, texts: BTreeSet<String>) -> Option<Predicate<'a>> {
    (!texts.is_empty()).then(|| Predicate {
        column,
        accepts: Accepts::Test(Box::new(move |text| !texts.contains(text))),
    })
}

fn has(column: TextColumn, needle: Option<&Needle>) -> Option<Predicate<'_>> {
    let needle = needle?;
    let accepts = Accepts::Test(Box::new(|name| needle.is_in(name)));
    Some(Predicate { column, accepts })
}

fn is_whole(column: TextColumn, needle: Option<&Needle>) -> Option<Predicate<'_>> {
    let needle = needle?;
    let accepts = Accepts::Test(Box::new(|id| needle.is_whole(id)));
    Some(Predicate { column, accepts })
}

/// A sealed row as an entry of this partner's log, with what proves it.
pub(crate) fn entry(row: Row, question: &Question<'_>) -> Result<Entry, Error> {
    let partner = question.partner;
    let opening = match (row.salt, row.c) {
        (Some(salt), _) => Some(Opening::Salt(salt)),
        (None, Some(hash)) => Some(Opening::Commitment(Commitment(hash))),
        (None, None) => None,
    };
    let unproven = |reason| Error::internal("reading a sealed activity", reason);
    let leaf = row.leaf(partner.as_str()).map_err(unproven)?;
    let index = row.index;
    let mut stored = stored(row, partner)?;
    stored.opening = opening;
    Ok(Entry {
        index,
        leaf,
        is_wanted: question.accepts(&stored),
        stored,
    })
}

/// A sealed row as an activity of this partner's log.
pub(crate) fn stored(row: Row, partner: &PartnerId) -> Result<Stored, Error> {
    let id = row.id.clone();
    let broken = |name: &'static str| {
        Error::internal(
            "reading a sealed activity",
            format!("{id}: its {name} is malformed"),
        )
    };
    let activity = Activity {
        id: ActivityId::try_from(row.id.as_str()).map_err(|_| broken("id"))?,
        partner_id: partner.clone(),
        recorded_at: moment(row.recorded_at).ok_or_else(|| broken("recorded_at"))?,
        erased_at: row
            .erased_at
            .map(|at| moment(at).ok_or_else(|| broken("erased_at")))
            .transpose()?,
        content: Content {
            occurred_at: moment(row.occurred_at).ok_or_else(|| broken("occurred_at"))?,
            action: parsed(row.action, || broken("action"))?,
            outcome: word(&row.outcome, || broken("outcome"))?,
            customer: match row.customer_id.zip(row.customer_name) {
                None => None,
                Some((id, name)) => Some(Customer {
                    id: parsed(id, || broken("customer_id"))?,
                    name: parsed(name, || broken("customer_name"))?,
                }),
            },
            actor: Actor {
                id: parsed(row.actor_id, || broken("actor_id"))?,
                name: parsed(row.actor_name, || broken("actor_name"))?,
                kind: word(&row.actor_kind, || broken("actor_kind"))?,
            },
            resource: match row.resource_type.zip(row.resource_id) {
                None => None,
                Some((r#type, id)) => Some(Resource {
                    r#type: parsed(r#type, || broken("resource_type"))?,
                    id: parsed(id, || broken("resource_id"))?,
                }),
            },
            correlation_id: match row.correlation_id {
                None => None,
                Some(id) => Some(parsed(id, || broken("correlation_id"))?),
            },
            details: row.details.map(Details::stored),
        },
    };
    let kept_until = row.kept_until.map(|millis| millis.div_euclid(1_000));
    Ok(Stored::sealed(activity, row.has_details, kept_until))
}

fn moment(millis: i64) -> Option<Moment> {
    Moment::from_millis(millis)
}

fn parsed<T: TryFrom<String>>(text: String, broken: impl Fn() -> Error) -> Result<T, Error> {
    T::try_from(text).map_err(|_| broken())
}

fn word<T: FromStr>(text: &str, broken: impl Fn() -> Error) -> Result<T, Error> {
    text.parse().map_err(|_| broken())
}

/// The position of an activity.
pub(crate) fn position(id: ActivityId) -> Position {
    at(id.occurred_at(), id)
}

/// The activity at a position.
pub(crate) fn activity_id(position: &Position) -> Result<ActivityId, Error> {
    let id = ActivityId::try_from(position.id.as_str());
    id.map_err(|_| Error::internal("reading a sealed activity", "its id is malformed"))
}

/// The position before every activity of a moment.
pub(crate) fn start_of(moment: Moment) -> Position {
    at(moment, "")
}

fn at(moment: Moment, id: impl Display) -> Position {
    Position {
        occurred_at: moment.as_millis(),
        id: id.to_string(),
    }
}
