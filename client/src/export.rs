//! Exports: asked for, waited for, downloaded and checked.

use std::{
    fmt,
    io::SeekFrom,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use reqwest::{Response, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    time::sleep,
};
use uuid::Uuid;

use crate::{
    client::{Client, Request, judged},
    error::{Error, unanswered},
};

/// How long is waited between two looks at an export that is not ready.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a download may break off without a byte in between.
const STUCK_MAX: usize = 5;

/// How many bytes of a part are hashed at once.
const BUFFER_BYTES: usize = 1 << 16;

/// An export of a log.
#[derive(Debug, Clone, Deserialize)]
pub struct Export {
    /// Its id.
    pub id: Uuid,
    /// How far it is.
    pub state: ExportState,
    /// How much of it is written.
    pub progress: Progress,
    /// The file, when it is ready.
    pub file: Option<ExportedFile>,
    /// Why there is none, if it failed.
    pub failure: Option<Failure>,
    /// The first moment of its range.
    pub from: DateTime<Utc>,
    /// The first moment after its range.
    pub to: DateTime<Utc>,
    /// Whether nothing can enter the range any more.
    pub settled: bool,
    /// With `recorded_from`: where the next export goes on.
    pub recorded_to: Option<DateTime<Utc>>,
    download: Option<Links>,
}

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub enum ExportState {
    Queued,
    Running,
    Ready,
    Failed,
    Cancelled,
    Expired,
    /// A state of a later version.
    #[serde(other)]
    Unknown,
}

/// How much of a file is written.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct Progress {
    /// The rows without the header.
    pub rows: u64,
    /// The bytes.
    pub bytes: u64,
    /// The part of the range that was read, 0 to 1.
    pub fraction: f64,
}

/// A file that is ready.
#[derive(Debug, Clone, Deserialize)]
pub struct ExportedFile {
    /// Its name.
    pub name: String,
    /// Its rows without the header.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Its proof, if it was asked for.
    pub proof: Option<ProofFile>,
}

/// The proof of a file.
#[derive(Debug, Clone, Deserialize)]
pub struct ProofFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// Why there is no file.
#[derive(Debug, Clone, Deserialize)]
pub struct Failure {
    /// The kind of failure.
    pub code: String,
    /// The reason, in words.
    pub detail: String,
}

#[derive(Clone, Deserialize)]
struct Links {
    url: String,
    proof_url: Option<String>,
}

/// A link is the right to read, so no debug text shows it.
impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Links")
    }
}

/// Files that were downloaded and checked.
#[derive(Debug, Clone)]
pub struct Download {
    /// The exported file.
    pub file: PathBuf,
    /// Its proof.
    pub proof: Option<PathBuf>,
}

/// One of an export's two files, as the service describes it.
struct Wanted<'a> {
    bytes: u64,
    sha256: &'a str,
    is_proof: bool,
}

impl Client {
    /// Asks for an export; with the same key, the same export again.
    ///
    /// The request has the fields of `POST /v1/exports`.
    pub async fn create_export(&self, request: &Value, key: &str) -> Result<Export, Error> {
        let post = Request::post("/v1/exports", request.to_string());
        let post = post
            .header("idempotency-key", key)
            .header("prefer", "wait=5");
        self.json(&post).await
    }

    /// Looks at an export; the log keeps that somebody got a link, if it is ready.
    pub async fn export(&self, id: Uuid) -> Result<Export, Error> {
        self.json(&Request::get(format!("/v1/exports/{id}"))).await
    }

    /// Waits until an export has ended; tells each time how far it is.
    pub async fn wait_for_export(
        &self,
        mut export: Export,
        mut told: impl FnMut(&Export),
    ) -> Result<Export, Error> {
        loop {
            told(&export);
            match export.state {
                ExportState::Queued | ExportState::Running => {}
                ExportState::Ready => return Ok(export),
                state => {
                    let detail = export.failure.map(|failure| failure.detail);
                    return Err(Error::Export {
                        state: format!("{state:?}").to_lowercase(),
                        detail: detail.unwrap_or_else(|| "it has no file".to_owned()),
                    });
                }
            }
            sleep(PAUSE).await;
            export = self.export(export.id).await?;
        }
    }

    /// Downloads the file of an export that is ready, and its proof beside it, and checks
    /// both; tells how many bytes of the file are there.
    ///
    /// What an earlier download left goes on. The file has its name only when it is whole.
    pub async fn download(
        &self,
        export: &Export,
        path: &Path,
        mut told: impl FnMut(u64),
    ) -> Result<Download, Error> {
        let absent = || Error::Answer("a ready export has no file".to_owned());
        let file = export.file.as_ref().ok_or_else(absent)?;
        let wanted = Wanted {
            bytes: file.bytes,
            sha256: &file.sha256,
            is_proof: false,
        };
        self.fetch(export, &wanted, path, &mut told).await?;
        let Some(proof) = &file.proof else {
            return Ok(Download {
                file: path.to_owned(),
                proof: None,
            });
        };
        let wanted = Wanted {
            bytes: proof.bytes,
            sha256: &proof.sha256,
            is_proof: true,
        };
        let proof_path = beside(path, ".proof");
        self.fetch(export, &wanted, &proof_path, &mut |_| {})
            .await?;
        Ok(Download {
            file: path.to_owned(),
            proof: Some(proof_path),
        })
    }

    /// Exports into a file, as one call: asks, waits, downloads and checks.
    pub async fn export_to(&self, request: &Value, path: &Path) -> Result<Download, Error> {
        let key = Uuid::new_v4().to_string();
        let export = self.create_export(request, &key).await?;
        let export = self.wait_for_export(export, |_| {}).await?;
        self.download(&export, path, |_| {}).await
    }

