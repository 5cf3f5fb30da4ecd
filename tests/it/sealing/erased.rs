//! Erasing what is sealed: no trace of the name and the details stays in any store.

use super::*;
use crate::harness::{activity, eventually, with};

impl TestApp {
    /// Calls an erasure's worker again until the erasure has ended; returns it.
    ///
    /// Leases run out, a worker is called again at most once a minute, and late objects may
    /// arrive for twenty.
    pub(super) async fn until_erased(&self, location: &str) -> Value {
        for _ in 0..20 {
            let erasure = self.erasure(location).await;
            if erasure["finished_at"].is_string() {
                return erasure;
            }
            self.until_no_worker_runs().await;
            self.advance(Duration::from_mins(7));
        }
        panic!("the erasure never ends");
    }

    /// No item of any table and no object, packed or unpacked, has a text.
    pub(crate) async fn check_is_erased(&self, text: &str) {
        let config = &self.stack.config;
        for table in [
            &config.activities_table,
            &config.archive_table,
            &config.erasures_table,
        ] {
            let items = self
                .dynamodb()
                .scan()
                .table_name(table)
                .send()
                .await
                .unwrap();
            let items = format!("{:?}", items.items.unwrap_or_default());
            assert!(!items.contains(text), "{table}: {items}");
        }
        for partner in self.registered().await {
            for (key, bytes) in self.objects("archive", &partner) {
                let plain = unpacked(&bytes);
                assert!(!contains(&bytes, text), "{key}");
                assert!(!contains(&plain, text), "{key}");
            }
            for segment in self.segments(&partner).await {
                if !segment.is_pruned() {
                    let rows = format!("{:?}", self.rows_of(&segment).await);
                    assert!(!rows.contains(text), "{}", segment.object);
                }
            }
        }
    }

