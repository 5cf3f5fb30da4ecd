//! Which activities a list or an export shows, and a summary counts.

use std::{cmp::Ordering, collections::BTreeSet};

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;
use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::model::{
    Action, ActivityId, Content, Error, Identifier, Moment, Name, Outcome, TimeRange,
    json::{self, Fields},
    range::Bound,
    recorded::RecordedRange,
    zone::Zone,
};

/// Oldest or newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Rising by `occurred_at`, then by id.
    Asc,
    /// Falling by `occurred_at`, then by id; the default.
    #[default]
    Desc,
}

impl Order {
    /// Compares two activities by this order.
    pub fn compare(self, one: ActivityId, other: ActivityId) -> Ordering {
        match self {
            Self::Asc => one.cmp(&other),
            Self::Desc => other.cmp(&one),
        }
    }
}

/// The range, order and conditions of a request, as they were given.
///
/// Lists, summaries and exports use the same filter, so that all three are about the
/// same activities.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The first instant or day of the range; see [`TimeRange::resolve`].
    pub from: Option<Bound>,
    /// The instant after the range, or its last day.
    pub to: Option<Bound>,
    /// The time zone of the days in `from` and `to`; default UTC.
    pub time_zone: Option<Zone>,
    /// The order; default newest first.
    #[serde(default)]
    pub order: Order,
    /// The customer's id.
    pub customer_id: Option<Identifier>,
    /// The customer's id in any case; a request can't set it, so it is only logged.
    #[serde(skip_deserializing)]
    pub customer_id_in_any_case: Option<Needle>,
    /// A part of the customer's name; case is ignored.
    pub customer: Option<Needle>,
    /// Any of these actions.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub action: BTreeSet<Action>,
    /// None of these actions.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub exclude_action: BTreeSet<Action>,
    /// The actor's id.
    pub actor_id: Option<Identifier>,
    /// A part of the actor's name; case is ignored.
    pub actor: Option<Needle>,
    /// The resource's type.
    pub resource_type: Option<Identifier>,
    /// The resource's type in any case, as that of the customer's id.
    #[serde(skip_deserializing)]
    pub resource_type_in_any_case: Option<Needle>,
    /// The resource's id.
    pub resource_id: Option<Identifier>,
    /// Any of these outcomes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub outcome: BTreeSet<Outcome>,
    /// The correlation id.
    pub correlation_id: Option<Identifier>,
    /// The first instant or day of recording; what was recorded in the last minute is left
    /// out.
    pub recorded_from: Option<Bound>,
}

/// The parameters that a query may repeat.
const REPEATABLE: [&str; 3] = ["action", "exclude_action", "outcome"];

/// The fields that choose the range and the order, and set no condition.
const FORM: [&str; 4] = ["from", "to", "time_zone", "order"];

impl Filter {
    /// Reads a decoded query; only `action`, `exclude_action` and `outcome` may be repeated.
    pub fn from_query(query: Vec<(String, String)>) -> Result<Self, Error> {
        json::read_query(query, &REPEATABLE, |fields| Some(Self::read(fields)))
    }

    /// Reads the fields that a request gives; a fault is kept in `fields`.
    pub fn read(fields: &mut Fields<'_>) -> Self {
        let filter = Self {
            from: fields.optional("from"),
            to: fields.optional("to"),
            time_zone: fields.optional("time_zone"),
            order: fields.optional("order").unwrap_or_default(),
            customer_id: fields.optional("customer_id"),
            customer_id_in_any_case: None,
            customer: fields.optional("customer"),
            action: fields.one_or_more("action"),
            exclude_action: fields.one_or_more("exclude_action"),
            actor_id: fields.optional("actor_id"),
            actor: fields.optional("actor"),
            resource_type: fields.optional("resource_type"),
            resource_type_in_any_case: None,
            resource_id: fields.optional("resource_id"),
            outcome: fields.one_or_more("outcome"),
            correlation_id: fields.optional("correlation_id"),
            recorded_from: fields.optional("recorded_from"),
        };
        // No zone puts two instants, or two dates, into another order.
        let is_in_order_of_any_zone = matches!(
            (filter.from, filter.to),
            (Some(Bound::Instant(_)), Some(Bound::Instant(_)))
                | (Some(Bound::Date(_)), Some(Bound::Date(_)))
        );
        // The time does not matter to a range that has a bound.
        if (fields.is_sound("time_zone") || is_in_order_of_any_zone)
            && filter.from.or(filter.to).is_some()
            && let Err(Error::Invalid { field, reason }) = filter.range(Moment::MIN)
        {
            fields.refuse(&field, &reason);
        }
        filter
    }

