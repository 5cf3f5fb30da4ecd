//! An activity: one thing that a partner did to a customer's account.
//!
//! Every type here checks its value when it is made; later code does not check again.

use std::{fmt, str::FromStr};

use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;
use serde_with::skip_serializing_none;
use sha2::{Digest, Sha256};
use strum::{EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

use crate::model::{
    Error, Moment, PartnerId, id,
    json::{self, Fields, Value},
};

/// Defines a text type that is checked once, when it is made.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "CompactString")]
        pub struct $name(CompactString);

        impl $name {
            /// The text, as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<CompactString> for $name {
            type Error = &'static str;

            fn try_from(text: CompactString) -> Result<Self, &'static str> {
                $check(&text).map(|()| Self(text))
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, &'static str> {
                CompactString::from(text).try_into()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0.into()
            }
        }
    };
}

checked_text! {
    /// What was done, such as `create_order`: `[a-z0-9._-]{1,64}`.
    Action, check_action
}

checked_text! {
    /// An id from the portal: 1 to 128 characters, none of them a control character.
    Identifier, check_identifier
}

checked_text! {
    /// A name that people read: 1 to 256 characters, kept verbatim, never trimmed.
    ///
    /// TAB, LF and CR are allowed, other control characters are not.
    Name, check_name
}

fn check_action(text: &str) -> Result<(), &'static str> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(());
    }
    Err("must be 1 to 64 of a-z, 0-9, '.', '_' and '-'")
}

fn check_identifier(text: &str) -> Result<(), &'static str> {
    if !(1..=128).contains(&text.chars().count()) {
        return Err("must have 1 to 128 characters");
    }
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters");
    }
    Ok(())
}

fn check_name(text: &str) -> Result<(), &'static str> {
    if !(1..=256).contains(&text.chars().count()) {
        return Err("must have 1 to 256 characters");
    }
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
    {
        return Err("must not hold control characters other than TAB, LF and CR");
    }
    Ok(())
}

/// How an activity ended.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Outcome {
    Succeeded,
    Failed,
    InProgress,
    Declined,
}

impl Outcome {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Whether a person or a program acted.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it all")]
pub enum ActorKind {
    User,
    Application,
}

impl ActorKind {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The customer that an activity concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// The customer's id in the portal.
    pub id: Identifier,
    /// The customer's name at that time.
    pub name: Name,
}

impl Customer {
    /// Reads a customer that a client sends.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (id, name) = (fields.required("id"), fields.required("name"));
        Some(Self {
            id: id?,
            name: name?,
        })
    }
}

/// Who acted: a partner user or an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The actor's id in the portal.
    pub id: Identifier,
    /// The actor's name at that time.
    pub name: Name,
    /// A person or a program.
    pub kind: ActorKind,
}

impl Actor {
    /// Reads an actor that a client sends.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (id, name) = (fields.required("id"), fields.required("name"));
        let kind = fields.required("kind");
        Some(Self {
            id: id?,
            name: name?,
            kind: kind?,
        })
    }
}

/// What the activity was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// The kind of thing, such as `order`.
    pub r#type: Identifier,
    /// Its id in the portal.
    pub id: Identifier,
}

impl Resource {
    /// Reads a resource that a client sends.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (r#type, id) = (fields.required("type"), fields.required("id"));
        Some(Self {
            r#type: r#type?,
            id: id?,
        })
    }
}

/// The free part of an activity: a JSON object of at most 256 KiB.
///
/// It is held as compact JSON whose names are sorted in every object; a number is
/// the text that was sent. Details are equal if their values are.
#[derive(Debug, Clone)]
pub struct Details(String);

impl Details {
    /// The largest details, in bytes of compact JSON.
    pub const BYTES_MAX: usize = 256 * 1024;

    /// The compact JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text is a JSON object; false only if the item is damaged.
    pub(crate) fn is_object(&self) -> bool {
        serde_json::from_str::<json::Object<de::IgnoredAny>>(&self.0).is_ok()
    }

    /// Details that this service wrote itself and now reads back.
    pub fn stored(json: String) -> Self {
        Self(json)
    }
}

impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        let value = |details: &Self| json::parse(&details.0).ok();
        self.0 == other.0 || value(self).is_some_and(|own| Some(own) == value(other))
    }
}

