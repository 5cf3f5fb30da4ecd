//! Carries out a command: opens the files, and says what was found.

use std::{fmt::Display, io::BufReader, path::Path, process::ExitCode};

use indicatif::ProgressBar;

use crate::{
    cli::{Command, ExportFiles, Keys, WholeLog},
    digest::sha256,
    entry::check_entry,
    export::check_export,
    files::{keep, open, read, unpacked, unreadable},
    finding::Finding,
    growth::check_growth,
    log::check_log,
    report,
    service::Service,
};

/// Where the token of a reader comes from, if a command needs one.
type TokenSource<'a> = &'a dyn Fn() -> Result<String, String>;

/// Carries out a command and says what was found: exit code 0 if all is whole, 1 if it is
/// not, and 2 if that can't be told.
///
/// It must not be called within a runtime of tokio's, since `log` has its own.
pub fn run(command: &Command, token: TokenSource<'_>) -> ExitCode {
    let found = match command {
        Command::Entry {
            proof,
            activity,
            keys,
        } => entry(proof, activity.as_deref(), keys),
        Command::Growth {
            old,
            new,
            proof,
            keys,
        } => growth([old, new, proof], keys),
        Command::Export(files) => export(files),
        Command::Log(asked) => log(asked, token),
    };
    match found {
        Ok(text) => {
            println!("whole: {}", plain(&text));
            ExitCode::SUCCESS
        }
        Err(finding @ Finding::NotWhole(_)) => {
            eprintln!("not whole: {}", plain(&finding.to_string()));
            ExitCode::from(1)
        }
        Err(finding @ Finding::Unknown(_)) => {
            eprintln!("could not tell: {}", plain(&finding.to_string()));
            ExitCode::from(2)
        }
    }
}

/// The text without what would move a terminal's cursor: parts of it come from files.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

fn entry(proof: &Path, activity: Option<&Path>, keys: &Keys) -> Result<String, Finding> {
    let activity = activity.map(read).transpose()?;
    let entry = check_entry(&read(proof)?, activity.as_deref(), &keys.read()?)?;
    Ok(report::entry(&entry, activity.is_some()))
}

fn growth([old, new, proof]: [&Path; 3], keys: &Keys) -> Result<String, Finding> {
    let growth = check_growth(&read(old)?, &read(new)?, &read(proof)?, &keys.read()?)?;
    Ok(report::growth(&growth))
}

fn export(files: &ExportFiles) -> Result<String, Finding> {
    let keys = files.keys.read()?;
    let sha256 = sha256(open(&files.file)?).map_err(|error| unreadable(&files.file, &error))?;
    let proof = BufReader::new(open(&files.proof)?);
    let export = check_export(unpacked(&files.file)?, &sha256, proof, &keys)?;
    let (from, to) = &export.range;
    let is_other = |wanted: &Option<String>, own| wanted.as_ref().is_some_and(|it| it != own);
    if is_other(&files.from, from) || is_other(&files.to, to) {
        let other = format!("the file is of another range, from {from} to {to}");
        return Err(Finding::NotWhole(other));
    }
    let text = report::export(&export);
    if !export.is_complete && !files.filtered {
        return Err(Finding::Unknown(format!(
            "{text}; the export had a condition, so nothing shows that these are all entries \
             that fit it; with --filtered this is enough"
        )));
    }
    if export.is_complete && !export.left_out.is_nothing() && !files.ended {
        return Err(report::left_out(&text, export.left_out));
    }
    if export.erased > 0 && !files.erased {
        return Err(report::erased(&text, export.erased));
    }
    Ok(text)
}

fn log(asked: &WholeLog, token: TokenSource<'_>) -> Result<String, Finding> {
    let keys = asked.keys.read()?;
    let since = asked.since.as_deref().map(read).transpose()?;
    let token = token().map_err(Finding::Unknown)?;
    let service = Service::new(&asked.url, token)?;
    let scratch = tempfile::tempdir().map_err(|error| unknown("a folder for files", &error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| unknown("starting", &error))?;
    let bar = ProgressBar::new_spinner();
    let tell = |month: &str, rows| {
        bar.inc(rows);
        let entries = bar.position();
        bar.set_message(format!("{entries} entries, the last month from {month}"));
    };
    let checking = check_log(&service, since.as_deref(), &keys, scratch.path(), tell);
    let log = runtime.block_on(checking)?;
    bar.finish_and_clear();
    let text = report::log(&log);
    if !log.left_out.is_nothing() && !asked.ended {
        return Err(report::left_out(&text, log.left_out));
    }
    if let Some(path) = &asked.keep {
        keep(path, &log.checkpoint).map_err(|error| unreadable(path, &error))?;
    }
    Ok(text)
}

fn unknown(what: &str, error: &dyn Display) -> Finding {
    Finding::Unknown(format!("{what}: {error}"))
}
