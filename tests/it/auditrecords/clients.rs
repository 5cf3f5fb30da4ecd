//! The habits of the programs that read `auditrecords`, each as its program has it.
//!
//! The requests are those that the programs send, seen in their sources.

use reqwest::Url;

use super::*;

/// Goes on as the SDK of .NET does: it puts `/v1` before an address without it, takes what
/// is before and behind the first question mark, and sends every header of the link.
async fn next_of_dotnet(app: &TestApp, page: &Value) -> Option<Value> {
    let next = page["links"].get("next").filter(|next| !next.is_null())?;
    let uri = next["uri"].as_str().unwrap();
    let path = if uri.starts_with("/v1") {
        uri.to_owned()
    } else {
        format!("/v1/{}", uri.trim_start_matches('/'))
    };
    let parts: Vec<_> = path.split('?').collect();
    let mut request = app.get(&format!("{}?{}", parts[0], parts[1]));
    for header in next["headers"].as_array().expect("never null") {
        let text = |name: &str| header[name].as_str().unwrap();
        request = request.header(text("key"), text("value"));
    }
    let answer = request.token(&app.reader()).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    Some(answer.json())
}

/// Goes on as the SDK of Java and that of the PowerShell module do: `/v1/`, and then the
/// address as it is, so that there are two slashes.
async fn next_behind_two_slashes(app: &TestApp, page: &Value) -> Option<Value> {
    let next = page["links"].get("next")?;
    let mut request = app.get(&format!("/v1/{}", next["uri"].as_str().unwrap()));
    for header in next["headers"].as_array().unwrap() {
        let text = |name: &str| header[name].as_str().unwrap();
        request = request.header(text("key"), text("value"));
    }
    let answer = request.token(&app.reader()).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    Some(answer.json())
}

/// A log with actions 1 to 5, the last of them today.
async fn five_days() -> TestApp {
    let app = TestApp::start_at(NOW).await;
    for day in 1..=5 {
        let at = format!("2026-11-{}T08:00:00Z", 23 + day);
        app.act(&format!("act_{day}"), &at).await;
    }
    app
}

const NEWEST_FIRST: [&str; 5] = ["act_5", "act_4", "act_3", "act_2", "act_1"];

/// A query as .NET puts it into an address: its characters are escaped only where an address
/// can't have them.
fn of_dotnet(parameters: &str) -> String {
    let url = Url::parse(&format!("http://x/?{parameters}")).unwrap();
    let escaped = url.query().unwrap().replace('{', "%7B").replace('}', "%7D");
    format!("?{escaped}")
}

#[tokio::test]
async fn dotnet_sends_dates_in_the_invariant_culture() {
    let app = five_days().await;
    let query = of_dotnet("startDate=11/25/2026 00:00:00&endDate=11/26/2026 00:00:00");
    assert_eq!(
        query,
        "?startDate=11/25/2026%2000:00:00&endDate=11/26/2026%2000:00:00"
    );
    assert_eq!(app.actions(&query).await, ["act_3", "act_2"]);
}

#[tokio::test]
async fn dotnet_puts_a_filter_into_the_address_without_escaping_it() {
    let app = five_days().await;
    let mut order = with("occurred_at", "2026-11-28T09:00:00Z");
    order["resource"] = json!({ "type": "order", "id": "o-1" });
    app.record(&order).await;
    let query = of_dotnet(
        r#"startDate=11/01/2026 00:00:00&filter={"Field":"ResourceType","Value":"Order","Operator":"equals"}"#,
    );
    assert!(
        query.contains("%7B%22Field%22:%22ResourceType%22,"),
        "{query}"
    );
    assert_eq!(app.actions(&query).await, ["create_order"]);
}

#[tokio::test]
async fn dotnet_breaks_the_query_at_an_ampersand_in_a_company_name() {
    let app = five_days().await;
    let query = of_dotnet(
        r#"startDate=11/01/2026 00:00:00&filter={"Field":"CompanyName","Value":"A & B","Operator":"substring"}"#,
    );
    let reason =
        "400 800002 filter must be a JSON object, percent-encoded as a whole, with no name twice";
    assert_eq!(fault(&app.records(&query).await), reason);
}

#[tokio::test]
async fn dotnet_leaves_a_plus_in_a_company_name_as_it_is() {
    let app = five_days().await;
    let mut order = with("occurred_at", "2026-11-28T09:00:00Z");
    order["customer"] = json!({ "id": "c-9", "name": "Fabrikam+Co" });
    app.record(&order).await;
    let query = of_dotnet(
        r#"startDate=11/01/2026 00:00:00&filter={"Field":"CompanyName","Value":"brikam+co","Operator":"substring"}"#,
    );
    assert!(query.contains("brikam+co"), "{query}");
    assert_eq!(app.actions(&query).await, ["create_order"]);
    // Where the colons are encoded, so is a `+`, and this one is a space.
    let of_a_form = query.replace(':', "%3A");
    assert!(app.actions(&of_a_form).await.is_empty());
}