impl Eq for Details {}

impl TryFrom<Value> for Details {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, &'static str> {
        if !matches!(value, Value::Object(_)) {
            return Err("must be an object");
        }
        let json = value.to_string();
        if json.len() > Self::BYTES_MAX {
            return Err("must have at most 262144 bytes as compact JSON");
        }
        Ok(Self(json))
    }
}

impl FromStr for Details {
    type Err = Error;

    fn from_str(json: &str) -> Result<Self, Error> {
        let details = json::parse(json)?.try_into();
        details.map_err(|reason| Error::invalid("details", reason))
    }
}

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// An activity's id: a `UUIDv7` whose 48 time bits are `occurred_at`.
///
/// The key of the item follows from the id, so reading one activity is one `GetItem`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivityId(Uuid);

impl ActivityId {
    /// An id that no other activity has: the other 74 bits are random.
    pub fn random(occurred_at: Moment) -> Self {
        Self(id::random_v7(occurred_at))
    }

    /// The id for this partner, moment and idempotency key; it never changes.
    ///
    /// A retry computes the same id, so it finds the item of the first request.
    /// A client's key never gives the id of an entry of the trail.
    pub fn keyed(partner: &PartnerId, occurred_at: Moment, key: &IdempotencyKey) -> Self {
        let (kind, key) = match key {
            IdempotencyKey::Given(key) => (0, key),
            IdempotencyKey::Trail(key) => (1, key),
        };
        let digest = Sha256::new()
            .chain_update(partner.as_str())
            .chain_update([kind])
            .chain_update(key.as_str())
            .finalize();
        let mut bytes = [0; 10];
        bytes
            .iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        Self::new(occurred_at, bytes)
    }

    fn new(occurred_at: Moment, other_bits: [u8; 10]) -> Self {
        let millis = u64::try_from(occurred_at.as_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &other_bits).into_uuid())
    }

    /// Not after any activity of a moment.
    pub fn first_of(moment: Moment) -> Self {
        Self::new(moment, [0; 10])
    }

    /// Not before any activity of a moment.
    pub fn last_of(moment: Moment) -> Self {
        Self::new(moment, [u8::MAX; 10])
    }

    /// When the activity happened, from the id's first 48 bits.
    pub fn occurred_at(self) -> Moment {
        let millis = self.0.as_u128() >> 80;
        i64::try_from(millis)
            .ok()
            .and_then(Moment::from_millis)
            .expect("an ActivityId is only made of a Moment's milliseconds")
    }

    /// The last 32 bits, random or from a hash, which choose the shard.
    pub(crate) fn low_bits(self) -> u32 {
        let [.., a, b, c, d] = self.into_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The id's 16 bytes.
    pub fn into_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The id of these 16 bytes; none if they are not an activity's id.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        let uuid = Uuid::from_bytes(bytes);
        let millis = i64::try_from(uuid.as_u128() >> 80).ok()?;
        let is_v7 = uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122;
        (is_v7 && Moment::from_millis(millis).is_some()).then_some(Self(uuid))
    }
}

impl TryFrom<&str> for ActivityId {
    type Error = &'static str;

    fn try_from(text: &str) -> Result<Self, &'static str> {
        id::hyphenated(text)
            .and_then(|uuid| Self::from_bytes(uuid.into_bytes()))
            .ok_or("must be an activity's id, such as 019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d")
    }
}

impl fmt::Display for ActivityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for ActivityId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text.as_str()).map_err(de::Error::custom)
    }
}

impl Serialize for ActivityId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a client sends about an activity; a retry must have equal content.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Content {
    /// When it happened, in whole milliseconds.
    pub occurred_at: Moment,
    /// What was done.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// The customer concerned; only absent in this service's own trail.
    pub customer: Option<Customer>,
    /// Who did it.
    pub actor: Actor,
    /// What it was done to.
    pub resource: Option<Resource>,
    /// Links activities that the same call caused.
    pub correlation_id: Option<Identifier>,
    /// The free part.
    pub details: Option<Details>,
}

/// The text that replaces a customer's name after an erasure.
pub const ERASED_NAME: &str = "[erased]";

