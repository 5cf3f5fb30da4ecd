//! Two partners that have recorded the same: neither sees what the other has.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp, ago, with};

/// The id of no activity, export or erasure.
const UNKNOWN_ID: &str = "019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d";

const ALL_ROLES: [&str; 2] = ["global_admin", "activity_recorder"];

/// A partner, a token of it, and the ids of what it has made.
struct TestPartner {
    id: &'static str,
    token: String,
    activities: BTreeSet<String>,
    export: Value,
    erasure: String,
}

fn id_of(thing: &Value) -> String {
    thing["id"].as_str().unwrap().to_owned()
}

impl TestApp {
    fn partner(&self, id: &'static str) -> TestPartner {
        let token = self.token_of(json!({ "partner_id": id, "roles": ALL_ROLES }));
        TestPartner {
            id,
            token,
            activities: BTreeSet::new(),
            export: Value::Null,
            erasure: String::new(),
        }
    }

    /// Two partners that record the same activities, and each request an export
    /// and an erasure.
    async fn two_partners(&self) -> [TestPartner; 2] {
        let mut partners = [self.partner("contoso"), self.partner("fabrikam")];
        for second in 0..6 {
            let sent = with("occurred_at", ago(60 - second));
            for partner in &mut partners {
                let request = self.post("/v1/activities", &sent).token(&partner.token);
                let request = request.header("idempotency-key", &format!("k-{second}"));
                let answer = request.send().await;
                assert_eq!(answer.status, 201, "a key is its partner's own");
                partner.activities.insert(id_of(&answer.json()));
            }
        }
        for partner in &mut partners {
            let asked = json!({ "style": "raw" });
            partner.export = self.export_as(&partner.token, &asked).await;
            let request = self.post("/v1/erasures", &json!({ "customer_id": "c-none" }));
            partner.erasure = id_of(&request.token(&partner.token).send().await.json());
        }
        partners
    }

    async fn request_as(&self, partner: &TestPartner, method: Method, path: &str) -> Answer {
        self.request(method, path)
            .token(&partner.token)
            .send()
            .await
    }
}

/// An answer without its date and request id, which differ in any two answers.
fn without_date_and_id(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let json: Value = serde_json::from_str(&answer.text).unwrap();
    let request_id = json["request_id"].as_str().unwrap();
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date");
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (
        answer.status.as_u16(),
        answer.text.replace(request_id, "…"),
        headers.collect(),
    )
}

#[tokio::test]
async fn another_partners_id_is_answered_like_an_unknown_id() {
    let app = TestApp::start().await;
    let [contoso, fabrikam] = app.two_partners().await;
    for (partner, other) in [(&contoso, &fabrikam), (&fabrikam, &contoso)] {
        let export = id_of(&other.export);
        let mut theirs: Vec<_> = other
            .activities
            .iter()
            .map(|id| ("activities", id))
            .collect();
        theirs.extend([("exports", &export), ("erasures", &other.erasure)]);
        for (kind, id) in theirs {
            for method in [Method::GET, Method::DELETE] {
                if method == Method::DELETE && kind != "exports" {
                    continue;
                }
                let answer = app
                    .request_as(partner, method.clone(), &format!("/v1/{kind}/{id}"))
                    .await;
                let unknown = format!("/v1/{kind}/{UNKNOWN_ID}");
                let unknown = app.request_as(partner, method, &unknown).await;
                assert_eq!(answer.status, 404, "{kind} {}", answer.text);
                assert_eq!(
                    without_date_and_id(&answer),
                    without_date_and_id(&unknown),
                    "{kind}"
                );
            }
        }
        // The other partner still has its export.
        let path = format!("/v1/exports/{export}");
        let own = app.request_as(other, Method::GET, &path).await.json();
        assert_eq!(own["state"], "ready");
    }
}

#[tokio::test]
async fn another_partners_activities_are_in_no_list_and_no_file() {
    let app = TestApp::start().await;
    for partner in &app.two_partners().await {
        let list = app
            .request_as(partner, Method::GET, "/v1/activities?limit=500")
            .await
            .json();
        let items = list["items"].as_array().unwrap();
        assert!(items.iter().all(|item| item["partner_id"] == partner.id));
        let recorded = items.iter().filter(|item| item["customer"].is_object());
        assert_eq!(
            recorded.map(id_of).collect::<BTreeSet<_>>(),
            partner.activities
        );
        let exports = app
            .request_as(partner, Method::GET, "/v1/exports")
            .await
            .json();
        assert_eq!(exports["items"].as_array().unwrap().len(), 1);
        let file = String::from_utf8(app.file(&partner.export).await).unwrap();
        let listed = partner
            .activities
            .iter()
            .filter(|id| file.contains(id.as_str()));
        assert_eq!(
            (listed.count(), partner.export["file"]["rows"].as_u64()),
            (6, Some(6))
        );
    }
}

#[tokio::test]
async fn another_partners_cursor_is_answered_like_a_broken_one() {
    let app = TestApp::start().await;
    let [contoso, fabrikam] = app.two_partners().await;
    // A second export, so that the first page of exports has a cursor.
    let second = app.post("/v1/exports", &json!({})).token(&contoso.token);
    assert_eq!(second.send().await.status, 202);
    for list in ["/v1/activities", "/v1/exports"] {
        let path = format!("{list}?limit=1");
        let page = app.request_as(&contoso, Method::GET, &path).await.json();
        let cursor = page["next_cursor"].as_str().unwrap();
        let with = |cursor: &str| format!("{path}&cursor={cursor}");
        let theirs = app.request_as(&fabrikam, Method::GET, &with(cursor)).await;
        let broken = app.request_as(&fabrikam, Method::GET, &with("AAAA")).await;
        assert_eq!(theirs.status, 400, "{list}: {}", theirs.text);
        assert_eq!(
            without_date_and_id(&theirs),
            without_date_and_id(&broken),
            "{list}"
        );
    }
}

#[tokio::test]
async fn a_link_that_is_changed_to_another_partners_file_is_refused() {
    let app = TestApp::start().await;
    let [contoso, fabrikam] = app.two_partners().await;
    let url = |partner: &TestPartner| {
        partner.export["download"]["url"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let path_and_query = |url: &str| {
        let (path, query) = url.split_once('?').unwrap();
        (path.to_owned(), query.to_owned())
    };
    let (_, signed) = path_and_query(&url(&contoso));
    let (theirs, _) = path_and_query(&url(&fabrikam));
    let (status, _, body) = app.download(&format!("{theirs}?{signed}")).await;
    assert_eq!(status, 403);
    assert!(!String::from_utf8_lossy(&body).contains("c-1"));
    assert_eq!(app.download(&theirs).await.0, 403, "without a signature");
}
