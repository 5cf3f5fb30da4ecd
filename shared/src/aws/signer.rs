//! The keys that sign checkpoints: Ed25519, in KMS or in a file on one machine.

use std::fs;

use aws_config::SdkConfig;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use aws_sdk_kms::{
    Client,
    primitives::Blob,
    types::{MessageType, SigningAlgorithmSpec},
};
use proof::{Note, VerifierKey};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use tokio::sync::OnceCell;

use crate::{Config, Error, aws::sdk};

/// Signs as the service.
#[derive(Debug)]
pub struct Signer {
    client: Client,
    log_name: String,
    /// ARNs of KMS keys, and paths of PEM files.
    names: Vec<String>,
    keys: OnceCell<Vec<Key>>,
}

/// A key with the name that stands in its signatures.
#[derive(Debug)]
struct Key {
    public: VerifierKey,
    secret: Secret,
}

#[derive(Debug)]
enum Secret {
    /// A key that never leaves KMS.
    Kms(String),
    /// A key of one machine.
    File(Ed25519KeyPair),
}

impl Signer {
    /// The keys of a configuration; they are read when something is signed first.
    pub fn new(sdk: &SdkConfig, config: &Config) -> Self {
        let client_config =
            aws_sdk_kms::config::Builder::from(sdk).retry_partition(sdk::own_retries());
        Self {
            client: Client::from_conf(client_config.build()),
            log_name: config.log_name.clone(),
            names: config.signing_keys.clone(),
            keys: OnceCell::new(),
        }
    }

    /// Whether there is a key to sign with.
    pub fn has_keys(&self) -> bool {
        !self.names.is_empty()
    }

    /// The name of the service in origins and keys.
    pub fn log_name(&self) -> &str {
        &self.log_name
    }

    /// The public parts of the keys.
    pub async fn public_keys(&self) -> Result<Vec<&VerifierKey>, Error> {
        let keys = self.keys.get_or_try_init(|| self.open()).await?;
        Ok(keys.iter().map(|key| &key.public).collect())
    }

    /// Signs a text with each key; none if there is no key.
    pub async fn sign(&self, text: &str) -> Result<Option<Note>, Error> {
        let mut note: Option<Note> = None;
        for key in self.keys.get_or_try_init(|| self.open()).await? {
            let signature = self.signature(key, text).await?;
            note = Some(match note {
                None => Note::new(text, &key.public, &signature).map_err(unusable)?,
                Some(mut note) => {
                    note.add(&key.public, &signature).map_err(unusable)?;
                    note
                }
            });
        }
        Ok(note)
    }

    async fn open(&self) -> Result<Vec<Key>, Error> {
        let mut keys = Vec::with_capacity(self.names.len());
        for name in &self.names {
            keys.push(if name.starts_with("arn:") {
                self.kms_key(name).await?
            } else {
                self.file_key(name)?
            });
        }
        Ok(keys)
    }

    async fn kms_key(&self, arn: &str) -> Result<Key, Error> {
        let answer = self.client.get_public_key().key_id(arn).send().await;
        let answer = answer.map_err(|error| sdk::failed("reading a signing key", error))?;
        let der = answer.public_key.map(Blob::into_inner).unwrap_or_default();
        let public = der.strip_prefix(&SPKI_PREFIX).unwrap_or_default();
        Ok(Key {
            public: self.named(public)?,
            secret: Secret::Kms(arn.to_owned()),
        })
    }

    fn file_key(&self, path: &str) -> Result<Key, Error> {
        let pem = fs::read(path).map_err(unusable)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(unusable)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        let pair = pair.map_err(|error| unusable(error.to_string()))?;
        Ok(Key {
            public: self.named(pair.public_key().as_ref())?,
            secret: Secret::File(pair),
        })
    }

    fn named(&self, public: &[u8]) -> Result<VerifierKey, Error> {
        let public = public
            .try_into()
            .map_err(|_| unusable("it is not an Ed25519 key"))?;
        VerifierKey::new(&self.log_name, public).map_err(unusable)
    }

    async fn signature(&self, key: &Key, text: &str) -> Result<[u8; 64], Error> {
        let bytes = match &key.secret {
            Secret::File(pair) => pair.sign(text.as_bytes()).as_ref().to_vec(),
            Secret::Kms(arn) => {
                let sign = self.client.sign().key_id(arn);
                let signed = sign
                    .message(Blob::new(text))
                    .message_type(MessageType::Raw)
                    .signing_algorithm(SigningAlgorithmSpec::Ed25519Sha512)
                    .send()
                    .await
                    .map_err(|error| sdk::failed("signing", error))?;
                signed.signature.map(Blob::into_inner).unwrap_or_default()
            }
        };
        let length = "the signature has not 64 bytes";
        bytes.try_into().map_err(|_| unusable(length))
    }
}

/// What stands before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

fn unusable(error: impl Into<crate::model::error::Source>) -> Error {
    Error::internal("signing a checkpoint", error)
}
