//! The groups of a summary, and how much room they take in an answer.

use std::collections::{BTreeMap, btree_map::Entry};

use activity_log::{Dimension, Tally};
use serde::Serialize;
use shared::{Action, Identifier, Name, Outcome, lambda::envelope, model::zone::Date};

/// The most bytes of groups that one more part of the log adds.
///
/// The activities of a Query page, up to 1,232 with 16 shards, add fewer: each names at
/// most two ids of 512 bytes and two names of 1,024 bytes, counted inside Lambda's answer.
const PART_BYTES_MAX: usize = 4_200_000;

/// The same if neither customers nor actors are counted.
const NAMELESS_PART_BYTES_MAX: usize = 1_000_000;

/// What the activities of a group have in common.
///
/// A dimension that the request does not name is absent.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    day: Option<Date>,
    action: Option<Action>,
    outcome: Option<&'static str>,
    customer: Option<Identifier>,
    actor: Option<Identifier>,
}

/// How many activities a group has, and the newest names of its customer and actor.
#[derive(Debug, Default)]
struct Count {
    activities: u64,
    customer: Option<Name>,
    actor: Option<Name>,
}

/// One line of the answer.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Named>,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Named {
    id: Identifier,
    name: Name,
}

/// The groups that were counted so far.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    counts: BTreeMap<Group, Count>,
    /// How many bytes they have in an answer.
    bytes: usize,
}

impl Groups {
    /// Counts activities in their group.
    pub(crate) fn add(&mut self, dimensions: &[Dimension], tally: Tally) {
        let (customer_id, customer) = tally.customer.unzip();
        let (actor_id, actor) = tally.actor.unzip();
        let group = Group {
            day: dimensions.contains(&Dimension::Day).then_some(tally.day),
            action: tally.action,
            outcome: tally.outcome.map(Outcome::as_str),
            customer: customer_id,
            actor: actor_id,
        };
        let count = match self.counts.entry(group) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let names = Count {
                    activities: 0,
                    customer,
                    actor,
                };
                self.bytes += bytes_inside(entry.key(), &names);
                entry.insert(names)
            }
        };
        count.activities += tally.count;
    }

    /// How many bytes the groups have in the answer at most.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the groups of one more part of the log are sure to fit into the answer.
    pub(crate) fn have_room(&self, dimensions: &[Dimension]) -> bool {
        self.bytes + part_bytes_max(dimensions) <= envelope::BODY_BYTES_MAX
    }

    /// The lines of the answer.
    pub(crate) fn into_lines(self) -> Vec<Line> {
        self.counts.into_iter().map(line).collect()
    }
}

/// How many bytes are kept free for the next part of the log.
pub(crate) fn part_bytes_max(dimensions: &[Dimension]) -> usize {
    let is_named = |it: &Dimension| matches!(it, Dimension::Customer | Dimension::Actor);
    if dimensions.iter().any(is_named) {
        PART_BYTES_MAX
    } else {
        NAMELESS_PART_BYTES_MAX
    }
}

/// How many bytes a count with these texts has in an answer at most.
pub(crate) fn counted_bytes(texts: &[Option<String>]) -> usize {
    line_bytes(texts.iter().flatten().map(String::as_str))
}

/// How many bytes a group has in an answer at most.
fn bytes_inside(group: &Group, names: &Count) -> usize {
    let action = group.action.as_ref().map(Action::as_str);
    let ids = [&group.customer, &group.actor].into_iter().flatten();
    let names = [&names.customer, &names.actor].into_iter().flatten();
    let texts = ids.map(Identifier::as_str).chain(names.map(Name::as_str));
    line_bytes(action.into_iter().chain(texts))
}

/// How many bytes a line with these texts has at most.
fn line_bytes<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    /// The names of the fields, the count, and the day or the outcome.
    const REST: usize = 80;
    /// The name of a text's field, and of the object that it is in.
    const FIELD: usize = 30;
    let texts = texts.map(|text| FIELD + envelope::text_bytes_inside(text));
    REST + texts.sum::<usize>()
}

fn line((group, count): (Group, Count)) -> Line {
    let named = |id: Option<Identifier>, name: Option<Name>| {
        id.zip(name).map(|(id, name)| Named { id, name })
    };
    Line {
        day: group.day,
        action: group.action,
        outcome: group.outcome,
        customer: named(group.customer, count.customer),
        actor: named(group.actor, count.actor),
        count: count.activities,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<T: TryFrom<String, Error: std::fmt::Debug>>(text: &str) -> T {
        T::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_line_is_no_longer_than_was_expected() {
        let named = |name: &str| Some((text("u-1001"), text(name)));
        let tally = Tally {
            day: "2026-11-27".parse().unwrap(),
            action: Some(text("create_order")),
            outcome: Some(Outcome::InProgress),
            customer: named("Line one\nLine \"two\" \\ Ltd."),
            actor: named("한국전자 \"주식회사\""),
            count: u64::from(u32::MAX),
        };
        let of_two = [
            [Dimension::Day, Dimension::Outcome],
            [Dimension::Day, Dimension::Action],
            [Dimension::Customer, Dimension::Actor],
            [Dimension::Outcome, Dimension::Action],
        ];
        for dimensions in of_two {
            let mut tally = tally.clone();
            let has = |dimension| dimensions.contains(&dimension);
            tally.action = tally.action.filter(|_| has(Dimension::Action));
            tally.outcome = tally.outcome.filter(|_| has(Dimension::Outcome));
            tally.customer = tally.customer.filter(|_| has(Dimension::Customer));
            tally.actor = tally.actor.filter(|_| has(Dimension::Actor));
            let mut groups = Groups::default();
            let named = [&tally.customer, &tally.actor].into_iter().flatten();
            let named = named.flat_map(|(id, name)| [id.as_str(), name.as_str()]);
            let texts = tally.action.iter().map(Action::as_str).chain(named);
            let counted = counted_bytes(&texts.map(|it| Some(it.to_owned())).collect::<Vec<_>>());
            groups.add(&dimensions, tally);
            let expected = groups.bytes;
            assert_eq!(counted, expected);
            let json = serde_json::to_string(&groups.into_lines()).unwrap();
            let bytes = envelope::bytes_inside(&json);
            assert!(bytes <= expected, "{dimensions:?}: {bytes} > {expected}");
        }
    }
}
