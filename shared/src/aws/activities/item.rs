//! An activity as an item of the table, and back.

use std::{collections::HashMap, str::FromStr, sync::LazyLock, time::Duration};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use compact_str::CompactString;
use proof::{Commitment, Opening, Salt};

use super::{
    attributes::{Attributes, BrokenAttribute, Value},
    details::{pack, unpack},
};
use crate::{
    Activity, ActivityId, Actor, Content, Customer, Details, Error, Identifier, Moment, PartnerId,
    Resource, TimeRange,
    aws::table::{Item, text},
};

/// The alias in expressions for the one attribute name that DynamoDB reserves.
pub(super) const ALIAS: (&str, &str) = ("#action", "action");

/// The attributes that a list leaves out.
const NOT_LISTED: [&str; 4] = ["request_id", "details", "salt", "commitment"];

/// The `kept_until` of a copy that ends although the activity is kept for ever.
///
/// No retention ends then: the last second of a moment.
pub(super) const KEPT_FOR_EVER: i64 = Moment::MAX.as_seconds();

/// The attributes that a list reads, as an expression.
pub(super) static PROJECTION: LazyLock<String> = LazyLock::new(|| {
    let (alias, reserved) = ALIAS;
    let called = |name| if name == reserved { alias } else { name };
    let names = Attributes::NAMES.iter().copied();
    let listed = names.filter(|name| !NOT_LISTED.contains(name)).map(called);
    listed.collect::<Vec<_>>().join(",")
});

/// A stored activity, with attributes that only this service reads.
#[derive(Debug)]
pub struct Stored {
    /// The activity; it has its details only if the query asked for them.
    pub activity: Activity,
    /// Whether it has details, even when they were not read.
    pub has_details: bool,
    /// When its retention ends, in seconds after 1970; none if it never does.
    ///
    /// The table may delete its copy of a sealed activity earlier.
    pub kept_until: Option<i64>,
    /// What leads to its commitment, if it was read; none if an older version stored it.
    pub opening: Option<Opening>,
    pub(super) request_id: CompactString,
}

impl Stored {
    /// An activity that was sealed; `kept_until` is in seconds after 1970.
    pub fn sealed(activity: Activity, has_details: bool, kept_until: Option<i64>) -> Self {
        Self {
            activity,
            has_details,
            request_id: CompactString::default(),
            kept_until,
            opening: None,
        }
    }

    /// Whether the retention ended at or before `now`; DynamoDB deletes it later.
    pub fn is_expired(&self, now: Moment) -> bool {
        self.kept_until
            .is_some_and(|seconds| seconds <= now.as_seconds())
    }

    /// The activity with its details; an error if they are missing.
    pub fn into_whole(self) -> Result<Activity, Error> {
        if self.is_whole() {
            Ok(self.activity)
        } else {
            Err(unreadable(self.activity.id, BrokenAttribute("details")))
        }
    }

    fn is_whole(&self) -> bool {
        self.has_details == self.activity.content.details.is_some()
    }

    /// Whether this content was stored; parts that were erased are not compared.
    pub(super) fn holds(&self, content: &Content) -> bool {
        match self.activity.erased_at {
            None => self.activity.content == *content,
            Some(_) => self.activity.content == content.erased(),
        }
    }
}

/// The attributes that an erasure needs; damage to others does not stop it.
#[derive(Debug)]
pub struct ErasureView {
    /// Its id.
    pub id: ActivityId,
    /// The customer whose name and details it holds.
    pub customer_id: Option<Identifier>,
    /// When they were erased.
    pub erased_at: Option<Moment>,
    salt: Option<Value>,
    customer_name: Option<Value>,
    details: Option<Value>,
}

