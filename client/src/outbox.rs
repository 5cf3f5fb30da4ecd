//! Keeps activities in files until they are recorded.
//!
//! An activity that was handed over is on the disk; from there it is recorded, once, however
//! often the process or the service fails. One process at a time may have an outbox.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

use crate::{
    activity::NewActivity,
    client::Client,
    delivery::{self, Delivered, deliver},
    error::{Error, Refusal},
    journal::{self, Lines, Place},
    record::json,
    retries::Retries,
};

/// How many activities may wait at once for the disk; more hand-overs wait.
const QUEUE: usize = 1_000;

/// How often a batch is sent again before the outbox says what is wrong and waits.
const REPEATED_MAX: usize = 2;

/// How an outbox behaves.
#[derive(Debug, Clone, Copy)]
pub struct OutboxOptions {
    /// How many bytes of files may wait to be recorded; default 1 GiB, a million activities
    /// or more. Beyond it nothing can be handed over.
    pub bytes_max: u64,
}

impl Default for OutboxOptions {
    fn default() -> Self {
        Self { bytes_max: 1 << 30 }
    }
}

/// A folder of activities that are being recorded; dropped, it continues when it is opened
/// again.
#[derive(Debug)]
pub struct Outbox {
    /// Absent when the outbox is closed.
    queue: Option<mpsc::Sender<HandOver>>,
    durable: watch::Receiver<Place>,
    delivered: watch::Receiver<Standing>,
    waiting: Arc<AtomicU64>,
    bytes_max: u64,
    delivering: JoinHandle<()>,
    writing: Option<thread::JoinHandle<()>>,
}

/// How far the delivery is.
#[derive(Debug, Clone, Default)]
struct Standing {
    place: Place,
    /// Why nothing is delivered at the moment.
    trouble: Option<String>,
}

/// A text that waits for the disk, and who waits for it.
struct HandOver {
    text: String,
    done: oneshot::Sender<Result<(), String>>,
}

impl Outbox {
    /// Opens or makes an outbox in a folder of its own, and delivers what is in it.
    ///
    /// What the service refuses is not tried again: it goes to the file `refused.jsonl`,
    /// with the reason.
    pub async fn open(
        client: Client,
        folder: impl Into<PathBuf>,
        options: OutboxOptions,
    ) -> Result<Self, Error> {
        let folder: PathBuf = folder.into();
        let at = folder.clone();
        let opened = spawn_blocking(move || opened(&folder)).await;
        let opened = opened.unwrap_or_else(|_| Err(io::Error::other("it was interrupted")));
        let (lock, writer, start) = opened.map_err(Error::file(&at))?;
        // Whoever may still write holds the lock.
        let lock = Arc::new(lock);
        let held = Arc::clone(&lock);
        let waiting = journal::bytes_between(&at, start, writer.end());
        let waiting = Arc::new(AtomicU64::new(waiting.map_err(Error::file(&at))?));
        let (queue, handed_over) = mpsc::channel(QUEUE);
        let (durable_sender, durable) = watch::channel(writer.end());
        let (standing_sender, delivered) = watch::channel(Standing {
            place: start,
            trouble: None,
        });
        let thread = thread::spawn(move || {
            write(writer, handed_over, &durable_sender);
            drop(held);
        });
        let delivery = Delivery {
            client,
            folder: at,
            durable: durable.clone(),
            standing: standing_sender,
            waiting: Arc::clone(&waiting),
            lock,
        };
        Ok(Self {
            queue: Some(queue),
            durable,
            delivered,
            waiting,
            bytes_max: options.bytes_max,
            delivering: tokio::spawn(delivery.run()),
            writing: Some(thread),
        })
    }

    /// Hands an activity over; when this returns it is on the disk, and will be recorded.
    ///
    /// After an error it may be there all the same: hand over the same activity again, with
    /// its key, and it is recorded once.
    pub async fn hand_over(&self, activity: &NewActivity) -> Result<(), Error> {
        let text = one_line(json(activity)?);
        let bytes = text.len() as u64;
        if self.waiting_bytes() + bytes > self.bytes_max {
            return Err(Error::Outbox("it is full".to_owned()));
        }
        let ended = || Error::Outbox("its file can't be written any more".to_owned());
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        let room = queue.reserve().await.map_err(|_| ended())?;
        // From here on it is written although nobody may wait for that any more.
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let (done, is_done) = oneshot::channel();
        room.send(HandOver { text, done });
        let written = is_done.await.map_err(|_| ended())?;
        written.map_err(Error::Outbox)
    }

