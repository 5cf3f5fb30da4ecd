//! A bounded load on a running stack: many clients record and list at once, and
//! at the end every activity that was answered with a 2xx is there once.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use std::{
    collections::BTreeSet,
    process::ExitCode,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use procfs::process::Process;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Error;

/// What the load is.
#[derive(Debug, clap::Args)]
pub struct Load {
    /// Address of the API
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// How long it lasts
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many clients there are, each with a connection of its own
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// The stack's process, whose memory must not grow
    #[arg(long)]
    pid: Option<i32>,
}

const PARTNERS: [&str; 4] = ["contoso", "fabrikam", "tailspin", "wingtip"];

/// How many activities a batch has.
const BATCH: usize = 25;

/// So much a stack's memory may grow from a third of the time to the end.
const GROWTH_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What one client did.
#[derive(Debug, Default)]
struct Done {
    recorded: BTreeSet<Uuid>,
    requests: u64,
}

impl Load {
    /// Loads, then counts; fails if anything was refused, lost or doubled.
    pub async fn run(&self) -> Result<ExitCode, Error> {
        let begun = Instant::now();
        let end = begun + Duration::from_secs(self.seconds);
        let clients = (0..self.clients).map(|number| self.client(number, end));
        let (done, memory) = tokio::join!(try_join_all(clients), self.memory());
        let (done, took) = (done?, begun.elapsed());
        let requests: u64 = done.iter().map(|done| done.requests).sum();
        let rate = requests / took.as_secs().max(1);
        println!(
            "{requests} requests of {} clients, {rate} a second; none failed",
            self.clients
        );
        for (number, partner) in PARTNERS.iter().enumerate() {
            let theirs = done.iter().skip(number).step_by(PARTNERS.len());
            let recorded: BTreeSet<_> = theirs.flat_map(|done| &done.recorded).copied().collect();
            self.compare(partner, &recorded).await?;
        }
        steady(memory?)
    }

    /// Records and lists in turns that chance chooses, until the end.
    async fn client(&self, number: usize, end: Instant) -> Result<Done, Error> {
        let partner = PARTNERS.get(number % PARTNERS.len()).ok_or("no partner")?;
        let client = Client::new();
        let token = self.token(&client, partner).await?;
        let mut random = fastrand::Rng::with_seed(number as u64);
        let mut done = Done::default();
        while Instant::now() < end {
            done.requests += 1;
            match random.u8(..10) {
                0 => self.record_batch(&client, &token, &mut done).await?,
                1..7 => self.record(&client, &token, &mut done).await?,
                _ => {
                    let query = [("limit", "100")];
                    let list = client
                        .get(format!("{}/v1/activities", self.url))
                        .query(&query);
                    answer(list.bearer_auth(&token)).await?;
                }
            }
        }
        Ok(done)
    }

    async fn record(&self, client: &Client, token: &str, done: &mut Done) -> Result<(), Error> {
        let record = client.post(format!("{}/v1/activities", self.url));
        let record = record.bearer_auth(token).json(&activity());
        done.recorded.insert(id_of(&answer(record).await?)?);
        Ok(())
    }

    async fn record_batch(
        &self,
        client: &Client,
        token: &str,
        done: &mut Done,
    ) -> Result<(), Error> {
        let activities: Vec<_> = (0..BATCH).map(|_| activity()).collect();
        let record = client.post(format!("{}/v1/activities/batch", self.url));
        let record = record
            .bearer_auth(token)
            .json(&json!({ "activities": activities }));
        let answered = answer(record).await?;
        for result in answered["results"].as_array().ok_or("no results")? {
            if result["status"] != 201 {
                return Err(format!("refused in a batch: {result}").into());
            }
            done.recorded.insert(id_of(&result["activity"])?);
        }
        Ok(())
    }

    async fn token(&self, client: &Client, partner: &str) -> Result<String, Error> {
        let roles = "admin_agent,activity_recorder";
        let query = [
            ("partner_id", partner),
            ("roles", roles),
            ("name", "load@localhost"),
        ];
        let asked = client.get(format!("{}/dev/token", self.url)).query(&query);
        let answered = answer(asked).await?;
        let token = answered["access_token"].as_str();
        Ok(token.ok_or("no token")?.to_owned())
    }

    /// Walks a partner's log, which must hold exactly what was recorded.
    async fn compare(&self, partner: &str, recorded: &BTreeSet<Uuid>) -> Result<(), Error> {
        let client = Client::new();
        let token = self.token(&client, partner).await?;
        let mut listed = BTreeSet::new();
        let mut cursor = None;
        loop {
            let mut query = vec![("limit", "500".to_owned())];
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let list = client
                .get(format!("{}/v1/activities", self.url))
                .query(&query);
            let page = answer(list.bearer_auth(&token)).await?;
            for item in page["items"].as_array().ok_or("no items")? {
                if !listed.insert(id_of(item)?) {
                    return Err(format!("listed twice: {item}").into());
                }
            }
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        let lost = recorded.difference(&listed).count();
        let unknown = listed.difference(recorded).count();
        println!(
            "{partner}: {} recorded, {lost} lost, {unknown} unknown",
            recorded.len()
        );
        if (lost, unknown) == (0, 0) {
            Ok(())
        } else {
            Err(format!("the log of {partner} is not what was recorded").into())
        }
    }

    /// The stack's resident memory at a third of the time and at its end.
    async fn memory(&self) -> Result<Option<[u64; 2]>, Error> {
        let Some(pid) = self.pid else {
            return Ok(None);
        };
        let third = Duration::from_secs(self.seconds) / 3;
        tokio::time::sleep(third).await;
        let early = resident(pid)?;
        tokio::time::sleep(third * 2).await;
        Ok(Some([early, resident(pid)?]))
    }
}

fn steady(memory: Option<[u64; 2]>) -> Result<ExitCode, Error> {
    let Some([early, late]) = memory else {
        return Ok(ExitCode::SUCCESS);
    };
    let mib = |bytes: u64| bytes / (1024 * 1024);
    println!(
        "memory: {} MiB at a third, {} MiB at the end",
        mib(early),
        mib(late)
    );
    if late.saturating_sub(early) > GROWTH_BYTES_MAX {
        return Err("the stack's memory grows".into());
    }
    Ok(ExitCode::SUCCESS)
}

fn resident(pid: i32) -> Result<u64, Error> {
    let kilobytes = Process::new(pid)?.status()?.vmrss.ok_or("no VmRSS")?;
    Ok(kilobytes * 1024)
}

/// A fresh activity of about a kilobyte.
fn activity() -> Value {
    json!({
        "action": "create_order",
        "outcome": "succeeded",
        "customer": { "id": "c-1", "name": "Relecloud" },
        "actor": { "id": "u-17", "name": "admin@contoso.example", "kind": "user" },
        "details": { "note": "x".repeat(600), "order": Uuid::new_v4() },
    })
}

fn id_of(activity: &Value) -> Result<Uuid, Error> {
    Ok(activity["id"].as_str().ok_or("no id")?.parse()?)
}

/// The answer's JSON; anything but a 2xx is an error.
async fn answer(request: RequestBuilder) -> Result<Value, Error> {
    let response = request.send().await?;
    let status = response.status();
    let text = response.text().await?;
    if !status.is_success() {
        return Err(format!("{status}: {text}").into());
    }
    Ok(serde_json::from_str(&text)?)
}
