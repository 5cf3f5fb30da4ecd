//! Who may do what, from the claims that the gateway has verified.
//!
//! Nothing here reads a header, a body or a token: the claims in the request
//! context are the only source of partner and roles.

use std::collections::BTreeSet;

use lambda_http::{Request, RequestExt, request::RequestContext};

use crate::{
    Actor, ActorKind, ClaimNames, Error, Identifier, Name, PartnerId, Role, RolesForm, observe,
};

/// The verified claims of one request.
#[derive(Debug)]
pub struct Access {
    partner: Claim,
    roles: BTreeSet<Role>,
    subject: Option<Actor>,
}

#[derive(Debug)]
enum Claim {
    Absent,
    Malformed,
    Partner(PartnerId),
}

/// A caller who may list and export a partner's log.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The partner whose log it is.
    pub partner_id: PartnerId,
    subject: Option<Actor>,
}

impl Reader {
    /// The caller, for the entries that exports and links leave in the log.
    pub fn actor(&self) -> Result<&Actor, Error> {
        self.subject.as_ref().ok_or(NO_SUBJECT)
    }

    /// The caller's id, for the log; `unknown` if the token's subject can't be stored.
    pub fn subject_id(&self) -> &str {
        self.subject
            .as_ref()
            .map_or("unknown", |subject| subject.id.as_str())
    }
}

/// A caller who may erase a customer's data from a partner's log.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Eraser {
    /// The partner whose log it is.
    pub partner_id: PartnerId,
    /// The caller.
    pub actor: Actor,
}

/// A caller who may record.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recorder {
    own: Option<PartnerId>,
    for_any_partner: bool,
    /// Whether it may also record the past, while a window for that is open.
    pub may_import: bool,
}

/// A caller who may open a log for the past, and close it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Importer {
    /// Whose logs.
    pub recorder: Recorder,
    /// The caller.
    pub actor: Actor,
}

impl Access {
    /// Reads the claims that the gateway verified; without any, nothing is allowed.
    pub fn from_request(request: &Request, names: &ClaimNames) -> Self {
        let claim = |name: &str| match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context
                .authorizer
                .as_ref()?
                .jwt
                .as_ref()?
                .claims
                .get(name)
                .map(String::as_str),
            _ => None,
        };
        let access = Self::from_claims(claim, names);
        if let Claim::Partner(partner_id) = &access.partner {
            observe::partner(partner_id.as_str());
        }
        access
    }

    fn from_claims<'a>(claim: impl Fn(&str) -> Option<&'a str>, names: &ClaimNames) -> Self {
        // A claim without a value arrives as this text, which is no person's.
        let person = |name: &str| claim(name).filter(|text| *text != "null");
        Self {
            partner: match claim(&names.partner) {
                None => Claim::Absent,
                Some(text) => PartnerId::parse(text).map_or(Claim::Malformed, Claim::Partner),
            },
            roles: claim(&names.roles)
                .map(|claim| roles(claim, names.roles_form))
                .unwrap_or_default(),
            subject: person(&names.subject).and_then(|id| subject(id, person(&names.name))),
        }
    }

    /// Allows a `global_admin` with a partner to erase a customer's data.
    pub fn eraser(self) -> Result<Eraser, Error> {
        let reason = "the token has no role that may erase";
        let person = self.person(&BTreeSet::from([Role::GlobalAdmin]), reason)?;
        Ok(Eraser {
            actor: person.actor()?.clone(),
            partner_id: person.partner_id,
        })
    }

    /// Allows a caller with a partner and one of `reader_roles` to list and export.
    pub fn reader(self, reader_roles: &BTreeSet<Role>) -> Result<Reader, Error> {
        self.person(reader_roles, "the token has no role that may read the log")
    }

    fn person(self, roles: &BTreeSet<Role>, reason: &'static str) -> Result<Reader, Error> {
        if self.roles.is_disjoint(roles) {
            return Err(Error::Forbidden { reason });
        }
        let partner_id = self.partner.known()?.ok_or(NO_PARTNER)?;
        Ok(Reader {
            partner_id,
            subject: self.subject,
        })
    }

    /// Allows a `history_importer` to open and to close imports.
    pub fn importer(self) -> Result<Importer, Error> {
        if !self.roles.contains(&Role::HistoryImporter) {
            return Err(Error::Forbidden {
                reason: "the token has no role that may import",
            });
        }
        let actor = self.subject.clone().ok_or(NO_SUBJECT)?;
        let recorder = self.recorder()?;
        Ok(Importer { recorder, actor })
    }

    /// Allows an `activity_recorder`, a `platform_recorder` or a `history_importer` to
    /// record.
    pub fn recorder(self) -> Result<Recorder, Error> {
        let may_import = self.roles.contains(&Role::HistoryImporter);
        let for_own = may_import || self.roles.contains(&Role::ActivityRecorder);
        let for_any_partner = self.roles.contains(&Role::PlatformRecorder);
        if !for_own && !for_any_partner {
            return Err(Error::Forbidden {
                reason: "the token has no role that may record",
            });
        }
        let own = self.partner.known()?.filter(|_| for_own);
        if own.is_none() && !for_any_partner {
            return Err(NO_PARTNER);
        }
        Ok(Recorder {
            own,
            for_any_partner,
            may_import,
        })
    }
}

