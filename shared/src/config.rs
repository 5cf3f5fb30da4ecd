//! The configuration, from the environment; no other code reads the service's variables.
//!
//! `observe` and the SDK read those that Lambda sets.

use std::{
    collections::BTreeSet, fmt, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration,
};

use crate::{ClaimNames, Error, Moment, Role, RolesForm, Shards, model::stream::Format};

/// The service's configuration, the same for all its functions.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ACTIVITIES_TABLE`: the table of activities; required.
    pub activities_table: String,
    /// `EXPORTS_TABLE`: the table of exports; required.
    pub exports_table: String,
    /// `EXPORTS_BUCKET`: the bucket of exported files; required.
    pub exports_bucket: String,
    /// `EXPORT_WORKER_FUNCTION`: the name of the `export-worker` function; required.
    pub export_worker_function: String,
    /// `ERASURES_TABLE`: the table of erasures; required.
    pub erasures_table: String,
    /// `ERASURE_WORKER_FUNCTION`: the name of the `erasure-worker` function; required.
    pub erasure_worker_function: String,
    /// `ARCHIVE_TABLE`: the table that says what is sealed; required.
    pub archive_table: String,
    /// `ARCHIVE_BUCKET`: the bucket of segments; required.
    pub archive_bucket: String,
    /// `CHECKPOINTS_BUCKET`: the bucket of checkpoints; required.
    pub checkpoints_bucket: String,
    /// `SEAL_WORKER_FUNCTION`: the name of the `seal-worker` function; required.
    pub seal_worker_function: String,
    /// `LOG_NAME`: names the service in checkpoints and keys; default
    /// `partner-activity-log`.
    ///
    /// It has 1 to 100 characters, none of which is a space, `+` or `/`.
    pub log_name: String,
    /// `SIGNING_KEYS`: the Ed25519 keys that sign checkpoints, comma-separated; default none.
    ///
    /// Each is the ARN of a KMS key or the path of a PEM file (PKCS #8). Without a key,
    /// checkpoints are not signed, and none are stored.
    pub signing_keys: Vec<String>,
    /// `FIRST_SEAL_DAYS`: how long after its first entry a log is sealed for the first
    /// time, 0 to 3650; default 30.
    pub first_seal_after: Duration,
    /// `SEAL_MARGIN_SECONDS`: how long after it was closed a range is sealed, 30 to
    /// 86400, in a deployment from 900 on; default 1200.
    ///
    /// Writes that were under way when it was closed must have ended by then.
    pub seal_margin: Duration,
    /// `PARTNER_CLAIM` and `ROLES_CLAIM`: default `partner_id` and `roles`; `ROLES_FORM`.
    ///
    /// `ROLES_FORM` is `array` or `words`; default `words` for the claim `scope`,
    /// otherwise `array`. See [`RolesForm`].
    ///
    /// `SUBJECT_CLAIM` and `NAME_CLAIM`: default `sub` and `name`.
    pub claim_names: ClaimNames,
    /// `READER_ROLES`: some of [`Role::READERS`], comma-separated; default all six.
    pub reader_roles: BTreeSet<Role>,
    /// `SUBSCRIPTIONS_URL`: the address of a customer's Subscriptions page; required.
    ///
    /// It is an http(s) URL that contains `{customer_id}`.
    pub subscriptions_url: String,
    /// `MAX_LATENESS_DAYS`: how old an activity may be when it is recorded; default 7.
    ///
    /// 1 to 3650, and below the retention.
    pub max_lateness: Duration,
    /// `MAX_RUNNING_EXPORTS`: the most exports of a partner at once; default 5.
    ///
    /// 1 to 100; exports that wait for a worker count too.
    pub running_exports_max: usize,
    /// `RETENTION_DAYS`: how long an activity is kept, 0 to 3650; default 400.
    ///
    /// 0 means for ever.
    pub retention: Option<Duration>,
    /// `HOT_DAYS`: how long the table keeps what is sealed, 0 to 3650; default 0.
    ///
    /// 0 means as long as the archive does. An activity whose retention ends earlier is
    /// kept no longer.
    pub hot_time: Option<Duration>,
    /// `WRITE_SHARDS`: how many partitions a partner's log is spread over; default 1.
    ///
    /// It also says since when each count is valid; see [`Shards`].
    pub write_shards: Shards,
    /// `STREAM_FORMAT` and `EVENT_BUS`: what is told to other tools; default nothing.
    pub stream: Option<Stream>,
    /// `AWS_CA_BUNDLE`: a PEM file of the root certificates to trust in calls to AWS.
    ///
    /// By default Amazon's own are trusted, which are compiled in.
    pub ca_bundle: Option<PathBuf>,
}

