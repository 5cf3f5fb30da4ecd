//! An entry as an API Activity (6003) of the Open Cybersecurity Schema Framework.
//!
//! Version 1.3.0, which Amazon Security Lake takes. What the schema has no place for is in
//! `unmapped`. <https://schema.ocsf.io/1.3.0/classes/api_activity>

use serde::Serialize;
use serde_with::skip_serializing_none;
use shared::{
    Activity, ActorKind, Content, Customer, Details, Identifier, Moment, Outcome,
    aws::activities::Stored,
};

/// The schema, as a CloudEvent names it.
pub(crate) const SCHEMA: &str = "https://schema.ocsf.io/1.3.0/classes/api_activity";

const VERSION: &str = "1.3.0";
const CLASS_UID: u32 = 6003;

/// The verbs of actions, and what the schema calls them.
const VERBS: [(Verb, &[&str]); 4] = [
    (
        Verb::Create,
        &["create", "add", "register", "invite", "upload", "open"],
    ),
    (
        Verb::Read,
        &[
            "read", "get", "list", "view", "search", "export", "download",
        ],
    ),
    (
        Verb::Update,
        &[
            "update", "change", "set", "edit", "rename", "reset", "renew", "extend", "upgrade",
            "convert", "increase", "decrease", "enable", "disable", "suspend", "resume", "restore",
            "assign", "approve", "activate",
        ],
    ),
    (
        Verb::Delete,
        &[
            "delete",
            "remove",
            "cancel",
            "unregister",
            "terminate",
            "revoke",
            "erase",
            "close",
        ],
    ),
];

/// The `activity_id` of the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create = 1,
    Read = 2,
    Update = 3,
    Delete = 4,
    Other = 99,
}

#[skip_serializing_none]
#[derive(Debug, Serialize)]
pub(crate) struct ApiActivity<'a> {
    activity_id: u32,
    activity_name: &'a str,
    category_uid: u32,
    category_name: &'static str,
    class_uid: u32,
    class_name: &'static str,
    type_uid: u32,
    type_name: String,
    severity_id: u32,
    severity: &'static str,
    status_id: u32,
    status: &'static str,
    time: i64,
    metadata: Metadata<'a>,
    actor: Actor<'a>,
    api: Api<'a>,
    src_endpoint: Service<'a>,
    resources: Option<Vec<Resource<'a>>>,
    unmapped: Unmapped<'a>,
}

#[skip_serializing_none]
#[derive(Debug, Serialize)]
struct Metadata<'a> {
    version: &'static str,
    product: Product<'a>,
    uid: String,
    log_name: &'a str,
    logged_time: i64,
    original_time: Moment,
    tenant_uid: &'a str,
    correlation_uid: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Product<'a> {
    name: &'static str,
    uid: &'a str,
    vendor_name: &'a str,
}

/// A person is a user, a program is an app.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Actor<'a> {
    User { user: User<'a> },
    App { app_uid: &'a str, app_name: &'a str },
}

#[derive(Debug, Serialize)]
struct User<'a> {
    uid: &'a str,
    name: &'a str,
    r#type: &'static str,
    type_id: u32,
}

#[derive(Debug, Serialize)]
struct Api<'a> {
    operation: &'a str,
    service: Name<'a>,
}

#[derive(Debug, Serialize)]
struct Name<'a> {
    name: &'a str,
}

/// The schema requires where the call came from, and the log keeps no addresses.
#[derive(Debug, Serialize)]
struct Service<'a> {
    svc_name: &'a str,
}

#[skip_serializing_none]
#[derive(Debug, Serialize)]
struct Resource<'a> {
    r#type: &'a str,
    uid: &'a str,
    name: Option<&'a str>,
}

#[skip_serializing_none]
#[derive(Debug, Serialize)]
struct Unmapped<'a> {
    outcome: Outcome,
    customer: Option<&'a Customer>,
    details: Option<&'a Details>,
    has_details: bool,
    erased_at: Option<Moment>,
}

