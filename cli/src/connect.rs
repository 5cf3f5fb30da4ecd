//! Where the service is, as whom it is called, and what can go wrong.

use std::{fs, io, path::PathBuf, process::ExitCode};

use clap::{Args, ValueEnum};
use client::{Client, Error, Token};
use tokio::runtime::Runtime;

/// In which form answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// JSON, one line for each activity or group, as the service answered it
    Json,
    /// Comma-separated values with a header
    Csv,
}

/// The heading of these options in the help of each command.
const CONNECTION: &str = "Options of every command";

/// Where the service is, and as whom it is called.
///
/// No secret is an option: others on the machine could read it.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// The service's address
    #[arg(
        long,
        global = true,
        help_heading = CONNECTION,
        env = "ACTIVITY_LOG_URL",
        default_value = "http://127.0.0.1:3000"
    )]
    pub(crate) url: String,
    /// A file with the token, read for each request; else the variable `ACTIVITY_LOG_TOKEN`
    #[arg(long, global = true, help_heading = CONNECTION, env = "ACTIVITY_LOG_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Of a service on this machine: whose log
    #[arg(long, global = true, help_heading = CONNECTION, default_value = "contoso", value_name = "ID")]
    pub(crate) partner: String,
    /// In which form answers are written
    #[arg(long, global = true, help_heading = CONNECTION, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Service(#[from] Error),
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    #[error("the output can't be written: {0}")]
    Output(#[from] io::Error),
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    /// The error of a file.
    pub(crate) fn of(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::File(path, error)
    }

    pub(crate) fn usage(reason: impl Into<String>) -> Self {
        Self::Usage(reason.into())
    }

    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Service(Error::Refused(_) | Error::Damaged { .. } | Error::Export { .. }) => {
                ExitCode::from(1)
            }
            _ => ExitCode::from(2),
        }
    }
}

/// The rights that a token of a service on one machine has here.
const ROLES: &str = "global_admin,activity_recorder,history_importer";

impl Connection {
    /// A client of the service.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(&self.url, self.token()?)?)
    }

    /// The token itself, for a program that sends its own requests.
    pub(crate) fn token_now(&self, runtime: &Runtime) -> Result<String, String> {
        let token = self.client().map_err(|failure| failure.to_string())?;
        let token = runtime.block_on(token.token());
        token.map_err(|error| error.to_string())
    }

    /// From the file, the variable, or the issuer that variables name; a service on this
    /// machine gives one to anybody.
    fn token(&self) -> Result<Token, Failure> {
        if let Some(path) = &self.token_file {
            return Ok(Token::File(path.clone()));
        }
        if let Some(token) = variable("ACTIVITY_LOG_TOKEN") {
            return Ok(Token::Fixed(token));
        }
        if let Some(url) = variable("ACTIVITY_LOG_TOKEN_URL") {
            return issuer(url);
        }
        let is_local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        if !is_local.iter().any(|local| self.url.starts_with(local)) {
            return Err(Failure::usage(
                "no token: set ACTIVITY_LOG_TOKEN, name a file with --token-file, or set \
                 ACTIVITY_LOG_TOKEN_URL, ACTIVITY_LOG_CLIENT_ID and ACTIVITY_LOG_CLIENT_SECRET",
            ));
        }
        Ok(Token::Development {
            service: self.url.clone(),
            partner: self.partner.clone(),
            roles: ROLES.to_owned(),
            name: "activity-log@localhost".to_owned(),
        })
    }
}

/// The client-credentials flow at an issuer.
fn issuer(url: String) -> Result<Token, Failure> {
    let needed = |name: &str| {
        let missing = || Failure::usage(format!("ACTIVITY_LOG_TOKEN_URL needs {name} too"));
        variable(name).ok_or_else(missing)
    };
    let client_secret = match variable("ACTIVITY_LOG_CLIENT_SECRET_FILE") {
        Some(path) => {
            let secret = fs::read_to_string(&path).map_err(Failure::of(path))?;
            secret.trim().to_owned()
        }
        None => needed("ACTIVITY_LOG_CLIENT_SECRET")?,
    };
    Ok(Token::ClientCredentials {
        url,
        client_id: needed("ACTIVITY_LOG_CLIENT_ID")?,
        client_secret,
        scope: variable("ACTIVITY_LOG_SCOPE"),
    })
}

/// A variable of the environment; none if it is empty.
#[expect(
    clippy::disallowed_methods,
    reason = "a command line is configured by its environment, and shares no configuration"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
