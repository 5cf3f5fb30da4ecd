//! An item's attributes, as the SDK gives them or as they come over the wire.

use std::{borrow::Cow, fmt};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, engine::general_purpose::STANDARD};
use compact_str::CompactString;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};

use crate::aws::table::Item;

/// Defines a struct of attributes, each of which may be absent, and their names.
macro_rules! attributes {
    ($($name:ident,)*) => {
        /// The attributes that an activity's item may have; any other is ignored.
        ///
        /// The SDK's map would cost an allocation and a hash for each name of each item.
        #[derive(Debug, Deserialize)]
        #[serde(expecting = "an item")]
        pub(super) struct Attributes {
            $(
                #[serde(default, with = "serde_with::rust::unwrap_or_skip")]
                pub(super) $name: Option<Value>,
            )*
        }

        impl Attributes {
            pub(super) const NAMES: &[&str] = &[$(stringify!($name),)*];
        }

        impl From<Item> for Attributes {
            fn from(mut item: Item) -> Self {
                Self { $($name: item.remove(stringify!($name)).map(Value::from),)* }
            }
        }
    };
}

attributes! {
    partition_key,
    sort_key,
    recorded_at,
    request_id,
    erased_at,
    action,
    outcome,
    customer_id,
    customer_name,
    actor_id,
    actor_name,
    actor_kind,
    resource_type,
    resource_id,
    correlation_id,
    details,
    details_bytes,
    salt,
    commitment,
    expires_at,
    kept_until,
}

/// A value of the types that an activity's item has.
///
/// Most of an item's texts are short, and a short one needs no allocation here.
#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Text(CompactString),
    Number(CompactString),
    Bytes(Vec<u8>),
    /// A value of another type; an attribute that is read from it is malformed.
    Other,
}

impl From<AttributeValue> for Value {
    fn from(value: AttributeValue) -> Self {
        match value {
            AttributeValue::S(text) => Self::Text(text.into()),
            AttributeValue::N(number) => Self::Number(number.into()),
            AttributeValue::B(bytes) => Self::Bytes(bytes.into_inner()),
            _ => Self::Other,
        }
    }
}

/// The name of an attribute that is missing or malformed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("its {0} is missing or malformed")]
pub(super) struct BrokenAttribute(pub(super) &'static str);

/// A text that is copied only if it has to be.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value comes with its type, such as `{"S":"text"}`.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfValue)
    }
}

struct OfValue;

impl<'de> Visitor<'de> for OfValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its type")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut value: A) -> Result<Value, A::Error> {
        let Some(Text(kind)) = value.next_key()? else {
            return Err(A::Error::custom("a value has no type"));
        };
        let found = match kind.as_ref() {
            "S" => Value::Text(value.next_value()?),
            "N" => Value::Number(value.next_value()?),
            "B" => {
                let Text(bytes) = value.next_value()?;
                Value::Bytes(STANDARD.decode(bytes.as_ref()).map_err(A::Error::custom)?)
            }
            _ => {
                value.next_value::<IgnoredAny>()?;
                Value::Other
            }
        };
        match value.next_key()? {
            None => Ok(found),
            Some(Text(_)) => Err(A::Error::custom("a value has two types")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use serde_json::json;
    use std::time::Duration;

    use super::*;
    use crate::{
        aws::{activities::item, table},
        model::arbitrary,
    };

    /// An item as DynamoDB writes it.
    fn on_the_wire(item: &Item) -> String {
        let value = |value: &AttributeValue| match value {
            AttributeValue::S(text) => json!({ "S": text }),
            AttributeValue::N(number) => json!({ "N": number }),
            AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
            other => panic!("{other:?} is in no item of ours"),
        };
        let item: HashMap<_, _> = item.iter().map(|(name, it)| (name, value(it))).collect();
        serde_json::to_string(&item).unwrap()
    }

    fn read(text: &str) -> Result<Attributes, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    proptest! {
        #[test]
        fn an_item_over_the_wire_is_the_item_that_was_put(
            activity in arbitrary::activity(),
            is_erased: bool,
        ) {
            let retention = Some(Duration::from_hours(24));
            let mut item = item::to_item(&activity, 1, "r-1", retention).unwrap();
            if is_erased {
                item.insert("erased_at".to_owned(), table::moment(activity.recorded_at));
            }
            let ours = item::whole(read(&on_the_wire(&item)).unwrap()).unwrap();
            let theirs = item::whole(item.into()).unwrap();
            prop_assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
        }
    }

    #[test]
    fn an_attribute_of_another_name_or_type_is_no_obstacle_to_the_others() {
        let item = read(
            r#"{"other":{"M":{"a":{"L":[]}}},"action":{"M":{}},"outc\u006fme":{"S":"a\u0062c"}}"#,
        );
        let item = item.unwrap();
        assert_eq!(item.action, Some(Value::Other));
        assert_eq!(item.outcome, Some(Value::Text("abc".into())));
        assert_eq!(item.actor_id, None);
    }

    #[test]
    fn what_is_no_item_is_refused() {
        for text in [
            r#"{"action":"a"}"#,
            r#"{"action":{}}"#,
            r#"{"action":null}"#,
            r#"{"action":{"S":"a","N":"1"}}"#,
            r#"{"action":{"S":1}}"#,
            r#"{"details":{"B":"*"}}"#,
            r#"{"action":{"S":"a"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("1").unwrap_err().contains("expected an item"));
        let no_type = read(r#"{"action":"a"}"#).unwrap_err();
        assert!(no_type.contains("expected a value with its type"));
    }
}
