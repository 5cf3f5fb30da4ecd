//! Sample activities that look like a year of a reseller, for demos and tests.
//!
//! They have customers with names in several scripts and with special characters,
//! orders with many line items, users and applications, failures, and several
//! activities within one millisecond.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::{Actor, ActorKind, Content, Customer, Details, Identifier, Moment, Outcome, Resource};

/// Every action of the portal that this service is modelled on: its name, the type
/// of its resource, and its weight, which says how often it happens.
const ACTIONS: [(&str, &str, u32); 78] = [
    ("update_customer_qualification", "customer", 1),
    ("update_subscription", "subscription", 50),
    ("upgrade_subscription", "subscription", 6),
    ("convert_trial_subscription", "subscription", 1),
    ("add_customer", "customer", 12),
    ("update_customer_billing_profile", "customer", 1),
    (
        "update_customer_partner_contract_company_name",
        "customer",
        1,
    ),
    ("update_customer_spending_budget", "spending_limit", 1),
    ("delete_customer", "customer", 1),
    (
        "remove_partner_customer_relationship",
        "partner_customer_relationship",
        1,
    ),
    ("create_order", "order", 60),
    ("update_order", "order", 25),
    ("create_customer_user", "customer_user", 40),
    ("delete_customer_user", "customer_user", 10),
    ("update_customer_user", "customer_user", 30),
    ("update_customer_user_licenses", "license", 45),
    ("reset_customer_user_password", "customer_user", 25),
    ("update_customer_user_principal_name", "customer_user", 1),
    ("restore_customer_user", "customer_user", 1),
    ("create_mpn_association", "mpn_association", 1),
    ("update_mpn_association", "mpn_association", 1),
    ("update_sfb_customer_user_licenses", "license", 1),
    ("update_transfer", "transfer", 5),
    ("create_partner_relationship", "partner_relationship", 1),
    ("register_application", "application", 1),
    ("unregister_application", "application", 1),
    ("add_application_credential", "application_credential", 1),
    ("remove_application_credential", "application_credential", 1),
    ("create_partner_user", "partner_user", 1),
    ("update_partner_user", "partner_user", 1),
    ("remove_partner_user", "partner_user", 1),
    ("create_referral", "referral", 20),
    ("update_referral", "referral", 15),
    ("get_software_key", "software_key", 6),
    ("get_software_download_link", "software_download_link", 1),
    ("increase_spending_limit", "spending_limit", 1),
    ("ready_invoice", "invoice", 10),
    ("create_agreement", "agreement", 1),
    ("extend_relationship", "partner_customer_relationship", 1),
    ("create_transfer", "transfer", 5),
    ("create_self_serve_policy", "self_serve_policy", 1),
    ("update_self_serve_policy", "self_serve_policy", 1),
    ("delete_self_serve_policy", "self_serve_policy", 1),
    ("remove_partner_relationship", "partner_relationship", 1),
    ("delete_tip_customer", "customer", 1),
    ("create_related_referral", "referral", 1),
    ("update_related_referral", "referral", 1),
    (
        "granular_admin_relationship_approved",
        "granular_admin_relationship",
        8,
    ),
    (
        "granular_admin_relationship_activated",
        "granular_admin_relationship",
        1,
    ),
    (
        "granular_admin_relationship_termination_requested",
        "granular_admin_relationship",
        1,
    ),
    (
        "granular_admin_relationship_terminated",
        "granular_admin_relationship",
        1,
    ),
    (
        "granular_admin_relationship_expired",
        "granular_admin_relationship",
        1,
    ),
    (
        "granular_admin_access_assignment_created",
        "granular_admin_access_assignment",
        8,
    ),
    (
        "granular_admin_access_assignment_updated",
        "granular_admin_access_assignment",
        1,
    ),
    (
        "granular_admin_access_assignment_deleted",
        "granular_admin_access_assignment",
        1,
    ),
    ("dap_admin_relationship_approved", "partner_customer_dap", 1),
    (
        "dap_admin_relationship_terminated",
        "partner_customer_dap",
        1,
    ),
    ("create_credit", "credit", 1),
    ("update_credit", "credit", 1),
    ("cancel_credit", "credit", 1),
    ("add_user_member", "customer_directory_role", 1),
    ("remove_user_member", "customer_directory_role", 1),
    (
        "granular_admin_access_assignment_activated",
        "granular_admin_access_assignment",
        1,
    ),
    ("software_attestation", "software_page", 1),
    (
        "granular_admin_relationship_cleaned_up",
        "granular_admin_relationship",
        1,
    ),
    ("update_company_info", "customer", 1),
    ("policy_created", "policy", 1),
    ("policy_updated", "policy", 1),
    ("policy_deleted", "policy", 1),
    ("device_updated", "device", 1),
    ("devices_update_attempted", "device", 1),
    ("device_deleted", "device", 1),
    ("devices_upload_to_new_batch_attempted", "device", 1),
    ("devices_upload_to_existing_batch_attempted", "device", 1),
    ("manage_overage", "overage", 1),
    (
        "dap_admin_relationship_terminated_by_microsoft",
        "partner_customer_dap",
        1,
    ),
    ("azure_fraud_event_detected", "azure_entitlement", 1),
    ("create_new_commerce_migration", "new_commerce_migration", 1),
];

