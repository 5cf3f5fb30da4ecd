//! Who gets in, and what of others anyone can see: nothing.

use std::{collections::BTreeSet, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{TestApp, activity, with};

/// Every route that needs a token, with a body where one is needed.
fn routes(id: &str, export_id: &str) -> Vec<(Method, String, Option<Value>)> {
    vec![
        (Method::POST, "/v1/activities".into(), Some(activity())),
        (
            Method::POST,
            "/v1/activities/batch".into(),
            Some(json!({ "activities": [activity()] })),
        ),
        (Method::GET, "/v1/activities".into(), None),
        (Method::GET, format!("/v1/activities/{id}"), None),
        (Method::GET, format!("/v1/activities/{id}/proof"), None),
        (Method::GET, "/v1/checkpoint".into(), None),
        (
            Method::GET,
            "/v1/checkpoint/consistency?from_size=1".into(),
            None,
        ),
        (Method::POST, "/v1/exports".into(), Some(json!({}))),
        (Method::GET, "/v1/exports".into(), None),
        (Method::GET, format!("/v1/exports/{export_id}"), None),
        (Method::DELETE, format!("/v1/exports/{export_id}"), None),
        (
            Method::POST,
            "/v1/erasures".into(),
            Some(json!({ "customer_id": "c-1" })),
        ),
        (Method::GET, format!("/v1/erasures/{export_id}"), None),
        (Method::PUT, "/v1/import".into(), None),
        (Method::GET, "/v1/import".into(), None),
        (Method::DELETE, "/v1/import".into(), None),
        (Method::GET, "/v1/auditrecords".into(), None),
        (Method::GET, "/v1//auditrecords".into(), None),
        (Method::GET, format!("/v1/auditrecords/{id}"), None),
        (Method::GET, "/auditactivity/v1/auditrecords".into(), None),
        (
            Method::GET,
            format!("/auditactivity/v1/auditrecords/{id}"),
            None,
        ),
    ]
}

const ABSENT: &str = "019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d";

impl TestApp {
    async fn statuses(&self, token: &str) -> Vec<u16> {
        let mut statuses = Vec::new();
        for (method, path, body) in routes(ABSENT, ABSENT) {
            let mut request = self.request(method, &path);
            if let Some(body) = body {
                request = request.raw(body.to_string());
            }
            statuses.push(request.token(token).send().await.status.as_u16());
        }
        statuses
    }
}

#[tokio::test]
async fn without_a_valid_token_the_gateway_answers_401() {
    let app = TestApp::start().await;
    let claims = json!({ "partner_id": "contoso", "roles": ["admin_agent", "activity_recorder"] });
    let with_claim = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        app.token_of(claims)
    };
    let valid = app.token_of(claims.clone());
    let unsigned = format!("{}.", valid.rsplit_once('.').unwrap().0);
    for token in [
        with_claim("exp", 1_700_000_000.into()),
        with_claim("exp", "soon".into()),
        with_claim("aud", "another-service".into()),
        with_claim("aud", Value::Null),
        with_claim("aud", json!({ "aud": "partner-activity-log" })),
        with_claim("aud", json!(["partner-activity-log", 5])),
        with_claim("aud", 5.into()),
        with_claim("iss", "https://elsewhere.example".into()),
        with_claim("iss", Value::Null),
        with_claim("nbf", 4_000_000_000_u64.into()),
        format!("{valid}x"),
        unsigned,
        "x".into(),
        String::new(),
    ] {
        assert_eq!(app.statuses(&token).await, [401; 21], "{token}");
    }
    let answer = app.get("/v1/activities").send().await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.as_str()),
        (401, r#"{"message":"Unauthorized"}"#)
    );
}

#[tokio::test]
async fn a_token_without_an_audience_is_accepted_for_its_client_id() {
    let app = TestApp::start().await;
    let status = async |audience: Value, client_id: &str| {
        let token = app.token_of(json!({
            "aud": audience, "client_id": client_id, "partner_id": "contoso", "roles": ["admin_agent"],
        }));
        app.get("/v1/activities").token(&token).send().await.status
    };
    assert_eq!(status(Value::Null, "partner-activity-log").await, 200);
    assert_eq!(status(Value::Null, "another-client").await, 401);
    // The client counts only without an audience.
    let own = json!("partner-activity-log");
    assert_eq!(status(own, "another-client").await, 200);
    let other = json!("another-service");
    assert_eq!(status(other, "partner-activity-log").await, 401);
}

