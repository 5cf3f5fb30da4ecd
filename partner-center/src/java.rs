//! Records for Partner Center's SDK of Java, version 1.15.4.
//!
//! It knows a fixed list of values, and gives up on a whole page at any other one.

use crate::record::{Record, text};

/// What stands for an operation or a type of resource that it does not know.
const UNDEFINED: &str = "undefined";

/// Its operations, two of them spelled as nobody else spells them.
const OPERATIONS: [&str; 38] = [
    "update_customer_qualification",
    "update_subscription",
    "upgrade_subscription",
    "convert_trial_subscription",
    "add_customer",
    "update_customer_billing_profile",
    "update_customer_partner_contract_company_Name",
    "update_Customer_spending_budget",
    "delete_customer",
    "remove_partner_customer_relationship",
    "create_order",
    "update_order",
    "create_customer_user",
    "delete_customer_user",
    "update_customer_user",
    "update_customer_user_licenses",
    "reset_customer_user_password",
    "update_customer_user_principal_name",
    "restore_customer_user",
    "create_mpn_association",
    "update_mpn_association",
    "update_sfb_customer_user_licenses",
    "update_transfer",
    "create_partner_relationship",
    "register_application",
    "unregister_application",
    "add_application_credential",
    "remove_application_credential",
    "create_partner_user",
    "update_partner_user",
    "remove_partner_user",
    "create_referral",
    "update_referral",
    "get_software_key",
    "get_software_download_link",
    "increase_credit_limit",
    "ready_invoice",
    "create_agreement",
];

const RESOURCES: [&str; 18] = [
    "customer",
    "customer_user",
    "order",
    "subscription",
    "license",
    "third_party_add_on",
    "mpn_association",
    "transfer",
    "application",
    "application_credential",
    "partner_user",
    "partner_relationship",
    "referral",
    "software_key",
    "software_download_link",
    "credit_limit",
    "invoice",
    "agreement",
];

const STATUSES: [&str; 4] = ["succeeded", "failed", "progress", "decline"];

/// The same record with values that the SDK of Java knows, in its spelling; any other
/// operation or type of resource is `undefined`, and any other status absent.
#[must_use]
pub fn for_java(mut record: Record) -> Record {
    let members = [
        ("operationType", &OPERATIONS[..], Some(UNDEFINED)),
        ("resourceType", &RESOURCES, Some(UNDEFINED)),
        ("operationStatus", &STATUSES, None),
    ];
    for (member, known, otherwise) in members {
        let Some(text) = record.0.get(member).and_then(|value| text(value)) else {
            continue;
        };
        let known = known.iter().find(|known| known.eq_ignore_ascii_case(&text));
        match known.copied().or(otherwise) {
            Some(text) => record.put(member, text),
            None => _ = record.0.remove(member),
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of([operation, resource, status]: [&str; 3]) -> [Option<String>; 3] {
        let mut record = Record::default();
        record.put("operationType", operation);
        record.put("resourceType", resource);
        record.put("operationStatus", status);
        let record = for_java(record);
        let members = ["operationType", "resourceType", "operationStatus"];
        members.map(|member| text(record.0.get(member)?))
    }

    #[test]
    fn a_value_that_java_does_not_know_is_undefined_and_the_others_are_in_its_spelling() {
        let known = |text: &str| Some(text.to_owned());
        let undefined = known("undefined");
        assert_eq!(
            of(["update_customer_spending_budget", "Order", "Succeeded"]),
            [
                known("update_Customer_spending_budget"),
                known("order"),
                known("succeeded")
            ]
        );
        for other in ["export_activity_log", ""] {
            let expected = [undefined.clone(), undefined.clone(), None];
            assert_eq!(of([other; 3]), expected, "{other}");
        }
    }
}
