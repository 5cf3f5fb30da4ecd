//! What it takes to import a year with the program `activity-log`, and whether an outbox
//! keeps its word when its process is killed a hundred times.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use client::{Client, Query, Token};
use futures_util::TryStreamExt;
use local::{Options, Stack, concurrency::Limits};
use serde_json::json;
use shared::{Clock, Moment};
use tokio::{process::Command, time::sleep};

use crate::{
    Error,
    comparison::{Check, Comparison},
    process::{cpu_seconds, peak_mebibytes},
    samples::{Samples, float},
    workbench::{Program, Workbench},
};

/// How often the process with the outbox is killed.
const KILLS: u64 = 100;

/// How many activities it is given each time.
const GIVEN: usize = 200;

/// The most calls of `record` at once; more are throttled.
const CALLS_MAX: usize = 2;

/// The program may take so many seconds of processor time for a million rows.
const CPU_SECONDS_MAX: f64 = 60.0;

/// The program may have so much memory, whatever the file: 16 bytes and a little more for
/// each row without a key of its own.
const MEBIBYTES_MAX: f64 = 128.0;

/// The figures of an import, and what must hold.
pub async fn measure(bench: &Workbench<'_>) -> Result<(Vec<Comparison>, Vec<Check>), Error> {
    let (comparisons, import) = import(bench).await?;
    Ok((comparisons, vec![import, kills(bench).await?]))
}

/// The service in memory.
async fn start(limits: Limits) -> Result<Stack, Error> {
    let options = Options {
        concurrency: limits,
        ..Options::in_memory()
    };
    Ok(Stack::start(options).await?)
}

/// Imports a year, and then the same file again.
async fn import(bench: &Workbench<'_>) -> Result<(Vec<Comparison>, Check), Error> {
    let rows = bench.settings.sealed_entries;
    let file = bench.file("year.csv");
    write_year(&file, rows)?;
    let stack = start(Limits::default()).await?;
    eprintln!("importing {rows} rows");
    let first = run(bench, &stack, &file).await?;
    eprintln!("importing the same file again");
    let again = run(bench, &stack, &file).await?;
    fs::remove_file(&file)?;
    let wanted = [
        format!("{rows} recorded, 0 known before, 0 rejected"),
        format!("0 recorded, {rows} known before, 0 rejected"),
    ];
    let check = Check {
        claim: format!(
            "an import says {:?}, and again {:?}",
            first.said, again.said
        ),
        passes: [first.said.as_str(), again.said.as_str()] == wanted.each_ref().map(String::as_str),
    };
    let a_million = |seconds: f64| Samples::one(seconds * 1e6 / float(rows));
    let comparisons = vec![
        Comparison::limited(
            "importing a million rows, the program",
            "CPU s",
            "activity-log import",
            a_million(first.cpu_seconds),
            CPU_SECONDS_MAX,
        ),
        Comparison::limited(
            "importing a million rows, peak memory",
            "MiB",
            "activity-log import",
            Samples::one(first.mebibytes),
            MEBIBYTES_MAX,
        ),
        Comparison {
            measure: "importing a million rows that are known".into(),
            unit: "s",
            ours: crate::comparison::Side::new("again", a_million(again.seconds)),
            other: crate::comparison::Side::new("the first time", a_million(first.seconds)),
            goal: None,
        },
    ];
    Ok((comparisons, check))
}

/// Rows of the last year, with the columns that the program knows.
fn write_year(path: &Path, rows: u64) -> Result<(), Error> {
    let mut random = fastrand::Rng::with_seed(20_261_128);
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(
        file,
        "occurred_at,action,outcome,customer_id,customer_name,actor_id,resource_type,resource_id,note"
    )?;
    let end = Clock::system().now().minus(Duration::from_hours(1));
    let year = Duration::from_hours(364 * 24).as_secs();
    for row in 0..rows {
        let back = Duration::from_secs(year - year * row / rows.max(1));
        let (at, customer) = (end.minus(back), random.u32(..2_000));
        let outcome = if random.u8(..20) == 0 {
            "failed"
        } else {
            "succeeded"
        };
        let note = random.u64(..);
        writeln!(
            file,
            "{at},update_subscription,{outcome},c-{customer},\"Customer {customer}, Ltd.\",u-17,order,o-{row},{note:x}"
        )?;
    }
    Ok(file.flush()?)
}

/// What a run of the program took, and the first line that it said.
struct Taken {
    seconds: f64,
    cpu_seconds: f64,
    mebibytes: f64,
    said: String,
}