    /// How many bytes wait to be recorded, about.
    pub fn waiting_bytes(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Why nothing can be recorded at the moment; none if it can.
    pub fn trouble(&self) -> Option<String> {
        self.delivered.borrow().trouble.clone()
    }

    /// Waits until everything that was handed over is recorded or refused; returns whether
    /// that was so in time.
    pub async fn flush(&self, time_max: Duration) -> bool {
        let end = *self.durable.borrow();
        let mut delivered = self.delivered.clone();
        let done = delivered.wait_for(|standing| standing.place >= end);
        timeout(time_max, done).await.is_ok_and(|done| done.is_ok())
    }

    /// Waits as [`Outbox::flush`] does, and then until nobody has the folder any more.
    pub async fn close(mut self, time_max: Duration) -> bool {
        let is_empty = self.flush(time_max).await;
        self.queue = None;
        self.delivering.abort();
        // It was aborted, or has ended.
        let _ = (&mut self.delivering).await;
        if let Some(writing) = self.writing.take() {
            let _ = spawn_blocking(|| writing.join()).await;
        }
        is_empty
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.delivering.abort();
    }
}

/// JSON without line feeds, which are blanks there: details are kept as they were given.
fn one_line(json: String) -> String {
    if json.contains(['\n', '\r']) {
        return json.replace(['\n', '\r'], " ");
    }
    json
}

/// Whether a process with the TypeScript client has the folder: it listens on a socket there,
/// since Node.js can't lock a file.
#[cfg(unix)]
fn is_of_typescript(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_lock = entry.file_name().to_string_lossy().starts_with("lock.");
        if is_lock && std::os::unix::net::UnixStream::connect(entry.path()).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(not(unix))]
fn is_of_typescript(_: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Takes the lock of a folder, and finds where its lines begin and end.
fn opened(folder: &Path) -> io::Result<(File, journal::Writer, Place)> {
    make_folder(folder)?;
    journal::sync_name(folder)?;
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("lock"))?;
    let taken = || io::Error::other("another process has this outbox");
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => taken(),
        TryLockError::Error(error) => error,
    })?;
    if is_of_typescript(folder)? {
        return Err(taken());
    }
    let writer = journal::Writer::open(folder)?;
    let delivered = fs::read_to_string(folder.join("delivered")).unwrap_or_default();
    let delivered = delivered.trim().split_once(' ').and_then(|(number, byte)| {
        let (number, byte) = (number.parse().ok()?, byte.parse().ok()?);
        Some(Place { number, byte })
    });
    // What is delivered again is found by its key.
    let start = journal::first_place(folder, delivered.unwrap_or_default(), writer.end())?;
    Ok((lock, writer, start))
}

/// Makes a folder that nobody else may open: it holds names.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Writes what is handed over; whatever waits meanwhile is written together.
fn write(
    mut writer: journal::Writer,
    mut queue: mpsc::Receiver<HandOver>,
    durable: &watch::Sender<Place>,
) {
    let mut group = Vec::new();
    while queue.blocking_recv_many(&mut group, QUEUE) > 0 {
        let (texts, waiting): (Vec<_>, Vec<_>) =
            group.drain(..).map(|it| (it.text, it.done)).unzip();
        let written = writer.append(&texts);
        if let Ok(end) = &written {
            durable.send_replace(*end);
        }
        let result = written.map(|_| ());
        let result = result.map_err(|error| format!("its file can't be written: {error}"));
        for done in waiting {
            // Who does not wait any more is not told.
            let _ = done.send(result.clone());
        }
    }
}

/// Delivers what is on the disk.
struct Delivery {
    client: Client,
    folder: PathBuf,
    durable: watch::Receiver<Place>,
    standing: watch::Sender<Standing>,
    waiting: Arc<AtomicU64>,
    lock: Arc<File>,
}