    /// The range of time, resolved at `now`.
    ///
    /// What was recorded in a range may have happened at any time, so then a bound that is
    /// missing is the first or the last moment at which anything can happen.
    pub fn range(&self, now: Moment) -> Result<TimeRange, Error> {
        let missing = |moment| self.recorded_from.map(|_| Bound::Instant(moment));
        let from = self.from.or(missing(Moment::EPOCH));
        let to = self.to.or(missing(Moment::MAX));
        TimeRange::resolve(from, to, &self.zone(), now)
    }

    /// Since when what is asked for was recorded, and up to when that is certain at `now`.
    pub fn recorded(&self, now: Moment) -> Option<RecordedRange> {
        let from = self.recorded_from?.start(&self.zone());
        Some(RecordedRange::since(from, now))
    }

    /// The time zone; default UTC.
    pub fn zone(&self) -> Zone {
        self.time_zone.clone().unwrap_or(Zone::UTC)
    }

    /// The names of the fields that set a condition, without their values.
    pub fn conditions(&self) -> Vec<String> {
        let fields = match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let names = fields.into_iter().map(|(name, _)| name);
        names
            .filter(|name| !FORM.contains(&name.as_str()))
            .collect()
    }

    /// Whether there is no condition, so that every activity of the range passes.
    pub fn is_open(&self) -> bool {
        let open = Self {
            from: self.from,
            to: self.to,
            time_zone: self.time_zone.clone(),
            order: self.order,
            ..Self::default()
        };
        *self == open
    }

    /// Whether an activity of the range meets every condition but that of its recording.
    pub fn matches(&self, content: &Content) -> bool {
        let customer = content.customer.as_ref();
        let resource = content.resource.as_ref();
        is(
            self.customer_id.as_ref(),
            customer.map(|customer| &customer.id),
        ) && is(self.actor_id.as_ref(), Some(&content.actor.id))
            && is(
                self.resource_type.as_ref(),
                resource.map(|resource| &resource.r#type),
            )
            && is(
                self.resource_id.as_ref(),
                resource.map(|resource| &resource.id),
            )
            && is(
                self.correlation_id.as_ref(),
                content.correlation_id.as_ref(),
            )
            && (self.action.is_empty() || self.action.contains(&content.action))
            && !self.exclude_action.contains(&content.action)
            && (self.outcome.is_empty() || self.outcome.contains(&content.outcome))
            && is_in(
                self.customer.as_ref(),
                customer.map(|customer| &customer.name),
            )
            && is_in(self.actor.as_ref(), Some(&content.actor.name))
            && is_in_any_case(
                self.customer_id_in_any_case.as_ref(),
                customer.map(|customer| &customer.id),
            )
            && is_in_any_case(
                self.resource_type_in_any_case.as_ref(),
                resource.map(|resource| &resource.r#type),
            )
    }
}

fn is<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
    wanted.is_none() || wanted == found
}

fn is_in(needle: Option<&Needle>, name: Option<&Name>) -> bool {
    needle.is_none_or(|needle| name.is_some_and(|name| needle.is_in(name.as_str())))
}

fn is_in_any_case(needle: Option<&Needle>, id: Option<&Identifier>) -> bool {
    needle.is_none_or(|needle| id.is_some_and(|id| needle.is_whole(id.as_str())))
}

/// A part of a name to look for: 1 to 256 characters; case is ignored.
///
/// Both sides are NFKC-normalised and case-folded: `SS` finds `ß`, `E` finds `ｅ`,
/// and a composed letter finds a decomposed one. The four letters `i`, `I`, `ı` and
/// `İ` find each other. Characters that nobody sees, such as a soft hyphen or a
/// zero-width space, are left out on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Needle {
    given: String,
    folded: String,
}

impl Needle {
    /// Whether this name has the part.
    pub fn is_in(&self, name: &str) -> bool {
        fold(name).contains(&self.folded)
    }

    /// Whether this text has nothing else.
    pub fn is_whole(&self, text: &str) -> bool {
        fold(text) == self.folded
    }
}

impl TryFrom<String> for Needle {
    type Error = &'static str;

    fn try_from(given: String) -> Result<Self, &'static str> {
        match given.chars().count() {
            0 => return Err("must not be empty"),
            1..=256 => {}
            _ => return Err("must have at most 256 characters"),
        }
        let folded = fold(&given);
        if folded.is_empty() {
            return Err("must have a character that can be seen");
        }
        Ok(Self { given, folded })
    }
}

