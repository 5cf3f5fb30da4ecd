//! Instructions, as valgrind counts them from a process's start to its end.
//!
//! They hardly depend on what else the machine does, unlike times.

use std::{fs, path::Path};

use tokio::process::Command;

use super::{Bench, entrant::Entrant, session::Session};
use crate::Error;

impl Bench<'_> {
    /// The instructions of a start and so many calls.
    pub(super) async fn count(
        &self,
        entrant: Entrant,
        tls: bool,
        calls: u32,
    ) -> Result<f64, Error> {
        let transport = if tls { "tls" } else { "http" };
        let name = format!("{entrant:?}-{transport}-{calls}.callgrind");
        let folder = self.settings.profiles.as_deref();
        let profile = folder.unwrap_or(self.work.path()).join(name);
        let mut session = Session::start(self, entrant, tls, Some(&profile)).await?;
        session.calls(calls).await?;
        session.end().await?;
        total(&profile)
    }

    /// The command of an entrant, under valgrind if that is to write `counts`.
    pub(super) fn command(
        &self,
        entrant: Entrant,
        counts: Option<&Path>,
    ) -> Result<Command, Error> {
        let program = entrant.program(self)?;
        let mut command = match counts {
            None => Command::new(&program.path),
            Some(counts) => {
                let mut command = Command::new(&self.settings.valgrind);
                let file = format!("--callgrind-out-file={}", counts.display());
                command.args(["--quiet", "--tool=callgrind", &file]);
                command.arg(&program.path);
                command
            }
        };
        command.args(&program.arguments).env_clear();
        Ok(command)
    }

    /// What a process trusts: the certificates of a usual system, and the bench's
    /// certificate authority if there is one.
    ///
    /// The plain SDK reads both from one file, so that with and without TLS it
    /// reads as much as anywhere else. The functions read `AWS_CA_BUNDLE`, the
    /// peers variables of their own.
    pub(super) fn trust(
        &self,
        authority: Option<&Path>,
    ) -> Result<Vec<(&'static str, String)>, Error> {
        let Some(authority) = authority else {
            let roots = self.settings.roots.display().to_string();
            return Ok(vec![("SSL_CERT_FILE", roots)]);
        };
        let mut system = fs::read(&self.settings.roots)
            .map_err(|error| format!("{}: {error}", self.settings.roots.display()))?;
        system.extend(fs::read(authority)?);
        let roots = self.work.path().join("roots.pem");
        fs::write(&roots, system)?;
        Ok(vec![
            ("AWS_CA_BUNDLE", authority.display().to_string()),
            ("NODE_EXTRA_CA_CERTS", authority.display().to_string()),
            ("SSL_CERT_FILE", roots.display().to_string()),
        ])
    }
}

/// The total at the end of a profile.
fn total(profile: &Path) -> Result<f64, Error> {
    let text =
        fs::read_to_string(profile).map_err(|error| format!("{}: {error}", profile.display()))?;
    let mut lines = text.lines().rev();
    let total = lines.find_map(|line| line.strip_prefix("totals:"));
    Ok(total.ok_or("a profile has no total")?.trim().parse()?)
}