/// To which bus the log is streamed, and how.
#[derive(Debug, Clone)]
pub struct Stream {
    /// `STREAM_FORMAT`: the form of an entry, `activity` or `ocsf`.
    pub format: Format,
    /// `EVENT_BUS`: the name or the ARN of a bus of EventBridge; required if there is a format.
    pub bus: String,
}

/// Every error in the configuration.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is wrong: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

/// A run is due 23 hours after the last one, and called within the next hour.
const TWO_RUNS: Duration = Duration::from_hours(48);

impl Config {
    /// Reads the process's environment, and logs every error in it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one reader of the environment"
    )]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| std::env::var(name).ok())
            .inspect_err(|error| tracing::error!(%error, "the function cannot start"))
    }

    /// Reads variables from `lookup`; an empty one counts as absent.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut vars = Variables {
            lookup,
            faults: Vec::new(),
        };
        let config = Self {
            activities_table: vars.required("ACTIVITIES_TABLE"),
            exports_table: vars.required("EXPORTS_TABLE"),
            exports_bucket: vars.required("EXPORTS_BUCKET"),
            export_worker_function: vars.required("EXPORT_WORKER_FUNCTION"),
            erasures_table: vars.required("ERASURES_TABLE"),
            erasure_worker_function: vars.required("ERASURE_WORKER_FUNCTION"),
            archive_table: vars.required("ARCHIVE_TABLE"),
            archive_bucket: vars.required("ARCHIVE_BUCKET"),
            checkpoints_bucket: vars.required("CHECKPOINTS_BUCKET"),
            seal_worker_function: vars.required("SEAL_WORKER_FUNCTION"),
            log_name: vars.log_name("LOG_NAME"),
            signing_keys: vars.list("SIGNING_KEYS"),
            first_seal_after: Duration::from_hours(24 * vars.days("FIRST_SEAL_DAYS", 0, 30)),
            seal_margin: Duration::from_secs(vars.number(
                "SEAL_MARGIN_SECONDS",
                30..=86_400,
                1_200,
            )),
            claim_names: vars.claim_names(),
            reader_roles: vars.reader_roles("READER_ROLES"),
            subscriptions_url: vars.subscriptions_url("SUBSCRIPTIONS_URL"),
            max_lateness: Duration::from_hours(24 * vars.days("MAX_LATENESS_DAYS", 1, 7)),
            running_exports_max: vars.number("MAX_RUNNING_EXPORTS", 1..=100, 5),
            retention: vars.days_or_none("RETENTION_DAYS", 400),
            hot_time: vars.days_or_none("HOT_DAYS", 0),
            write_shards: vars.write_shards("WRITE_SHARDS"),
            stream: vars.stream(),
            ca_bundle: vars.get("AWS_CA_BUNDLE").map(PathBuf::from),
        };
        if config
            .retention
            .is_some_and(|retention| config.max_lateness >= retention)
        {
            vars.faults
                .push("MAX_LATENESS_DAYS must be below RETENTION_DAYS".into());
        }
        if vars.faults.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(vars.faults))
        }
    }

    /// The moment before which an activity is too late to be recorded.
    ///
    /// Ten minutes allow for clocks that differ and writes under way.
    pub fn too_late_before(&self, now: Moment) -> Moment {
        now.minus(self.max_lateness).minus(Duration::from_mins(10))
    }

    /// When what happened at a moment is sealed at the latest, if all goes well.
    ///
    /// A run closes the log each day, and the next one seals what was closed.
    pub fn sealed_by(&self, occurred_at: Moment) -> Moment {
        let closable_at = occurred_at.plus(self.max_lateness).plus(self.seal_margin);
        closable_at.plus(TWO_RUNS).plus(self.seal_margin)
    }

    /// When a log is sealed for the first time at the latest, of which an entry was recorded
    /// at this moment.
    pub fn first_sealed_by(&self, recorded_at: Moment) -> Moment {
        let due_at = recorded_at.plus(self.first_seal_after);
        due_at.plus(TWO_RUNS).plus(self.seal_margin)
    }

    /// The moment up to which a log may be closed, and sealed a margin later.
    pub fn closable_before(&self, now: Moment) -> Moment {
        now.minus(self.max_lateness).minus(self.seal_margin)
    }
}