/// The customers: id and name.
const CUSTOMERS: [(&str, &str); 20] = [
    ("0c39d6d5-c70d-4c55-bc02-f620844f3fd1", "Relecloud"),
    ("5f2a1c07-93d2-4bd7-8f3a-0f6ad3b2c5e1", "Fabrikam, Inc."),
    (
        "9a7be1d4-2c55-4c0e-a1f0-7d3b6f0f9a22",
        "Tailspin \"Toys\" Ltd.",
    ),
    (
        "c1d0f3aa-0b6e-4e58-9a44-b9d6a7c1e203",
        "=SUM(A1:A9) Trading",
    ),
    ("d7c4b5f0-5b1a-4f6d-8a3c-1f2e3d4c5b6a", "한국전자 주식회사"),
    ("e2b9a8c7-6d5e-4f3a-9b2c-3d4e5f6a7b8c", "서울물산"),
    ("f3c8d7e6-1a2b-4c3d-8e4f-5a6b7c8d9e0f", "株式会社コントソ"),
    ("a4b5c6d7-2b3c-4d4e-9f5a-6b7c8d9e0f1a", "東京商事"),
    ("b5c6d7e8-3c4d-4e5f-8a6b-7c8d9e0f1a2b", "شركة النور للتجارة"),
    ("c6d7e8f9-4d5e-4f6a-9b7c-8d9e0f1a2b3c", "مؤسسة الخليج"),
    (
        "d7e8f9a0-5e6f-4a7b-8c8d-9e0f1a2b3c4d",
        "Straßenbau Müller GmbH",
    ),
    (
        "e8f9a0b1-6f7a-4b8c-9d9e-0f1a2b3c4d5e",
        "İstanbul Bilişim A.Ş.",
    ),
    (
        "f9a0b1c2-7a8b-4c9d-8e0f-1a2b3c4d5e6f",
        "Société Générale d'Électricité",
    ),
    (
        "a0b1c2d3-8b9c-4d0e-9f1a-2b3c4d5e6f7a",
        "Line one\nLine two Ltd.",
    ),
    ("b1c2d3e4-9c0d-4e1f-8a2b-3c4d5e6f7a8b", "'Quoted' Systems"),
    ("c2d3e4f5-0d1e-4f2a-9b3c-4d5e6f7a8b9c", "+Plus & -Minus"),
    ("d3e4f5a6-1e2f-4a3b-8c4d-5e6f7a8b9c0d", "@Home Services"),
    (
        "e4f5a6b7-2f3a-4b4c-9d5e-6f7a8b9c0d1e",
        "Wide World Importers",
    ),
    ("f5a6b7c8-3a4b-4c5d-8e6f-7a8b9c0d1e2f", "Ελληνικά Δίκτυα"),
    ("a6b7c8d9-4b5c-4d6e-9f7a-8b9c0d1e2f3a", "Северный Ветер"),
];

