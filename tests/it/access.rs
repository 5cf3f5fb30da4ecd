//! Who gets in, and what of others anyone can see: nothing.

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
        (Method::POST, "/v1/exports".into(), Some(json!({}))),
        (Method::GET, "/v1/exports".into(), None),
        (Method::GET, format!("/v1/exports/{export_id}"), None),
        (Method::DELETE, format!("/v1/exports/{export_id}"), None),
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
        with_claim("iss", "https://elsewhere.example".into()),
        with_claim("nbf", 4_000_000_000_u64.into()),
        format!("{valid}x"),
        unsigned,
        "x".into(),
        String::new(),
    ] {
        assert_eq!(app.statuses(&token).await, [401; 8], "{token}");
    }
    let answer = app.get("/v1/activities").send().await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.as_str()),
        (401, r#"{"message":"Unauthorized"}"#)
    );
}

#[tokio::test]
async fn each_role_opens_its_own_routes() {
    let app = TestApp::start().await;
    let reads = [403, 403, 200, 404, 202, 200, 404, 404];
    for role in [
        "global_admin",
        "billing_admin",
        "user_management_admin",
        "admin_agent",
        "sales_agent",
        "helpdesk_agent",
    ] {
        assert_eq!(
            app.statuses(&app.token("contoso", role)).await,
            reads,
            "{role}"
        );
    }
    let records = [201, 200, 403, 403, 403, 403, 403, 403];
    assert_eq!(app.statuses(&app.recorder()).await, records);
    let both = json!({ "partner_id": "contoso", "roles": ["admin_agent", "activity_recorder"] });
    assert_eq!(
        app.statuses(&app.token_of(both)).await,
        [201, 200, 200, 404, 202, 200, 404, 404]
    );
    // A platform recorder that names no partner: refused, in a batch item by item.
    let platform = app.token_of(json!({ "roles": ["platform_recorder"] }));
    assert_eq!(
        app.statuses(&platform).await,
        [400, 200, 403, 403, 403, 403, 403, 403]
    );
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
            [403; 8],
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
        [403, 403, 200, 404, 202, 200, 404, 404]
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
async fn what_belongs_to_another_partner_looks_like_what_does_not_exist() {
    let app = TestApp::start().await;
    let stored = app.record(&activity()).await;
    let export = app.export(&json!({})).await;
    let (id, export_id) = (
        stored["id"].as_str().unwrap(),
        export["id"].as_str().unwrap(),
    );
    let fabrikam = app.token("fabrikam", "admin_agent");
    let existing = routes(id, export_id)
        .into_iter()
        .filter(|(_, path, _)| path.matches('/').count() == 3);
    let absent = routes(ABSENT, ABSENT)
        .into_iter()
        .filter(|(_, path, _)| path.matches('/').count() == 3);
    for ((method, theirs, _), (_, nobodys, _)) in existing
        .zip(absent)
        .filter(|((method, ..), _)| method != Method::POST)
    {
        let mut answers = Vec::new();
        for path in [theirs, nobodys] {
            let mut answer = app
                .request(method.clone(), &path)
                .token(&fabrikam)
                .send()
                .await
                .json();
            answer
                .as_object_mut()
                .unwrap()
                .remove("request_id")
                .unwrap();
            answers.push(answer.to_string());
        }
        assert_eq!(answers[0], answers[1], "{method}");
        assert!(answers[0].contains("not_found"), "{}", answers[0]);
    }
    let list = app
        .get("/v1/activities")
        .token(&fabrikam)
        .send()
        .await
        .json();
    assert_eq!(list["items"], json!([]));
    let list = app.get("/v1/exports").token(&fabrikam).send().await.json();
    assert_eq!(list["items"], json!([]));
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
