//! Instructions, as valgrind counts them from a process's start to its end.
//!
//! They hardly depend on what else the machine does, unlike times.

use std::{fs, path::Path};

use tokio::process::Command;

use super::{Bench, entrant::Entrant, figure::Transport, session::Session};
use shared::aws;

use crate::Error;

impl Bench<'_> {
    /// The instructions of a start and so many calls.
    pub(super) async fn count(
        &self,
        entrant: Entrant,
        transport: Transport,
        calls: u32,
    ) -> Result<f64, Error> {
        let name = format!("{entrant:?}-{transport:?}-{calls}.callgrind");
        let folder = self.settings.profiles.as_deref();
        let profile = folder.unwrap_or(self.work.path()).join(name);
        let mut session = Session::start(self, entrant, transport, Some(&profile)).await?;
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

    /// What a process trusts: what it trusts in a deployment, and the bench's
    /// certificate authority if there is one.
    ///
    /// The plain SDK reads a usual system's certificates, with and without TLS. The
    /// functions have Amazon's compiled in, and read them from `AWS_CA_BUNDLE` here;
    /// the peers have variables of their own.
    pub(super) fn trust(
        &self,
        authority: Option<&Path>,
    ) -> Result<Vec<(&'static str, String)>, Error> {
        let Some(authority) = authority else {
            let roots = self.settings.roots.display().to_string();
            return Ok(vec![("SSL_CERT_FILE", roots)]);
        };
        let system = fs::read(&self.settings.roots)
            .map_err(|error| format!("{}: {error}", self.settings.roots.display()))?;
        let [system, amazon] = [("system", &system[..]), ("amazon", aws::AMAZON_ROOTS)].map(
            |(name, roots)| -> Result<_, Error> {
                let file = self.work.path().join(format!("{name}.pem"));
                fs::write(&file, [roots, &fs::read(authority)?].concat())?;
                Ok(file.display().to_string())
            },
        );
        Ok(vec![
            ("AWS_CA_BUNDLE", amazon?),
            ("NODE_EXTRA_CA_CERTS", authority.display().to_string()),
            ("SSL_CERT_FILE", system?),
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
