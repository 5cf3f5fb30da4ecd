//! `make load`: many clients record and list at once on a running stack.
//!
//! Afterwards each partner's log must have exactly the activities that got a
//! 2xx, and the stack's memory must not have grown. The run also prints how
//! many requests a second the stack has answered, which it does not check.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use std::{
    collections::BTreeSet,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use fastrand::Rng;
use futures_util::future::try_join_all;
use procfs::process::Process;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use shared::model::error::chain;

type Error = Box<dyn std::error::Error>;

/// Records and lists with many clients at once, on a running stack.
#[derive(Debug, Parser)]
struct Load {
    /// Address of the API
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// How long the clients send requests
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many clients there are, each with a connection of its own
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Process id of the stack, whose memory must not grow
    #[arg(long)]
    pid: Option<i32>,
}

/// The partners, to which the clients belong in turn.
const PARTNERS: [&str; 4] = ["contoso", "fabrikam", "tailspin", "wingtip"];

/// How many activities a batch has.
const BATCH_SIZE: usize = 25;

/// How many activities a page has while the clients run.
const PAGE_SIZE: usize = 100;

/// How many activities a page has when the whole log is read at the end.
const FINAL_PAGE_SIZE: usize = 500;

/// How much the stack's memory may grow after the first third of the time.
const GROWTH_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What one client has sent, and what is stored according to the answers.
#[derive(Debug, Default)]
struct ClientResult {
    /// The ids of the activities that were recorded.
    recorded: BTreeSet<String>,
    requests: u64,
}

/// A client of one partner.
#[derive(Debug)]
struct Partner<'a> {
    url: &'a str,
    http: Client,
    token: String,
}

/// The stack's resident memory at two moments, in bytes.
#[derive(Debug)]
struct Memory {
    at_a_third: u64,
    at_the_end: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Load::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

impl Load {
    /// Runs all clients, then reads all logs.
    ///
    /// It is an error if a request is refused, if an activity is lost or listed
    /// twice, or if memory grows.
    async fn run(&self) -> Result<(), Error> {
        let start = Instant::now();
        let end = start + Duration::from_secs(self.seconds);
        let clients = try_join_all((0..self.clients).map(|number| self.client(number, end)));
        let (answered, memory) = tokio::join!(clients, self.memory());
        let (answered, seconds) = (answered?, start.elapsed().as_secs().max(1));
        let requests: u64 = answered.iter().map(|client| client.requests).sum();
        println!(
            "{requests} requests of {} clients, {} a second; none failed",
            self.clients,
            requests / seconds
        );
        for (number, partner) in PARTNERS.iter().enumerate() {
            let clients = answered.iter().skip(number).step_by(PARTNERS.len());
            let recorded = clients.flat_map(|client| &client.recorded).cloned();
            self.compare(partner, &recorded.collect()).await?;
        }
        memory?.map_or(Ok(()), |memory| memory.check())
    }

    /// Runs one client, which records and lists in a random order until `end`.
    async fn client(&self, number: usize, end: Instant) -> Result<ClientResult, Error> {
        let name = PARTNERS.get(number % PARTNERS.len()).ok_or("no partner")?;
        let partner = Partner::sign_in(&self.url, name).await?;
        let mut random = Rng::with_seed(number as u64);
        let mut answered = ClientResult::default();
        while Instant::now() < end {
            answered.requests += 1;
            match random.u8(..10) {
                0 => answered.recorded.extend(partner.record_batch().await?),
                1..7 => drop(answered.recorded.insert(partner.record().await?)),
                _ => drop(partner.list(PAGE_SIZE, None).await?),
            }
        }
        Ok(answered)
    }

    /// Compares a partner's log with what was recorded; they must be equal.
    async fn compare(&self, name: &str, recorded: &BTreeSet<String>) -> Result<(), Error> {
        let listed = Partner::sign_in(&self.url, name).await?.log().await?;
        let lost = recorded.difference(&listed).count();
        let unknown = listed.difference(recorded).count();
        println!(
            "{name}: {} recorded, {lost} lost, {unknown} unknown",
            recorded.len()
        );
        if (lost, unknown) == (0, 0) {
            Ok(())
        } else {
            Err(format!("the log of {name} is not what was recorded").into())
        }
    }

