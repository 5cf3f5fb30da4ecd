//! Records as Partner Center's API `auditrecords` shows them.

mod clients;
mod imported;
mod pages;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    faults::Fault,
    harness::{Answer, TestApp, activity, with},
};

/// The clock of tests that name days: a Saturday.
const NOW: &str = "2026-11-28T10:00:00Z";

impl TestApp {
    /// Reads as contoso's reader; the query is sent as it is.
    async fn records(&self, query: &str) -> Answer {
        self.read(&format!("/v1/auditrecords{query}")).await
    }

    /// Reads the records of one page.
    async fn page(&self, query: &str) -> Value {
        let answer = self.records(query).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// The actions of the records of one page.
    async fn actions(&self, query: &str) -> Vec<String> {
        texts(&self.page(query).await, "operationType")
    }

    /// Records an action at a moment.
    async fn act(&self, action: &str, at: &str) -> Value {
        let mut sent = with("occurred_at", at);
        sent["action"] = action.into();
        self.record(&sent).await
    }
}

/// A member of each record of a page.
fn texts(page: &Value, member: &str) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|it| it[member].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Status, code and description of an error.
fn fault(answer: &Answer) -> String {
    let (status, body) = (answer.status.as_u16(), answer.json());
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    format!("{status} {} {}", text("code"), text("description"))
}

#[tokio::test]
async fn a_record_has_what_the_activity_has_and_its_members_are_in_order() {
    let app = TestApp::start_at(NOW).await;
    let mut sent = with("occurred_at", "2026-11-28T09:41:05.123Z");
    sent["resource"] = json!({ "type": "order", "id": "o-5" });
    sent["correlation_id"] = "x-1".into();
    sent["details"] = json!({
        "old_value": "{\"Quantity\":24}",
        "new_value": { "Quantity": 25 },
        "customized_data": [{ "key": "Quantity-0", "value": "25" }, { "key": "Note", "value": null }],
        "internal": "of the portal",
    });
    let stored = app.record(&sent).await;
    let id = stored["id"].as_str().unwrap();
    let expected = format!(
        concat!(
            r#"{{"id":"{}","partnerId":"contoso","customerId":"c-1","customerName":"Relecloud","#,
            r#""userPrincipalName":"admin@contoso.example","resourceType":"order","#,
            r#""resourceOldValue":"{{\"Quantity\":24}}","resourceNewValue":"{{\"Quantity\":25}}","#,
            r#""operationType":"create_order","originalCorrelationId":"x-1","#,
            r#""operationDate":"2026-11-28T09:41:05.1230000Z","operationStatus":"succeeded","#,
            r#""customizedData":[{{"key":"Quantity-0","value":"25"}},{{"key":"Note","value":null}}],"#,
            r#""attributes":{{"objectType":"AuditRecord"}}}}"#
        ),
        id
    );
    let one = app.records(&format!("/{id}")).await;
    assert_eq!(one.text, expected);
    let page = app.records("?startDate=2026-11-28").await;
    assert!(
        page.text
            .starts_with(&format!(r#"{{"totalCount":1,"items":[{expected}],"links""#)),
        "{}",
        page.text
    );
    assert_eq!(
        page.header("content-type"),
        "application/json; charset=utf-8"
    );
}

#[tokio::test]
async fn what_an_application_did_names_the_application_and_an_unknown_action_stays_as_it_is() {
    let app = TestApp::start_at(NOW).await;
    let mut sent = with("occurred_at", "2026-11-28T09:00:00Z");
    sent["actor"] = json!({ "id": "app-1", "name": "Billing", "kind": "application" });
    sent["action"] = "portal.raise-limit".into();
    sent["outcome"] = "in_progress".into();
    app.record(&sent).await;
    let page = app.page("").await;
    let record = &page["items"][0];
    assert_eq!(record["applicationId"], "app-1");
    assert_eq!(record["userPrincipalName"], Value::Null);
    assert_eq!(record["operationType"], "portal.raise-limit");
    assert_eq!(record["operationStatus"], "progress");
    assert_eq!(record["resourceType"], "undefined");
}

#[tokio::test]
async fn a_record_of_the_service_itself_has_no_customer() {
    let app = TestApp::start().await;
    app.export(&json!({})).await;
    let page = app.page("").await;
    let record = page["items"].as_array().unwrap().last().unwrap();
    assert_eq!(record["operationType"], "export_activity_log");
    assert_eq!(record["customerId"], Value::Null);
    assert_eq!(record["resourceType"], "export");
}

#[tokio::test]
async fn what_an_erasure_took_is_absent_from_a_record() {
    let app = TestApp::start().await;
    let mut sent = activity();
    sent["details"] = json!({ "new_value": "1" });
    let stored = app.record(&sent).await;
    let path = format!("/{}", stored["id"].as_str().unwrap());
    assert_eq!(app.records(&path).await.json()["customerName"], "Relecloud");
    assert_eq!(app.erase().await["state"], "done");
    let record = app.records(&path).await.json();
    assert_eq!(record["customerId"], "c-1");
    assert_eq!(record["customerName"], Value::Null);
    assert_eq!(record["resourceNewValue"], Value::Null);
}

#[tokio::test]
async fn no_record_is_found_by_the_name_that_stands_for_one_that_was_erased() {
    let app = TestApp::start_sealing(&[]).await;
    for (id, name) in [("c-1", "Erasmus"), ("c-2", "Erasmus & Sons")] {
        let mut sent = with("occurred_at", app.now().to_string());
        sent["customer"] = json!({ "id": id, "name": name });
        app.record(&sent).await;
    }
    let filter =
        "%7B%22Field%22:%22CompanyName%22,%22Value%22:%22eras%22,%22Operator%22:%22substring%22%7D";
    let found = async || texts(&app.page(&format!("?filter={filter}")).await, "customerId");
    assert_eq!(found().await.len(), 2);
    assert_eq!(app.erase().await["state"], "done");
    assert_eq!(found().await, ["c-2"]);
    app.advance(std::time::Duration::from_hours(72));
    app.seal().await;
    assert_eq!(found().await, ["c-2"], "out of the archive");
}

#[tokio::test]
async fn details_can_not_make_a_record_say_something_else_than_its_activity() {
    let app = TestApp::start().await;
    let mut sent = activity();
    sent["details"] = json!({ "partner_center": {
        "id": "p_c_o_createorder_637346859797753934", "userPrincipalName": "ceo@contoso.example",
        "operationType": "add_customer", "operationStatus": {}, "customerId": "c-9",
        "operationDate": "2020-09-02T23:26:19.7753934Z", "customizedData": ["a"],
    } });
    let stored = app.record(&sent).await;
    let record = app.page("").await["items"][0].clone();
    assert_eq!(record["id"], stored["id"]);
    assert_eq!(record["userPrincipalName"], "admin@contoso.example");
    assert_eq!(record["operationType"], "create_order");
    assert_eq!(record["customerId"], "c-1");
    let date = stored["occurred_at"]
        .as_str()
        .unwrap()
        .replace('Z', "0000Z");
    assert_eq!(record["operationDate"], date);
    assert_eq!(record.get("customizedData"), None);
}

#[tokio::test]
async fn a_record_that_does_not_exist_is_null() {
    let app = TestApp::start().await;
    let other = app.record(&activity()).await;
    let other = other["id"].as_str().unwrap();
    for id in [
        "019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d",
        "p_c_createorder_637346859797753934",
        "p_c_createorder_1",
        "4711",
        "a%20b",
    ] {
        let answer = app.records(&format!("/{id}")).await;
        let found = (answer.status.as_u16(), answer.text.as_str());
        assert_eq!(found, (200, "null"), "{id}");
    }
    let path = format!("/v1/auditrecords/{other}");
    let fabrikam = app.token("fabrikam", "admin_agent");
    let answer = app.get(&path).token(&fabrikam).send().await;
    assert_eq!(answer.text, "null", "of another partner");
}

#[tokio::test]
async fn both_addresses_and_double_slashes_are_the_same_and_other_paths_are_no_routes() {
    let app = TestApp::start().await;
    let stored = app.record(&activity()).await;
    let id = stored["id"].as_str().unwrap();
    for base in ["/v1", "/auditactivity/v1", "/v1/", "/v1//"] {
        let page = app.read(&format!("{base}/auditrecords")).await.json();
        assert_eq!(page["totalCount"], 1, "{base}");
        let one = app.read(&format!("{base}/auditrecords/{id}")).await;
        assert_eq!(one.json()["id"], id, "{base}");
    }
    for path in [
        "/v1//auditrecord",
        "/v1//auditrecords/a/b",
        "/v1//activities",
    ] {
        let answer = app.read(path).await;
        let found = (answer.status.as_u16(), answer.text.as_str());
        assert_eq!(found, (404, r#"{"message":"Not Found"}"#), "{path}");
    }
    let posted = app.request(Method::POST, "/v1/auditrecords");
    assert_eq!(posted.token(&app.reader()).send().await.status, 404);
}

#[tokio::test]
async fn an_error_has_the_form_of_partner_center() {
    let app = TestApp::start().await;
    let answer = app.records("?startDate=2023-02-44").await;
    let reason = "startDate must be a date that exists, as yyyy-mm-dd, such as 2026-11-22";
    let expected = json!({
        "code": "800002", "description": reason, "data": [reason], "source": "PartnerActivityLog",
    });
    assert_eq!((answer.status.as_u16(), answer.json()), (400, expected));
    for (query, expected) in [
        ("?size=0", "400 800002 size must be a whole number from 1"),
        ("?size=-1", "400 800002 size must be a whole number from 1"),
        (
            "?size=9223372036854775808",
            "400 800002 size must be a whole number from 1",
        ),
        ("?size=ten", "400 800002 size must be a whole number from 1"),
        ("?startDate=", &format!("400 800002 {reason}")),
        (
            "?startDate=2026-11-02&endDate=2026-11-01",
            "400 800002 startDate must not be after endDate",
        ),
        (
            "?startDate=2026-11-02&startDate=2026-11-01",
            "400 800002 startDate is given twice",
        ),
        (
            "?seekOperation=Previous",
            "400 800002 seekOperation must be First or Next",
        ),
        (
            "?seekOperation=Next",
            "400 800002 MS-ContinuationToken must be sent with seekOperation=Next, as a header or parameter",
        ),
        (
            "?MS-ContinuationToken=x",
            "400 800002 MS-ContinuationToken must be that of a page of the same query, unchanged",
        ),
        ("?filter=%FF", "400 800002 filter must be UTF-8"),
        (
            "?filter=%7B%7D",
            "400 800002 filter.Operator must be a text",
        ),
    ] {
        assert_eq!(fault(&app.records(query).await), expected, "{query}");
    }
    let recorder = app.get("/v1/auditrecords").token(&app.recorder());
    let forbidden = "403 2032 the token has no role that may read the log";
    assert_eq!(fault(&recorder.send().await), forbidden);
    app.faults.add("auditrecords", Fault::Lost, usize::MAX);
    let answer = app.records("").await;
    let unavailable = "503 800003 the service got no answer in time; try again";
    assert_eq!(fault(&answer), unavailable);
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn the_ids_of_a_request_come_back_and_without_them_the_gateways() {
    let app = TestApp::start().await;
    let get = |path: &str| app.get(path).token(&app.reader());
    for path in [
        "/v1/auditrecords",
        "/v1/auditrecords/1",
        "/v1/auditrecords?size=0",
    ] {
        let answer = get(path)
            .header("MS-RequestId", "5d1c0f6e-0c55-4a0e-9d1a-8f0b6a1d9a01")
            .header("MS-CorrelationId", "0a7bb3f0-1d2e-4f7c-b1b8-9f6f2c3d4e5f");
        let answer = answer.send().await;
        let request = "5d1c0f6e-0c55-4a0e-9d1a-8f0b6a1d9a01";
        assert_eq!(answer.header("ms-requestid"), request);
        let correlation = "0a7bb3f0-1d2e-4f7c-b1b8-9f6f2c3d4e5f";
        assert_eq!(answer.header("ms-correlationid"), correlation);
    }
    let own = get("/v1/auditrecords").send().await;
    assert!(!own.header("ms-requestid").is_empty());
    let odd = get("/v1/auditrecords").header("MS-RequestId", "two words");
    assert_ne!(odd.send().await.header("ms-requestid"), "two words");
}

#[tokio::test]
async fn parameters_are_read_without_case_and_unknown_ones_are_ignored() {
    let app = TestApp::start_at(NOW).await;
    app.act("first", "2026-11-27T12:00:00Z").await;
    app.act("second", "2026-11-28T09:00:00Z").await;
    let query = "?STARTDATE=2026-11-27&enddate=2026-11-27&Size=5&locale=en-US&$top=1";
    assert_eq!(app.actions(query).await, ["first"]);
}