impl<'a> ApiActivity<'a> {
    pub(crate) fn new(stored: &'a Stored, log_name: &'a str) -> Self {
        let Activity { content, .. } = &stored.activity;
        let action = content.action.as_str();
        let verb = Verb::of(action);
        let activity_name = verb.name(action);
        let (status_id, status) = status(content.outcome);
        Self {
            activity_id: verb as u32,
            activity_name,
            category_uid: 6,
            category_name: "Application Activity",
            class_uid: CLASS_UID,
            class_name: "API Activity",
            type_uid: CLASS_UID * 100 + verb as u32,
            type_name: format!("API Activity: {}", verb.name("Other")),
            severity_id: 1,
            severity: "Informational",
            status_id,
            status,
            time: content.occurred_at.as_millis(),
            metadata: metadata(&stored.activity, log_name),
            actor: actor(&content.actor),
            api: Api {
                operation: action,
                service: Name { name: log_name },
            },
            src_endpoint: Service { svc_name: log_name },
            resources: resources(content),
            unmapped: Unmapped {
                outcome: content.outcome,
                customer: content.customer.as_ref(),
                details: content.details.as_ref(),
                has_details: stored.has_details,
                erased_at: stored.activity.erased_at,
            },
        }
    }
}

impl Verb {
    /// The verb that an action names first, such as `order.cancelled` or `create_order`.
    fn of(action: &str) -> Self {
        let mut words = action.split(['_', '-', '.']);
        let verb = |word: &str| {
            let is_form = |verb: &&str| {
                let ending = word.strip_prefix(*verb);
                ending.is_some_and(|ending| ["", "d", "ed", "led"].contains(&ending))
            };
            let mut verbs = VERBS.iter();
            let found = verbs.find(|(_, names)| names.iter().any(&is_form));
            found.map(|(verb, _)| *verb)
        };
        words.find_map(verb).unwrap_or(Self::Other)
    }

    fn name(self, other: &str) -> &str {
        match self {
            Self::Create => "Create",
            Self::Read => "Read",
            Self::Update => "Update",
            Self::Delete => "Delete",
            Self::Other => other,
        }
    }
}

fn status(outcome: Outcome) -> (u32, &'static str) {
    match outcome {
        Outcome::Succeeded => (1, "Success"),
        Outcome::Failed => (2, "Failure"),
        Outcome::InProgress => (99, "In Progress"),
        Outcome::Declined => (99, "Declined"),
    }
}

fn metadata<'a>(activity: &'a Activity, log_name: &'a str) -> Metadata<'a> {
    let correlation_id = activity.content.correlation_id.as_ref();
    Metadata {
        version: VERSION,
        product: Product {
            name: "Partner Activity Log",
            uid: "partner-activity-log",
            vendor_name: log_name,
        },
        uid: activity.id.to_string(),
        log_name,
        logged_time: activity.recorded_at.as_millis(),
        original_time: activity.content.occurred_at,
        tenant_uid: activity.partner_id.as_str(),
        correlation_uid: correlation_id.map(Identifier::as_str),
    }
}

fn actor(actor: &shared::Actor) -> Actor<'_> {
    let (uid, name) = (actor.id.as_str(), actor.name.as_str());
    match actor.kind {
        ActorKind::User => Actor::User {
            user: User {
                uid,
                name,
                r#type: "User",
                type_id: 1,
            },
        },
        ActorKind::Application => Actor::App {
            app_uid: uid,
            app_name: name,
        },
    }
}

/// What was acted on, and the customer whose it is.
fn resources(content: &Content) -> Option<Vec<Resource<'_>>> {
    let resource = content.resource.as_ref().map(|resource| Resource {
        r#type: resource.r#type.as_str(),
        uid: resource.id.as_str(),
        name: None,
    });
    let customer = content.customer.as_ref().map(|customer| Resource {
        r#type: "customer",
        uid: customer.id.as_str(),
        name: Some(customer.name.as_str()),
    });
    let all: Vec<_> = resource.into_iter().chain(customer).collect();
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verb_of_an_action_is_found_wherever_it_stands() {
        for (action, verb) in [
            ("create_order", Verb::Create),
            ("order.created", Verb::Create),
            ("export_activity_log", Verb::Read),
            ("update-customer", Verb::Update),
            ("subscription.suspended", Verb::Update),
            ("cancel_subscription", Verb::Delete),
            ("subscription.cancelled", Verb::Delete),
            ("remove_partner_relationship", Verb::Delete),
            ("addressed", Verb::Other),
            ("sign_in", Verb::Other),
            ("-", Verb::Other),
        ] {
            assert_eq!(Verb::of(action), verb, "{action}");
        }
    }
}