    /// Measures the stack's memory while the clients run, if `pid` is given.
    async fn memory(&self) -> Result<Option<Memory>, Error> {
        let Some(pid) = self.pid else {
            return Ok(None);
        };
        let third = Duration::from_secs(self.seconds) / 3;
        tokio::time::sleep(third).await;
        let at_a_third = resident_bytes(pid)?;
        tokio::time::sleep(third * 2).await;
        let at_the_end = resident_bytes(pid)?;
        Ok(Some(Memory {
            at_a_third,
            at_the_end,
        }))
    }
}

impl Memory {
    fn check(&self) -> Result<(), Error> {
        let mebibytes = |bytes: u64| bytes / (1024 * 1024);
        println!(
            "memory: {} MiB at a third of the time, {} MiB at the end",
            mebibytes(self.at_a_third),
            mebibytes(self.at_the_end)
        );
        if self.at_the_end.saturating_sub(self.at_a_third) > GROWTH_BYTES_MAX {
            return Err("the stack's memory grows".into());
        }
        Ok(())
    }
}

fn resident_bytes(pid: i32) -> Result<u64, Error> {
    let kibibytes = Process::new(pid)?.status()?.vmrss.ok_or("no VmRSS")?;
    Ok(kibibytes * 1024)
}

impl<'a> Partner<'a> {
    /// Gets a token from the stack's development issuer.
    async fn sign_in(url: &'a str, name: &str) -> Result<Self, Error> {
        let http = Client::new();
        let query = [
            ("partner_id", name),
            ("roles", "admin_agent,activity_recorder"),
            ("name", "load@localhost"),
        ];
        let issued = answer(http.get(format!("{url}/dev/token")).query(&query)).await?;
        let token = issued["access_token"].as_str().ok_or("no token")?;
        Ok(Self {
            url,
            http,
            token: token.to_owned(),
        })
    }

    /// Records one activity; returns its id.
    async fn record(&self) -> Result<String, Error> {
        let request = self.http.post(format!("{}/v1/activities", self.url));
        let request = request.bearer_auth(&self.token).json(&activity());
        id_of(&answer(request).await?)
    }

    /// Records a batch; returns the ids of its activities.
    async fn record_batch(&self) -> Result<Vec<String>, Error> {
        let activities: Vec<_> = (0..BATCH_SIZE).map(|_| activity()).collect();
        let request = self.http.post(format!("{}/v1/activities/batch", self.url));
        let batch = json!({ "activities": activities });
        let answer = answer(request.bearer_auth(&self.token).json(&batch)).await?;
        let results = answer["results"].as_array().ok_or("no results")?;
        results.iter().map(recorded_id).collect()
    }

    async fn list(&self, limit: usize, cursor: Option<&str>) -> Result<Value, Error> {
        let limit = limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let request = self.http.get(format!("{}/v1/activities", self.url));
        answer(request.query(&query).bearer_auth(&self.token)).await
    }

    /// The ids of the whole log; an error if one is listed twice.
    async fn log(&self) -> Result<BTreeSet<String>, Error> {
        let mut listed = BTreeSet::new();
        let mut cursor = None;
        loop {
            let page = self.list(FINAL_PAGE_SIZE, cursor.as_deref()).await?;
            for item in page["items"].as_array().ok_or("no items")? {
                if !listed.insert(id_of(item)?) {
                    return Err(format!("listed twice: {item}").into());
                }
            }
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(listed);
            }
        }
    }
}

/// A new activity of about a kilobyte.
fn activity() -> Value {
    json!({
        "action": "create_order",
        "outcome": "succeeded",
        "customer": { "id": "c-1", "name": "Relecloud" },
        "actor": { "id": "u-17", "name": "admin@contoso.example", "kind": "user" },
        "details": { "note": "x".repeat(600), "order": format!("{:032x}", fastrand::u128(..)) },
    })
}

fn recorded_id(result: &Value) -> Result<String, Error> {
    if result["status"] != 201 {
        return Err(format!("refused in a batch: {result}").into());
    }
    id_of(&result["activity"])
}

fn id_of(activity: &Value) -> Result<String, Error> {
    Ok(activity["id"].as_str().ok_or("no id")?.to_owned())
}

/// Sends a request; returns the JSON of a 2xx, and an error for other answers.
async fn answer(request: RequestBuilder) -> Result<Value, Error> {
    let response = request.send().await?;
    let status = response.status();
    let text = response.text().await?;
    if !status.is_success() {
        return Err(format!("{status}: {text}").into());
    }
    Ok(serde_json::from_str(&text)?)
}