/// A line of the table of who may do what.
struct Row {
    method: Method,
    path: String,
    is_own: bool,
    /// A status for each of [`COLUMNS`], such as `200, each 403`.
    answers: Vec<String>,
}

/// The roles of each column.
const COLUMNS: [&[&str]; 6] = [
    &["global_admin"],
    &[
        "billing_admin",
        "user_management_admin",
        "admin_agent",
        "sales_agent",
        "helpdesk_agent",
    ],
    &["activity_recorder"],
    &["platform_recorder"],
    &["history_importer"],
    &["superuser", ""],
];

fn rows() -> Vec<Row> {
    let page = include_str!("../../docs/api.md");
    let lines = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows = lines.filter_map(|line| {
        let (route, rest) = line.split_once("` | ")?;
        let (method, path) = route.split_once(" /")?;
        let mut cells = rest.trim_end_matches(" |").split(" | ");
        let is_own = cells.next()? != "another's";
        Some(Row {
            method: method.parse().ok()?,
            path: format!("/{path}"),
            is_own,
            answers: cells.map(str::to_owned).collect(),
        })
    });
    rows.collect()
}

impl Row {
    /// What a token with these roles gets: what the most powerful of them gets.
    fn expected(&self, roles: &[&str]) -> &str {
        let of_role = |role: &&str| {
            let column = COLUMNS.iter().position(|column| column.contains(role));
            self.answers[column.unwrap()].as_str()
        };
        let answers: Vec<_> = roles.iter().map(of_role).collect();
        let rank = |answer: &&str| match *answer {
            "403" => 0,
            answer if answer.contains("each") => 1,
            _ => 2,
        };
        answers.into_iter().max_by_key(rank).unwrap()
    }

    fn body(&self) -> Option<Value> {
        let sent = with("partner_id", "contoso");
        match (self.method.as_str(), self.path.as_str()) {
            ("POST", "/v1/activities") => Some(sent),
            ("POST", "/v1/activities/batch") => Some(json!({ "activities": [sent] })),
            ("POST", "/v1/exports") => Some(json!({})),
            ("POST", "/v1/erasures") => Some(json!({ "customer_id": "c-9" })),
            _ => None,
        }
    }
}

/// One thing of each kind, all of contoso.
struct Things {
    activity: String,
    export: String,
    erasure: String,
}

impl Things {
    fn path(&self, row: &Row) -> String {
        let is_of = |kind: &str| row.path.split('/').any(|segment| segment == kind);
        let id = match () {
            () if is_of("activities") || is_of("auditrecords") => &self.activity,
            () if is_of("exports") => &self.export,
            () => &self.erasure,
        };
        // A count must say what it counts by, and a comparison since when.
        let query = match row.path.rsplit('/').next() {
            Some("summary") => "?group_by=day",
            Some("consistency") => "?from_size=1",
            _ => "",
        };
        format!("{}{query}", row.path.replace("{id}", id))
    }
}

impl TestApp {
    async fn things(&self) -> Things {
        let id = |thing: &Value| thing["id"].as_str().unwrap().to_owned();
        let sealed = self.record(&activity()).await;
        self.advance(Duration::from_hours(72));
        self.seal().await;
        Things {
            activity: id(&sealed),
            export: id(&self.export(&json!({})).await),
            erasure: id(&self.erase().await),
        }
    }

    /// What a token with these roles gets.
    async fn answer(&self, row: &Row, things: &Things, roles: &[&str]) -> String {
        let mut claims = json!({ "roles": roles });
        if roles != ["platform_recorder"] {
            claims["partner_id"] = if row.is_own { "contoso" } else { "fabrikam" }.into();
        }
        if row.path == "/v1/import" {
            let import = self.request(Method::PUT, &row.path);
            let importer = self.token("contoso", "history_importer");
            // An erasure of another line may be under way.
            self.until_no_worker_runs().await;
            assert_eq!(import.token(&importer).send().await.status, 200);
        }
        let mut request = self.request(row.method.clone(), &things.path(row));
        if let Some(body) = row.body() {
            request = request.raw(body.to_string());
        }
        let answer = request.token(&self.token_of(claims)).send().await;
        let status = answer.status.as_u16();
        let json: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        match json["results"][0]["status"].as_u64() {
            Some(each @ 400..) => format!("{status}, each {each}"),
            _ if answer.text == "null" => format!("{status}, `null`"),
            _ => status.to_string(),
        }
    }
}