impl ErasureView {
    /// What stays of the name and the details when they are erased.
    ///
    /// None if there is no salt or something is damaged: nothing can be proven of such
    /// an activity, and it must be erased all the same.
    pub(super) fn commitment(self) -> Option<Commitment> {
        let Some(Value::Bytes(salt)) = self.salt else {
            return None;
        };
        let Some(Value::Text(name)) = self.customer_name else {
            return None;
        };
        let details = self.details.map(unpack).transpose().ok()?;
        let details = details.as_ref().map(Details::as_str);
        let salt = salt.as_slice().try_into().ok()?;
        Commitment::new(salt, Some(&name), details).ok()
    }
}

/// The partition key of a shard; for the first it is only the partner's id.
pub(super) fn partition_key(partner: &PartnerId, shard: u32) -> AttributeValue {
    match shard {
        0 => text(partner.as_str()),
        _ => text(format!("{partner}#{shard}")),
    }
}

/// The partner of a partition key; no partner's id has a `#`.
fn partner_of(partition_key: &str) -> Result<PartnerId, BrokenAttribute> {
    let (partner, _) = partition_key.split_once('#').unwrap_or((partition_key, ""));
    PartnerId::parse(partner).ok_or(BrokenAttribute("partition_key"))
}

/// The key of an activity's item in a shard.
pub(super) fn key(partner: &PartnerId, shard: u32, id: ActivityId) -> Item {
    HashMap::from([
        ("partition_key".to_owned(), partition_key(partner, shard)),
        (
            "sort_key".to_owned(),
            text(format!("{}#{id}", id.occurred_at())),
        ),
    ])
}

/// The inclusive bounds of the sort keys of a range.
///
/// A key starts with its moment and is longer, so it sorts after the bare moment:
/// `BETWEEN` then includes `from` and excludes `to`.
pub(super) fn sort_key_bounds(range: &TimeRange) -> [AttributeValue; 2] {
    [text(range.from().to_string()), text(range.to().to_string())]
}

/// The id of the activity under this key.
pub(super) fn id_of_key(key: &Attributes) -> Result<ActivityId, Error> {
    let id = match &key.sort_key {
        Some(Value::Text(sort_key)) => sort_key.split_once('#').map(|(_, id)| id),
        _ => None,
    };
    id.and_then(|id| ActivityId::try_from(id).ok())
        .ok_or_else(|| Error::internal("reading an item", BrokenAttribute("sort_key")))
}