    /// Waits until no call of a worker is under way, but for those that were killed or are
    /// held.
    pub(crate) async fn until_no_worker_runs(&self) {
        // One that was called just now has not begun yet.
        self.faults.reset_worker_idle_time();
        let ended = eventually(|| {
            let stopped = self.faults.kill_count() + usize::from(self.faults.is_holding());
            let is_idle = self.faults.worker_idle_time().as_millis() > 60;
            self.workers_running() <= stopped && is_idle
        });
        assert!(ended.await, "a worker never ends");
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

/// Everything in a file that is a zstd frame, unpacked; whatever no reader names too.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let mut plain = Vec::new();
    for at in 0..bytes.len().saturating_sub(4) {
        if bytes[at..at + 4] == MAGIC {
            let mut frame = zstd::stream::read::Decoder::new(&bytes[at..])
                .unwrap()
                .single_frame();
            let _ = std::io::copy(&mut frame, &mut plain);
        }
    }
    plain
}

fn personal(customer: &str, name: &str, note: &str) -> Value {
    let mut sent = activity();
    sent["customer"] = json!({ "id": customer, "name": name });
    sent["details"] = json!({ "note": note });
    sent
}

/// A sealed log with entries of three days.
async fn sealed_days() -> TestApp {
    let app = TestApp::start_sealing(&[]).await;
    for day in 0..3 {
        for (customer, name) in [
            ("c-1", "Relecloud"),
            ("c-2", "Fabrikam"),
            ("c-1", "Relecloud"),
        ] {
            let note = format!("secret of {name} on day {day}");
            app.record(&personal(customer, name, &note)).await;
        }
        app.advance(Duration::from_hours(25));
        app.run_sealer().await;
    }
    app.advance(MARGIN);
    app.run_sealer().await;
    app
}

#[tokio::test]
async fn an_erasure_leaves_no_trace_in_any_store_and_is_counted_once() {
    let app = sealed_days().await;
    let partner = app.registered_partner("contoso").await;
    let (head, rows) = (
        app.seal_head(&partner).await,
        app.check_archive(&partner).await,
    );
    assert_eq!(rows.len(), 9);
    app.record(&personal("c-1", "Relecloud", "secret of Relecloud"))
        .await;
    let before = app.whole_log().await;
    let erasure = app.erase().await;
    assert_eq!(erasure["progress"]["erased"], 7, "{erasure}");
    assert_eq!(erasure["progress"]["read"], 11, "{erasure}");
    for text in ["Relecloud", "secret of Relecloud"] {
        app.check_is_erased(text).await;
    }
    // The others, the tree and what was published are what they were.
    assert_eq!(
        app.seal_head(&partner).await.tree().unwrap(),
        head.tree().unwrap()
    );
    let sealed = app.check_archive(&partner).await;
    let erased_at: std::collections::BTreeSet<_> =
        sealed.iter().filter_map(|row| row.erased_at).collect();
    assert_eq!(erased_at.len(), 1, "one moment everywhere");
    let mut after = app.whole_log().await;
    after.retain(|item| item["action"] != "erase_customer");
    assert_eq!(after.len(), before.len());
    for (new, old) in after.iter().zip(&before) {
        assert_eq!(new["id"], old["id"]);
        if old["customer"]["id"] == "c-1" {
            assert_eq!(new["customer"]["name"], "[erased]");
            assert_eq!(new["details"], Value::Null);
            let at = new["erased_at"]
                .as_str()
                .unwrap()
                .parse::<Moment>()
                .unwrap();
            assert_eq!(Some(&at.as_millis()), erased_at.first());
        } else {
            assert_eq!(new, old);
        }
    }
    // A second one has nothing to do, and writes no segment anew.
    let puts = app.faults.count("erasure-worker", "archive PutObject");
    assert_eq!(app.erase().await["progress"]["erased"], 0);
    assert_eq!(
        app.faults.count("erasure-worker", "archive PutObject"),
        puts
    );
}

#[tokio::test]
async fn an_entry_that_was_erased_before_its_seal_is_sealed_without_its_name() {
    let app = TestApp::start_sealing(&[]).await;
    app.record(&personal("c-1", "Relecloud", "secret")).await;
    app.record(&personal("c-2", "Fabrikam", "other")).await;
    app.erase().await;
    app.advance(Duration::from_hours(26));
    app.seal().await;
    let partner = app.registered_partner("contoso").await;
    let rows = app.check_archive(&partner).await;
    let erased = rows
        .iter()
        .find(|row| row.customer_id.as_deref() == Some("c-1"))
        .unwrap();
    assert!(erased.c.is_some() && erased.salt.is_none() && erased.erased_at.is_some());
    app.check_is_erased("Relecloud").await;
    app.check_is_erased("secret").await;
}

/// What stays of a name can be proven by its commitment, whether it was erased in the
/// table first or in the segment.
#[tokio::test]
async fn a_leaf_stays_what_it_was_when_its_customer_is_erased() {
    let app = sealed_days().await;
    let partner = app.registered_partner("contoso").await;
    let leaves = |rows: &[Row]| -> Vec<Hash> {
        rows.iter()
            .map(|row| row.leaf("contoso").unwrap())
            .collect()
    };
    let before = leaves(&app.check_archive(&partner).await);
    app.erase().await;
    app.advance(Duration::from_hours(48));
    app.seal().await;
    let after = leaves(&app.check_archive(&partner).await);
    assert!(after.len() > before.len());
    assert_eq!(after[..before.len()], before);
}

#[tokio::test]
async fn an_erasure_of_a_log_that_was_never_sealed_makes_its_head_and_ends() {
    let app = TestApp::start().await;
    app.record(&with("customer.name", "Relecloud")).await;
    let erasure = app.erase().await;
    assert_eq!(erasure["progress"]["erased"], 1);
    app.check_is_erased("Relecloud").await;
    let head = app
        .seal_head(&app.registered_partner("contoso").await)
        .await;
    assert_eq!((head.size, head.extent()), (0, None));
}
