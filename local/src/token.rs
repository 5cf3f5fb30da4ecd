//! The development issuer's key: signs tokens with RS256, and verifies them.
//!
//! It signs all claims that it is given. No deployment contains it.

use std::{io, path::Path};

use aws_lc_rs::{encoding::AsDer, rsa::KeySize, signature::RsaKeyPair};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    jwk::{Jwk, JwkSet},
};
use serde_json::{Map, Value, json};

use crate::{error::Error, options::JwtOptions, secret};

/// The audience of the development issuer's own tokens.
pub const AUDIENCE: &str = "partner-activity-log";

/// How long a token is valid.
pub(crate) const TOKEN_LIFETIME_SECONDS: i64 = 12 * 60 * 60;

/// Signs and verifies tokens.
pub struct Issuer {
    /// What `iss` must be, as the template's parameter `JwtIssuer` says in a deployment.
    name: String,
    /// The audiences that are accepted, as the parameter `JwtAudience` says in a deployment.
    audiences: Vec<String>,
    url: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    jwk: Jwk,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Issuer {
    /// An issuer at `url` that signs with a PEM key.
    ///
    /// It names itself by `url` and accepts its own audience, unless `options` say otherwise.
    pub fn new(url: String, private_key: &str, options: &JwtOptions) -> Result<Self, Error> {
        let failed = |error| Error::Key(io::Error::other(error));
        let signing = EncodingKey::from_rsa_pem(private_key.as_bytes()).map_err(failed)?;
        let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::RS256).map_err(failed)?;
        jwk.common.key_id = Some("development".into());
        let verifying = DecodingKey::from_jwk(&jwk).map_err(failed)?;
        let audiences = match options.audiences.as_slice() {
            [] => vec![AUDIENCE.to_owned()],
            named => named.to_vec(),
        };
        Ok(Self {
            name: options.issuer.clone().unwrap_or_else(|| url.clone()),
            audiences,
            url,
            signing,
            verifying,
            jwk,
        })
    }

    /// Signs a token with these claims; it adds issuer and audience if they are missing.
    ///
    /// If either of these is null, the token has none.
    pub fn sign(&self, claims: Value) -> Result<String, Error> {
        let mut all = json!({ "iss": self.name, "aud": AUDIENCE });
        if let (Value::Object(all), Value::Object(claims)) = (&mut all, claims) {
            all.extend(claims);
            all.retain(|name, value| !value.is_null() || !["iss", "aud"].contains(&&**name));
        }
        let header = Header {
            kid: self.jwk.common.key_id.clone(),
            ..Header::new(Algorithm::RS256)
        };
        let token = jsonwebtoken::encode(&header, &all, &self.signing);
        token.map_err(|error| Error::Key(io::Error::other(error)))
    }

    /// The claims of a valid token, each as the string that API Gateway passes on.
    pub fn claims(&self, authorization: &str) -> Option<Map<String, Value>> {
        let (scheme, rest) = authorization.split_once(' ').unwrap_or_default();
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        let token = if is_bearer { rest } else { authorization };
        let claims = self.verify(token, &self.audiences)?.into_iter();
        Some(
            claims
                .map(|(name, value)| (name, flat(&value).into()))
                .collect(),
        )
    }

    /// The claims of a token that this issuer signed and that is valid for an audience.
    ///
    /// `is_for` checks the audience: `jsonwebtoken` accepts a token without one.
    pub(crate) fn verify(
        &self,
        token: &str,
        audiences: &[impl AsRef<str>],
    ) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = 0;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        validation.set_issuer(&[&self.name]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        let token = jsonwebtoken::decode(token, &self.verifying, &validation);
        let claims: Map<String, Value> = token.ok()?.claims;
        audiences
            .iter()
            .any(|audience| is_for(&claims, audience.as_ref()))
            .then_some(claims)
    }

    /// The public key, as an issuer publishes it.
    pub fn jwks(&self) -> JwkSet {
        JwkSet {
            keys: vec![self.jwk.clone()],
        }
    }

    /// The discovery document, as an issuer publishes it.
    pub fn configuration(&self) -> Value {
        json!({
            "issuer": self.name,
            "jwks_uri": format!("{}/.well-known/jwks.json", self.url),
            "authorization_endpoint": format!("{}/dev/sign-in", self.url),
            "token_endpoint": format!("{}/dev/sign-in/token", self.url),
            "end_session_endpoint": format!("{}/dev/sign-out", self.url),
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
        })
    }
}

/// Whether a token is for the audience: `aud` names it, or without an `aud` the `client_id`.
fn is_for(claims: &Map<String, Value>, audience: &str) -> bool {
    match claims.get("aud") {
        None => claims.get("client_id").is_some_and(|id| id == audience),
        Some(Value::Array(named)) => {
            named.iter().all(Value::is_string) && named.iter().any(|one| one == audience)
        }
        Some(named) => named == audience,
    }
}

/// A claim as API Gateway passes it on: a string; an array as `[a b]`.
fn flat(claim: &Value) -> String {
    match claim {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(" "))
        }
        Value::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(name, value)| format!("{name}:{}", flat(value)));
            format!("map[{}]", entries.collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

/// Makes a new private key, as PEM.
pub fn new_key() -> Result<String, Error> {
    generated().map_err(Error::Key)
}

fn generated() -> io::Result<String> {
    let failed = |_| io::Error::other("the key could not be generated");
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let der = pair.as_der().map_err(failed)?;
    Ok(secret::pem(der.as_ref()))
}

/// Reads the key from a file, so that tokens stay valid after a restart.
///
/// If there is no such file, it makes a key and stores it.
pub fn key_in(file: &Path) -> Result<String, Error> {
    secret::kept_in(file, generated).map_err(Error::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_its_audience_or_without_one_for_its_client() {
        for (claims, expected) in [
            (json!({ "aud": "a" }), true),
            (json!({ "aud": ["b", "a"] }), true),
            (json!({ "client_id": "a" }), true),
            (json!({ "aud": "a", "client_id": "b" }), true),
            (json!({}), false),
            (json!({ "client_id": "b" }), false),
            (json!({ "client_id": ["a"] }), false),
            (json!({ "aud": "b", "client_id": "a" }), false),
            (json!({ "aud": [], "client_id": "a" }), false),
            (json!({ "aud": null, "client_id": "a" }), false),
            (json!({ "aud": ["a", 5] }), false),
            (json!({ "aud": { "a": "a" } }), false),
            (json!({ "aud": 5 }), false),
            (json!({ "aud": true }), false),
        ] {
            let claims_map = claims.as_object().unwrap();
            assert_eq!(is_for(claims_map, "a"), expected, "{claims}");
        }
    }

    #[test]
    fn claims_become_strings_as_on_api_gateway() {
        assert_eq!(flat(&json!(["a", "b"])), "[a b]");
        assert_eq!(flat(&json!(["a"])), "[a]");
        assert_eq!(flat(&json!([])), "[]");
        assert_eq!(flat(&json!(5)), "5");
        assert_eq!(flat(&json!(true)), "true");
        assert_eq!(flat(&json!("a b")), "a b");
    }
}