/// The actors: id, name, kind.
const ACTORS: [(&str, &str, ActorKind); 9] = [
    ("u-1001", "admin@contoso.example", ActorKind::User),
    ("u-1002", "Ann Beebe", ActorKind::User),
    ("u-1003", "김민준", ActorKind::User),
    ("u-1004", "佐藤 花子", ActorKind::User),
    ("u-1005", "محمد علي", ActorKind::User),
    ("u-1006", "O'Brien, Pat", ActorKind::User),
    ("app-7f3a", "Partner Center Web", ActorKind::Application),
    ("app-81bc", "FulfillmentService", ActorKind::Application),
    ("app-90de", "Nightly licence sync", ActorKind::Application),
];

/// The offers in the line items of orders.
const OFFERS: [&str; 6] = [
    "Office 365 E3",
    "Microsoft 365 Business Premium",
    "Azure plan",
    "Dynamics 365 Sales",
    "Visio Plan 2",
    "Exchange Online (Plan 1)",
];

/// How far back the oldest sample is.
const YEAR: Duration = Duration::from_hours(364 * 24);

/// At least half of the samples are in this time.
const MONTH: Duration = Duration::from_hours(31 * 24);

/// How far back the newest sample is, at least.
const MINUTE: Duration = Duration::from_mins(1);

/// Makes any number of activities in the year before a moment.
#[derive(Debug)]
pub struct Samples {
    end: Moment,
    /// How long before the end the oldest one is at most.
    span: Duration,
    rng: fastrand::Rng,
    last: Option<Moment>,
    weight: u32,
}

impl Samples {
    /// Makes activities that happened at least a minute before `now`.
    pub fn new(now: Moment) -> Self {
        let weight = ACTIONS.iter().map(|(_, _, weight)| weight).sum();
        Self {
            end: now.minus(MINUTE),
            span: YEAR,
            rng: fastrand::Rng::new(),
            last: None,
            weight,
        }
    }

    /// Only such that happened at `from` or later; none if there is no such time.
    pub fn since(self, from: Moment) -> Option<Self> {
        let millis = self.end.as_millis().checked_sub(from.as_millis())?;
        let span = Duration::from_millis(u64::try_from(millis).ok()?);
        Some(Self {
            span: self.span.min(span),
            ..self
        })
    }

    /// The next activity.
    #[expect(
        clippy::should_implement_trait,
        reason = "it never ends, so it needs no Option"
    )]
    pub fn next(&mut self) -> Content {
        let occurred_at = self.moment();
        let (action, resource_type) = self.action();
        let customer = *self.pick(&CUSTOMERS);
        let (actor_id, actor_name, kind) = *self.pick(&ACTORS);
        let resource_id = self.uuid();
        Content {
            occurred_at,
            action: action
                .to_owned()
                .try_into()
                .expect("the actions above are valid"),
            outcome: self.outcome(),
            customer: Some(Customer {
                id: id(customer.0),
                name: name(customer.1),
            }),
            actor: Actor {
                id: id(actor_id),
                name: name(actor_name),
                kind,
            },
            resource: Some(Resource {
                r#type: id(resource_type),
                id: id(&resource_id),
            }),
            correlation_id: self.rng.bool().then(|| id(&self.uuid())),
            details: self.details(action),
        }
    }

    fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.rng.u128(..).to_be_bytes())
            .into_uuid()
            .to_string()
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        self.rng
            .choice(from)
            .expect("the lists above are not empty")
    }

    /// Half are in the last month, half anywhere in the year; some have the same millisecond.
    fn moment(&mut self) -> Moment {
        if let Some(last) = self.last.filter(|_| self.rng.u8(..100) < 8) {
            return last;
        }
        let month = MONTH.min(self.span);
        let span = if self.rng.bool() { month } else { self.span };
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let back = Duration::from_millis(self.rng.u64(0..=millis));
        let moment = self.end.minus(back);
        self.last = Some(moment);
        moment
    }

    fn action(&mut self) -> (&'static str, &'static str) {
        let mut left = self.rng.u32(..self.weight);
        for (action, resource, weight) in ACTIONS {
            match left.checked_sub(weight) {
                Some(rest) => left = rest,
                None => return (action, resource),
            }
        }
        ("create_order", "order")
    }

    fn outcome(&mut self) -> Outcome {
        match self.rng.u8(..100) {
            0..88 => Outcome::Succeeded,
            88..94 => Outcome::Failed,
            94..97 => Outcome::InProgress,
            _ => Outcome::Declined,
        }
    }

    fn details(&mut self, action: &str) -> Option<Details> {
        let details = match action {
            // Large orders have 5 to 30 kB of line items.
            "create_order" | "update_order" if self.rng.u8(..10) < 3 => self.order(30..180),
            "create_order" | "update_order" => self.order(1..6),
            "update_customer_user_licenses" => json!({
                "licences_to_assign": [self.pick(&OFFERS)],
                "licences_to_remove": [],
            }),
            "reset_customer_user_password" => return None,
            _ if self.rng.bool() => return None,
            _ => json!({
                "old_value": { "state": "pending", "revision": self.rng.u8(..) },
                "new_value": { "state": "active", "note": "Changed in the portal." },
            }),
        };
        details.to_string().parse().ok()
    }

    fn order(&mut self, lines: std::ops::Range<usize>) -> Value {
        let count = self.rng.usize(lines);
        let lines: Vec<Value> = (0..count)
            .map(|number| {
                json!({
                    "line_item_number": number,
                    "offer_id": self.uuid(),
                    "offer": self.pick(&OFFERS),
                    "quantity": self.rng.u16(1..500),
                    "unit_price": f64::from(self.rng.u32(100..9_999)) / 100.0,
                    "term_duration": "P1M",
                })
            })
            .collect();
        json!({ "currency_code": "USD", "billing_cycle": "monthly", "line_items": lines })
    }
}

