//! Sends the rows, keeps how far it is, and closes the log again.

use std::{
    fs,
    process::ExitCode,
    time::{Duration, Instant},
};

use client::{Client, NewActivity, Recorded, Refusal};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    progress::{Progress, ProgressFile},
    rejects::{Raw, Rejects},
    source::{self, Row, Source},
};
use crate::{
    args::Import,
    connect::{Connection, Failure},
    terminal::say,
};

/// How many rows a request has.
const ROWS: usize = 100;

/// How often is kept how far the import is.
const KEPT_EVERY: Duration = Duration::from_secs(1);

/// Some rows that were sent together.
struct Done {
    rows: Vec<(Raw, Result<Recorded, String>)>,
    /// How many bytes of the file were read for them.
    bytes: u64,
    /// Whether the log does not accept the time of one of them.
    is_too_old: bool,
}

pub(crate) async fn run(connection: &Connection, asked: &Import) -> Result<ExitCode, Failure> {
    let client = connection.client()?;
    let path = asked.file.as_path();
    let source = source::open(asked)?;
    let log = open_log(&client, connection, asked).await?;
    let mapping = match &asked.mapping {
        Some(mapping) => fs::read_to_string(mapping).map_err(Failure::of(mapping))?,
        None => String::new(),
    };
    let file = ProgressFile::of(path);
    let conditions = format!("{:?} {log} {mapping}", asked.format);
    let progress = file.read(path, &conditions).map_err(Failure::of(path))?;
    let rejects = Rejects::open(path, source.columns(), progress.rejects_bytes);
    let mut import = Running {
        bar: bar(source.bytes),
        rejects: rejects.map_err(Failure::of(path))?,
        file,
        progress,
        kept_at: Instant::now(),
    };
    if let Err(failure) = import.send_all(&client, source, asked).await {
        import.keep()?;
        let counts = counts(&import.progress);
        eprintln!("{counts}; the same command goes on from here");
        return Err(failure);
    }
    if !asked.recent && !asked.keep_open {
        client.close_import(asked.into.as_deref()).await?;
    }
    import.finish()
}

/// Opens the log for its past, if it is to be; tells it from other logs.
async fn open_log(
    client: &Client,
    connection: &Connection,
    asked: &Import,
) -> Result<String, Failure> {
    if asked.recent {
        let Connection { url, partner, .. } = connection;
        return Ok(format!("{url} {partner} {:?}", asked.into));
    }
    let window = client.open_import(asked.into.as_deref()).await?;
    Ok(window.id.to_string())
}

/// An import that is under way.
struct Running {
    bar: ProgressBar,
    rejects: Rejects,
    file: ProgressFile,
    progress: Progress,
    kept_at: Instant,
}

impl Running {
    async fn send_all(
        &mut self,
        client: &Client,
        mut source: Source,
        asked: &Import,
    ) -> Result<(), Failure> {
        for _ in 0..self.progress.rows {
            source.next()?;
        }
        let into = asked.into.as_deref();
        let chunks = std::iter::from_fn(|| chunk(&mut source).transpose());
        let mut sent = stream::iter(chunks)
            .map(|chunk| async move {
                let (rows, bytes) = chunk?;
                let done = send(client, rows, bytes, into).await?;
                if done.is_too_old && !asked.recent && client.import(into).await?.is_none() {
                    // What was refused for that is no fault of the rows.
                    return Err(Failure::usage("somebody closed the import"));
                }
                Ok(done)
            })
            .buffered(asked.at_once.max(1));
        while let Some(done) = sent.try_next().await? {
            self.note(done)?;
        }
        drop(sent);
        self.keep()
    }

    /// Counts what was sent, in the order of the file.
    fn note(&mut self, done: Done) -> Result<(), Failure> {
        for (raw, result) in done.rows {
            self.progress.rows += 1;
            match result {
                Ok(recorded) if recorded.replayed => self.progress.known += 1,
                Ok(_) => self.progress.recorded += 1,
                Err(reason) => {
                    self.progress.rejected += 1;
                    let added = self.rejects.add(&raw, &reason);
                    added.map_err(Failure::of(&self.rejects.path))?;
                }
            }
        }
        self.bar.set_position(done.bytes);
        self.bar.set_message(counts(&self.progress));
        if self.kept_at.elapsed() >= KEPT_EVERY {
            self.keep()?;
        }
        Ok(())
    }

    fn keep(&mut self) -> Result<(), Failure> {
        self.rejects
            .sync()
            .map_err(Failure::of(&self.rejects.path))?;
        self.progress.rejects_bytes = self.rejects.bytes;
        self.kept_at = Instant::now();
        self.file
            .keep(&self.progress)
            .map_err(Failure::of("the progress of the import"))
    }

    fn finish(self) -> Result<ExitCode, Failure> {
        self.bar.finish_and_clear();
        self.file
            .remove()
            .map_err(Failure::of("the progress of the import"))?;
        say(&counts(&self.progress))?;
        if self.progress.rejected == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        let path = self.rejects.path.display().to_string();
        say(&format!("the rejected rows, with reasons: {path}"))?;
        Ok(ExitCode::from(1))
    }
}

fn counts(progress: &Progress) -> String {
    let Progress {
        recorded,
        known,
        rejected,
        ..
    } = progress;
    format!("{recorded} recorded, {known} known before, {rejected} rejected")
}

/// The next rows, and how many bytes were read up to them; none at the end.
fn chunk(source: &mut Source) -> Result<Option<(Vec<Row>, u64)>, Failure> {
    let mut rows = Vec::with_capacity(ROWS);
    while rows.len() < ROWS {
        let Some(row) = source.next()? else { break };
        rows.push(row);
    }
    let bytes = source.bytes_read();
    Ok(Some((rows, bytes)).filter(|(rows, _)| !rows.is_empty()))
}

/// Sends the rows that are activities.
async fn send(
    client: &Client,
    rows: Vec<Row>,
    bytes: u64,
    into: Option<&str>,
) -> Result<Done, Failure> {
    let mut activities: Vec<NewActivity> = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Ok(activity) = &row.activity {
            let mut activity = activity.clone();
            activity.partner_id = into.map(str::to_owned).or(activity.partner_id);
            activities.push(activity);
        }
    }
    let results = client.record_many(&activities).await?;
    let is_too_old = results.iter().any(|result| {
        let fields = result.as_ref().err().map(|refusal| &refusal.errors);
        fields.is_some_and(|errors| errors.iter().any(|it| it.field == "occurred_at"))
    });
    let mut results = results.into_iter();
    let missing = || Err(Refusal::default());
    let rows = rows.into_iter().map(|row| {
        let result = match row.activity {
            Ok(_) => results
                .next()
                .unwrap_or_else(missing)
                .map_err(|refusal| refusal.to_string()),
            Err(reason) => Err(reason),
        };
        (row.raw, result)
    });
    Ok(Done {
        rows: rows.collect(),
        bytes,
        is_too_old,
    })
}

fn bar(bytes: u64) -> ProgressBar {
    let template = "{bar:40} {percent:>3} % {msg} {eta} left";
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
