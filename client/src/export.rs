//! Exports: asked for, waited for, downloaded and checked.

use std::{
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
    client::{Client, Request, judged, unanswered},
    error::Error,
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

#[derive(Debug, Clone, Deserialize)]
struct Links {
    url: String,
    proof_url: Option<String>,
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

    async fn fetch(
        &self,
        export: &Export,
        wanted: &Wanted<'_>,
        path: &Path,
        told: &mut impl FnMut(u64),
    ) -> Result<(), Error> {
        let partial = beside(path, ".part");
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options
            .open(&partial)
            .await
            .map_err(Error::file(&partial))?;
        let (mut hash, mut bytes) = hashed(&mut file).await.map_err(Error::file(&partial))?;
        let mut links = export.download.clone();
        let mut stuck = 0;
        while bytes < wanted.bytes {
            let got = self.go_on(links.take(), export.id, wanted, bytes).await;
            let before = bytes;
            let result = match got {
                Ok(answer) => pour(answer, &mut file, &mut hash, &mut bytes, told).await,
                Err(error) => Err(error),
            };
            match result {
                Err(error @ Error::Unavailable { .. }) => {
                    stuck = if bytes > before { 0 } else { stuck + 1 };
                    if stuck > STUCK_MAX {
                        return Err(error);
                    }
                    sleep(PAUSE).await;
                }
                result => result.map_err(in_file(&partial))?,
            }
        }
        finish(file, &partial, path, wanted, (hash, bytes)).await
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

/// An error of a write names the file.
fn in_file(path: &Path) -> impl FnOnce(Error) -> Error {
    let path = path.to_owned();
    move |error| match error {
        Error::File { source, .. } => Error::File { path, source },
        error => error,
    }
}

async fn pour(
    mut answer: Response,
    file: &mut File,
    hash: &mut Sha256,
    bytes: &mut u64,
    told: &mut impl FnMut(u64),
) -> Result<(), Error> {
    while let Some(chunk) = answer.chunk().await.map_err(unanswered)? {
        file.write_all(&chunk).await.map_err(Error::file(""))?;
        hash.update(&chunk);
        *bytes += chunk.len() as u64;
        told(*bytes);
    }
    file.flush().await.map_err(Error::file(""))
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

/// Gives a file its name if it is the one that the service describes.
async fn finish(
    file: File,
    partial: &Path,
    path: &Path,
    wanted: &Wanted<'_>,
    (hash, bytes): (Sha256, u64),
) -> Result<(), Error> {
    file.sync_all().await.map_err(Error::file(partial))?;
    drop(file);
    let found = base16ct::lower::encode_string(&hash.finalize());
    let differs = if bytes == wanted.bytes {
        "SHA-256"
    } else {
        "length"
    };
    if bytes != wanted.bytes || found != wanted.sha256 {
        // Another download would only go on with it.
        fs::remove_file(partial)
            .await
            .map_err(Error::file(partial))?;
        let path = path.to_owned();
        return Err(Error::Damaged {
            path,
            what: differs,
        });
    }
    fs::rename(partial, path).await.map_err(Error::file(path))
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(extension);
    PathBuf::from(name)
}