#[tokio::test]
async fn dotnet_sends_a_size_only_with_an_indexed_query() {
    let app = five_days().await;
    let page = app.page(&of_dotnet("startDate=11/01/2026 00:00:00")).await;
    let own = page["links"]["self"]["uri"].as_str().unwrap();
    assert_eq!(
        own,
        "/auditrecords?startDate=2026-11-01&endDate=2026-11-28&size=500"
    );
    let page = app
        .page(&of_dotnet("startDate=11/01/2026 00:00:00&size=2"))
        .await;
    assert_eq!(texts(&page, "operationType"), ["act_5", "act_4"]);
}

#[tokio::test]
async fn dotnet_sends_the_token_in_a_header() {
    let app = five_days().await;
    let query = of_dotnet("startDate=11/01/2026 00:00:00&size=2");
    let token = app.page(&query).await["continuationToken"].clone();
    let request = app.get(&format!("/v1/auditrecords{query}"));
    let request = request.header("MS-ContinuationToken", token.as_str().unwrap());
    let page = request.token(&app.reader()).send().await.json();
    assert_eq!(texts(&page, "operationType"), ["act_3", "act_2"]);
}

#[tokio::test]
async fn dotnet_follows_the_next_link_with_v1_and_with_every_header_and_stops_without_one() {
    let app = five_days().await;
    let filter = r#"{"Field":"CompanyName","Value":"reLE","Operator":"substring"}"#;
    let query = of_dotnet(&format!(
        "startDate=11/01/2026 00:00:00&size=2&filter={filter}"
    ));
    let mut page = Some(app.page(&query).await);
    let (mut found, mut pages) = (Vec::new(), 0);
    while let Some(current) = page {
        found.extend(texts(&current, "operationType"));
        page = next_of_dotnet(&app, &current).await;
        pages += 1;
    }
    assert_eq!(found, NEWEST_FIRST);
    assert_eq!(pages, 3, "the last page has one record and no link");
}

#[tokio::test]
async fn dotnet_needs_the_headers_of_a_link_to_be_an_array() {
    let app = five_days().await;
    let page = app.page("?size=2").await;
    assert_eq!(page["links"]["self"]["headers"], json!([]));
    assert_eq!(
        page["links"]["next"]["headers"].as_array().unwrap().len(),
        1
    );
    let last = app.page("").await;
    assert_eq!(last["links"]["self"]["headers"], json!([]));
    assert_eq!(last["links"].get("next"), None);
}

