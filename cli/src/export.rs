//! `export`: asks for a file, waits for it, downloads it and checks it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use client::{Client, Download, Error, ExportState};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    args::{Export, FormatArg},
    connect::Failure,
    table::time,
    terminal::say,
};

pub(crate) async fn run(client: &Client, url: &str, asked: &Export) -> Result<ExitCode, Failure> {
    if let Some(path) = &asked.file {
        refuse_existing(path, asked.force)?;
    }
    let request = request(asked);
    let begun = Begun::of(url, &request, asked.file.as_deref());
    let export = begin(client, &request, &begun).await?;
    let export = wait(client, export, &begun).await?;
    let file = export.file.as_ref();
    let name = file.map_or("activity-log", |file| file.name.as_str());
    let path = asked.file.clone().unwrap_or_else(|| local_name(name));
    refuse_existing(&path, asked.force)?;
    if asked.proof {
        let mut proof = path.clone().into_os_string();
        proof.push(".proof");
        refuse_existing(Path::new(&proof), asked.force)?;
    }
    let bar = ProgressBar::new(file.map_or(0, |file| file.bytes));
    bar.set_style(style("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}"));
    let told = |bytes| bar.set_position(bytes);
    let download = client.download(&export, &path, told).await?;
    bar.finish_and_clear();
    begun.forget()?;
    tell(&export, &download)?;
    Ok(ExitCode::SUCCESS)
}

/// The export that the same command began before, or a new one.
async fn begin(client: &Client, request: &Value, begun: &Begun) -> Result<client::Export, Failure> {
    let known = match begun.id()? {
        Some(id) => Some(client.export(id).await),
        None => None,
    };
    let export = match known {
        // It was forgotten since somebody began it.
        Some(Err(Error::Refused(refusal))) if refusal.status == 404 => None,
        Some(export) => Some(export?).filter(|export| export.state != ExportState::Expired),
        None => None,
    };
    let export = match export {
        Some(export) => export,
        None => {
            client
                .create_export(request, &Uuid::new_v4().to_string())
                .await?
        }
    };
    begun.note(export.id)?;
    Ok(export)
}

async fn wait(
    client: &Client,
    export: client::Export,
    begun: &Begun,
) -> Result<client::Export, Failure> {
    let bar = ProgressBar::new(1_000).with_style(style("{bar:40} {percent:>3} % {msg}"));
    let written = |export: &client::Export| {
        bar.set_position(permille(export.progress.fraction));
        bar.set_message(format!("{} activities written", export.progress.rows));
    };
    let ended = client.wait_for_export(export, written).await;
    bar.finish_and_clear();
    if let Err(Error::Export { .. }) = &ended {
        begun.forget()?;
    }
    Ok(ended?)
}

fn tell(export: &client::Export, download: &Download) -> io::Result<()> {
    let rows = export.file.as_ref().map_or(0, |file| file.rows);
    say(&format!("{}: {rows} activities", download.file.display()))?;
    if let Some(proof) = &download.proof {
        say(&format!("{}: its proof", proof.display()))?;
    }
    match export.recorded_to {
        Some(moment) => say(&format!("go on with --recorded-from {}", time(moment))),
        None => Ok(()),
    }
}

fn request(asked: &Export) -> Value {
    let mut body = asked.filter.body();
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    set("order", asked.order.name().into());
    match asked.format {
        FormatArg::Csv => set("format", "csv".into()),
        FormatArg::RawCsv => {
            set("format", "csv".into());
            set("style", "raw".into())
        }
        FormatArg::Jsonl => set("format", "jsonl".into()),
        FormatArg::Xlsx => set("format", "xlsx".into()),
    };
    if asked.gzip {
        set("compression", "gzip".into());
    }
    if asked.proof {
        set("proof", true.into());
    }
    Value::Object(body)
}

/// A name of the service's as a file of this folder, whatever the service says.
fn local_name(name: &str) -> PathBuf {
    let name = Path::new(name).file_name();
    PathBuf::from(name.unwrap_or("activity-log".as_ref()))
}

fn refuse_existing(path: &Path, is_forced: bool) -> Result<(), Failure> {
    if !is_forced && path.exists() {
        let exists = format!("{} exists; with --force it is replaced", path.display());
        return Err(Failure::usage(exists));
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a fraction from 0 to 1"
)]
fn permille(fraction: f64) -> u64 {
    (fraction.clamp(0.0, 1.0) * 1_000.0) as u64
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A file that names the export that was begun, so that the same command goes on with it.
struct Begun(PathBuf);

impl Begun {
    fn of(url: &str, request: &Value, file: Option<&Path>) -> Self {
        let what = format!(
            "{url}\n{request}\n{}",
            file.unwrap_or(Path::new("")).display()
        );
        let hash = base16ct::lower::encode_string(&Sha256::digest(what));
        let hash = hash.get(..16).unwrap_or_default();
        Self(PathBuf::from(format!(".activity-log-{hash}.export")))
    }

    fn id(&self) -> Result<Option<Uuid>, Failure> {
        match fs::read_to_string(&self.0) {
            Ok(text) => Ok(text.trim().parse().ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::of(&self.0)(error)),
        }
    }

    fn note(&self, id: Uuid) -> Result<(), Failure> {
        fs::write(&self.0, format!("{id}\n")).map_err(Failure::of(&self.0))
    }

    fn forget(&self) -> Result<(), Failure> {
        fs::remove_file(&self.0).map_err(Failure::of(&self.0))
    }
}