impl From<Needle> for String {
    fn from(needle: Needle) -> Self {
        needle.given
    }
}

/// What is invisible and is not counted as ignorable: braille without a dot, and the
/// marks around notes between the lines.
const UNSEEN: [char; 4] = ['\u{2800}', '\u{fff9}', '\u{fffa}', '\u{fffb}'];

/// The form in which names are compared.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let is_ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let is_unseen = |c| is_ignorable.contains(c) || UNSEEN.contains(&c);
    let seen: String = text.chars().filter(|c| !is_unseen(*c)).collect();
    let nfkc = ComposingNormalizer::new_nfkc();
    let folded = CaseMapper::new()
        .fold_string(&nfkc.normalize(&seen))
        .into_owned();
    // Turkish writes `i` as `İ` and `ı` as `I`. Folding turns `İ` into `i` and a
    // combining dot, which nobody types, and leaves `ı`, which is not `I`.
    let folded = folded.replace('ı', "i").replace("i\u{307}", "i");
    nfkc.normalize(&folded).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::arbitrary;

    /// The parameters that may be given only once.
    const ONCE: [&str; 12] = [
        "from",
        "to",
        "time_zone",
        "order",
        "customer_id",
        "customer",
        "actor_id",
        "actor",
        "resource_type",
        "resource_id",
        "correlation_id",
        "recorded_from",
    ];

    fn any_name() -> impl Strategy<Value = String> {
        // `http::query` refuses a parameter without a name.
        let known = [&ONCE[..], &REPEATABLE[..]].concat();
        let known = proptest::sample::select(known).prop_map(str::to_owned);
        prop_oneof![9 => known, 1 => ".{1,9}"]
    }

    fn any_text() -> impl Strategy<Value = String> {
        let known = [
            "2026-11-22",
            "2026-11-22T09:32:11Z",
            "UTC",
            "asc",
            "failed",
            "a",
        ];
        prop_oneof![
            proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
            any::<String>(),
        ]
    }

    fn needle(name: &Name) -> Option<Needle> {
        Needle::try_from(name.as_str().to_owned()).ok()
    }

    fn query(pairs: &[(&str, &str)]) -> Result<Filter, String> {
        let pairs = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        Filter::from_query(pairs).map_err(|error| error.to_string())
    }

    #[test]
    fn a_query_is_read_strictly() {
        let both = query(&[("action", "a"), ("action", "b"), ("outcome", "failed")]).unwrap();
        assert_eq!((both.action.len(), both.outcome.len()), (2, 1));
        let refused = |pairs: &[(&str, &str)]| query(pairs).unwrap_err();
        assert_eq!(refused(&[("colour", "red")]), "colour is not supported");
        for name in ["action[]", "action[0]", "outcome[a]"] {
            assert_eq!(refused(&[(name, "a")]), format!("{name} is not supported"));
        }
        let long = "x".repeat(10_000);
        assert!(refused(&[(&long, "a"), (&long, "a")]).len() < 200);
        assert_eq!(
            refused(&[("outcome", "failed"), ("outcome", "lost")]),
            refused(&[("outcome", "lost")])
        );
        assert_eq!(
            refused(&[("actor", "a"), ("actor", "b")]),
            "actor is given twice"
        );
        assert_eq!(refused(&[("customer", "")]), "customer must not be empty");
        assert!(refused(&[("outcome", "lost")]).starts_with("outcome must be one of `succeeded`"));
        assert!(refused(&[("action", "A")]).starts_with("action must be 1 to 64"));
        assert!(refused(&[("time_zone", "Mars")]).starts_with("time_zone must be the name"));
    }

    #[test]
    fn names_are_compared_without_case_in_any_script() {
        for (name, needle) in [
            ("Relecloud", "CLOUD"),
            ("Straße", "STRASSE"),
            ("İstanbul Bilişim", "istanbul"),
            ("İstanbul", "İSTANBUL"),
            ("Cafe\u{301}", "CAFÉ"),
            ("ＣＯＮＴＯＳＯ", "contoso"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("한국전자", "전자"),
            ("\u{1112}\u{1161}\u{11ab}국", "한국"),
            ("ISPARTA", "ısparta"),
            ("Fa\u{2800}brikam", "fabrikam"),
            ("Ad\u{fff9}v\u{fffa}ent\u{fffb}ure", "adventure"),
            ("ısparta", "ISPARTA"),
            ("Isparta", "ısparta"),
            ("ısparta", "İSPARTA"),
            ("DIYARBAKIR", "dıyarbakır"),
            ("i\u{307}zmir", "İZMİR"),
            ("GROẞ", "gross"),
            ("οδός", "ΟΔΌΣ"),
            ("ΟΔΌΣ", "οδόσ"),
            ("Re\u{ad}le\u{200b}cloud\u{fe0f}", "relecloud"),
            ("Relecloud", "\u{feff}Rele\u{200d}cloud"),
            ("\u{202e}Relecloud\u{2066}", "relecloud"),
            ("Cafe\u{200c}\u{301}", "café"),
            ("한\u{3164}국\u{115f}", "한국"),
            ("葛\u{e0100}城", "葛城"),
        ] {
            let name = Name::try_from(name.to_owned()).unwrap();
            assert!(
                Needle::try_from(needle.to_owned())
                    .unwrap()
                    .is_in(name.as_str()),
                "{needle}"
            );
        }
        let other = Name::try_from("Relecloud".to_owned()).unwrap();
        assert!(
            !Needle::try_from("contoso".to_owned())
                .unwrap()
                .is_in(other.as_str())
        );
    }

    #[test]
    fn a_needle_of_nothing_that_can_be_seen_is_refused() {
        for needle in ["\u{200b}", "\u{ad}\u{fe0f}"] {
            assert_eq!(
                query(&[("customer", needle)]).unwrap_err(),
                "customer must have a character that can be seen"
            );
        }
        assert!(query(&[("customer", " ")]).is_ok());
    }

    /// No script beyond these planes has capitals.
    #[test]
    fn every_letter_is_found_by_its_capital_and_its_small_letter() {
        for c in (0..0x2_0000).filter_map(char::from_u32) {
            let folded = fold(&c.to_string());
            assert_eq!(fold(&c.to_uppercase().to_string()), folded, "{c:?}");
            assert_eq!(fold(&c.to_lowercase().to_string()), folded, "{c:?}");
            assert_eq!(fold(&folded), folded, "{c:?}");
        }
    }

    #[test]
    fn a_filter_without_conditions_is_open_whatever_its_range() {
        assert!(
            query(&[("from", "2026-11-22"), ("order", "asc")])
                .unwrap()
                .is_open()
        );
        assert!(!query(&[("actor_id", "u-17")]).unwrap().is_open());
    }

    proptest! {
        #[test]
        fn no_query_panics_and_what_is_accepted_is_read_back(
            pairs in proptest::collection::vec((any_name(), any_text()), 0..6),
        ) {
            match Filter::from_query(pairs) {
                Ok(filter) => {
                    let stored = serde_json::to_string(&filter).unwrap();
                    prop_assert_eq!(serde_json::from_str::<Filter>(&stored).unwrap(), filter);
                }
                Err(Error::Invalid { field, reason }) => prop_assert!(!field.is_empty() && !reason.is_empty()),
                Err(Error::InvalidFields(faults)) => prop_assert!(faults.len() > 1),
                Err(error) => prop_assert!(false, "{error}"),
            }
        }

        #[test]
        fn an_unknown_or_repeated_parameter_is_named(
            name in proptest::sample::select(ONCE.to_vec()),
            other in "[a-z_]{1,12}",
        ) {
            let text = if name == "order" { "asc" } else { "2026-11-22" };
            let text = if name == "time_zone" { "UTC" } else { text };
            prop_assert!(query(&[(name, text)]).is_ok());
            prop_assert_eq!(query(&[(name, text), (name, text)]).unwrap_err(), format!("{name} is given twice"));
            prop_assume!(!ONCE.contains(&other.as_str()) && !REPEATABLE.contains(&other.as_str()));
            prop_assert_eq!(query(&[(&other, text)]).unwrap_err(), format!("{other} is not supported"));
        }

        #[test]
        fn an_activity_is_found_by_what_it_is(content in arbitrary::content(), other in arbitrary::content()) {
            let all_of = |content: &Content| Filter {
                customer_id: content.customer.as_ref().map(|customer| customer.id.clone()),
                customer: content.customer.as_ref().and_then(|customer| needle(&customer.name)),
                action: BTreeSet::from([content.action.clone()]),
                actor_id: Some(content.actor.id.clone()),
                actor: needle(&content.actor.name),
                resource_type: content.resource.as_ref().map(|resource| resource.r#type.clone()),
                resource_id: content.resource.as_ref().map(|resource| resource.id.clone()),
                outcome: BTreeSet::from([content.outcome]),
                correlation_id: content.correlation_id.clone(),
                ..Filter::default()
            };
            prop_assert!(all_of(&content).matches(&content));
            prop_assume!(content.actor.id != other.actor.id);
            prop_assert!(!all_of(&content).matches(&other));
        }
    }
}