    /// Goes on with what an earlier download left; if that was of another file, begins again.
    async fn fetch(
        &self,
        export: &Export,
        wanted: &Wanted<'_>,
        path: &Path,
        told: &mut impl FnMut(u64),
    ) -> Result<(), Error> {
        let partial = beside(path, ".part");
        let was_begun = fs::try_exists(&partial).await.unwrap_or_default();
        match self.fetch_rest(export, wanted, path, told).await {
            Err(Error::Damaged { .. }) if was_begun => {
                self.fetch_rest(export, wanted, path, told).await
            }
            fetched => fetched,
        }
    }

    async fn fetch_rest(
        &self,
        export: &Export,
        wanted: &Wanted<'_>,
        path: &Path,
        told: &mut impl FnMut(u64),
    ) -> Result<(), Error> {
        let path = path.to_owned();
        let mut part = Part::open(&path).await?;
        let mut links = export.download.clone();
        let mut stuck = 0;
        while part.bytes < wanted.bytes {
            let before = part.bytes;
            let answer = self
                .go_on(links.take(), export.id, wanted, part.bytes)
                .await;
            let poured = match answer {
                Ok(answer) => part.pour(answer, wanted.bytes, told).await,
                Err(error) => Err(error),
            };
            match poured {
                Ok(()) if part.bytes > before => stuck = 0,
                Err(error) if !error.is_passing() => return Err(error),
                _ if stuck == STUCK_MAX => return Err(Error::unavailable("it breaks off")),
                _ => {
                    stuck = if part.bytes > before { 0 } else { stuck + 1 };
                    sleep(PAUSE).await;
                }
            }
        }
        part.finish(&path, wanted).await
    }

    /// The rest of a file from a byte on, by this link or, if it has expired, a new one.
    async fn go_on(
        &self,
        links: Option<Links>,
        id: Uuid,
        wanted: &Wanted<'_>,
        from: u64,
    ) -> Result<Response, Error> {
        let links = if links.is_some() {
            links
        } else {
            self.export(id).await?.download
        };
        let absent = || Error::Answer("a ready export has no link".to_owned());
        let links = links.ok_or_else(absent)?;
        let url = if wanted.is_proof {
            links.proof_url
        } else {
            Some(links.url)
        };
        let url = url.ok_or_else(|| Error::Answer("the proof has no link".to_owned()))?;
        // The link itself is the right to read, so the token stays away from it.
        let request = self
            .http()
            .get(url)
            .header(header::RANGE, format!("bytes={from}-"));
        let answer = request.send().await.map_err(unanswered)?;
        if answer.status() == StatusCode::FORBIDDEN {
            return Err(Error::unavailable("the link has expired"));
        }
        judged(answer).await
    }
}

/// The part of a file that is there.
struct Part {
    path: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Part {
    async fn open(path: &Path) -> Result<Self, Error> {
        let path = beside(path, ".part");
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let file = options.open(&path).await.map_err(Error::file(&path))?;
        let mut part = Self {
            path,
            file,
            hash: Sha256::new(),
            bytes: 0,
        };
        let hashed = hashed(&mut part.file).await;
        (part.hash, part.bytes) = hashed.map_err(Error::file(&part.path))?;
        Ok(part)
    }

    /// Writes an answer behind what is there, up to a length; tells how much is there.
    async fn pour(
        &mut self,
        mut answer: Response,
        length: u64,
        told: &mut impl FnMut(u64),
    ) -> Result<(), Error> {
        if answer.status() != StatusCode::PARTIAL_CONTENT {
            // It is the whole file.
            self.clear().await.map_err(Error::file(&self.path))?;
        }
        while let Some(chunk) = answer.chunk().await.map_err(unanswered)? {
            let missing = usize::try_from(length - self.bytes).unwrap_or(usize::MAX);
            let chunk = chunk.get(..missing.min(chunk.len())).unwrap_or_default();
            let written = self.file.write_all(chunk).await;
            written.map_err(Error::file(&self.path))?;
            self.hash.update(chunk);
            self.bytes += chunk.len() as u64;
            told(self.bytes);
            if self.bytes == length {
                break;
            }
        }
        self.file.flush().await.map_err(Error::file(&self.path))
    }

    async fn clear(&mut self) -> std::io::Result<()> {
        self.file.set_len(0).await?;
        self.file.seek(SeekFrom::Start(0)).await?;
        self.hash = Sha256::new();
        self.bytes = 0;
        Ok(())
    }

    /// Gives the file its name if it is the one that the service describes.
    async fn finish(self, path: &Path, wanted: &Wanted<'_>) -> Result<(), Error> {
        let synced = self.file.sync_all().await;
        synced.map_err(Error::file(&self.path))?;
        drop(self.file);
        let found = base16ct::lower::encode_string(&self.hash.finalize());
        let what = if self.bytes == wanted.bytes {
            "SHA-256"
        } else {
            "length"
        };
        if self.bytes != wanted.bytes || found != wanted.sha256 {
            // Another download would only go on with it.
            let removed = fs::remove_file(&self.path).await;
            removed.map_err(Error::file(&self.path))?;
            let path = path.to_owned();
            return Err(Error::Damaged { path, what });
        }
        let named = fs::rename(&self.path, path).await;
        named.map_err(Error::file(path))
    }
}

/// Hashes what is there already; the next byte is written behind it.
async fn hashed(file: &mut File) -> std::io::Result<(Sha256, u64)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER_BYTES];
    file.seek(SeekFrom::Start(0)).await?;
    loop {
        let length = file.read(&mut buffer).await?;
        if length == 0 {
            return Ok((hash, bytes));
        }
        hash.update(buffer.get(..length).unwrap_or_default());
        bytes += length as u64;
    }
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(extension);
    PathBuf::from(name)
}