/// A refused activity in `refused.jsonl`.
#[derive(Serialize)]
struct Refused<'a> {
    status: u16,
    reason: String,
    activity: &'a RawValue,
}

impl Delivery {
    async fn run(mut self) {
        let mut pause = Duration::ZERO;
        loop {
            let from = self.standing.borrow().place;
            let to = *self.durable.borrow_and_update();
            if from >= to {
                // The sender is gone when the outbox is.
                if self.durable.changed().await.is_err() {
                    return;
                }
                continue;
            }
            match self.deliver_next(from, to).await {
                Ok(place) => {
                    pause = Duration::ZERO;
                    self.standing.send_replace(Standing {
                        place,
                        trouble: None,
                    });
                }
                Err(error) => {
                    let trouble = Some(error.to_string());
                    self.standing.send_modify(|it| it.trouble = trouble);
                    let Retries {
                        first_pause,
                        pause_max,
                        ..
                    } = self.client.retries();
                    pause = (pause * 2).clamp(first_pause, pause_max);
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Delivers the next lines; returns the place behind them.
    async fn deliver_next(&self, from: Place, to: Place) -> Result<Place, Error> {
        let limits = (delivery::COUNT_MAX, delivery::BYTES_MAX);
        let folder = self.folder.clone();
        let lines = blocking(&self.folder, move || {
            journal::read(&folder, from, to, limits)
        });
        let Lines { texts, end } = lines.await?;
        // Few repetitions, so that whoever asks soon learns what is wrong.
        let retries = Retries {
            count: REPEATED_MAX,
            ..self.client.retries()
        };
        let results = deliver(&self.client, &texts, retries).await?;
        let mut refused = Vec::new();
        for (text, result) in texts.iter().zip(results) {
            if let Delivered::Refused(refusal) = result {
                refused.extend(refused_line(text, &refusal));
            }
        }
        let (folder, lock) = (self.folder.clone(), Arc::clone(&self.lock));
        let noted = blocking(&self.folder, move || {
            let noted = note(&folder, end, &refused);
            drop(lock);
            noted
        });
        noted.await?;
        let bytes: usize = texts.iter().map(String::len).sum();
        less(&self.waiting, bytes as u64);
        if end >= *self.durable.borrow() {
            // Of what was there at the opening, more was counted than the texts.
            self.waiting.store(0, Ordering::Relaxed);
        }
        Ok(end)
    }
}

/// Counts bytes that no longer wait.
fn less(waiting: &AtomicU64, bytes: u64) {
    let less = |before: u64| Some(before.saturating_sub(bytes));
    let _ = waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
}

async fn blocking<T: Send + 'static>(
    folder: &Path,
    act: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let done = spawn_blocking(act).await;
    let done = done.unwrap_or_else(|_| Err(io::Error::other("it was interrupted")));
    done.map_err(Error::file(folder))
}

fn refused_line(text: &str, refusal: &Refusal) -> Vec<u8> {
    let line = serde_json::from_str(text).and_then(|activity| {
        serde_json::to_vec(&Refused {
            status: refusal.status,
            reason: refusal.to_string(),
            activity,
        })
    });
    let mut line = line.unwrap_or_else(|_| text.as_bytes().to_vec());
    line.push(b'\n');
    line
}

/// Keeps what was refused, deletes files that are not needed any more, and notes how far was
/// delivered.
fn note(folder: &Path, end: Place, refused: &[u8]) -> io::Result<()> {
    if !refused.is_empty() {
        let path = folder.join("refused.jsonl");
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(refused)?;
        file.sync_data()?;
    }
    // A full disk gets room first; a file that is gone counts as delivered.
    journal::delete_before(folder, end)?;
    let (delivered, new) = (folder.join("delivered"), folder.join("delivered.new"));
    let noted = fs::write(&new, format!("{} {}\n", end.number, end.byte));
    // Without the note, more is delivered again after an opening, and found by its key.
    let _ = noted.and_then(|()| fs::rename(new, delivered));
    Ok(())
}