fn id(text: &str) -> Identifier {
    Identifier::try_from(text.to_owned()).expect("the ids above are valid")
}

fn name(text: &str) -> shared::Name {
    shared::Name::try_from(text.to_owned()).expect("the names above are valid")
}

/// Converts an item into the types of the embedded database.
pub(crate) fn into_dynoxide(item: shared::aws::activities::Item) -> dynoxide::Item {
    let value = |value: AttributeValue| match value {
        AttributeValue::N(number) => dynoxide::AttributeValue::N(number),
        AttributeValue::B(bytes) => dynoxide::AttributeValue::B(bytes.into_inner()),
        AttributeValue::S(text) => dynoxide::AttributeValue::S(text),
        _ => dynoxide::AttributeValue::NULL(true),
    };
    item.into_iter()
        .map(|(name, found)| (name, value(found)))
        .collect::<HashMap<_, _>>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_keep_to_a_shorter_time() {
        let now: Moment = "2026-11-22T09:32:11.123Z".parse().unwrap();
        for days in [0, 3, 100] {
            let from = now.minus(MINUTE + Duration::from_hours(24 * days));
            let mut samples = Samples::new(now).since(from).unwrap();
            for _ in 0..200 {
                let at = samples.next().occurred_at;
                assert!(from <= at && at <= now.minus(MINUTE), "{at}");
            }
        }
        assert!(Samples::new(now).since(now).is_none());
    }

    #[test]
    fn samples_lie_in_the_year_and_end_a_minute_before_now() {
        let now: Moment = "2026-11-22T09:32:11.123Z".parse().unwrap();
        let mut samples = Samples::new(now);
        let contents: Vec<_> = (0..2_000).map(|_| samples.next()).collect();
        let oldest = contents
            .iter()
            .map(|content| content.occurred_at)
            .min()
            .unwrap();
        let newest = contents
            .iter()
            .map(|content| content.occurred_at)
            .max()
            .unwrap();
        assert!(newest <= now.minus(MINUTE));
        assert!(oldest >= now.minus(Duration::from_hours(365 * 24)));
        let details = |content: &&Content| {
            content
                .details
                .as_ref()
                .is_some_and(|d| d.as_str().len() > 5_000)
        };
        assert!(contents.iter().filter(details).count() > 20);
        assert!(
            contents
                .iter()
                .any(|content| content.outcome == Outcome::Declined)
        );
        let shared = contents.windows(2).filter(|pair| match pair {
            [one, two] => one.occurred_at == two.occurred_at,
            _ => false,
        });
        assert!(shared.count() > 50);
    }
}