#[tokio::test]
async fn each_cell_of_the_table_of_who_may_do_what_holds() {
    let rows = rows();
    let routes: BTreeSet<_> = rows
        .iter()
        .map(|row| (row.method.as_str(), row.path.as_str()))
        .collect();
    let known = local::template::routes().unwrap();
    let known: BTreeSet<_> = known.iter().map(local::template::Route::key).collect();
    let written: BTreeSet<_> = routes
        .iter()
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    assert_eq!(written, known, "the table names every route");
    let app = TestApp::start_sealing(&[("MAX_RUNNING_EXPORTS", "100")]).await;
    let things = app.things().await;
    let alone = COLUMNS.concat().into_iter().map(|role| vec![role]);
    let together = [
        vec!["admin_agent", "activity_recorder"],
        vec!["global_admin", "platform_recorder"],
        vec!["activity_recorder", "platform_recorder"],
        vec!["superuser", "activity_recorder", "billing_admin"],
        vec!["helpdesk_agent", "superuser", ""],
        COLUMNS
            .concat()
            .into_iter()
            .filter(|role| !role.is_empty())
            .collect(),
    ];
    for roles in alone.chain(together) {
        for row in &rows {
            // An empty name makes the claim ambiguous: then it gives nothing.
            let expected = if roles.contains(&"") {
                row.expected(&[""])
            } else {
                row.expected(&roles)
            };
            let answer = app.answer(row, &things, &roles).await;
            let own = if row.is_own { "own" } else { "another's" };
            assert_eq!(
                answer, expected,
                "{} {} ({own}) as {roles:?}",
                row.method, row.path
            );
        }
    }
}

#[tokio::test]
async fn a_platform_recorder_that_names_no_partner_is_refused() {
    let app = TestApp::start().await;
    let platform = app.token_of(json!({ "roles": ["platform_recorder"] }));
    let sent = app.post("/v1/activities", &activity()).token(&platform);
    assert_eq!(sent.send().await.status, 400);
}

#[tokio::test]
async fn what_gives_no_role_or_no_partner_opens_nothing() {
    let app = TestApp::start().await;
    for claims in [
        json!({ "partner_id": "contoso" }),
        json!({ "partner_id": "contoso", "roles": [] }),
        json!({ "partner_id": "contoso", "roles": ["unknown"] }),
        json!({ "partner_id": "contoso", "roles": "admin_agent activity_recorder" }),
        json!({ "partner_id": "contoso", "roles": "[admin_agent" }),
        json!({ "partner_id": "contoso", "roles": [["admin_agent", "activity_recorder"]] }),
        json!({ "partner_id": "contoso", "roles": { "admin_agent": true } }),
        json!({ "roles": ["admin_agent", "activity_recorder"] }),
        json!({ "partner_id": "con toso", "roles": ["admin_agent", "activity_recorder"] }),
        json!({ "partner_id": "contoso#keys", "roles": ["admin_agent", "activity_recorder"] }),
        json!({ "partner_id": "", "roles": ["admin_agent", "activity_recorder"] }),
        json!({ "partner_id": ["contoso"], "roles": ["admin_agent", "activity_recorder"] }),
        json!({ "partner_id": "p".repeat(65), "roles": ["admin_agent", "activity_recorder"] }),
    ] {
        assert_eq!(
            app.statuses(&app.token_of(claims.clone())).await,
            [403; 21],
            "{claims}"
        );
    }
}

#[tokio::test]
async fn one_bare_role_is_read_as_a_list_of_one() {
    let app = TestApp::start().await;
    let bare = json!({ "partner_id": "contoso", "roles": "admin_agent" });
    assert_eq!(
        app.statuses(&app.token_of(bare)).await,
        [
            403, 403, 200, 404, 404, 409, 409, 202, 200, 404, 404, 403, 403, 403, 403, 403, 200,
            200, 200, 200, 200
        ]
    );
}

