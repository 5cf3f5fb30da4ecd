//! What was imported from Partner Center comes back as it was.

use std::fs;

use shared::lambda::http::percent_encoded;

use super::*;

/// Records as Partner Center writes them, of the day before.
fn records(app: &TestApp) -> Value {
    let day = &crate::harness::ago(86_400)[..10];
    let at = |time: &str| format!("{day}T{time}Z");
    let ticks = |millis: i64| 621_355_968_000_000_000 + millis * 10_000;
    let millis = |time: &str| {
        let moment: shared::Moment = format!("{day}T{time}Z").parse().unwrap();
        moment.as_millis()
    };
    let (first, second) = ("09:41:05.1234567", "09:41:05.123");
    let id = |operation: &str, time: &str, rest: i64| {
        format!("p1_c1_o1_{operation}_{}", ticks(millis(&time[..12])) + rest)
    };
    assert!(app.now().as_millis() > millis(second));
    json!({
        "totalCount": 4,
        "items": [
            {
                "id": id("createorder", first, 4567),
                "partnerId": "9f2d6bd1-6d1d-4a2f-8f4b-0d4b4b4f2b01",
                "participants": ["9f2d6bd1-6d1d-4a2f-8f4b-0d4b4b4f2b01"],
                "customerId": "C1", "customerName": "Contoso 주식회사",
                "userPrincipalName": "ann@partner.example", "applicationId": "Partner Center Web",
                "sessionId": "s-1", "resourceType": "order",
                "resourceOldValue": "null", "resourceNewValue": "{\"Id\":\"o1\",\"Total\":1.10}",
                "operationType": "create_order", "originalCorrelationId": "x-1",
                "operationDate": at(first), "operationStatus": "succeeded",
                "customizedData": [
                    { "key": "OfferId-0", "value": "a" }, { "key": "PartnerOnRecord-0", "value": null },
                ],
                "attributes": { "objectType": "AuditRecord", "etag": "e-1" },
            },
            {
                "id": id("registerapplication", second, 0),
                "partnerId": "p1", "customerId": "C1", "applicationId": "FulfillmentService",
                "resourceType": "application", "operationType": "register_application",
                "operationDate": at(second), "operationStatus": "decline",
                "attributes": { "objectType": "AuditRecord" },
            },
            {
                "id": id("new thing, with a space", second, 7),
                "partnerId": "p1", "customerId": "C2", "customerName": "Fabrikam",
                "userPrincipalName": "4711", "resourceType": "a_new_type",
                "operationType": "update_Customer_spending_budget", "operationDate": at("09:41:05.1230007"),
                "operationStatus": "progress", "newMember": { "a": [1, "NUMBER"] },
                "attributes": { "objectType": "AuditRecord" },
            },
            {
                "partnerId": "p1", "customerId": "C3", "operationType": "undefined",
                "operationDate": at("10:00:00"), "operationStatus": "failed",
                "resourceType": "undefined",
            },
        ],
    })
}