struct Variables<L> {
    lookup: L,
    faults: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Variables<L> {
    fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &str) -> String {
        self.get(name).unwrap_or_else(|| {
            self.faults.push(format!("{name} is missing"));
            String::new()
        })
    }

    fn claim_names(&mut self) -> ClaimNames {
        let roles = self.get("ROLES_CLAIM").unwrap_or_else(|| "roles".into());
        let usual = RolesForm::usual(&roles);
        let roles_form = match self.get("ROLES_FORM").map(|text| text.parse()) {
            None => usual,
            Some(Ok(form)) => form,
            Some(Err(_)) => {
                self.faults.push("ROLES_FORM must be array or words".into());
                usual
            }
        };
        let partner = self.get("PARTNER_CLAIM");
        ClaimNames {
            partner: partner.unwrap_or_else(|| "partner_id".into()),
            roles,
            roles_form,
            subject: self.get("SUBJECT_CLAIM").unwrap_or_else(|| "sub".into()),
            name: self.get("NAME_CLAIM").unwrap_or_else(|| "name".into()),
        }
    }

    fn days(&mut self, name: &str, min: u64, default: u64) -> u64 {
        let Some(text) = self.get(name) else {
            return default;
        };
        match text.parse() {
            Ok(days) if (min..=3650).contains(&days) => days,
            _ => {
                self.faults.push(format!(
                    "{name} must be a whole number of days from {min} to 3650"
                ));
                default
            }
        }
    }

    /// A number of days, of which 0 means none.
    fn days_or_none(&mut self, name: &str, default: u64) -> Option<Duration> {
        let days = self.days(name, 0, default);
        (days > 0).then(|| Duration::from_hours(24 * days))
    }

