//! Where the measured programs are, and how each one is started.

use std::{
    fs,
    path::{Path, PathBuf},
};

use shared::aws::sdk;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    Error,
    names::{ACTIVITIES, BUCKET},
    settings::Settings,
};

/// A program that answers the events of Lambda's runtime API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Program {
    /// A binary that is built as the functions are deployed.
    Function(&'static str),
    /// A binary that is built with cargo's defaults.
    Plain(&'static str),
    /// A Python script that uses boto3.
    Boto3(&'static str),
}

/// The settings, and the folders that follow from them.
#[derive(Debug)]
pub struct Workbench<'a> {
    pub(crate) settings: &'a Settings,
    /// Folder of the functions' binaries, which is this binary's own.
    pub(crate) functions: PathBuf,
    stock: PathBuf,
    work: TempDir,
}

impl<'a> Workbench<'a> {
    /// Finds the folders, and makes one for the files of the run.
    pub fn new(settings: &'a Settings) -> Result<Self, Error> {
        let binary = std::env::current_exe()?;
        let functions = binary.parent().ok_or("this binary has no folder")?;
        let stock = settings.stock.clone();
        Ok(Self {
            settings,
            functions: functions.to_owned(),
            stock: stock.unwrap_or_else(|| functions.with_file_name("stock")),
            work: TempDir::new()?,
        })
    }

    /// A file of the run that nobody keeps.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// The command of a program, which sees no variable of this process; valgrind
    /// counts its instructions if there is a `profile` to write.
    pub(crate) fn command(&self, program: Program, profile: Option<&Path>) -> Command {
        let (path, arguments) = match program {
            Program::Function(name) => (self.functions.join(name), vec![]),
            Program::Plain(name) => (self.stock.join(name), vec![]),
            // `-B`: it writes no compiled files beside the script.
            Program::Boto3(script) => (self.settings.python.clone(), vec!["-B", script]),
        };
        let mut command = match profile {
            None => Command::new(path),
            Some(profile) => {
                let mut valgrind = Command::new(&self.settings.valgrind);
                valgrind.args(["--quiet", "--tool=callgrind"]);
                valgrind.arg(format!("--callgrind-out-file={}", profile.display()));
                valgrind.arg(path);
                valgrind
            }
        };
        command.args(arguments).env_clear();
        command
    }

    /// The variable that names the certificates which a program trusts: those that
    /// it trusts in a deployment, and the `authority` of a server with TLS.
    ///
    /// The functions read no file unless there is such an authority: Amazon's roots
    /// are compiled in.
    pub(crate) fn trust(
        &self,
        program: Program,
        authority: Option<&Path>,
    ) -> Result<Option<(&'static str, PathBuf)>, Error> {
        let (variable, roots) = match program {
            Program::Function(_) => ("AWS_CA_BUNDLE", sdk::AMAZON_ROOTS.to_vec()),
            Program::Plain(_) => ("SSL_CERT_FILE", self.system_roots()?),
            Program::Boto3(_) => ("AWS_CA_BUNDLE", self.system_roots()?),
        };
        let authority = match (authority, program) {
            (Some(path), _) => fs::read(path)?,
            (None, Program::Plain(_)) => Vec::new(),
            (None, Program::Function(_) | Program::Boto3(_)) => return Ok(None),
        };
        let file = self.file("roots.pem");
        fs::write(&file, [roots, authority].concat())?;
        Ok(Some((variable, file)))
    }

    fn system_roots(&self) -> Result<Vec<u8>, Error> {
        let path = &self.settings.roots;
        fs::read(path).map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

/// The variables of every program: the service's, the SDKs' and Lambda's.
///
/// The SDKs read no file and ask no metadata service.
pub(crate) const ENVIRONMENT: [(&str, &str); 22] = [
    ("ACTIVITIES_TABLE", ACTIVITIES),
    ("EXPORTS_TABLE", "exports"),
    ("EXPORTS_BUCKET", BUCKET),
    ("EXPORT_WORKER_FUNCTION", "export-worker"),
    ("ERASURES_TABLE", "erasures"),
    ("ERASURE_WORKER_FUNCTION", "erasure-worker"),
    ("ARCHIVE_TABLE", "archive"),
    ("ARCHIVE_BUCKET", "archive"),
    ("CHECKPOINTS_BUCKET", "checkpoints"),
    ("SEAL_WORKER_FUNCTION", "seal-worker"),
    ("SUBSCRIPTIONS_URL", "https://portal.example/{customer_id}"),
    ("AWS_ACCESS_KEY_ID", "bench"),
    ("AWS_SECRET_ACCESS_KEY", "bench-secret-key"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
];
