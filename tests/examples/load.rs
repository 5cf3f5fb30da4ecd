//! `make load`: many clients record and list at once on a running stack.
//!
//! Afterwards each partner's log must have exactly the activities that got a
//! 2xx, and the stack's memory must not have grown. The run also prints how
//! many requests a second the stack has answered, which it does not check.

use std::{
    collections::BTreeSet,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use client::{Actor, ActorKind, Client, Customer, NewActivity, Outcome, Query, Retries, Token};
use fastrand::Rng;
use futures_util::{TryStreamExt, future::try_join_all};
use procfs::process::Process;
use serde_json::{json, value::to_raw_value};
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

/// A request that fails is not repeated here: none may fail.
const NO_RETRIES: Retries = Retries {
    count: 0,
    first_pause: Duration::ZERO,
    pause_max: Duration::ZERO,
};

/// A client of one partner.
#[derive(Debug)]
struct Partner(Client);

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
        let partner = Partner::new(&self.url, name)?;
        let mut random = Rng::with_seed(number as u64);
        let mut answered = ClientResult::default();
        while Instant::now() < end {
            answered.requests += 1;
            match random.u8(..10) {
                0 => answered.recorded.extend(partner.record_batch().await?),
                1..7 => drop(answered.recorded.insert(partner.record().await?)),
                _ => partner.list().await?,
            }
        }
        Ok(answered)
    }

    /// Compares a partner's log with what was recorded; they must be equal.
    async fn compare(&self, name: &str, recorded: &BTreeSet<String>) -> Result<(), Error> {
        let listed = Partner::new(&self.url, name)?.log().await?;
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

impl Partner {
    /// With a token of the stack's development issuer.
    fn new(url: &str, name: &str) -> Result<Self, Error> {
        let token = Token::Development {
            service: url.to_owned(),
            partner: name.to_owned(),
            roles: "admin_agent,activity_recorder".to_owned(),
            name: "load@localhost".to_owned(),
        };
        let client = Client::new(url, token)?;
        Ok(Self(client.with_retries(NO_RETRIES)))
    }

    /// Records one activity; returns its id.
    async fn record(&self) -> Result<String, Error> {
        let recorded = self.0.record(&activity()?).await?;
        Ok(recorded.activity.id().to_string())
    }

    /// Records a batch; returns the ids of its activities.
    async fn record_batch(&self) -> Result<Vec<String>, Error> {
        let activities = (0..BATCH_SIZE).map(|_| activity());
        let activities = activities.collect::<Result<Vec<_>, _>>()?;
        let mut ids = Vec::new();
        for result in self.0.record_many(&activities).await? {
            let recorded = result.map_err(|refusal| format!("refused in a batch: {refusal}"))?;
            ids.push(recorded.activity.id().to_string());
        }
        Ok(ids)
    }

    /// Reads a page.
    async fn list(&self) -> Result<(), Error> {
        let query = Query::default().with("limit", PAGE_SIZE.to_string());
        self.0.page(&query, None).await?;
        Ok(())
    }

    /// The ids of the whole log; an error if one is listed twice.
    async fn log(&self) -> Result<BTreeSet<String>, Error> {
        let query = Query::default().with("limit", FINAL_PAGE_SIZE.to_string());
        let activities: Vec<_> = self.0.list(query).try_collect().await?;
        let mut listed = BTreeSet::new();
        for activity in activities {
            if !listed.insert(activity.id().to_string()) {
                return Err(format!("listed twice: {}", activity.json()).into());
            }
        }
        Ok(listed)
    }
}

/// A new activity of about a kilobyte.
fn activity() -> Result<NewActivity, Error> {
    let customer = Customer {
        id: "c-1".to_owned(),
        name: "Relecloud".to_owned(),
    };
    let actor = Actor {
        id: "u-17".to_owned(),
        name: "admin@contoso.example".to_owned(),
        kind: ActorKind::User,
    };
    let details = json!({
        "note": "x".repeat(600),
        "order": format!("{:032x}", fastrand::u128(..)),
    });
    let mut activity = NewActivity::new("create_order", Outcome::Succeeded, customer, actor);
    activity.details = Some(to_raw_value(&details)?);
    Ok(activity)
}
