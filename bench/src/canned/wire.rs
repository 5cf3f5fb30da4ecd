//! Items as JSON, in the form that DynamoDB puts on the wire.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// An item's attributes.
pub(super) fn item(item: &HashMap<String, AttributeValue>) -> Value {
    let attribute = |(name, value): (&String, _)| (name.clone(), value_of(value));
    Value::Object(item.iter().map(attribute).collect::<Map<_, _>>())
}

fn value_of(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Bool(bool) => json!({ "BOOL": bool }),
        AttributeValue::L(list) => json!({ "L": list.iter().map(value_of).collect::<Vec<_>>() }),
        AttributeValue::M(map) => json!({ "M": item(map) }),
        // Sets are not used by any item of the service.
        _ => json!({ "NULL": true }),
    }
}
