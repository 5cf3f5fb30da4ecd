//! What a seal makes: segments with every entry, from which all readers answer.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use proof::VerifierKey;
use rustls_pki_types::pem::PemObject;
use serde_json::json;

use super::*;
use crate::{
    faults::Fault,
    harness::{activity, with},
};

/// A log of a year and a day, of which the year is sealed.
async fn sealed_year(variables: &[(&str, &str)], count: usize) -> (TestApp, Vec<Value>) {
    let app = TestApp::start_sealing(variables).await;
    app.stack.load("contoso", count, app.now()).unwrap();
    app.record(&activity()).await;
    let before = app.whole_log().await;
    app.seal().await;
    (app, before)
}

/// How often functions have read the table of activities.
fn reads(app: &TestApp, function: &str) -> usize {
    app.faults.count(function, "Query") + app.faults.count(function, "GetItem")
}

#[tokio::test]
async fn a_sealed_log_is_listed_as_it_was() {
    for shards in ["1", "16"] {
        let (app, before) = sealed_year(&[("WRITE_SHARDS", shards)], 700).await;
        let partner = app.registered_partner("contoso").await;
        let rows = app.check_archive(&partner).await;
        assert!(rows.len() > 600, "{}", rows.len());
        assert!(app.segments(&partner).await.len() > 10);
        assert_eq!(app.whole_log().await, before);
        // What was sealed is what was listed, the oldest first.
        let listed = before.iter().rev().map(|item| item["id"].as_str().unwrap());
        let sealed = rows.iter().map(|row| row.id.as_str());
        assert!(sealed.eq(listed.take(rows.len())));
    }
}

#[tokio::test]
async fn a_sealed_range_is_answered_without_the_table() {
    let (app, before) = sealed_year(&[], 400).await;
    let sealed_to = app
        .seal_head(&app.registered_partner("contoso").await)
        .await
        .sealed_to;
    let to = sealed_to.unwrap();
    let range = format!("from=2000-01-01&to={to}&limit=500");
    let before_to = |item: &&Value| item["occurred_at"].as_str().unwrap() < to.to_string().as_str();
    let expected: Vec<&Value> = before.iter().filter(before_to).collect();
    let count = reads(&app, "list");
    let page = app.list(&range).await;
    assert_eq!(page["settled"], true);
    assert_eq!(page["items"].as_array().unwrap().len(), expected.len());
    let customer = &expected[0]["customer"]["id"];
    let found = app
        .list(&format!(
            "{range}&customer_id={}",
            customer.as_str().unwrap_or("c-1")
        ))
        .await;
    assert_eq!(found["settled"], true);
    let summary = app
        .read(&format!(
            "/v1/activities/summary?from=2000-01-01&to={to}&group_by=day"
        ))
        .await;
    assert_eq!(summary.json()["settled"], true);
    assert_eq!(reads(&app, "list"), count);
    let export = app
        .export(&json!({ "from": "2000-01-01T00:00:00Z", "to": to.to_string(), "style": "raw" }))
        .await;
    assert_eq!(export["settled"], true);
    assert_eq!(export["file"]["rows"], expected.len());
    assert_eq!(app.faults.count("export-worker", "Query"), 0);
}

#[tokio::test]
async fn a_range_that_is_not_wholly_sealed_is_not_settled() {
    let (app, _) = sealed_year(&[], 50).await;
    let to = app
        .seal_head(&app.registered_partner("contoso").await)
        .await
        .sealed_to
        .unwrap();
    let settled = async |to: Moment| {
        let page = app.list(&format!("from=2000-01-01&to={to}")).await;
        page["settled"].clone()
    };
    let later = to.plus(Duration::from_millis(1));
    assert_eq!(
        (settled(to).await, settled(later).await),
        (json!(true), json!(false))
    );
    // What is sealed is said where something older than a day was read.
    for path in [
        "/v1/activities?from=2000-01-01",
        "/v1/activities/summary?group_by=day&from=2000-01-01",
    ] {
        assert_eq!(app.read(path).await.json()["sealed_to"], to.to_string());
    }
    let today = app.list(&format!("from={}", app.now())).await;
    assert!(today["sealed_to"].is_null(), "{today}");
    assert_eq!(app.list("").await["settled"], false);
    assert_eq!(
        app.list("from=2999-01-01&to=2999-01-02").await["settled"],
        false
    );
}

