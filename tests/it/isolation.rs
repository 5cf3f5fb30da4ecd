//! Two partners with everything in common but their ids: what one has is to the
//! other as if it was not.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp, ago, with};

/// What nobody has, of each kind.
const ABSENT: &str = "019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d";

const ALL_ROLES: [&str; 2] = ["global_admin", "activity_recorder"];

/// A partner's side of the test.
struct Side {
    partner: &'static str,
    token: String,
    activities: BTreeSet<String>,
    export: Value,
    erasure: String,
}

fn id_of(thing: &Value) -> String {
    thing["id"].as_str().unwrap().to_owned()
}

impl TestApp {
    fn side(&self, partner: &'static str) -> Side {
        let token = self.token_of(json!({ "partner_id": partner, "roles": ALL_ROLES }));
        Side {
            partner,
            token,
            activities: BTreeSet::new(),
            export: Value::Null,
            erasure: String::new(),
        }
    }

    /// Both record the same at the same moments, in turns.
    async fn two_sides(&self) -> [Side; 2] {
        let mut sides = [self.side("contoso"), self.side("fabrikam")];
        for second in 0..6 {
            let sent = with("occurred_at", ago(60 - second));
            for side in &mut sides {
                let request = self.post("/v1/activities", &sent).token(&side.token);
                let request = request.header("idempotency-key", &format!("k-{second}"));
                let answer = request.send().await;
                assert_eq!(answer.status, 201, "a key is its partner's own");
                side.activities.insert(id_of(&answer.json()));
            }
        }
        for side in &mut sides {
            let request = self.post("/v1/exports", &json!({ "style": "raw" }));
            let request = request.header("prefer", "wait=20").token(&side.token);
            side.export = request.send().await.json();
            let request = self.post("/v1/erasures", &json!({ "customer_id": "c-none" }));
            side.erasure = id_of(&request.token(&side.token).send().await.json());
        }
        sides
    }

    async fn as_side(&self, side: &Side, method: Method, path: &str) -> Answer {
        self.request(method, path).token(&side.token).send().await
    }
}

/// An answer but for what differs in any two.
fn bytes(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
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
async fn the_others_ids_are_answered_as_ids_of_nothing() {
    let app = TestApp::start().await;
    let [contoso, fabrikam] = app.two_sides().await;
    for (side, other) in [(&contoso, &fabrikam), (&fabrikam, &contoso)] {
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
                    .as_side(side, method.clone(), &format!("/v1/{kind}/{id}"))
                    .await;
                let nobodys = format!("/v1/{kind}/{ABSENT}");
                let absent = app.as_side(side, method, &nobodys).await;
                assert_eq!(answer.status, 404, "{kind} {}", answer.text);
                assert_eq!(bytes(&answer), bytes(&absent), "{kind}");
            }
        }
        // It is still there for its own partner.
        let path = format!("/v1/exports/{export}");
        let own = app.as_side(other, Method::GET, &path).await.json();
        assert_eq!(own["state"], "ready");
    }
}

#[tokio::test]
async fn the_others_entries_are_in_no_list_and_no_file() {
    let app = TestApp::start().await;
    for side in &app.two_sides().await {
        let list = app
            .as_side(side, Method::GET, "/v1/activities?limit=500")
            .await
            .json();
        let items = list["items"].as_array().unwrap();
        assert!(items.iter().all(|item| item["partner_id"] == side.partner));
        let recorded = items.iter().filter(|item| item["customer"].is_object());
        assert_eq!(
            recorded.map(id_of).collect::<BTreeSet<_>>(),
            side.activities
        );
        let exports = app.as_side(side, Method::GET, "/v1/exports").await.json();
        assert_eq!(exports["items"].as_array().unwrap().len(), 1);
        let file = String::from_utf8(app.file(&side.export).await).unwrap();
        let listed = side
            .activities
            .iter()
            .filter(|id| file.contains(id.as_str()));
        assert_eq!(
            (listed.count(), side.export["file"]["rows"].as_u64()),
            (6, Some(6))
        );
    }
}

#[tokio::test]
async fn the_others_cursors_are_no_cursors() {
    let app = TestApp::start().await;
    let [contoso, fabrikam] = app.two_sides().await;
    // A second export, so that the first page of exports has a cursor.
    let second = app.post("/v1/exports", &json!({})).token(&contoso.token);
    assert_eq!(second.send().await.status, 202);
    for list in ["/v1/activities", "/v1/exports"] {
        let path = format!("{list}?limit=1");
        let page = app.as_side(&contoso, Method::GET, &path).await.json();
        let cursor = page["next_cursor"].as_str().unwrap();
        let with = |cursor: &str| format!("{path}&cursor={cursor}");
        let theirs = app.as_side(&fabrikam, Method::GET, &with(cursor)).await;
        let broken = app.as_side(&fabrikam, Method::GET, &with("AAAA")).await;
        assert_eq!(theirs.status, 400, "{list}: {}", theirs.text);
        assert_eq!(bytes(&theirs), bytes(&broken), "{list}");
    }
}

#[tokio::test]
async fn a_link_made_over_to_the_others_file_is_refused() {
    let app = TestApp::start().await;
    let [contoso, fabrikam] = app.two_sides().await;
    let url = |side: &Side| side.export["download"]["url"].as_str().unwrap().to_owned();
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
