//! Private keys in files of this machine, which are made once.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Reads a secret from a file; if there is no such file, makes the secret and stores it.
pub(crate) fn kept_in(
    file: &Path,
    make: impl FnOnce() -> io::Result<String>,
) -> io::Result<String> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = make()?;
            write(file, &secret)?;
            Ok(secret)
        }
        read => read,
    }
}

fn write(file: &Path, secret: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?
        .write_all(secret.as_bytes())
}

/// A private key in PKCS #8, as PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    pem::encode(&pem::Pem::new("PRIVATE KEY", der))
}
