//! A small activity: one write unit.

use serde_json::{Value, json};
use shared::Moment;

/// The customer of all.
pub(super) const CUSTOMER: &str = "c-1";

/// The body of a request that records it, or a part of a batch's.
pub(super) fn activity(occurred_at: Moment) -> Value {
    json!({
        "occurred_at": occurred_at,
        "action": "update_subscription",
        "outcome": "succeeded",
        "customer": { "id": CUSTOMER, "name": "Wide World Importers" },
        "actor": { "id": "u-1001", "name": "admin@contoso.example", "kind": "user" },
        "resource": { "type": "subscription", "id": "s-1" },
    })
}
