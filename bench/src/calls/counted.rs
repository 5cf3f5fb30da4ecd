//! Instructions, as valgrind counts them from a process's start to its end.
//!
//! They hardly depend on what else the machine does, unlike times.

use std::{fs, path::Path};

use shared::aws::sdk;
use tokio::process::Command;

use super::{Bench, entrant::Entrant, figure::Transport, session::Session};
use crate::Error;

impl Bench<'_> {
    /// The instructions of a start and so many calls.
    pub(super) async fn count(
        &self,
        entrant: Entrant,
        transport: Transport,
        calls: u32,
    ) -> Result<f64, Error> {
        let Entrant { name, workload, .. } = entrant;
        let name = format!("{name}, {workload:?}, {transport:?}, {calls}.callgrind");
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
    /// The functions have Amazon's roots compiled in and read them from a file here;
    /// the plain SDK and boto3 read those of a usual system, Node has its own.
    pub(super) fn trust(
        &self,
        entrant: Entrant,
        authority: Option<&Path>,
    ) -> Result<Vec<(&'static str, String)>, Error> {
        let Some(authority) = authority else {
            let roots = self.others.roots.display().to_string();
            return Ok(vec![("SSL_CERT_FILE", roots)]);
        };
        let authority = fs::read(authority)?;
        let roots = fs::read(self.others.roots)
            .map_err(|error| format!("{}: {error}", self.others.roots.display()))?;
        let alone = self.bundle("authority", &[], &authority)?;
        let amazon = self.bundle("amazon", sdk::AMAZON_ROOTS, &authority)?;
        let system = self.bundle("system", &roots, &authority)?;
        let of_sdk = if entrant.is_python() {
            system.clone()
        } else {
            amazon
        };
        Ok(vec![
            ("AWS_CA_BUNDLE", of_sdk),
            ("NODE_EXTRA_CA_CERTS", alone),
            ("SSL_CERT_FILE", system),
        ])
    }

    /// Writes a file of these roots and the bench's authority behind them.
    fn bundle(&self, name: &str, roots: &[u8], authority: &[u8]) -> Result<String, Error> {
        let file = self.work.path().join(format!("{name}-roots.pem"));
        fs::write(&file, [roots, authority].concat())?;
        Ok(file.display().to_string())
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
