//! Retention: what has ended is not shown, and its segments are deleted later.

use super::*;
use crate::harness::with;

/// How long entries are kept in these tests.
const RETENTION: &str = "30";

/// A sealed log whose entries have all ended.
///
/// They are of two months, and so of two segments: the clock begins on a day of which
/// that follows.
pub(super) async fn ended() -> TestApp {
    let app = two_months().await;
    app.advance(Duration::from_hours(24 * 40));
    app
}

async fn two_months() -> TestApp {
    let variables = [("RETENTION_DAYS", RETENTION), ("MAX_LATENESS_DAYS", "2")];
    let app = TestApp::start_with(&variables).await;
    let start: Moment = "2027-04-01T08:00:00Z".parse().unwrap();
    app.set_ahead(start.as_millis() - app.now().as_millis());
    for hours in [1, 5, 10, 20] {
        let at = app.now().minus(Duration::from_hours(hours));
        app.record(&with("occurred_at", at.to_string())).await;
    }
    app.advance(Duration::from_hours(24 * 4));
    app.seal().await;
    app
}

impl TestApp {
    /// Every segment of contoso is pruned, and the tree is kept.
    pub(super) async fn check_pruned(&self) {
        let partner = self.registered_partner("contoso").await;
        let (head, segments) = (
            self.seal_head(&partner).await,
            self.segments(&partner).await,
        );
        assert!(segments.iter().all(SegmentItem::is_pruned), "{segments:?}");
        assert!(self.objects("archive", &partner).is_empty());
        let mut tree = proof::CompactRange::empty(0).unwrap();
        for segment in &segments {
            tree.merge(&segment.tree().unwrap()).unwrap();
        }
        assert_eq!(head.tree().unwrap(), tree);
    }
}

#[tokio::test]
async fn a_segment_is_pruned_a_day_after_its_last_activity_has_ended() {
    let app = two_months().await;
    let partner = app.registered_partner("contoso").await;
    let ids: Vec<String> = app
        .list_all(EVERYTHING)
        .await
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((ids.len(), app.segments(&partner).await.len()), (4, 2));
    // The first segment has ended, but not a day ago.
    app.advance(Duration::from_hours(24 * 25 + 15));
    assert_eq!(app.list_all(EVERYTHING).await.len(), 2);
    app.run_sealer().await;
    assert_eq!(app.objects("archive", &partner).len(), 2);
    app.advance(Duration::from_hours(24));
    app.run_sealer().await;
    let pruned = app.segments(&partner).await;
    let pruned: Vec<bool> = pruned.iter().map(SegmentItem::is_pruned).collect();
    assert_eq!(pruned, [true, false]);
    assert_eq!(app.objects("archive", &partner).len(), 1);
    for order in ["asc", "desc"] {
        let shown = app.list_all(&format!("{EVERYTHING}&order={order}")).await;
        assert!(shown.is_empty(), "{shown:?}");
    }
    app.advance(Duration::from_hours(48));
    app.run_sealer().await;
    app.check_pruned().await;
    assert!(app.list_all(EVERYTHING).await.is_empty());
    for id in &ids {
        assert_eq!(app.read(&format!("/v1/activities/{id}")).await.status, 404);
    }
    let export = app
        .export(&json!({ "from": "2000-01-01", "to": "2027-04-02" }))
        .await;
    assert_eq!(export["file"]["rows"], 0);
}

#[tokio::test]
async fn a_log_goes_on_behind_what_was_pruned() {
    let app = ended().await;
    app.run_sealer().await;
    app.check_pruned().await;
    let stored = app.record(&crate::harness::activity()).await;
    let before = app.list_all(EVERYTHING).await;
    app.advance(Duration::from_hours(24 * 4));
    app.seal().await;
    let partner = app.registered_partner("contoso").await;
    let segments = app.segments(&partner).await;
    let last = segments.last().unwrap();
    assert_eq!((last.first_index, last.count), (4, 1));
    assert_eq!(app.list_all(EVERYTHING).await, before);
    assert_eq!(before[0]["id"], stored["id"]);
    assert_eq!(app.erase().await["state"], "done");
    app.check_is_erased("Relecloud").await;
}

#[tokio::test]
async fn what_is_kept_for_ever_is_never_pruned() {
    let app = TestApp::start_sealing(&[("RETENTION_DAYS", "0")]).await;
    app.record(&crate::harness::activity()).await;
    app.advance(Duration::from_hours(26));
    app.seal().await;
    app.advance(Duration::from_hours(24 * 3_000));
    app.run_sealer().await;
    let partner = app.registered_partner("contoso").await;
    assert_eq!(app.check_archive(&partner).await.len(), 1);
    assert_eq!(app.list_all(EVERYTHING).await.len(), 1);
}

/// A client that walks must not be sent in a circle, nor lose its place.
#[tokio::test]
async fn a_month_without_entries_and_pruned_ones_lie_within_a_walk() {
    let app = two_months().await;
    app.advance(Duration::from_hours(24 * 26 + 15));
    app.run_sealer().await;
    app.record(&with("occurred_at", app.now().to_string()))
        .await;
    for order in ["asc", "desc"] {
        let whole = app.list_all(&format!("{EVERYTHING}&order={order}")).await;
        let by_one = app
            .list_all(&format!(
                "from=2000-01-01&to=2999-12-31&limit=1&order={order}"
            ))
            .await;
        assert_eq!(whole, by_one);
        assert!(!whole.is_empty());
    }
}
