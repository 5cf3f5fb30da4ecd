//! Partners, the roles of callers, and the names of the claims that say who calls.

use std::fmt;

use compact_str::CompactString;
use serde::Serialize;
use strum::EnumString;

/// A partner's id: `[A-Za-z0-9._-]{1,64}`.
///
/// It is made from verified claims, with two exceptions: a `platform_recorder` names
/// the partner of each activity ([`Recorder`](crate::Recorder)), and a worker's event
/// names the partner of its task, which only serves to look the task up.
/// An id that this service has stored is read back as it is.
///
/// A function can hold one and show it:
///
/// ```
/// fn show(id: &shared::PartnerId) -> String { id.as_str().to_owned() }
/// ```
///
/// It can't make one, either from a text or from a request:
///
/// ```compile_fail
/// fn make() -> shared::PartnerId { shared::PartnerId("contoso".to_owned()) }
/// ```
///
/// ```compile_fail
/// fn make() -> Option<shared::PartnerId> { shared::PartnerId::parse("contoso") }
/// ```
///
/// ```compile_fail
/// fn make() -> Option<shared::PartnerId> { serde_json::from_str("\"contoso\"").ok() }
/// ```
///
/// Nor can it make a reader, a recorder or an eraser:
///
/// ```compile_fail
/// fn make(id: shared::PartnerId) -> shared::Reader {
///     shared::Reader { partner_id: id, subject: None }
/// }
/// ```
///
/// ```compile_fail
/// fn make(id: shared::PartnerId) -> shared::Recorder {
///     shared::Recorder { own: Some(id), for_any_partner: false, may_import: false }
/// }
/// ```
///
/// ```compile_fail
/// fn make(partner_id: shared::PartnerId, actor: shared::Actor) -> shared::Eraser {
///     shared::Eraser { partner_id, actor }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PartnerId(CompactString);

impl PartnerId {
    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses an id; private to this crate, so that no function can make one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let valid = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        // A claim without a value may arrive as this text.
        let valid = valid && text != "null";
        valid.then(|| Self(text.into()))
    }
}

impl fmt::Display for PartnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A role of a token's holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, EnumString)]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "the portal's own names for its roles")]
pub enum Role {
    GlobalAdmin,
    BillingAdmin,
    UserManagementAdmin,
    AdminAgent,
    SalesAgent,
    HelpdeskAgent,
    /// May record for the partner in its claim.
    ActivityRecorder,
    /// May record for any partner; for a portal's own back end.
    PlatformRecorder,
    /// May import the past, for the partner in its claim or as a `platform_recorder`.
    HistoryImporter,
}

impl Role {
    /// The roles that may list and export unless `READER_ROLES` narrows them.
    pub const READERS: [Self; 6] = [
        Self::GlobalAdmin,
        Self::BillingAdmin,
        Self::UserManagementAdmin,
        Self::AdminAgent,
        Self::SalesAgent,
        Self::HelpdeskAgent,
    ];
}

/// The names of the claims that hold the partner, the roles and the person.
#[derive(Debug, Clone)]
pub struct ClaimNames {
    /// The claim that names the partner.
    pub partner: String,
    /// The claim that lists the roles.
    pub roles: String,
    /// How the issuer writes that list.
    pub roles_form: RolesForm,
    /// The claim that holds the caller's id.
    pub subject: String,
    /// The claim that holds the caller's name.
    pub name: String,
}

/// How an issuer writes the roles into their claim.
///
/// API Gateway passes every claim on as a text, so the text alone does not tell
/// an array of names from a text that looks like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum RolesForm {
    /// A JSON array of names, or one name without spaces and brackets.
    Array,
    /// A text of names between spaces, as in the claim `scope` (RFC 8693).
    Words,
}

impl RolesForm {
    /// The form of a claim when none is configured: the standard's for `scope`.
    pub fn usual(claim: &str) -> Self {
        if claim == "scope" {
            Self::Words
        } else {
            Self::Array
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_role_has_its_name() {
        for (name, role) in [
            ("global_admin", Role::GlobalAdmin),
            ("billing_admin", Role::BillingAdmin),
            ("user_management_admin", Role::UserManagementAdmin),
            ("admin_agent", Role::AdminAgent),
            ("sales_agent", Role::SalesAgent),
            ("helpdesk_agent", Role::HelpdeskAgent),
            ("activity_recorder", Role::ActivityRecorder),
            ("platform_recorder", Role::PlatformRecorder),
            ("history_importer", Role::HistoryImporter),
        ] {
            assert_eq!(name.parse(), Ok(role), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_partner_is_what_the_claim_says_or_nothing(claim in r"[A-Za-z0-9._-]{0,70}|.{0,70}") {
            let partner = PartnerId::parse(&claim);
            let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            let is_valid = (1..=64).contains(&claim.len())
                && claim.chars().all(allowed)
                && claim != "null";
            prop_assert_eq!(partner.as_ref().map(PartnerId::as_str), is_valid.then_some(claim.as_str()));
        }
    }
}
