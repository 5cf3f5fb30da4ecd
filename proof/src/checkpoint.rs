//! Checkpoints: what a note says about the size and the root of a log.

use std::fmt;

use crate::{activity::moment, error::Error, hash::Hash, range::SIZE_MAX};

/// The version of the leaf, which every origin names.
const LEAF_VERSION: &str = "activity-v1";

/// The extension line that says up to when the log is sealed.
const SEALED_TO: &str = "sealed_to";

/// The size and the root of a log, the text of a note as C2SP describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log it is; see [`Checkpoint::origin_of`].
    pub origin: String,
    /// How many leaves the log has.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
    /// Further lines, none of them empty.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The origin of a partner's log: the service, the partner and the leaf's version.
    pub fn origin_of(service: &str, partner_id: &str) -> String {
        format!("{service}/{partner_id}/{LEAF_VERSION}")
    }

    /// The partner whose log it is, if it is a log of this service.
    pub fn partner_of(&self, service: &str) -> Option<&str> {
        let rest = self.origin.strip_prefix(service)?.strip_prefix('/')?;
        let partner = rest.strip_suffix(LEAF_VERSION)?.strip_suffix('/')?;
        Some(partner).filter(|partner| !partner.is_empty() && !partner.contains('/'))
    }

    /// The extension line that says up to which moment nothing can be added any more.
    pub fn sealed_to_line(millis: i64) -> Result<String, Error> {
        moment(millis).map(|moment| format!("{SEALED_TO} {moment}"))
    }

    /// The moment of the extension line `sealed_to`, as it is written.
    pub fn sealed_to(&self) -> Option<&str> {
        let mut lines = self.extensions.iter();
        lines.find_map(|line| line.strip_prefix(SEALED_TO)?.strip_prefix(' '))
    }

    /// Reads the text of a note.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = |reason| Error::Malformed {
            what: "checkpoint",
            reason,
        };
        let lines = text.strip_suffix('\n');
        let mut lines = lines
            .ok_or(malformed("must end with a line break"))?
            .split('\n');
        let mut line = |reason| {
            let line = lines.next().filter(|line| !line.is_empty());
            line.ok_or(malformed(reason))
        };
        let origin = line("must begin with its origin")?.to_owned();
        let size = decimal(line("must have the size in its second line")?)
            .filter(|size| *size <= SIZE_MAX)
            .ok_or(malformed(
                "must have a size of at most 2^62, without zeros before it",
            ))?;
        let root = Hash::parse(line("must have the root in its third line")?)?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(malformed("must have no empty line"));
        }
        Ok(Self {
            origin,
            size,
            root,
            extensions,
        })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)?;
        self.extensions
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A number without a sign and without zeros before it.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example in C2SP's tlog-checkpoint.
    const EXAMPLE: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn a_log_belongs_to_one_service_and_partner() {
        let of = |origin: &str, service: &str| {
            let text = EXAMPLE.replace("example.com/behind-the-sofa", origin);
            let checkpoint = Checkpoint::parse(&text).unwrap();
            checkpoint.partner_of(service).map(str::to_owned)
        };
        let origin = Checkpoint::origin_of("log.example", "contoso");
        assert_eq!(of(&origin, "log.example").as_deref(), Some("contoso"));
        for (origin, service) in [
            ("log.example/contoso/activity-v1", "log.exampl"),
            ("log.example/contoso/activity-v1", "log.example/contoso"),
            ("log.example/eu/contoso/activity-v1", "log.example"),
            ("log.example//activity-v1", "log.example"),
            ("log.example/contoso/activity-v2", "log.example"),
            ("log.example/contosoactivity-v1", "log.example"),
            ("log.example", "log.example"),
        ] {
            assert_eq!(of(origin, service), None, "{origin} {service}");
        }
        let deeper = of("log.example/eu/contoso/activity-v1", "log.example/eu");
        assert_eq!(deeper.as_deref(), Some("contoso"));
    }

    #[test]
    fn the_example_of_the_description_is_read() {
        let checkpoint = Checkpoint::parse(EXAMPLE).unwrap();
        assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
        assert_eq!(
            (checkpoint.size, checkpoint.sealed_to()),
            (20_852_163, None)
        );
        assert_eq!(checkpoint.to_string(), EXAMPLE);
    }

    #[test]
    fn a_checkpoint_says_up_to_when_the_log_is_sealed() {
        let checkpoint = Checkpoint {
            origin: Checkpoint::origin_of("log.example", "contoso"),
            size: 0,
            root: Hash::of_nothing(),
            extensions: vec![Checkpoint::sealed_to_line(1_795_339_931_123).unwrap()],
        };
        let text = checkpoint.to_string();
        assert_eq!(
            text,
            "log.example/contoso/activity-v1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nsealed_to 2026-11-22T09:32:11.123Z\n"
        );
        let read = Checkpoint::parse(&text).unwrap();
        assert_eq!(read.sealed_to(), Some("2026-11-22T09:32:11.123Z"));
        assert_eq!(read, checkpoint);
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = Hash::of_nothing();
        for text in [
            String::new(),
            "\n".to_owned(),
            "a\n".to_owned(),
            "a\n1\n".to_owned(),
            format!("a\n1\n{root}"),
            format!("\n1\n{root}\n"),
            format!("a\n01\n{root}\n"),
            format!("a\n+1\n{root}\n"),
            format!("a\n-1\n{root}\n"),
            format!("a\n4611686018427387905\n{root}\n"),
            format!("a\n1\n{root}x\n"),
            format!("a\n1\n{root}\n\n"),
            format!("a\n1\n{root}\n\nb\n"),
        ] {
            assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_written_as_it_was(
            text in r"([a-c]{0,3}\n){0,2}[0-9]{0,21}\n[A-Za-z0-9+/]{42}[A-Za-z0-9+/=]{2}\n([a-c]{0,3}\n){0,2}|.{0,40}",
        ) {
            if let Ok(read) = Checkpoint::parse(&text) {
                prop_assert_eq!(read.to_string(), text);
            }
        }
    }
}
