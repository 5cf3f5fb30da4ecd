//! A noisy reader leaves room for a recorder, although both share the account's
//! concurrent executions.

use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use local::concurrency::Limits;
use serde_json::json;

use crate::{
    faults::Fault,
    harness::{TestApp, activity},
};

/// The concurrency of a new account.
const ACCOUNT: usize = 10;

impl TestApp {
    async fn start_with_concurrency(reserved: &[(&str, usize)]) -> Self {
        let reserved = reserved
            .iter()
            .map(|(function, count)| ((*function).to_owned(), *count));
        Self::start_within(Limits {
            account: Some(ACCOUNT),
            reserved: reserved.collect(),
        })
        .await
    }

    /// Records one after another; returns how many were not answered with 201.
    async fn refused_records(&self) -> usize {
        let mut refused = 0;
        for _ in 0..40 {
            let request = self.post("/v1/activities", &activity());
            let answer = request.token(&self.recorder()).send().await;
            refused += usize::from(answer.status != 201);
        }
        refused
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_wait_for_exports_leave_room_for_a_recorder() {
    let app = TestApp::start_with_concurrency(&[]).await;
    app.faults.add("Invoke", Fault::Swallowed, 5);
    let export = async |_| {
        let request = app.post("/v1/exports", &json!({}));
        let request = request.header("prefer", "wait=20").token(&app.reader());
        request.send().await
    };
    let mut noise: FuturesUnordered<_> = (0..20).map(export).collect();
    // As many wait as the partner has places; the others are refused.
    for _ in 0..15 {
        let refused = noise.next().await.unwrap();
        assert!(
            [429, 503].contains(&refused.status.as_u16()),
            "{}",
            refused.text
        );
    }
    let waiting = async { while noise.next().await.is_some() {} };
    let ((), refused) = tokio::join!(waiting, app.refused_records());
    assert_eq!(refused, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_hold_what_is_reserved_for_them_leave_room_for_a_recorder() {
    let app = TestApp::start_with_concurrency(&[("list", 3), ("export", 2)]).await;
    // Every list holds its execution for as long as a function may.
    app.faults.add("Query", Fault::Hung, 1_000);
    let list = async || app.get("/v1/activities").token(&app.reader()).send().await;
    let noise = join_all((0..20).map(|_| list()));
    let (answers, refused) = tokio::join!(noise, app.refused_records());
    assert_eq!(refused, 0);
    assert!(answers.iter().all(|answer| answer.status == 503));
}