async fn import(app: &TestApp, folder: &std::path::Path, records: &Value) {
    // Indented, and with a number that no binary one has.
    let text = serde_json::to_string_pretty(records).unwrap();
    let text = text.replace("\"NUMBER\"", "12345678901234567890.10");
    fs::write(folder.join("records.json"), text).unwrap();
    let import = ["import", "records.json", "--format", "auditrecords"];
    let said = app.says(folder, &import).await;
    assert_eq!(said, "4 recorded, 0 known before, 0 rejected\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_imported_come_back_field_by_field() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let records = records(&app);
    import(&app, folder.path(), &records).await;
    let answer = app
        .records("")
        .await
        .text
        .replace("12345678901234567890.10", "\"NUMBER\"");
    assert!(
        answer.contains("NUMBER"),
        "a number is the text that it was: {answer}"
    );
    let page: Value = serde_json::from_str(&answer).unwrap();
    let found = page["items"].as_array().unwrap();
    for sent in records["items"].as_array().unwrap() {
        let is_same = |found: &&Value| found["operationType"] == sent["operationType"];
        let mut found = found.iter().find(is_same).unwrap().clone();
        let id = found["id"].as_str().unwrap().to_owned();
        let one = app.records(&format!("/{id}")).await.text;
        let one = one.replace("12345678901234567890.10", "\"NUMBER\"");
        let one: Value = serde_json::from_str(&one).unwrap();
        assert_eq!(one, found, "asked for by its id");
        if sent.get("id").is_none() {
            // It had none, so it has that of its activity.
            found.as_object_mut().unwrap().remove("id");
        }
        assert_eq!(&found, sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_route_answers_is_imported_into_another_log_and_is_the_same_there() {
    let (app, other) = (TestApp::start().await, TestApp::start().await);
    let folder = tempfile::tempdir().unwrap();
    import(&app, folder.path(), &records(&app)).await;
    let is_trail = |record: &Value| record["resourceType"] == "import";
    let mut page = app.page("").await;
    page["items"]
        .as_array_mut()
        .unwrap()
        .retain(|it| !is_trail(it));
    import(&other, folder.path(), &page).await;
    let mut again = other.page("").await;
    again["items"]
        .as_array_mut()
        .unwrap()
        .retain(|it| !is_trail(it));
    assert_eq!(again["items"], page["items"]);
    for record in page["items"].as_array().unwrap() {
        let id = record["id"].as_str().unwrap();
        assert_eq!(
            other.records(&format!("/{id}")).await.json(),
            *record,
            "{id}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_does_not_lead_back_is_not_shown() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut records = records(&app);
    let items = records["items"].as_array_mut().unwrap();
    items[0]["id"] = "4711".into();
    items[1]["id"] = "p1_c1_registerapplication_637346859797753934".into();
    // In a path these would end the id.
    let ticks = items[2]["id"].as_str().unwrap().rsplit('_').next().unwrap();
    let [with_slash, with_question] = ['/', '?'].map(|mark| format!("p1{mark}c1_{ticks}"));
    items[2]["id"] = with_slash.into();
    items[3]["id"] = with_question.into();
    items[3]["operationDate"] = items[2]["operationDate"].clone();
    import(&app, folder.path(), &records).await;
    let page = app.page("").await;
    for record in page["items"].as_array().unwrap() {
        let id = record["id"].as_str().unwrap();
        assert_eq!(app.records(&format!("/{id}")).await.json(), *record, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_a_name_is_found_by_no_name() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    import(&app, folder.path(), &records(&app)).await;
    let named = |name: &str| {
        let filter = json!({ "Field": "CompanyName", "Value": name, "Operator": "substring" });
        format!("?filter={}", percent_encoded(&filter.to_string()))
    };
    // The entry of a record without a name has the customer's id in its place.
    assert!(app.actions(&named("c3")).await.is_empty());
    assert_eq!(app.actions(&named("contoso")).await, ["create_order"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn java_reads_what_was_imported_without_a_status() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut records = records(&app);
    records["items"][0]
        .as_object_mut()
        .unwrap()
        .remove("operationStatus");
    records["items"][1]["operationStatus"] = "".into();
    records["items"][1]["resourceType"] = "".into();
    import(&app, folder.path(), &records).await;
    let request = app.get("/v1/auditrecords").token(&app.reader());
    let request = request.header("MS-PartnerCenter-Client", "Partner Center Java SDK");
    let page = request.send().await.json();
    let items = page["items"].as_array().unwrap();
    let statuses = items.iter().filter_map(|item| item.get("operationStatus"));
    let known = statuses.filter(|status| ["progress", "failed"].map(Value::from).contains(status));
    let absent = items
        .iter()
        .filter(|item| item.get("operationStatus").is_none());
    assert_eq!((known.count(), absent.count()), (2, 2), "{page}");
    assert!(!texts(&page, "resourceType").contains(&String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_takes_what_only_the_imported_record_said() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let records = records(&app);
    import(&app, folder.path(), &records).await;
    assert_eq!(app.erase_customer("C1").await["state"], "done");
    let id = records["items"][0]["id"].as_str().unwrap();
    let record = app.records(&format!("/{id}")).await.json();
    assert_eq!(record["customerName"], Value::Null);
    assert_eq!(record["resourceNewValue"], Value::Null);
    assert_eq!(record["operationType"], "create_order");
    assert_eq!(
        record["operationDate"].as_str().unwrap()[10..],
        *"T09:41:05.1230000Z"
    );
    let own = record["id"].as_str().unwrap();
    assert_ne!(own, id, "what named it is gone too");
    assert_eq!(app.records(&format!("/{own}")).await.json(), record);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_the_file_of_the_activity_log_page_comes_back() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let at = crate::harness::ago(86_400);
    let csv = format!(
        "Date-Time (UTC),Affected customer,Action,Partner user\r\n{},Relecloud,Create order,ann@contoso.example\r\n",
        at[..19].replace('T', " ")
    );
    fs::write(folder.path().join("page.csv"), csv).unwrap();
    let import = ["import", "page.csv", "--format", "partner-center"];
    app.says(folder.path(), &import).await;
    let page = app.page("").await;
    let records = page["items"].as_array().unwrap();
    let record = records.iter().find(|it| it["resourceType"] != "import");
    let record = record.unwrap();
    assert_eq!(record["operationDate"], format!("{}.0000000Z", &at[..19]));
    assert_eq!(record["customerName"], "Relecloud");
    assert_eq!(record["operationType"], "create_order");
    assert_eq!(record["userPrincipalName"], "ann@contoso.example");
}
