//! The Ed25519 key that signs checkpoints on one machine, in a PEM file (PKCS #8).
//!
//! On AWS it is a key of KMS. Nothing is signed here.

use std::{io, path::Path};

use aws_lc_rs::signature::Ed25519KeyPair;

use crate::{error::Error, secret};

/// Makes a key in a file, unless the file exists, so that a restart signs with the same key.
pub(crate) fn make_in(file: &Path) -> Result<(), Error> {
    let key = secret::kept_in(file, new_key);
    key.map(drop).map_err(Error::CheckpointsKey)
}

fn new_key() -> io::Result<String> {
    let failed = |_| io::Error::other("the key could not be generated");
    let pair = Ed25519KeyPair::generate().map_err(failed)?;
    // Of version 1, which every program reads.
    let der = pair.to_pkcs8v1().map_err(failed)?;
    Ok(secret::pem(der.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("checkpoints.pem");
        make_in(&file).unwrap();
        let first = std::fs::read_to_string(&file).unwrap();
        make_in(&file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), first);
        let der = pem::parse(first).unwrap();
        assert_eq!(der.tag(), "PRIVATE KEY");
        Ed25519KeyPair::from_pkcs8(der.contents()).unwrap();
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
