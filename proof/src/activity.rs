//! What is hashed of an activity: its public part, and a commitment to the rest.

use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest, Sha256};

use crate::{error::Error, hash::Hash, members::Members};

/// 16 random bytes that only the log knows until it opens an entry.
pub type Salt = [u8; 16];

/// The hash of a salt, the customer's name and the details.
///
/// It stays when these are erased. Without the salt nobody can test a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commitment(pub [u8; 32]);

impl Commitment {
    /// SHA-256 of the salt and of the canonical JSON of both, absent ones left out.
    ///
    /// `details` is a JSON text.
    pub fn new(
        salt: &Salt,
        customer_name: Option<&str>,
        details: Option<&str>,
    ) -> Result<Self, Error> {
        let mut text = Vec::from(salt);
        text.reserve(details.map_or(0, str::len) + 300);
        let mut hidden = Members::begin(&mut text);
        hidden.text("customer_name", customer_name);
        if let Some(details) = details {
            hidden.json("details", details)?;
        }
        hidden.end();
        Ok(Self(Sha256::digest(text).into()))
    }

    /// The text that stands in the leaf: 64 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        base16ct::lower::encode_string(&self.0)
    }
}

/// What leads to the commitment of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// The salt: the entry's name and details are proven too.
    Salt(Salt),
    /// The commitment alone, as it is left of an erased entry: only the public part
    /// is proven.
    Commitment(Commitment),
}

/// A stored activity, as its leaf needs it.
#[derive(Debug, Clone, Copy)]
pub struct Activity<'a> {
    /// Its id.
    pub id: &'a str,
    /// The partner whose log holds it.
    pub partner_id: &'a str,
    /// When it was stored, in milliseconds after 1970.
    pub recorded_at: i64,
    /// When it happened, in milliseconds after 1970.
    pub occurred_at: i64,
    /// What was done.
    pub action: &'a str,
    /// How it ended.
    pub outcome: &'a str,
    /// The customer's id; absent in the service's own entries.
    pub customer_id: Option<&'a str>,
    /// The customer's name; it is not read when the commitment is given.
    pub customer_name: Option<&'a str>,
    /// The actor's id.
    pub actor_id: &'a str,
    /// The actor's name.
    pub actor_name: &'a str,
    /// `user` or `application`.
    pub actor_kind: &'a str,
    /// The resource's type and id.
    pub resource: Option<(&'a str, &'a str)>,
    /// Links activities that the same call caused.
    pub correlation_id: Option<&'a str>,
    /// The free part, a JSON text; it is not read when the commitment is given.
    pub details: Option<&'a str>,
}

impl Activity<'_> {
    /// The hash of the activity's leaf.
    pub fn leaf(&self, opening: &Opening) -> Result<Hash, Error> {
        Ok(Hash::of_leaf(&self.public_part(opening)?))
    }

    /// The leaf: the canonical JSON of the public part, with the commitment as `hidden`.
    pub fn public_part(&self, opening: &Opening) -> Result<Vec<u8>, Error> {
        self.leaf_text(&self.commitment(opening)?)
    }

    fn commitment(&self, opening: &Opening) -> Result<Commitment, Error> {
        match opening {
            Opening::Salt(salt) => Commitment::new(salt, self.customer_name, self.details),
            Opening::Commitment(commitment) => Ok(*commitment),
        }
    }

    /// The members are written in canonical order.
    fn leaf_text(&self, hidden: &Commitment) -> Result<Vec<u8>, Error> {
        let mut text = Vec::with_capacity(1_000);
        let mut leaf = Members::begin(&mut text);
        leaf.text("action", Some(self.action));
        let mut actor = leaf.object("actor");
        actor.text("id", Some(self.actor_id));
        actor.text("kind", Some(self.actor_kind));
        actor.text("name", Some(self.actor_name));
        actor.end();
        leaf.text("correlation_id", self.correlation_id);
        if let Some(id) = self.customer_id {
            let mut customer = leaf.object("customer");
            customer.text("id", Some(id));
            customer.end();
        }
        leaf.text("hidden", Some(&hidden.to_hex()));
        leaf.text("id", Some(self.id));
        leaf.text("occurred_at", Some(&moment(self.occurred_at)?));
        leaf.text("outcome", Some(self.outcome));
        leaf.text("partner_id", Some(self.partner_id));
        leaf.text("recorded_at", Some(&moment(self.recorded_at)?));
        if let Some((kind, id)) = self.resource {
            let mut resource = leaf.object("resource");
            resource.text("id", Some(id));
            resource.text("type", Some(kind));
            resource.end();
        }
        leaf.end();
        Ok(text)
    }
}

/// A moment as the service writes it, such as `2026-11-22T09:32:11.123Z`.
pub(crate) fn moment(millis: i64) -> Result<String, Error> {
    let time = DateTime::from_timestamp_millis(millis);
    let text = time.map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true));
    // Years outside 0000 to 9999 have a sign or a fifth digit.
    text.filter(|text| text.len() == 24)
        .ok_or(Error::Time { millis })
}

/// The milliseconds after 1970 of a moment in exactly the form of the service.
pub fn millis(text: &str) -> Result<i64, Error> {
    let millis = text
        .parse()
        .map(|time: DateTime<Utc>| time.timestamp_millis());
    let millis = millis
        .ok()
        .filter(|millis| moment(*millis).as_deref() == Ok(text));
    millis.ok_or(Error::Malformed {
        what: "moment",
        reason: "must have the form 2026-11-22T09:32:11.123Z",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_the_form_of_the_service() {
        assert_eq!(moment(0).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            moment(1_795_339_931_123).unwrap(),
            "2026-11-22T09:32:11.123Z"
        );
        assert_eq!(
            moment(-62_167_219_200_000).unwrap(),
            "0000-01-01T00:00:00.000Z"
        );
        for millis_after_1970 in [0, 1_795_339_931_123, -62_167_219_200_000] {
            let text = moment(millis_after_1970).unwrap();
            assert_eq!(millis(&text), Ok(millis_after_1970));
        }
        for text in [
            "2026-11-22T09:32:11.123+00:00",
            "2026-11-22T09:32:11Z",
            "2026-11-22T09:32:11.1230Z",
            "2026-11-22t09:32:11.123Z",
            "2026-11-22T09:32:60.000Z",
            " 2026-11-22T09:32:11.123Z",
            "",
        ] {
            assert!(millis(text).is_err(), "{text}");
        }
        for millis in [-62_167_219_200_001, 253_402_300_800_000, i64::MIN, i64::MAX] {
            assert_eq!(moment(millis), Err(Error::Time { millis }));
        }
    }

    #[test]
    fn a_commitment_depends_on_salt_name_and_details_and_on_which_is_which() {
        let made = |salt, name, details| Commitment::new(&[salt; 16], name, details).unwrap();
        let one = made(0, Some("Relecloud"), Some("{\"b\":1,\"a\":2}"));
        assert_eq!(one, made(0, Some("Relecloud"), Some(" {\"a\":2,\"b\":1}")));
        let others = [
            made(1, Some("Relecloud"), Some("{\"b\":1,\"a\":2}")),
            made(0, Some("Relecloud"), Some("{\"b\":1,\"a\":2.0}")),
            made(0, Some("Relecloud"), None),
            made(0, None, Some("{\"b\":1,\"a\":2}")),
            made(0, None, None),
        ];
        for (place, other) in others.iter().enumerate() {
            assert_ne!(*other, one, "{place}");
            assert!(!others[..place].contains(other), "{place}");
        }
    }
}
