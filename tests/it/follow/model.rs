//! Random logs that are followed in many ways, compared with what was recorded.

use super::*;

/// Somebody who asks again and again for what is new.
struct Follower {
    from: String,
    conditions: &'static str,
    seen: Vec<String>,
}

/// What is recorded, and what a client was told of it.
struct Log {
    app: TestApp,
    random: fastrand::Rng,
    /// The ids that a 2xx has named.
    recorded: BTreeSet<String>,
    /// Activities whose outcome a client does not know yet, with their keys.
    unknown: Vec<(Value, String)>,
    /// The number of the next key.
    keys: usize,
    /// Whether nothing is recorded any more.
    is_over: bool,
}

impl Log {
    /// How long ago something happened, often near the border to what is late.
    fn ago(&mut self) -> i64 {
        let hour = 3_600_000;
        match self.random.u8(..8) {
            0 => -self.random.i64(0..299_000),
            1 | 2 => self.random.i64(0..2_000),
            3 => hour + self.random.i64(-3..4),
            4 => hour + self.random.i64(0..hour),
            5 => self.random.i64(0..3) * 24 * hour,
            _ => self.random.i64(0..40 * 24 * hour),
        }
    }

    fn activity(&mut self) -> (Value, String) {
        let ago = self.ago();
        let at = Moment::from_millis(self.app.now().as_millis() - ago).unwrap();
        self.keys += 1;
        let activity = with("occurred_at", at.to_string());
        (activity, format!("k-{}", self.keys))
    }

    async fn put(&self, (activity, key): &(Value, String)) -> Option<String> {
        let request = self.app.post("/v1/activities", activity);
        let request = request.token(&self.app.recorder());
        let answer = request.header("idempotency-key", key).send().await;
        let is_known = answer.status.is_success();
        assert!(is_known || answer.refusal() == "503 unavailable");
        let id = || answer.json()["id"].as_str().unwrap().to_owned();
        is_known.then(id)
    }

    /// Records some activities at once; whatever is not answered is tried again later.
    async fn record(&mut self) {
        let count = self.random.usize(1..5);
        let mut activities: Vec<_> = (0..count).map(|_| self.activity()).collect();
        if self.random.bool() {
            activities.append(&mut self.unknown);
        }
        if self.random.u8(..4) == 0 {
            let fault = self.random.choice([Fault::Lost, Fault::ReplyLost]).unwrap();
            let skip = self.random.usize(..3);
            self.app.faults.add_after("PutItem", skip, fault, 3);
        }
        let puts = activities.iter().map(|activity| self.put(activity));
        let ids = futures_util::future::join_all(puts).await;
        self.app.faults.clear();
        for (activity, id) in activities.into_iter().zip(ids) {
            match id {
                Some(id) => drop(self.recorded.insert(id)),
                None => self.unknown.push(activity),
            }
        }
    }

    /// One poll, page by page, while others record.
    async fn poll(&mut self, follower: &mut Follower) {
        let limit = self.random.choice(["1", "3", "500"]).unwrap();
        let Follower {
            from, conditions, ..
        } = follower;
        let query = format!("recorded_from={from}&limit={limit}&{conditions}");
        let mut page = self.app.list(&query).await;
        follower.seen.extend(ids(&page));
        while let Some(cursor) = page["next_cursor"].as_str() {
            let query = format!("{query}&cursor={cursor}");
            if !self.is_over && self.random.u8(..8) == 0 {
                self.record().await;
            }
            if self.random.u8(..8) == 0 {
                self.app.advance(Duration::from_secs(90));
            }
            page = self.app.list(&query).await;
            follower.seen.extend(ids(&page));
        }
        follower.from = recorded_to(&page);
    }

    /// One poll by an export.
    async fn export(&self, follower: &mut Follower) {
        let body = json!({
            "format": "jsonl",
            "recorded_from": follower.from,
            "exclude_action": ["export_activity_log", "download_activity_log"],
        });
        let export = self.app.export(&body).await;
        let file = std::fs::read_to_string(self.app.stored_file("contoso", &export)).unwrap();
        let lines = file
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let ids = lines.map(|line| line["id"].as_str().unwrap().to_owned());
        follower.seen.extend(ids);
        follower.from = recorded_to(&export);
    }

    fn pass_time(&mut self) {
        let millis = match self.random.u8(..10) {
            0..6 => self.random.u64(..5_000),
            6..9 => self.random.u64(..1_200_000),
            _ => self.random.u64(..100_000_000),
        };
        self.app.advance(Duration::from_millis(millis));
    }

    /// Whether somebody has seen each activity once; `who` names it if not.
    fn check(&self, follower: &Follower, who: &str) {
        let seen: BTreeSet<_> = follower.seen.iter().cloned().collect();
        let missing: Vec<_> = self.recorded.difference(&seen).collect();
        assert!(missing.is_empty(), "{who} never saw {missing:?}");
        assert_eq!(seen.len(), follower.seen.len(), "{who} saw something twice");
    }
}

/// The entries that the exports themselves leave are of no interest.
const FOLLOWED: [&str; 3] = [
    "exclude_action=export_activity_log&exclude_action=download_activity_log",
    "order=asc&action=create_order",
    "from=1990-01-01&to=2100-01-01&customer=relecloud&order=desc",
];

async fn follow_a_random_log(seed: u64, shards: &str, is_sealed: bool) {
    let app = if is_sealed {
        TestApp::start_sealing(&[("WRITE_SHARDS", shards), ("MAX_LATENESS_DAYS", "40")]).await
    } else {
        TestApp::start_with(&[("WRITE_SHARDS", shards)]).await
    };
    let start = app.now().to_string();
    let follower = |conditions| Follower {
        from: start.clone(),
        conditions,
        seen: Vec::new(),
    };
    let mut followers = FOLLOWED.map(follower);
    let mut exporter = follower("");
    let mut log = Log {
        app,
        random: fastrand::Rng::with_seed(seed),
        recorded: BTreeSet::new(),
        unknown: Vec::new(),
        keys: 0,
        is_over: false,
    };
    for _ in 0..60 {
        match log.random.u8(..8) {
            0..3 => log.record().await,
            3..5 => log.pass_time(),
            5 if log.random.u8(..4) == 0 => log.export(&mut exporter).await,
            _ => {
                let one = log.random.usize(..followers.len());
                log.poll(&mut followers[one]).await;
            }
        }
    }
    while !log.unknown.is_empty() {
        log.record().await;
    }
    log.is_over = true;
    if is_sealed {
        log.app.advance(days(45));
        log.app.seal().await;
    }
    log.app.advance(MARGIN);
    log.export(&mut exporter).await;
    log.check(&exporter, &format!("seed {seed}: exports"));
    for follower in &mut followers {
        log.poll(follower).await;
        log.check(follower, &format!("seed {seed}: {}", follower.conditions));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_follows_sees_each_activity_once() {
    let seeds = if crate::harness::is_full() { 12 } else { 3 };
    for seed in 0..seeds {
        let shards = if seed % 2 == 0 {
            "1"
        } else {
            "1,3@2026-01-01T00:00:00Z"
        };
        follow_a_random_log(seed, shards, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_again_after_a_seal_sees_each_activity_once() {
    for seed in 100..if crate::harness::is_full() { 106 } else { 102 } {
        follow_a_random_log(seed, "1", true).await;
    }
}