    fn number<N>(&mut self, name: &str, range: RangeInclusive<N>, default: N) -> N
    where
        N: FromStr + PartialOrd + fmt::Display,
    {
        let Some(text) = self.get(name) else {
            return default;
        };
        match text.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (min, max) = (range.start(), range.end());
                self.faults
                    .push(format!("{name} must be a whole number from {min} to {max}"));
                default
            }
        }
    }

    /// Texts separated by commas; none if it is absent.
    fn list(&self, name: &str) -> Vec<String> {
        let text = self.get(name).unwrap_or_default();
        let items = text.split(',').map(str::trim);
        let items = items.filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    }

    fn log_name(&mut self, name: &str) -> String {
        let log_name = self.get(name);
        let log_name = log_name.unwrap_or_else(|| "partner-activity-log".into());
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"+/".contains(c);
        if log_name.chars().count() > 100 || !log_name.chars().all(is_plain) {
            self.faults.push(format!(
                "{name} must have at most 100 characters, and no space, + or /"
            ));
        }
        log_name
    }

    /// Where the log is streamed to, if there is a format.
    fn stream(&mut self) -> Option<Stream> {
        let format = self.get("STREAM_FORMAT");
        let bus = self.get("EVENT_BUS");
        let Ok(format) = format?.parse() else {
            self.faults
                .push("STREAM_FORMAT must be activity or ocsf".into());
            return None;
        };
        if bus.is_none() {
            self.faults.push("EVENT_BUS is missing".into());
        }
        bus.map(|bus| Stream { format, bus })
    }

    fn write_shards(&mut self, name: &str) -> Shards {
        let Some(text) = self.get(name) else {
            return Shards::default();
        };
        text.parse().unwrap_or_else(|error: Error| {
            self.faults.push(error.to_string());
            Shards::default()
        })
    }

    fn reader_roles(&mut self, name: &str) -> BTreeSet<Role> {
        let Some(text) = self.get(name) else {
            return Role::READERS.into();
        };
        let role = |text: &str| {
            text.trim()
                .parse()
                .ok()
                .filter(|role| Role::READERS.contains(role))
        };
        text.split(',')
            .map(role)
            .collect::<Option<_>>()
            .unwrap_or_else(|| {
                self.faults
                    .push(format!("{name} must be reader roles, separated by commas"));
                BTreeSet::new()
            })
    }

    fn subscriptions_url(&mut self, name: &str) -> String {
        let url = self.required(name);
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        let is_template = is_web && url.contains("{customer_id}");
        // `required` has already reported an absent one.
        if !url.is_empty() && !is_template {
            self.faults.push(format!(
                "{name} must be an http(s) URL that contains {{customer_id}}"
            ));
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(changed: &[(&str, &str)]) -> Result<Config, String> {
        let base = [
            ("ACTIVITIES_TABLE", "activities"),
            ("EXPORTS_TABLE", "exports"),
            ("EXPORTS_BUCKET", "bucket"),
            ("EXPORT_WORKER_FUNCTION", "export-worker"),
            ("ERASURES_TABLE", "erasures"),
            ("ERASURE_WORKER_FUNCTION", "erasure-worker"),
            ("ARCHIVE_TABLE", "archive"),
            ("ARCHIVE_BUCKET", "archive"),
            ("CHECKPOINTS_BUCKET", "checkpoints"),
            ("SEAL_WORKER_FUNCTION", "seal-worker"),
            ("SUBSCRIPTIONS_URL", "https://portal.example/{customer_id}"),
        ];
        let all = [&base, changed].concat();
        let lookup = |name: &str| {
            all.iter()
                .rev()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Config::from_lookup(lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let config = config(&[]).unwrap();
        assert_eq!(config.max_lateness, Duration::from_hours(7 * 24));
        assert_eq!(config.retention, Some(Duration::from_hours(400 * 24)));
        assert_eq!(config.hot_time, None);
        assert_eq!(config.reader_roles.len(), 6);
        assert_eq!(config.running_exports_max, 5);
        assert_eq!(config.log_name, "partner-activity-log");
        assert!(config.signing_keys.is_empty());
        assert_eq!(config.first_seal_after, Duration::from_hours(30 * 24));
        assert_eq!(config.seal_margin, Duration::from_mins(20));
    }

    #[test]
    fn all_faults_are_reported_together() {
        let faults = config(&[
            ("ACTIVITIES_TABLE", ""),
            ("MAX_LATENESS_DAYS", "-1"),
            ("MAX_RUNNING_EXPORTS", "0"),
            ("FIRST_SEAL_DAYS", "3651"),
            ("HOT_DAYS", "1.5"),
            ("SEAL_MARGIN_SECONDS", "29"),
            ("LOG_NAME", "a log"),
            ("READER_ROLES", "admin_agent,activity_recorder"),
            ("ROLES_FORM", "json"),
            ("WRITE_SHARDS", "4@2027-01-01T00:00:00Z"),
            ("SUBSCRIPTIONS_URL", "https://portal.example/"),
        ]);
        let faults = faults.unwrap_err();
        for name in [
            "ACTIVITIES_TABLE",
            "FIRST_SEAL_DAYS",
            "HOT_DAYS",
            "LOG_NAME",
            "MAX_LATENESS_DAYS",
            "MAX_RUNNING_EXPORTS",
            "READER_ROLES",
            "ROLES_FORM",
            "SEAL_MARGIN_SECONDS",
            "SUBSCRIPTIONS_URL",
            "WRITE_SHARDS",
        ] {
            assert!(faults.contains(name), "{faults}");
        }
    }

    #[test]
    fn signing_keys_are_separated_by_commas() {
        let keys = |text| config(&[("SIGNING_KEYS", text)]).unwrap().signing_keys;
        assert_eq!(keys("a.pem, arn:aws:kms:b ,"), ["a.pem", "arn:aws:kms:b"]);
        assert!(keys("").is_empty());
    }

    #[test]
    fn a_scope_is_a_text_of_words_and_any_other_claim_an_array_unless_configured() {
        let form = |claim, form| {
            let config = config(&[("ROLES_CLAIM", claim), ("ROLES_FORM", form)]);
            config.unwrap().claim_names.roles_form
        };
        assert_eq!(form("", ""), RolesForm::Array);
        assert_eq!(form("groups", ""), RolesForm::Array);
        assert_eq!(form("scope", ""), RolesForm::Words);
        assert_eq!(form("scope", "array"), RolesForm::Array);
        assert_eq!(form("groups", "words"), RolesForm::Words);
    }

    #[test]
    fn the_person_is_in_the_usual_claims_unless_configured() {
        let names = |changed| config(changed).unwrap().claim_names;
        let usual = names(&[]);
        assert_eq!((&*usual.subject, &*usual.name), ("sub", "name"));
        let other = names(&[("SUBJECT_CLAIM", "oid"), ("NAME_CLAIM", "email")]);
        assert_eq!((&*other.subject, &*other.name), ("oid", "email"));
    }

    #[test]
    fn lateness_stays_below_a_retention_that_ends() {
        let lateness = |days, retention| {
            config(&[("MAX_LATENESS_DAYS", days), ("RETENTION_DAYS", retention)]).is_ok()
        };
        assert!(lateness("29", "30"));
        assert!(!lateness("30", "30"));
        assert!(lateness("3650", "0"));
    }
}