#[tokio::test]
async fn dotnet_reads_code_description_and_data_of_an_error() {
    let app = TestApp::start().await;
    let error = app.records("?startDate=soon").await.json();
    assert!(error["code"].is_string() && error["description"].is_string());
    assert!(
        error["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(Value::is_string)
    );
}

#[tokio::test]
async fn dotnet_needs_the_seconds_of_a_429_and_forgets_them_if_the_body_has_a_code() {
    let app = TestApp::start().await;
    app.faults.add("auditrecords", Fault::Throttled, usize::MAX);
    for path in ["", "/019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d"] {
        let answer = app.records(path).await;
        assert_eq!(answer.status, 429, "{}", answer.text);
        assert_eq!(answer.header("retry-after"), "10");
        let message = "Rate limit is exceeded. Try again in 10 seconds.";
        let expected = json!({ "statusCode": 429, "message": message });
        assert_eq!(answer.json(), expected);
    }
}

/// Asks up to three times more, but not after an answer that .NET's SDK takes as final.
async fn repeated_by_dotnet(app: &TestApp, query: &str) -> (u16, usize) {
    const FINAL: [u16; 7] = [400, 401, 403, 404, 409, 417, 429];
    let mut asked = 0;
    loop {
        asked += 1;
        let status = app.records(query).await.status.as_u16();
        if status == 200 || FINAL.contains(&status) || asked == 4 {
            return (status, asked);
        }
    }
}

#[tokio::test]
async fn dotnet_repeats_what_failed_for_a_moment_but_no_request_that_is_wrong() {
    let app = TestApp::start().await;
    // The function's own SDK tries each call three times.
    app.faults.add("auditrecords", Fault::Lost, 6);
    assert_eq!(repeated_by_dotnet(&app, "").await, (200, 3));
    assert_eq!(repeated_by_dotnet(&app, "?size=0").await, (400, 1));
    app.faults.add("auditrecords", Fault::Throttled, usize::MAX);
    assert_eq!(repeated_by_dotnet(&app, "").await, (429, 1));
}

#[tokio::test]
async fn the_samples_of_dotnet_begin_at_the_start_of_the_month_with_pages_of_ten() {
    let app = five_days().await;
    let query = of_dotnet("startDate=11/01/2026 00:00:00&size=10");
    assert_eq!(app.actions(&query).await, NEWEST_FIRST);
}

#[tokio::test]
async fn the_samples_of_dotnet_search_for_a_resource_type_in_pascal_case() {
    let app = TestApp::start_at(NOW).await;
    let mut sent = with("occurred_at", "2026-11-28T09:00:00Z");
    sent["resource"] = json!({ "type": "order", "id": "o-1" });
    app.record(&sent).await;
    sent["resource"] = json!({ "type": "order_line", "id": "o-1" });
    app.record(&sent).await;
    for value in ["Order", "order", "ORDER"] {
        let filter = format!(r#"{{"Field":"ResourceType","Value":"{value}","Operator":"equals"}}"#);
        let query = of_dotnet(&format!("filter={filter}"));
        let page = app.page(&query).await;
        assert_eq!(texts(&page, "resourceType"), ["order"], "{value}");
    }
}

#[tokio::test]
async fn the_samples_of_dotnet_search_for_a_customer_by_id_and_by_a_part_of_the_name() {
    let app = TestApp::start_at(NOW).await;
    for (id, name) in [
        ("AB-1", "Fabrikam"),
        ("ab-12", "Brick & Mortar"),
        ("c-1", "Relecloud"),
    ] {
        let mut sent = with("occurred_at", "2026-11-28T09:00:00Z");
        sent["customer"] = json!({ "id": id, "name": name });
        app.record(&sent).await;
    }
    let found = async |filter: &str| {
        let page = app.page(&of_dotnet(&format!("filter={filter}"))).await;
        let mut found = texts(&page, "customerId");
        found.sort();
        found
    };
    let by_id = r#"{"Field":"CustomerId","Value":"ab-1","Operator":"equals"}"#;
    assert_eq!(found(by_id).await, ["AB-1"]);
    let by_name = r#"{"Field":"CompanyName","Value":"bri","Operator":"substring"}"#;
    assert_eq!(found(by_name).await, ["AB-1", "ab-12"]);
    let both = format!(r#"{{"LeftFilter":{by_name},"Operator":"and","RightFilter":{by_id}}}"#);
    assert_eq!(found(&both).await, ["AB-1"]);
}

#[tokio::test]
async fn java_sends_the_day_of_the_year_which_is_refused_by_name() {
    let app = TestApp::start().await;
    let expected =
        "400 800002 startDate must be a date that exists, as yyyy-mm-dd, such as 2026-11-22";
    // In January the day of the year is that of the month.
    let january = app.page("?startDate=2023-01-13").await;
    let own = january["links"]["self"]["uri"].as_str().unwrap();
    assert!(
        own.contains("startDate=2023-01-13&endDate=2023-02-12"),
        "{own}"
    );
    for day in ["2023-02-32", "2023-02-44", "2017-07-182"] {
        let answer = app.records(&format!("?startDate={day}")).await;
        assert_eq!(fault(&answer), expected, "{day}");
    }
}

#[tokio::test]
async fn java_sends_a_filter_in_camel_case_with_a_key_more() {
    let app = five_days().await;
    let filter = r#"{"operator":"Substring","fieldType":"AuditRecord","field":"CompanyName","value":"RELE"}"#;
    let encoded: String = form_urlencoded(filter);
    let query = format!("?startDate=2026-11-01&filter={encoded}");
    assert_eq!(app.actions(&query).await, NEWEST_FIRST);
}

/// As Java's `URLEncoder` encodes.
fn form_urlencoded(text: &str) -> String {
    let mut url = Url::parse("http://x/").unwrap();
    url.query_pairs_mut().append_pair("f", text);
    url.query().unwrap()[2..].to_owned()
}

#[tokio::test]
async fn java_sends_the_token_as_a_parameter() {
    let app = five_days().await;
    let page = app.page("?startDate=2026-11-01&size=2").await;
    let token = page["continuationToken"].as_str().unwrap();
    let query = format!("?startDate=2026-11-01&size=2&MS-ContinuationToken={token}");
    assert_eq!(app.actions(&query).await, ["act_3", "act_2"]);
}

#[tokio::test]
async fn java_asks_for_the_next_page_behind_two_slashes() {
    let app = five_days().await;
    let mut page = Some(app.page("?startDate=2026-11-01&size=2").await);
    let mut found = Vec::new();
    while let Some(current) = page {
        found.extend(texts(&current, "operationType"));
        page = next_behind_two_slashes(&app, &current).await;
    }
    assert_eq!(found, NEWEST_FIRST);
}

#[tokio::test]
async fn java_gives_up_on_a_page_with_a_value_that_it_does_not_know() {
    let app = TestApp::start_at(NOW).await;
    app.act("portal.raise-limit", "2026-11-28T08:00:00Z").await;
    let odd = "update_customer_spending_budget";
    app.act(odd, "2026-11-28T09:00:00Z").await;
    let request = app.get("/v1/auditrecords").token(&app.reader());
    let request = request.header("MS-PartnerCenter-Client", "Partner Center Java SDK");
    let page = request.send().await.json();
    let of_java = ["update_Customer_spending_budget", "undefined"];
    assert_eq!(texts(&page, "operationType"), of_java);
    assert_eq!(texts(&page, "resourceType"), ["undefined", "undefined"]);
    let path = format!("/v1/auditrecords/{}", texts(&page, "id")[1]);
    let one = app.get(&path).token(&app.reader());
    let one = one.header("MS-PartnerCenter-Client", "Partner Center Java SDK");
    assert_eq!(one.send().await.json(), page["items"][1]);
    assert_eq!(app.actions("").await, [odd, "portal.raise-limit"]);
}

#[tokio::test]
async fn the_powershell_module_sends_the_begin_of_every_30_days_and_no_end() {
    let app = TestApp::start_at(NOW).await;
    for day in ["09-01", "09-30", "10-01", "10-02", "10-31", "11-28"] {
        let at = format!("2026-{day}T08:00:00Z");
        app.act(&format!("on_{}", day.replace('-', "_")), &at).await;
    }
    let mut found = Vec::new();
    for start in [
        "09/01/2026 00:00:00",
        "10/01/2026 00:00:00",
        "10/31/2026 00:00:00",
    ] {
        let mut page = Some(app.page(&of_dotnet(&format!("startDate={start}"))).await);
        while let Some(current) = page {
            found.push(texts(&current, "operationType").join(" "));
            page = next_behind_two_slashes(&app, &current).await;
        }
    }
    // The day that two windows share is in both, as the range ends with the whole 30th day after.
    let expected = [
        "on_10_01 on_09_30 on_09_01",
        "on_10_31 on_10_02 on_10_01",
        "on_11_28 on_10_31",
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_powershell_module_goes_on_behind_two_slashes() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 8_000, app.now()).unwrap();
    let month = app.now().minus(std::time::Duration::from_hours(24 * 30));
    let day = month.to_string()[..10].to_owned();
    let mut page = Some(app.page(&format!("?startDate={day}")).await);
    let mut sizes = Vec::new();
    while let Some(current) = page {
        sizes.push(current["totalCount"].as_u64().unwrap());
        page = next_behind_two_slashes(&app, &current).await;
    }
    let (last, full) = sizes.split_last().unwrap();
    assert!(
        !full.is_empty() && full.iter().all(|size| *size == 500),
        "{sizes:?}"
    );
    assert!((1..=500).contains(last), "{sizes:?}");
}

#[tokio::test]
async fn the_powershell_module_prints_what_its_sdk_found_even_without_end_and_filter() {
    let app = five_days().await;
    // One version of its SDK sends neither `endDate` nor `filter`, whatever it is asked.
    assert_eq!(
        app.actions("?startDate=11%2F01%2F2026%2000:00:00").await,
        NEWEST_FIRST
    );
}

#[tokio::test]
async fn the_powershell_script_reads_the_items_of_the_first_page_and_filters_them_itself() {
    let app = five_days().await;
    app.act("delete_customer_user", "2026-11-27T09:00:00Z")
        .await;
    let one = app.page("?startDate=2026-11-24").await;
    assert_eq!(one["totalCount"], 6, "one page has all of a small month");
    let both = app.page("?startDate=2026-11-24&endDate=2026-11-27").await;
    let deleted = both["items"].as_array().unwrap().iter();
    let deleted = deleted.filter(|it| it["operationType"] == "delete_customer_user");
    assert_eq!(deleted.count(), 1);
    // Its pattern for dates lets a month have one digit.
    assert_eq!(app.page("?startDate=2026-11-1").await["totalCount"], 6);
}

#[tokio::test]
async fn a_line_of_curl_or_typescript_needs_only_the_begin_and_a_token() {
    let app = five_days().await;
    let answer = app.records("?startDate=2026-11-01").await;
    assert_eq!(texts(&answer.json(), "operationType"), NEWEST_FIRST);
}