impl Content {
    /// The content after an erasure of its customer.
    #[must_use]
    pub fn erased(&self) -> Self {
        let customer = self.customer.as_ref().map(|customer| Customer {
            id: customer.id.clone(),
            name: Name(CompactString::const_new(ERASED_NAME)),
        });
        Self {
            customer,
            details: None,
            ..self.clone()
        }
    }
}

/// Makes a retry safe; it is valid for one partner and one `occurred_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// A key that a client gave.
    Given(Identifier),
    /// A key of this service's own trail.
    Trail(Identifier),
}

/// An activity to store.
#[derive(Debug, Clone)]
pub struct NewActivity {
    /// The partner whose log will hold it.
    pub partner_id: PartnerId,
    /// Makes a retry safe; without one, a retry is stored as another activity.
    pub idempotency_key: Option<IdempotencyKey>,
    /// What happened.
    pub content: Content,
}

/// A stored activity.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// Its id.
    pub id: ActivityId,
    /// The partner whose log holds it.
    pub partner_id: PartnerId,
    /// When it was stored, by the server's clock.
    pub recorded_at: Moment,
    /// When the customer's name and the details were erased.
    pub erased_at: Option<Moment>,
    /// What happened.
    #[serde(flatten)]
    pub content: Content,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::arbitrary;

    fn moment(text: &str) -> Moment {
        text.parse().unwrap()
    }

    #[test]
    fn an_id_carries_the_moment() {
        let at = moment("2026-11-22T09:32:11.123Z");
        let id = ActivityId::random(at);
        assert_eq!(id.occurred_at(), at);
        assert_eq!(ActivityId::try_from(id.to_string().as_str()), Ok(id));
        assert_ne!(id, ActivityId::random(at));
    }

    #[test]
    fn a_keyed_id_depends_on_partner_moment_and_key_alone() {
        let id = |partner, at, key: &str| {
            let partner = PartnerId::parse(partner).unwrap();
            let key = IdempotencyKey::Given(Identifier::try_from(key.to_owned()).unwrap());
            ActivityId::keyed(&partner, moment(at), &key)
        };
        let first = id("contoso", "2026-11-22T09:32:11.123Z", "k-1");
        assert_eq!(first, id("contoso", "2026-11-22T09:32:11.123Z", "k-1"));
        assert_ne!(first, id("contoso", "2026-11-22T09:32:11.124Z", "k-1"));
        assert_ne!(first, id("contoso", "2026-11-22T09:32:11.123Z", "k-2"));
        assert_ne!(first, id("fabrikam", "2026-11-22T09:32:11.123Z", "k-1"));
        let trail = IdempotencyKey::Trail(Identifier::try_from("k-1".to_owned()).unwrap());
        let partner = PartnerId::parse("contoso").unwrap();
        let at = moment("2026-11-22T09:32:11.123Z");
        assert_ne!(first, ActivityId::keyed(&partner, at, &trail));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "1",
            "019ab0f4-5c5b-4d0a-8e4f-0c39d6d5c70d",
            "019ab0f45c5b7d0a8e4f0c39d6d5c70d",
            "ffffffff-ffff-7d0a-8e4f-0c39d6d5c70d",
            "{019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70}",
        ] {
            assert!(ActivityId::try_from(text).is_err(), "{text}");
        }
    }

    #[test]
    fn texts_are_checked_by_character_and_kept_verbatim() {
        assert!(Name::try_from(" 한".repeat(128)).is_ok());
        assert!(Name::try_from("한".repeat(257)).is_err());
        assert_eq!(
            Name::try_from(" =1\r\n\t ".to_owned()).unwrap().as_str(),
            " =1\r\n\t "
        );
        assert!(Name::try_from("a\u{7f}".to_owned()).is_err());
        assert!(Identifier::try_from("a\tb".to_owned()).is_err());
        assert!(Identifier::try_from(String::new()).is_err());
        assert!(Action::try_from("create_order".to_owned()).is_ok());
        assert!(Action::try_from("Create".to_owned()).is_err());
    }

    #[test]
    fn a_word_has_one_spelling_wherever_it_is_written_or_read() {
        fn check<T>(word: T, text: &'static str)
        where
            T: Copy + PartialEq + fmt::Debug + Serialize + std::str::FromStr,
            T: for<'de> Deserialize<'de>,
        {
            let json = serde_json::to_value(word).unwrap();
            assert_eq!(json, text);
            assert_eq!(serde_json::from_value::<T>(json).unwrap(), word);
            assert_eq!(text.parse::<T>().ok(), Some(word));
        }
        for outcome in Outcome::VARIANTS {
            check(*outcome, outcome.as_str());
        }
        for kind in ActorKind::VARIANTS {
            check(*kind, kind.as_str());
        }
    }

    #[test]
    fn equal_details_are_equal_whatever_the_order_of_names() {
        let details = |text: &str| text.parse::<Details>().unwrap();
        assert_eq!(
            details(r#"{"b":{"d":1,"c":2},"a":[]}"#),
            details(r#"{"a":[],"b":{"c":2,"d":1}}"#)
        );
        assert_ne!(details(r#"{"a":1}"#), details(r#"{"a":"1"}"#));
        assert_ne!(details(r#"{"a":null}"#), details("{}"));
    }

    #[test]
    fn details_keep_the_text_of_a_number_and_are_equal_by_its_value() {
        let text = r#"{"n":[9007199254740993.0,0.12345678901234567890,1e-400,1E4,-0,79228162514264337593543950335.5,1e999999999]}"#;
        let details: Details = text.parse().unwrap();
        assert_eq!(details.as_str(), text);
        assert_eq!(serde_json::to_string(&details).unwrap(), text);
        let other = text.replace("1E4", "10000.0").replace("-0", "0");
        assert_eq!(details, other.parse().unwrap());
        let last_digit = text.replace("7890,", "7891,");
        assert_ne!(details, last_digit.parse().unwrap());
        // As it was stored when numbers were floats.
        let stored = Details::stored(r#"{"n":[1.1,1e16,1.5e-7]}"#.to_owned());
        assert_eq!(
            stored,
            r#"{"n":[1.10,10000000000000000.0,0.00000015]}"#.parse().unwrap()
        );
    }

    proptest! {
        #[test]
        fn no_text_and_no_bytes_panic_as_an_id(text in any::<String>(), bytes: [u8; 16]) {
            prop_assert!(ActivityId::try_from(text.as_str()).is_err());
            if let Some(id) = ActivityId::from_bytes(bytes) {
                prop_assert_eq!((id.into_bytes(), bytes[6] >> 4, bytes[8] >> 6), (bytes, 7, 2));
                prop_assert_eq!(ActivityId::try_from(id.to_string().as_str()), Ok(id));
                prop_assert!(id.occurred_at() <= Moment::MAX);
            }
        }

        #[test]
        fn an_id_is_read_as_it_is_written_and_keeps_its_moment(at in arbitrary::occurred_at()) {
            let id = ActivityId::random(at);
            prop_assert_eq!(id.occurred_at(), at);
            prop_assert_eq!(ActivityId::try_from(id.to_string().as_str()), Ok(id));
        }

        #[test]
        fn an_id_with_a_character_changed_is_another_or_none(
            at in arbitrary::occurred_at(),
            place in 0..36_usize,
            other in any::<char>(),
        ) {
            let id = ActivityId::random(at);
            let mut text: Vec<char> = id.to_string().chars().collect();
            prop_assume!(!text[place].eq_ignore_ascii_case(&other));
            text[place] = other;
            let text: String = text.into_iter().collect();
            prop_assert_ne!(ActivityId::try_from(text.as_str()), Ok(id));
        }

        #[test]
        fn texts_are_refused_or_kept_verbatim(text in ".{0,300}|(?s).{0,20}|[a-z0-9._-]{0,70}") {
            let chars = text.chars().count();
            if let Ok(kept) = Identifier::try_from(text.clone()) {
                prop_assert_eq!(kept.as_str(), &text);
                prop_assert!(chars <= 128 && !text.chars().any(char::is_control));
            }
            if let Ok(kept) = Name::try_from(text.clone()) {
                prop_assert_eq!(kept.as_str(), &text);
                prop_assert!(chars <= 256);
            }
            if let Ok(kept) = Action::try_from(text.clone()) {
                prop_assert_eq!(kept.as_str(), &text);
                prop_assert!(Identifier::try_from(text).is_ok());
            }
        }
    }
}
