//! `verify log`: a whole log over the network, month by month.

use proof::{Checkpoint, CompactRange, VerifierKey};
use shared::aws::signer::Signer;
use verify::{Finding, Log, Service, check_log};

use super::TestApp;

impl TestApp {
    /// Checks contoso's log as an auditor does; returns the months that were read too.
    async fn check_log(&self, since: Option<&str>, key: &str) -> (Result<Log, Finding>, u64) {
        let scratch = tempfile::tempdir().unwrap();
        let service = Service::new(&self.stack.url, self.reader()).unwrap();
        let keys = [VerifierKey::parse(key).unwrap()];
        let mut months = 0;
        let found = check_log(&service, since, &keys, scratch.path(), |_, _| months += 1).await;
        (found, months)
    }

    /// A checkpoint as it would have been when the log had so many entries, or a few more: a
    /// seal ends between two moments. Also its size.
    async fn earlier_note(&self, size: usize) -> (String, u64) {
        let partner = self.registered_partner("contoso").await;
        let mut rows = Vec::new();
        for segment in self.segments(&partner).await {
            rows.extend(self.rows_of(&segment).await);
        }
        let is_end = |size: &usize| rows[size - 1].occurred_at < rows[*size].occurred_at;
        let size = (size..rows.len()).find(is_end).unwrap();
        let leaves = rows[..size].iter().map(|row| row.leaf("contoso").unwrap());
        let sealed_to = Checkpoint::sealed_to_line(rows[size].occurred_at).unwrap();
        let text = Checkpoint {
            origin: "partner-activity-log/contoso/activity-v1".to_owned(),
            size: size as u64,
            root: CompactRange::of_leaves(0, leaves).unwrap().root().unwrap(),
            extensions: vec![sealed_to],
        };
        let signer = Signer::new(&self.stack.sdk, &self.stack.config);
        let note = signer.sign(&text.to_string()).await.unwrap();
        (note.unwrap().to_string(), size as u64)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_log_is_read_month_by_month_and_what_is_new_alone() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "1")]).await;
    let key = app.sealed_year(300).await;
    // A link of a clock that is ahead would be refused.
    app.set_ahead(0);
    let size = app.read("/v1/checkpoint").await.json()["size"].clone();
    let (found, months) = app.check_log(None, &key).await;
    let log = found.unwrap();
    assert_eq!((log.sizes.0, size.as_u64()), (0, Some(log.sizes.1)));
    assert!(
        log.left_out.is_nothing() && months >= 12,
        "{months} {log:?}"
    );
    let (found, months) = app.check_log(Some(&log.checkpoint), &key).await;
    assert_eq!((found.unwrap().sizes.0, months), (log.sizes.1, 0));
    let (older, size) = app.earlier_note(200).await;
    let (found, months) = app.check_log(Some(&older), &key).await;
    assert_eq!(found.unwrap().sizes, (size, log.sizes.1));
    assert!((1..10).contains(&months), "{months}");
    // Nothing of it stays but its entries in the log.
    let exports = app.read("/v1/exports?limit=500").await.json();
    let exports = exports["items"].as_array().unwrap().iter();
    assert!(exports.clone().count() > 12);
    assert!(exports.clone().all(|it| it["state"] == "expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_only_walked_from_what_a_known_key_signed() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "1")]).await;
    let key = app.sealed_year(60).await;
    app.set_ahead(0);
    let (older, size) = app.earlier_note(40).await;
    let stranger = VerifierKey::new("partner-activity-log", [7; 32]).unwrap();
    let (found, _) = app.check_log(None, &stranger.to_string()).await;
    assert!(
        found
            .unwrap_err()
            .to_string()
            .contains("none of the given keys signed")
    );
    let forged = older.replacen(&format!("\n{size}\n"), "\n7\n", 1);
    let (found, _) = app.check_log(Some(&forged), &key).await;
    assert!(
        found
            .unwrap_err()
            .to_string()
            .contains("the old checkpoint was changed")
    );
    app.check_log(Some(&older), &key).await.0.unwrap();
}