#[tokio::test]
async fn the_reader_roles_can_be_narrowed() {
    let app = TestApp::start_with(&[("READER_ROLES", "global_admin")]).await;
    assert_eq!(
        app.get("/v1/activities")
            .token(&app.token("contoso", "global_admin"))
            .send()
            .await
            .status,
        200
    );
    assert_eq!(
        app.get("/v1/activities")
            .token(&app.reader())
            .send()
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn the_claims_names_are_configured() {
    let app =
        TestApp::start_with(&[("PARTNER_CLAIM", "custom:org"), ("ROLES_CLAIM", "groups")]).await;
    let token = app.token_of(json!({ "custom:org": "contoso", "groups": ["admin_agent"] }));
    assert_eq!(
        app.get("/v1/activities").token(&token).send().await.status,
        200
    );
    assert_eq!(
        app.get("/v1/activities")
            .token(&app.reader())
            .send()
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn the_words_of_a_scope_are_roles_and_no_array_and_no_part_of_a_word_is() {
    let app = TestApp::start_with(&[("ROLES_CLAIM", "scope")]).await;
    for (scope, status) in [
        (json!("openid admin_agent"), 200),
        (json!("admin_agent"), 200),
        (json!("[x admin_agent]"), 403),
        (json!("[admin_agent]"), 403),
        (json!(["x", "admin_agent"]), 403),
        (json!("openid admin_agents"), 403),
        (json!("openid,admin_agent"), 403),
        (json!("openid\tadmin_agent"), 403),
        (json!(""), 403),
    ] {
        let token = app.token_of(json!({ "partner_id": "contoso", "scope": scope }));
        let answer = app.get("/v1/activities").token(&token).send().await;
        assert_eq!(answer.status, status, "{scope}");
    }
}

#[tokio::test]
async fn a_text_that_looks_like_an_array_gives_no_role_where_words_are_configured() {
    let app = TestApp::start_with(&[("ROLES_FORM", "words")]).await;
    for (roles, status) in [
        (json!("x admin_agent"), 200),
        (json!("[x admin_agent]"), 403),
        (json!(["admin_agent"]), 403),
    ] {
        let token = app.token_of(json!({ "partner_id": "contoso", "roles": roles }));
        let answer = app.get("/v1/activities").token(&token).send().await;
        assert_eq!(answer.status, status, "{roles}");
    }
}

#[tokio::test]
async fn a_recorder_may_name_its_own_partner_and_no_other() {
    let app = TestApp::start().await;
    app.record(&with("partner_id", "contoso")).await;
    let other = app.post("/v1/activities", &with("partner_id", "fabrikam"));
    assert_eq!(
        other.token(&app.recorder()).send().await.refusal(),
        "403 forbidden"
    );
}

#[tokio::test]
async fn a_platform_recorder_names_the_partner_of_each_activity() {
    let app = TestApp::start().await;
    let platform = app.token_of(json!({ "roles": ["platform_recorder"] }));
    let send = async |body: &Value| {
        app.post("/v1/activities", body)
            .token(&platform)
            .send()
            .await
    };
    assert_eq!(send(&with("partner_id", "contoso")).await.status, 201);
    assert_eq!(
        send(&activity()).await.refusal(),
        "400 partner_id is missing; a platform recorder names it in each activity"
    );
    assert_eq!(
        send(&with("partner_id", "a#b")).await.refusal(),
        "400 partner_id must be 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'"
    );
    let batch = json!({ "activities": [with("partner_id", "contoso"), with("partner_id", "fabrikam"), activity()] });
    let answer = app
        .post("/v1/activities/batch", &batch)
        .token(&platform)
        .send()
        .await
        .json();
    let statuses: Vec<_> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 201, 400]);
    assert_eq!(app.list_all("").await.len(), 2);
}

#[tokio::test]
async fn an_unknown_route_is_answered_by_the_gateway() {
    let app = TestApp::start().await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/v1/activities/"),
        (Method::PUT, "/v1/activities"),
        (Method::GET, "/v1/activities/a/b"),
        (Method::DELETE, "/v1/activities/a"),
    ] {
        let answer = app.request(method, path).token(&app.reader()).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (404, r#"{"message":"Not Found"}"#)
        );
    }
}