const NO_SUBJECT: Error = Error::Forbidden {
    reason: "the token's subject must have 1 to 128 characters, none of them a control character",
};

const NO_PARTNER: Error = Error::Forbidden {
    reason: "the token names no partner",
};

impl Claim {
    fn known(self) -> Result<Option<PartnerId>, Error> {
        match self {
            Self::Absent => Ok(None),
            Self::Partner(partner) => Ok(Some(partner)),
            Self::Malformed => Err(Error::Forbidden {
                reason: "the token's partner is malformed",
            }),
        }
    }
}

impl Recorder {
    /// The partner to record for, given the `partner_id` that an activity names.
    ///
    /// This is the one place where a request's body can name a partner.
    pub fn partner(&self, named: Option<&str>) -> Result<PartnerId, Error> {
        let partner_id = self.allowed(named)?;
        observe::partner(partner_id.as_str());
        Ok(partner_id)
    }

    /// Why an activity may name no such partner, or must name one, whoever its recorder may
    /// record for.
    pub fn fault(&self, named: Option<&str>) -> Option<String> {
        match self.allowed(named) {
            Err(Error::Invalid { reason, .. }) => Some(reason),
            _ => None,
        }
    }

    fn allowed(&self, named: Option<&str>) -> Result<PartnerId, Error> {
        let invalid = |reason| Error::invalid("partner_id", reason);
        match (named, &self.own) {
            (None, Some(own)) => Ok(own.clone()),
            (None, None) => Err(invalid(
                "is missing; a platform recorder names it in each activity",
            )),
            (Some(named), Some(own)) if named == own.as_str() => Ok(own.clone()),
            (Some(named), _) if self.for_any_partner => PartnerId::parse(named)
                .ok_or_else(|| invalid("must be 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'")),
            (Some(_), _) => Err(Error::Forbidden {
                reason: "the token is for another partner",
            }),
        }
    }
}

/// The roles in a claim, which API Gateway passes on as a text.
///
/// An ambiguous claim or an unknown name gives no role.
fn roles(claim: &str, form: RolesForm) -> BTreeSet<Role> {
    let list = match form {
        RolesForm::Array => array(claim),
        // An array or an object is not the configured form; its inner names would be
        // read as words.
        RolesForm::Words if claim.starts_with('[') || claim.starts_with("map[") => None,
        RolesForm::Words => Some(claim),
    };
    list.unwrap_or_default()
        .split(' ')
        .filter_map(|name| name.parse().ok())
        .collect()
}

/// The names of an array, which arrives as `[a b]`, or the only name, which arrives bare.
///
/// A text `[a b]` looks the same: see docs/security.md.
fn array(claim: &str) -> Option<&str> {
    let list = match claim.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None if claim.contains(' ') => return None,
        None => claim,
    };
    let is_ambiguous = list.contains(['[', ']']) || list.split(' ').any(str::is_empty);
    (!is_ambiguous).then_some(list)
}