pub(super) fn to_item(
    activity: &Activity,
    shard: u32,
    request_id: &str,
    retention: Option<Duration>,
) -> Result<Item, Error> {
    let mut salt = Salt::default();
    getrandom::fill(&mut salt).map_err(|error| Error::internal("making a salt", error))?;
    let content = &activity.content;
    let mut item = key(&activity.partner_id, shard, activity.id);
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    put("recorded_at", text(activity.recorded_at.to_string()));
    put("request_id", text(request_id));
    put("salt", AttributeValue::B(Blob::new(salt)));
    put("action", text(content.action.as_str()));
    put("outcome", text(content.outcome.as_str()));
    put("actor_id", text(content.actor.id.as_str()));
    put("actor_name", text(content.actor.name.as_str()));
    put("actor_kind", text(content.actor.kind.as_str()));
    if let Some(customer) = &content.customer {
        put("customer_id", text(customer.id.as_str()));
        put("customer_name", text(customer.name.as_str()));
    }
    if let Some(resource) = &content.resource {
        put("resource_type", text(resource.r#type.as_str()));
        put("resource_id", text(resource.id.as_str()));
    }
    if let Some(correlation_id) = &content.correlation_id {
        put("correlation_id", text(correlation_id.as_str()));
    }
    if let Some(details) = &content.details {
        put("details", pack(details)?);
        put(
            "details_bytes",
            AttributeValue::N(details.as_str().len().to_string()),
        );
    }
    if let Some(expires_at) = expires_at(content.occurred_at, retention) {
        put("expires_at", expires_at);
    }
    Ok(item)
}

/// When DynamoDB deletes what belongs to an activity; never without an end of retention.
pub(super) fn expires_at(
    occurred_at: Moment,
    retention: Option<Duration>,
) -> Option<AttributeValue> {
    let end = occurred_at.plus(retention?).as_seconds();
    Some(AttributeValue::N(end.to_string()))
}

/// Reads the attributes that an erasure needs.
///
/// A customer that can't be read is an error, because it may be the erased one.
pub(super) fn erasure_view(item: Attributes) -> Result<ErasureView, Error> {
    let id = id_of_key(&item)?;
    let customer_id = match (item.customer_id, &item.customer_name) {
        (None, None) => Ok(None),
        (customer_id, _) => parse(customer_id, "customer_id").map(Some),
    };
    Ok(ErasureView {
        id,
        customer_id: customer_id.map_err(|broken| unreadable(id, broken))?,
        erased_at: if_any(item.erased_at, "erased_at", word_of).unwrap_or_default(),
        salt: item.salt,
        customer_name: item.customer_name,
        details: item.details,
    })
}

pub(super) fn from_item(item: Attributes) -> Result<Stored, Error> {
    let id = id_of_key(&item)?;
    stored(id, item).map_err(|broken| unreadable(id, broken))
}

fn stored(id: ActivityId, item: Attributes) -> Result<Stored, BrokenAttribute> {
    let has_details = item.details_bytes.is_some();
    Ok(Stored {
        has_details,
        request_id: text_of(item.request_id, "request_id").unwrap_or_default(),
        kept_until: kept_until(item.expires_at, item.kept_until)?,
        opening: opening(item.salt, item.commitment),
        activity: Activity {
            id,
            partner_id: partner_of(&text_of(item.partition_key, "partition_key")?)?,
            recorded_at: word_of(item.recorded_at, "recorded_at")?,
            erased_at: if_any(item.erased_at, "erased_at", word_of)?,
            content: Content {
                occurred_at: id.occurred_at(),
                action: parse(item.action, "action")?,
                outcome: word_of(item.outcome, "outcome")?,
                customer: customer(item.customer_id, item.customer_name)?,
                actor: Actor {
                    id: parse(item.actor_id, "actor_id")?,
                    name: parse(item.actor_name, "actor_name")?,
                    kind: word_of(item.actor_kind, "actor_kind")?,
                },
                resource: resource(item.resource_type, item.resource_id)?,
                correlation_id: if_any(item.correlation_id, "correlation_id", parse)?,
                details: details(item.details, item.details_bytes)?,
            },
        },
    })
}

/// Reads an item that has all its attributes, for an answer in JSON.
///
/// It checks that the details are a JSON object. A walk through a range does not:
/// the file's encoder checks them where it matters.
pub(super) fn whole(item: Attributes) -> Result<Stored, Error> {
    let stored = from_item(item)?;
    let details = stored.activity.content.details.as_ref();
    if stored.is_whole() && details.is_none_or(Details::is_object) {
        Ok(stored)
    } else {
        Err(unreadable(stored.activity.id, BrokenAttribute("details")))
    }
}

/// When the retention ends: where the table's copy of a sealed activity ends earlier, its
/// `kept_until` says it.
fn kept_until(
    expires_at: Option<Value>,
    kept_until: Option<Value>,
) -> Result<Option<i64>, BrokenAttribute> {
    match if_any(kept_until, "kept_until", number_of)? {
        None => if_any(expires_at, "expires_at", number_of),
        kept_until => Ok(kept_until.filter(|end| *end != KEPT_FOR_EVER)),
    }
}

/// Whether DynamoDB keeps an item beyond a moment.
pub(super) fn ends_after(item: &Attributes, moment: Moment) -> bool {
    match &item.expires_at {
        None => true,
        Some(Value::Number(end)) => end.parse().is_ok_and(|end: i64| end > moment.as_seconds()),
        Some(_) => false,
    }
}

/// A commitment stays of an erased activity, whose salt is gone.
fn opening(salt: Option<Value>, commitment: Option<Value>) -> Option<Opening> {
    if let Some(Value::Bytes(commitment)) = commitment {
        let hash = commitment.as_slice().try_into().ok()?;
        return Some(Opening::Commitment(Commitment(hash)));
    }
    let Some(Value::Bytes(salt)) = salt else {
        return None;
    };
    salt.as_slice().try_into().ok().map(Opening::Salt)
}

/// An id without a name, or a name without an id, is damage.
fn customer(id: Option<Value>, name: Option<Value>) -> Result<Option<Customer>, BrokenAttribute> {
    if id.is_none() && name.is_none() {
        return Ok(None);
    }
    Ok(Some(Customer {
        id: parse(id, "customer_id")?,
        name: parse(name, "customer_name")?,
    }))
}

/// A type without an id, or an id without a type, is damage.
fn resource(r#type: Option<Value>, id: Option<Value>) -> Result<Option<Resource>, BrokenAttribute> {
    if r#type.is_none() && id.is_none() {
        return Ok(None);
    }
    Ok(Some(Resource {
        r#type: parse(r#type, "resource_type")?,
        id: parse(id, "resource_id")?,
    }))
}

/// The details, if they were read; they must have the stored length.
fn details(
    details: Option<Value>,
    bytes: Option<Value>,
) -> Result<Option<Details>, BrokenAttribute> {
    let Some(details) = details.map(unpack).transpose()? else {
        return Ok(None);
    };
    if details.as_str().len() == number_of::<usize>(bytes, "details_bytes")? {
        Ok(Some(details))
    } else {
        Err(BrokenAttribute("details_bytes"))
    }
}

fn text_of(value: Option<Value>, name: &'static str) -> Result<CompactString, BrokenAttribute> {
    match value {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(BrokenAttribute(name)),
    }
}

fn parse<T>(value: Option<Value>, name: &'static str) -> Result<T, BrokenAttribute>
where
    T: TryFrom<CompactString>,
{
    T::try_from(text_of(value, name)?).map_err(|_| BrokenAttribute(name))
}

fn word_of<T: FromStr>(value: Option<Value>, name: &'static str) -> Result<T, BrokenAttribute> {
    text_of(value, name)?
        .parse()
        .map_err(|_| BrokenAttribute(name))
}

fn number_of<T: FromStr>(value: Option<Value>, name: &'static str) -> Result<T, BrokenAttribute> {
    match value {
        Some(Value::Number(number)) => number.parse().map_err(|_| BrokenAttribute(name)),
        _ => Err(BrokenAttribute(name)),
    }
}

/// Reads an attribute that may be absent.
fn if_any<T>(
    value: Option<Value>,
    name: &'static str,
    read: fn(Option<Value>, &'static str) -> Result<T, BrokenAttribute>,
) -> Result<Option<T>, BrokenAttribute> {
    match value {
        None => Ok(None),
        value => read(value, name).map(Some),
    }
}

/// The error of a damaged item; it names the activity that must be repaired.
fn unreadable(id: ActivityId, broken: BrokenAttribute) -> Error {
    Error::internal("reading an item", format!("{id}: {broken}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ActorKind, Name, Outcome, aws::table, model::arbitrary};

    fn activity(details: Option<&str>) -> Activity {
        let occurred_at: Moment = "2026-11-22T09:32:11.123Z".parse().unwrap();
        let id = |text: &str| Identifier::try_from(text.to_owned()).unwrap();
        let name = |text: &str| Name::try_from(text.to_owned()).unwrap();
        Activity {
            id: ActivityId::random(occurred_at),
            partner_id: PartnerId::parse("contoso").unwrap(),
            recorded_at: occurred_at,
            erased_at: None,
            content: Content {
                occurred_at,
                action: "create_order".to_owned().try_into().unwrap(),
                outcome: Outcome::InProgress,
                customer: Some(Customer {
                    id: id("c-1"),
                    name: name("=한국\n전자"),
                }),
                actor: Actor {
                    id: id("u-1"),
                    name: name("Ann"),
                    kind: ActorKind::Application,
                },
                resource: Some(Resource {
                    r#type: id("order"),
                    id: id("o-1"),
                }),
                correlation_id: Some(id("x-1")),
                details: details.map(|json| json.parse().unwrap()),
            },
        }
    }

    /// Damage to an attribute.
    #[derive(Debug, Clone)]
    enum Damage {
        Gone,
        Text(String),
        Cut,
        Bytes(Vec<u8>),
        Number(i64),
        Null,
    }

    fn any_damage() -> impl Strategy<Value = Damage> {
        prop_oneof![
            Just(Damage::Gone),
            any::<String>().prop_map(Damage::Text),
            Just(Damage::Cut),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Damage::Bytes),
            any::<i64>().prop_map(Damage::Number),
            Just(Damage::Null),
        ]
    }

    impl Damage {
        /// Puts back what is left; returns whether anything is left.
        fn apply(self, item: &mut Item, name: &str, found: AttributeValue) -> bool {
            let left = match self {
                Self::Gone => return false,
                Self::Text(other) => text(other),
                Self::Bytes(bytes) => AttributeValue::B(Blob::new(bytes)),
                Self::Number(number) => AttributeValue::N(number.to_string()),
                Self::Null => AttributeValue::Null(true),
                Self::Cut => cut(found),
            };
            item.insert(name.to_owned(), left);
            true
        }
    }

    /// Without its last character or byte.
    fn cut(value: AttributeValue) -> AttributeValue {
        match value {
            AttributeValue::S(mut text) => {
                text.pop();
                AttributeValue::S(text)
            }
            AttributeValue::N(mut number) => {
                number.pop();
                AttributeValue::N(number)
            }
            AttributeValue::B(bytes) => {
                let mut bytes = bytes.into_inner();
                bytes.pop();
                AttributeValue::B(Blob::new(bytes))
            }
            other => other,
        }
    }

    #[test]
    fn an_item_reads_back_as_the_activity() {
        let long = format!("{{\"note\":\"{}\"}}", "한국 order ".repeat(500));
        for details in [None, Some(r#"{"a":[1,2.5,null]}"#), Some(long.as_str())] {
            let activity = activity(details);
            let item = to_item(&activity, 3, "r-1", Some(Duration::from_hours(24))).unwrap();
            let stored = from_item(item.into()).unwrap();
            assert_eq!(stored.activity, activity);
            assert_eq!(stored.has_details, details.is_some());
            assert_eq!(stored.request_id, "r-1");
        }
    }

    #[test]
    fn half_of_a_customer_or_of_the_details_is_an_error_not_none() {
        for (gone, named) in [
            ("customer_id", "customer_id"),
            ("customer_name", "customer_name"),
            ("resource_type", "resource_type"),
            ("resource_id", "resource_id"),
            ("details", "details"),
            ("details_bytes", "details_bytes"),
        ] {
            let mut item = to_item(&activity(Some(r#"{"a":1}"#)), 0, "r-1", None).unwrap();
            item.remove(gone);
            let error = whole(item.into()).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(
                cause.contains(&format!("its {named} is")),
                "{gone}: {cause}"
            );
        }
    }

    #[test]
    fn details_that_are_no_json_object_are_an_error_not_a_panic() {
        for damaged in ["{\"a\":1]", "[1,2,3]", "       "] {
            let mut item = to_item(&activity(Some(r#"{"a":1}"#)), 0, "r-1", None).unwrap();
            item.insert("details".into(), text(damaged));
            assert!(whole(item.into()).is_err(), "{damaged}");
        }
    }

    #[test]
    fn long_details_are_stored_compressed() {
        let long = format!("{{\"note\":\"{}\"}}", "order ".repeat(1_000));
        let item = to_item(&activity(Some(&long)), 0, "r-1", None).unwrap();
        assert!(item["details"].as_b().unwrap().as_ref().len() < long.len() / 10);
        let item = to_item(&activity(Some("{}")), 0, "r-1", None).unwrap();
        assert_eq!(item["details"].as_s().unwrap(), "{}");
    }

    #[test]
    fn an_activity_expires_when_its_retention_ends() {
        let day = Duration::from_hours(24);
        let activity = activity(None);
        let stored = from_item(to_item(&activity, 0, "r-1", Some(day)).unwrap().into()).unwrap();
        let end = activity.content.occurred_at.plus(day);
        assert!(!stored.is_expired(end.minus(Duration::from_secs(1))));
        assert!(stored.is_expired(end));
        let kept = from_item(to_item(&activity, 0, "r-1", None).unwrap().into()).unwrap();
        assert!(!kept.is_expired(end.plus(day * 10_000)));
    }

    #[test]
    fn a_copy_that_ends_earlier_does_not_end_the_activity() {
        let number = |number: i64| AttributeValue::N(number.to_string());
        let activity = activity(None);
        let copy_end = activity.content.occurred_at.plus(Duration::from_hours(1));
        let end = copy_end.plus(Duration::from_hours(1));
        let mut item = to_item(&activity, 0, "r-1", None).unwrap();
        item.insert("expires_at".into(), number(copy_end.as_seconds()));
        item.insert("kept_until".into(), number(end.as_seconds()));
        let copy = from_item(item.clone().into()).unwrap();
        assert!(!copy.is_expired(copy_end));
        assert!(copy.is_expired(end));
        item.insert("kept_until".into(), number(KEPT_FOR_EVER));
        let copy = from_item(item.clone().into()).unwrap();
        assert_eq!(copy.kept_until, None);
        item.insert("kept_until".into(), AttributeValue::Null(true));
        assert!(from_item(item.into()).is_err());
    }

    #[test]
    fn bounds_take_in_from_and_leave_out_to() {
        let activity = activity(None);
        let at = activity.content.occurred_at;
        let key = key(&activity.partner_id, 0, activity.id);
        let key = key["sort_key"].as_s().unwrap().as_str();
        let within = |from, to| {
            let [from, to] = sort_key_bounds(&TimeRange::new(from, to).unwrap());
            (from.as_s().unwrap().as_str()..=to.as_s().unwrap().as_str()).contains(&key)
        };
        let later = at.plus(Duration::from_millis(1));
        assert!(within(at, later));
        assert!(!within(at.minus(Duration::from_secs(1)), at));
        assert!(!within(later, later.plus(Duration::from_secs(1))));
    }

    proptest! {
        #[test]
        fn any_activity_reads_back(activity in arbitrary::activity()) {
            let item = to_item(&activity, 0, "r-1", None).unwrap();
            let stored = whole(item.into()).unwrap();
            prop_assert_eq!(stored.has_details, activity.content.details.is_some());
            prop_assert_eq!(stored.activity, activity);
        }

        #[test]
        fn a_damaged_item_is_an_error(
            activity in arbitrary::activity(),
            which: proptest::sample::Index,
            damage in any_damage(),
        ) {
            let mut item = to_item(&activity, 0, "r-1", Some(Duration::from_hours(24))).unwrap();
            item.insert("erased_at".to_owned(), table::moment(activity.recorded_at));
            let mut names: Vec<_> = item.keys().cloned().collect();
            // `request_id` only tells a retry of the SDK apart, and only an erasure reads
            // `salt`. An optional attribute that is missing looks like one that was never
            // stored.
            names.retain(|name| !["request_id", "salt"].contains(&name.as_str()));
            names.sort();
            let name = which.get(&names).as_str();
            let found = item.remove(name).unwrap();
            let is_text = found.is_s();
            let is_gone = !damage.apply(&mut item, name, found);
            prop_assume!(!(is_gone && ["correlation_id", "erased_at", "expires_at"].contains(&name)));
            let is_text_still = item.get(name).is_some_and(AttributeValue::is_s);
            match whole(item.into()) {
                Err(Error::Internal { .. }) => {}
                Err(error) => prop_assert!(false, "{name}: {error}"),
                // A changed value that is valid can't be recognised as damage.
                Ok(stored) => {
                    prop_assert!(!is_gone, "{name} is gone");
                    prop_assert!(is_text == is_text_still || name == "details", "{name}");
                    serde_json::to_string(&stored.activity).unwrap();
                }
            }
        }
    }
}
