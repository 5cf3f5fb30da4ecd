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

/// Why nothing can be handed over any more.
const UNWRITTEN: &str = "its file can't be written";

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
    queue: mpsc::Sender<HandOver>,
    durable: watch::Receiver<Place>,
    delivered: watch::Receiver<Standing>,
    waiting: Arc<AtomicU64>,
    bytes_max: u64,
    delivering: JoinHandle<()>,
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
    done: oneshot::Sender<Result<(), &'static str>>,
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
        std::thread::spawn(move || {
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
            queue,
            durable,
            delivered,
            waiting,
            bytes_max: options.bytes_max,
            delivering: tokio::spawn(delivery.run()),
        })
    }

    /// Hands an activity over; when this returns it is on the disk, and will be recorded.
    ///
    /// After an error it may be there all the same: hand over the same activity again, with
    /// its key, and it is recorded once.
    pub async fn hand_over(&self, activity: &NewActivity) -> Result<(), Error> {
        let text = json(activity)?;
        let bytes = text.len() as u64;
        if self.waiting_bytes() + bytes > self.bytes_max {
            return Err(Error::Outbox("it is full"));
        }
        let room = self.queue.reserve().await;
        let room = room.map_err(|_| Error::Outbox(UNWRITTEN))?;
        // From here on it is written although nobody may wait for that any more.
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let (done, is_done) = oneshot::channel();
        room.send(HandOver { text, done });
        let written = is_done.await.unwrap_or(Err(UNWRITTEN));
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
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.delivering.abort();
    }
}

/// Takes the lock of a folder, and finds where its lines begin and end.
fn opened(folder: &Path) -> io::Result<(File, journal::Writer, Place)> {
    fs::create_dir_all(folder)?;
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("lock"))?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::other("another process has this outbox"),
        TryLockError::Error(error) => error,
    })?;
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
        let result = written.map(|_| ()).map_err(|_| UNWRITTEN);
        for done in waiting {
            // Who does not wait any more is not told.
            let _ = done.send(result);
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
        let results = self.deliver_all(&texts).await?;
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
        Ok(end)
    }

    /// Delivers texts; if the service refuses a batch as a whole, one by one.
    async fn deliver_all(&self, texts: &[String]) -> Result<Vec<Delivered>, Error> {
        // Few repetitions, so that whoever asks soon learns what is wrong.
        let retries = Retries {
            count: REPEATED_MAX,
            ..self.client.retries()
        };
        match deliver(&self.client, texts, retries).await {
            Err(Error::Refused(refusal)) if !refusal.is_about_the_caller() => {}
            results => return results,
        }
        let mut results = Vec::new();
        for text in texts {
            let text = std::slice::from_ref(text);
            match deliver(&self.client, text, retries).await {
                Err(Error::Refused(refusal)) if !refusal.is_about_the_caller() => {
                    results.push(Delivered::Refused(refusal));
                }
                result => results.extend(result?),
            }
        }
        Ok(results)
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

/// Notes on the disk what was refused and then how far was delivered, and deletes files
/// that are not needed any more.
fn note(folder: &Path, end: Place, refused: &[u8]) -> io::Result<()> {
    if !refused.is_empty() {
        let path = folder.join("refused.jsonl");
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(refused)?;
        file.sync_data()?;
    }
    let (delivered, new) = (folder.join("delivered"), folder.join("delivered.new"));
    fs::write(&new, format!("{} {}\n", end.number, end.byte))?;
    fs::rename(new, delivered)?;
    journal::delete_before(folder, end)
}