/// The person behind a token; if the name can't be stored, it is the subject.
fn subject(id: &str, name: Option<&str>) -> Option<Actor> {
    let name = name
        .and_then(|name| Name::try_from(name.to_owned()).ok())
        .or_else(|| Name::try_from(id.to_owned()).ok())?;
    Some(Actor {
        id: Identifier::try_from(id.to_owned()).ok()?,
        name,
        kind: ActorKind::User,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> ClaimNames {
        ClaimNames {
            partner: "partner_id".into(),
            roles: "roles".into(),
            roles_form: RolesForm::Array,
            subject: "sub".into(),
            name: "name".into(),
        }
    }

    fn access(claims: &[(&str, &str)]) -> Access {
        access_by(&names(), claims)
    }

    fn access_by(names: &ClaimNames, claims: &[(&str, &str)]) -> Access {
        let claim = |name: &str| {
            claims
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| *value)
        };
        Access::from_claims(claim, names)
    }

    fn in_array(claim: &str) -> BTreeSet<Role> {
        roles(claim, RolesForm::Array)
    }

    fn in_words(claim: &str) -> BTreeSet<Role> {
        roles(claim, RolesForm::Words)
    }

    fn readers() -> BTreeSet<Role> {
        Role::READERS.into()
    }

    #[test]
    fn roles_are_read_as_the_gateway_writes_them() {
        let known = |claim| in_array(claim).into_iter().collect::<Vec<_>>();
        assert_eq!(
            known("[sales_agent admin_agent]"),
            [Role::AdminAgent, Role::SalesAgent]
        );
        assert_eq!(known("[admin_agent]"), [Role::AdminAgent]);
        assert_eq!(known("admin_agent"), [Role::AdminAgent]);
        assert_eq!(known("[admin_agent unknown]"), [Role::AdminAgent]);
        for claim in [
            "",
            "[]",
            "[admin_agent",
            "admin_agent]",
            "admin_agent sales_agent",
            "[[admin_agent]]",
            "[admin_agent  sales_agent]",
            "[ admin_agent]",
            "admin_agent,sales_agent",
            "ADMIN_AGENT",
            "[admin_agent]]",
            "\"admin_agent\"",
            "admin_agent\n",
        ] {
            assert_eq!(known(claim), [], "{claim}");
        }
    }

    /// A role's name from an issuer that keeps the condition in the documentation.
    const NAME: &str = r"[^ \[\]]{1,24}|admin_agent|global_admin|activity_recorder";

    fn flat(names: &[String]) -> String {
        format!("[{}]", names.join(" "))
    }

    proptest! {
        #[test]
        fn a_list_of_names_gives_the_roles_of_these_names_alone(
            names in prop::collection::vec(NAME, 1..6),
        ) {
            let expected: BTreeSet<Role> = names.iter().filter_map(|name| name.parse().ok()).collect();
            prop_assert_eq!(in_array(&flat(&names)), expected);
        }

        #[test]
        fn one_name_gives_its_own_role_alone(name in NAME) {
            let expected: BTreeSet<Role> = name.parse().ok().into_iter().collect();
            prop_assert_eq!(in_array(&name), expected.clone());
            prop_assert_eq!(in_words(&name), expected);
        }

        #[test]
        fn words_give_the_roles_of_these_words_alone(
            words in prop::collection::vec(r"[^ ]{1,24}|admin_agent|global_admin", 1..6),
        ) {
            let text = words.join(" ");
            let known = words.iter().filter_map(|name| name.parse().ok());
            let expected: BTreeSet<Role> =
                if text.starts_with('[') || text.starts_with("map[") { BTreeSet::new() } else { known.collect() };
            prop_assert_eq!(in_words(&text), expected);
        }

        #[test]
        fn no_array_gives_a_role_where_words_are_configured(
            names in prop::collection::vec(NAME, 1..6),
        ) {
            prop_assert_eq!(in_words(&flat(&names)), BTreeSet::new());
            let object = format!("map[dept:{} end]", names.join(" "));
            prop_assert_eq!(in_words(&object), BTreeSet::new());
        }

        #[test]
        fn no_array_gives_a_partner(names in prop::collection::vec("[a-z]{1,8}", 0..3)) {
            let claim = flat(&names);
            let token = access(&[("partner_id", claim.as_str()), ("roles", "admin_agent")]);
            prop_assert!(token.reader(&readers()).is_err());
        }

        #[test]
        fn no_claim_gives_a_role_that_is_not_a_whole_word_of_it(
            claim in r"(admin_agent|sales_agent|[ \[\],\x22\n]|.){0,8}",
        ) {
            let words: Vec<_> = claim.split([' ', '[', ']']).collect();
            for role in in_array(&claim).into_iter().chain(in_words(&claim)) {
                prop_assert!(words.iter().any(|word| word.parse() == Ok(role)), "{role:?}");
            }
        }
    }

    #[test]
    fn what_looks_like_a_role_or_is_no_text_gives_nothing() {
        for claim in [
            "аdmin_agent", // a Cyrillic first letter
            "admin_agent\u{200b}",
            "admin\u{ad}_agent",
            "ADMIN_AGENT",
            "admin-agent",
            "admin_agent;global_admin",
            "true",
            "1",
            "1.5",
            "null",
            "map[admin_agent:true]",
            "[[admin_agent] sales_agent]",
            "{admin_agent}",
        ] {
            assert_eq!(in_array(claim), BTreeSet::new(), "{claim}");
            assert_eq!(in_words(claim), BTreeSet::new(), "{claim}");
        }
        let long = format!("[{}]", vec!["x".repeat(100); 10_000].join(" "));
        assert_eq!(in_array(&long), BTreeSet::new());
    }

    #[test]
    fn a_reader_needs_a_role_and_a_well_formed_partner() {
        let allowed = |claims: &[_]| access(claims).reader(&readers()).is_ok();
        assert!(allowed(&[
            ("partner_id", "contoso"),
            ("roles", "[helpdesk_agent]")
        ]));
        assert!(!allowed(&[
            ("partner_id", "contoso"),
            ("roles", "[activity_recorder]")
        ]));
        assert!(!allowed(&[
            ("partner_id", "null"),
            ("roles", "[admin_agent]")
        ]));
        assert!(!allowed(&[
            ("partner_id", "contoso#keys"),
            ("roles", "[admin_agent]")
        ]));
        assert!(!allowed(&[
            ("partner_id", "con toso"),
            ("roles", "[admin_agent]")
        ]));
        assert!(!allowed(&[("roles", "[admin_agent]")]));
        assert!(!allowed(&[("partner_id", "contoso")]));
    }

    #[test]
    fn a_recorder_keeps_to_its_partner_and_a_platform_names_one() {
        let own = access(&[("partner_id", "contoso"), ("roles", "activity_recorder")]);
        let own = own.recorder().unwrap();
        assert_eq!(own.partner(None).unwrap().as_str(), "contoso");
        assert_eq!(own.partner(Some("contoso")).unwrap().as_str(), "contoso");
        assert!(matches!(
            own.partner(Some("fabrikam")),
            Err(Error::Forbidden { .. })
        ));

        let platform = access(&[("roles", "platform_recorder")])
            .recorder()
            .unwrap();
        assert_eq!(
            platform.partner(Some("fabrikam")).unwrap().as_str(),
            "fabrikam"
        );
        assert!(matches!(platform.partner(None), Err(Error::Invalid { .. })));
        assert!(matches!(
            platform.partner(Some("a#b")),
            Err(Error::Invalid { .. })
        ));

        assert!(
            access(&[("roles", "activity_recorder")])
                .recorder()
                .is_err()
        );
        assert!(
            access(&[("partner_id", "contoso"), ("roles", "admin_agent")])
                .recorder()
                .is_err()
        );
    }

    #[test]
    fn a_subject_without_a_storable_name_is_named_by_its_id() {
        let reader = |claims: &[_]| {
            let base = [("partner_id", "contoso"), ("roles", "admin_agent")];
            access(&[&base, claims].concat())
                .reader(&readers())
                .unwrap()
        };
        let named = reader(&[("sub", "u-17"), ("name", "Ann")]);
        assert_eq!(named.actor().unwrap().name.as_str(), "Ann");
        assert_eq!(
            reader(&[("sub", "u-17")]).actor().unwrap().name.as_str(),
            "u-17"
        );
        assert!(reader(&[("name", "Ann")]).actor().is_err());
        // A claim that is null.
        let unnamed = reader(&[("sub", "u-17"), ("name", "null")]);
        assert_eq!(unnamed.actor().unwrap().name.as_str(), "u-17");
        assert!(reader(&[("sub", "null")]).actor().is_err());
    }

    #[test]
    fn the_claims_of_the_person_are_those_that_are_configured() {
        let names = ClaimNames {
            subject: "oid".into(),
            name: "preferred_username".into(),
            ..names()
        };
        let actor = |claims: &[_]| {
            let base = [("partner_id", "contoso"), ("roles", "admin_agent")];
            let access = access_by(&names, &[&base, claims].concat());
            access.reader(&readers()).unwrap().actor().cloned()
        };
        let others = [("sub", "pairwise"), ("name", "Ann")];
        let person = [
            ("oid", "u-17"),
            ("preferred_username", "ann@contoso.example"),
        ];
        let found = actor(&[others, person].concat()).unwrap();
        assert_eq!(found.id.as_str(), "u-17");
        assert_eq!(found.name.as_str(), "ann@contoso.example");
        assert!(actor(&others).is_err());
    }
}