/// Every day the month's open segment grows, and its former object is deleted.
#[tokio::test]
async fn each_day_extends_the_open_segment_and_the_last_checkpoint() {
    let app = TestApp::start_sealing(&[]).await;
    let mut sizes = Vec::new();
    for _ in 0..6 {
        for seconds in [5, 65] {
            app.record(&with(
                "occurred_at",
                app.now().minus(Duration::from_secs(seconds)).to_string(),
            ))
            .await;
        }
        app.run_sealer().await;
        let partner = app.registered_partner("contoso").await;
        app.check_archive(&partner).await;
        sizes.push(app.seal_head(&partner).await.size);
        app.advance(Duration::from_hours(25));
    }
    assert_eq!(sizes, [0, 0, 2, 4, 6, 8]);
    let partner = app.registered_partner("contoso").await;
    let checkpoints = app.objects("checkpoints", &partner);
    assert_eq!(checkpoints.len(), 4);
    let signed = app.seal_head(&partner).await.checkpoint.unwrap();
    let last = checkpoints.values().next_back().unwrap();
    assert_eq!(signed.as_bytes(), last);
}

#[tokio::test]
async fn a_checkpoint_whose_answer_is_lost_is_found_again() {
    let app = TestApp::start_sealing(&[]).await;
    app.record(&activity()).await;
    app.advance(Duration::from_hours(26));
    app.run_sealer().await;
    app.advance(MARGIN);
    app.faults.add("PutObject", Fault::ReplyLost, 1);
    app.run_sealer().await;
    assert!(app.faults.clear());
    let partner = app.registered_partner("contoso").await;
    let (_, note) = app.objects("checkpoints", &partner).pop_last().unwrap();
    let kept = app.seal_head(&partner).await.checkpoint.unwrap();
    assert_eq!(kept.as_bytes(), note);
}

#[tokio::test]
async fn a_checkpoint_that_says_something_else_is_not_taken_for_the_own_one() {
    let app = TestApp::start_sealing(&[]).await;
    app.record(&activity()).await;
    app.advance(Duration::from_hours(26));
    app.run_sealer().await;
    let partner = app.registered_partner("contoso").await;
    let closed_to = app.seal_head(&partner).await.closed_to.unwrap();
    let at = closed_to.as_millis();
    let key = format!("checkpoints/v1/partner=contoso/{:012}-{at:014}.txt", 1);
    let other = b"log.example/contoso/activity-v1\n1\nanother root\n\n- signature\n";
    app.put_object("checkpoints", &key, other);
    app.advance(MARGIN);
    app.run_sealer().await;
    let head = app.seal_head(&partner).await;
    assert_eq!((head.size, head.sealed_to), (1, Some(closed_to)));
    assert_eq!(head.checkpoint, None);
    assert_eq!(app.objects("checkpoints", &partner)[&key], other);
    assert!(app.due("contoso").await <= app.now(), "it is tried again");
}

#[tokio::test]
async fn a_checkpoint_is_signed_by_the_key_of_the_machine() {
    let (app, _) = sealed_year(&[("LOG_NAME", "log.example")], 20).await;
    let partner = app.registered_partner("contoso").await;
    let head = app.seal_head(&partner).await;
    let note = Note::parse(&head.checkpoint.clone().unwrap()).unwrap();
    let pem = std::fs::read(&app.stack.config.signing_keys[0]).unwrap();
    let der = rustls_pki_types::PrivatePkcs8KeyDer::from_pem_slice(&pem).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    let key = VerifierKey::new("log.example", public).unwrap();
    let text = note.verify(&[key]).unwrap();
    let checkpoint = Checkpoint::parse(text).unwrap();
    assert_eq!(checkpoint.origin, "log.example/contoso/activity-v1");
    assert_eq!(checkpoint.size, head.size);
    assert_eq!(
        checkpoint.sealed_to(),
        Some(head.sealed_to.unwrap().to_string().as_str())
    );
}

#[tokio::test]
async fn without_a_key_logs_are_sealed_and_nothing_is_published() {
    let (app, before) = sealed_year(&[("SIGNING_KEYS", "")], 20).await;
    let partner = app.registered_partner("contoso").await;
    assert_eq!(app.seal_head(&partner).await.checkpoint, None);
    assert!(app.objects("checkpoints", &partner).is_empty());
    assert_eq!(app.whole_log().await, before);
}

#[tokio::test]
async fn a_key_that_fails_stops_neither_the_seal_nor_the_next_partner() {
    let (app, before) = sealed_year(&[("SIGNING_KEYS", "no-such-file.pem")], 20).await;
    let partner = app.registered_partner("contoso").await;
    let head = app.seal_head(&partner).await;
    assert!(head.size > 10 && head.checkpoint.is_none());
    assert_eq!(app.whole_log().await, before);
    // It is due again with the next sweep.
    assert!(app.due("contoso").await <= app.now());
}