async fn run(bench: &Workbench<'_>, stack: &Stack, file: &Path) -> Result<Taken, Error> {
    let said = bench.file("said");
    let mut command = program(bench, stack);
    command.arg("import").arg(file).stdout(File::create(&said)?);
    let begun = Instant::now();
    let mut child = command.stderr(Stdio::null()).kill_on_drop(true).spawn()?;
    let mut mebibytes: f64 = 0.0;
    // A process that has ended has no memory any more, until it is waited for.
    while let Ok(peak) = peak_mebibytes(&child) {
        mebibytes = mebibytes.max(peak);
        sleep(Duration::from_millis(20)).await;
    }
    let (seconds, cpu_seconds) = (begun.elapsed().as_secs_f64(), cpu_seconds(&child)?);
    child.wait().await?;
    let said = fs::read_to_string(said)?;
    Ok(Taken {
        seconds,
        cpu_seconds,
        mebibytes,
        said: said.lines().next().unwrap_or_default().to_owned(),
    })
}

fn program(bench: &Workbench<'_>, stack: &Stack) -> Command {
    let mut command = bench.command(Program::Function("activity-log"), None);
    command
        .env("ACTIVITY_LOG_URL", &stack.url)
        .stdin(Stdio::null());
    command
}

/// Kills the process with the outbox again and again while the service is throttled.
async fn kills(bench: &Workbench<'_>) -> Result<Check, Error> {
    let limits = Limits {
        reserved: [("record".to_owned(), CALLS_MAX)].into(),
        ..Limits::default()
    };
    let stack = start(limits).await?;
    eprintln!("killing a process with an outbox {KILLS} times");
    let mut random = fastrand::Rng::with_seed(100);
    let (given, said) = (bench.file("given.jsonl"), bench.file("said"));
    let mut handed_over = BTreeSet::new();
    for kill in 0..=KILLS {
        let is_last = kill == KILLS;
        fs::write(&given, activities(kill, if is_last { 0 } else { GIVEN })?)?;
        let mut command = program(bench, &stack);
        command
            .args(["record", "--outbox"])
            .arg(bench.file("outbox"));
        command
            .arg("--file")
            .arg(&given)
            .stdout(File::create(&said)?);
        let mut child = command.stderr(Stdio::null()).kill_on_drop(true).spawn()?;
        if !is_last {
            sleep(Duration::from_millis(random.u64(5..200))).await;
            child.start_kill()?;
        }
        child.wait().await?;
        let keys = fs::read_to_string(&said)?;
        // The last line may be cut.
        let keys = keys
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'));
        handed_over.extend(keys.map(str::to_owned));
    }
    let recorded = recorded(&stack).await?;
    let once: BTreeSet<_> = recorded.iter().cloned().collect();
    let lost = handed_over.difference(&once).count();
    let twice = recorded.len() - once.len();
    let handed_over = handed_over.len();
    Ok(Check {
        claim: format!(
            "of {handed_over} activities in an outbox whose process was killed {KILLS} times, \
             {lost} are lost and {twice} are recorded twice"
        ),
        passes: (lost, twice) == (0, 0) && handed_over > GIVEN,
    })
}

/// Activities whose correlation ids are their keys.
fn activities(round: u64, count: usize) -> Result<String, Error> {
    let mut lines = String::new();
    let now: Moment = Clock::system().now();
    for number in 0..count {
        let key = format!("k-{round:03}-{number:04}");
        let activity = json!({
            "idempotency_key": key,
            "correlation_id": key,
            "occurred_at": now,
            "action": "create_order",
            "outcome": "succeeded",
            "customer": { "id": "c-1", "name": "Relecloud" },
            "actor": { "id": "sync", "name": "Sync", "kind": "application" },
        });
        writeln!(lines, "{activity}")?;
    }
    Ok(lines)
}

/// The correlation ids of the log.
async fn recorded(stack: &Stack) -> Result<Vec<String>, Error> {
    let token = Token::Development {
        service: stack.url.clone(),
        partner: "contoso".to_owned(),
        roles: "admin_agent".to_owned(),
        name: "bench@localhost".to_owned(),
    };
    let client = Client::new(&stack.url, token)?;
    let activities = client.list(Query::default().with("limit", "500"));
    let activities: Vec<_> = activities.try_collect().await?;
    let ids = activities
        .iter()
        .filter_map(|activity| activity.correlation_id());
    Ok(ids.map(str::to_owned).collect())
}
