//! An export: a file of a partner's log, and the state of the work on it.
//!
//! How the file is written is left to `export-worker`.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use sha2::{Digest, Sha256};
use strum::IntoStaticStr;

use crate::model::{
    Action, ActivityId, Actor, Error, Filter, Moment, Name, PartnerId, TimeRange,
    failure::{Failure, FailureCode},
    json::{self, Fields},
    lease::{LeaseRecord, TASK_TIME_MAX, oldest_start},
    recorded::RecordedRange,
    task::{self, TaskKey},
    zone::Zone,
};

task::task_id! {
    /// An export's id: a `UUIDv7` of its creation, so that ids sort by age.
    ExportId, "must be an export's id"
}

impl ExportId {
    /// The id's 16 bytes.
    pub fn into_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The id of these 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }
}

/// The key of an export: its partner and its id.
pub type ExportKey = TaskKey<ExportId>;

/// The event that `export` sends to `export-worker`: an export's key, unverified.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerEvent {
    /// The partner's id.
    pub partner_id: String,
    /// The export's id.
    pub export_id: ExportId,
}

impl From<&ExportKey> for WorkerEvent {
    fn from(key: &ExportKey) -> Self {
        Self {
            partner_id: key.partner_id.to_string(),
            export_id: key.id,
        }
    }
}

/// The kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma-separated values, RFC 4180; the default.
    #[default]
    Csv,
    /// One whole activity per line as JSON, for programs.
    Jsonl,
    /// A workbook of Office Open XML, for people.
    Xlsx,
}

/// The readers that a CSV file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// For people, in a spreadsheet; the default.
    Spreadsheet,
    /// For programs.
    Raw,
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all; the default.
    #[default]
    None,
    /// As one member of gzip, RFC 1952.
    Gzip,
}

/// The language of a header that people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// English; the default.
    #[default]
    En,
    /// Korean.
    Ko,
}

/// What an export contains and in which form, as requested.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRequest {
    /// Which activities, and in which order.
    pub filter: Filter,
    /// The kind of file.
    pub format: Format,
    /// The readers that the file is for; only set for CSV.
    pub style: Option<Style>,
    /// The header's language.
    pub locale: Locale,
    /// What people call actions; with it, a column has these words beside the raw names.
    pub action_labels: Option<ActionLabels>,
    /// How the file is compressed.
    pub compression: Compression,
    /// Whether a second file proves the rows, and without a condition that they are all.
    #[serde(default, skip_serializing_if = "is_false")]
    pub proof: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What people call actions, by their names.
pub type ActionLabels = BTreeMap<Action, Name>;

/// The most actions that a request may label.
pub const ACTION_LABELS_MAX: usize = 500;

/// The fields of a request other than its filter.
#[derive(Debug)]
struct Form {
    format: Format,
    style: Option<Style>,
    locale: Option<Locale>,
    action_labels: Option<ActionLabels>,
    compression: Compression,
    proof: bool,
}

impl Form {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            format: fields.optional("format").unwrap_or_default(),
            style: fields.optional("style"),
            locale: fields.optional("locale"),
            action_labels: fields.texts("action_labels"),
            compression: fields.optional("compression").unwrap_or_default(),
            proof: fields.flag("proof"),
        }
    }

    /// Refuses fields that do not go together, whatever those should be that are unsound.
    fn check(&self, fields: &mut Fields<'_>) {
        let format = fields.is_sound("format").then_some(self.format);
        let style = fields.is_sound("style").then_some(self.style);
        let is_for_programs = match (format, style) {
            (Some(Format::Xlsx), _) => Some(false),
            (Some(Format::Jsonl), _) | (_, Some(Some(Style::Raw))) => Some(true),
            (Some(Format::Csv), Some(_)) => Some(false),
            (None, _) | (_, None) => None,
        };
        if self.style.is_some() && format.is_some_and(|format| format != Format::Csv) {
            fields.refuse("style", "is only allowed with format csv");
        }
        let for_people = "is only allowed with format xlsx, or csv in style spreadsheet";
        if self.locale.is_some() && is_for_programs == Some(true) {
            fields.refuse("locale", for_people);
        }
        if let Some(labels) = &self.action_labels {
            if is_for_programs == Some(true) {
                fields.refuse("action_labels", for_people);
            }
            if labels.len() > ACTION_LABELS_MAX {
                let reason = format!("must label at most {ACTION_LABELS_MAX} actions");
                fields.refuse("action_labels", &reason);
            }
        }
        if self.compression == Compression::Gzip && is_for_programs == Some(false) {
            let reason = "gzip is only allowed with format jsonl, or csv in style raw";
            fields.refuse("compression", reason);
        }
        if self.proof && is_for_programs == Some(false) {
            let reason = "is only allowed with format jsonl, or csv in style raw";
            fields.refuse("proof", reason);
        }
    }

    fn style(&self) -> Option<Style> {
        let style = self.style.unwrap_or(Style::Spreadsheet);
        (self.format == Format::Csv).then_some(style)
    }
}

impl ExportRequest {
    /// Reads a request's body; an empty object means the default range.
    pub fn read(body: &[u8]) -> Result<Self, Error> {
        json::read(body, |fields| {
            let form = Form::read(fields);
            form.check(fields);
            Some(Self {
                filter: Filter::read(fields),
                format: form.format,
                style: form.style(),
                locale: form.locale.unwrap_or_default(),
                action_labels: form.action_labels.filter(|labels| !labels.is_empty()),
                compression: form.compression,
                proof: form.proof,
            })
        })
    }

    /// The end of the file's name, from the first dot.
    fn extension(&self) -> &'static str {
        match (self.format, self.compression) {
            (Format::Csv, Compression::None) => ".csv",
            (Format::Csv, Compression::Gzip) => ".csv.gz",
            (Format::Jsonl, Compression::None) => ".jsonl",
            (Format::Jsonl, Compression::Gzip) => ".jsonl.gz",
            (Format::Xlsx, _) => ".xlsx",
        }
    }

    /// The file's media type.
    pub fn content_type(&self) -> &'static str {
        match (self.format, self.compression) {
            (_, Compression::Gzip) => "application/gzip",
            (Format::Csv, Compression::None) => "text/csv; charset=utf-8",
            // JSON is always UTF-8, but some clients guess when no charset is named.
            (Format::Jsonl, Compression::None) => "application/jsonl; charset=utf-8",
            (Format::Xlsx, Compression::None) => {
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
            }
        }
    }

    /// A hash of the request, which tells a retry from another request.
    ///
    /// A default that is spelled out is the same as one that is left out.
    pub fn hash(&self) -> String {
        let mut request = self.clone();
        request.filter.time_zone.take_if(|zone| *zone == Zone::UTC);
        let request = serde_json::to_vec(&request);
        let request = request.expect("a request is plain data with string keys");
        base16ct::lower::encode_string(&Sha256::digest(request))
    }
}

/// The state of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Waits for a worker.
    Queued,
    /// A worker writes the file.
    Running,
    /// The file can be downloaded.
    Ready,
    /// There is no file; [`Export::failure`] says why.
    Failed,
    /// It was deleted before it was ready.
    Cancelled,
    /// The file was deleted, or its seven days have ended.
    Expired,
}

impl State {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether a worker still has something to do.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// How much of the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Rows without the header.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The part of the range that was read, 0 to 1.
    pub fraction: f64,
}

/// The point from which the next worker resumes.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The parts in the bucket: the 16 bytes of each part's `ETag`, in order.
    #[serde(with = "serde_bytes")]
    pub etags: Vec<u8>,
    /// The bytes of these parts.
    pub bytes: u64,
    /// The state of the SHA-256 over these bytes, as the worker saves it.
    #[serde(with = "serde_bytes")]
    pub hash: Vec<u8>,
    /// What the packed bytes of all of these unpack to; only set with gzip.
    pub unpacked: Option<Unpacked>,
    /// The start of the next part, if a worker handed over before it was full.
    pub partial_part: Option<PartialPart>,
    /// The last activity that was read for all of these.
    pub position: ActivityId,
    /// The rows in all of these.
    pub rows: u64,
    /// The cells that were cut in these rows.
    pub truncated_cells: u64,
    /// What the upload of the proof holds; only set if there will be one.
    pub proof: Option<ProofCheckpoint>,
}

/// What the upload of a proof holds.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofCheckpoint {
    /// The parts in the bucket, like those of the file.
    #[serde(with = "serde_bytes")]
    pub etags: Vec<u8>,
    /// The bytes of these parts.
    pub bytes: u64,
    /// The state of the SHA-256 over these bytes, as the worker saves it.
    #[serde(with = "serde_bytes")]
    pub hash: Vec<u8>,
    /// The start of the next part.
    pub partial_part: Option<PartialProof>,
    /// The index of the first entry that no line covers yet.
    pub rest_from: u64,
    /// The index behind the last such entry.
    pub rest_to: u64,
}

/// The start of a part of a proof, stored as an object of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialProof {
    /// The epoch of the lease under which it was stored, which the object's name contains.
    pub epoch: u64,
    /// How many bytes of it are valid; a worker may have added more before it died.
    pub bytes: u64,
}

/// What a reader gets from packed bytes; the end of a gzip file states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unpacked {
    /// Their CRC-32.
    pub crc32: u32,
    /// Their number.
    pub bytes: u64,
}

/// The start of a part, stored as an object of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialPart {
    /// The epoch of the lease under which it was stored.
    ///
    /// The object's name contains it, so that a worker that was thought dead can't
    /// replace the object of another worker.
    pub epoch: u64,
    /// How many bytes at its start are compressed; uncompressed rows follow.
    pub packed_bytes: u64,
}

/// A finished file.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The name under which a browser saves it.
    pub name: String,
    /// Rows without the header.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Cells that were cut because a spreadsheet can't hold them.
    pub truncated_cells: u64,
    /// The proof beside it, if it was asked for.
    pub proof: Option<ProofFile>,
}

/// The file that proves the rows of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofFile {
    /// The name under which a browser saves it.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// An export as it is stored, without its key.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// The stored state; [`Export::state`] also considers the time.
    pub(crate) state: State,
    /// The request.
    pub request: ExportRequest,
    /// The range of the request, resolved at its creation.
    pub range: TimeRange,
    /// The file holds what was stored at this time.
    pub as_of: Moment,
    /// Whether the range was settled at `as_of`.
    pub settled: bool,
    /// The checkpoint that covers the range, as a signed note; only set if a proof was asked for.
    pub proven_by: Option<String>,
    /// When it was requested.
    pub created_at: Moment,
    /// Who requested it.
    pub created_by: Actor,
    /// The record of its leases.
    #[serde(flatten)]
    pub lease: LeaseRecord,
    /// How much of the file is written.
    pub progress: Progress,
    /// The multipart upload under way.
    pub upload_id: Option<String>,
    /// The multipart upload of the proof under way.
    pub proof_upload_id: Option<String>,
    /// What these uploads hold.
    pub checkpoint: Option<Checkpoint>,
    /// The file, once ready.
    pub file: Option<File>,
    /// When the file was ready.
    pub finished_at: Option<Moment>,
    /// Why there is no file; [`Export::failure`] also considers the time.
    pub(crate) failure: Option<Failure>,
    /// When the item expires, in seconds since 1970.
    pub(crate) expires_at: i64,
}

/// How long the bucket keeps a file: 7 days.
pub const FILE_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// How long an export's item is kept after its file has expired.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// How many workers in a row may be interrupted before the export has failed.
pub(crate) const ATTEMPTS_MAX: u32 = 5;

impl Export {
    /// A new export of `range` that `created_by` requests at `now`.
    pub fn new(
        request: ExportRequest,
        range: TimeRange,
        settled: bool,
        created_by: Actor,
        now: Moment,
    ) -> Self {
        Self {
            state: State::Queued,
            request,
            range,
            as_of: now,
            settled,
            proven_by: None,
            created_at: now,
            created_by,
            lease: LeaseRecord::new(now),
            progress: Progress::default(),
            upload_id: None,
            proof_upload_id: None,
            checkpoint: None,
            file: None,
            finished_at: None,
            failure: None,
            expires_at: item_expiry(now),
        }
    }

    /// When what it has was recorded, if that was asked for.
    pub fn recorded(&self) -> Option<RecordedRange> {
        self.request.filter.recorded(self.as_of)
    }

    /// The state at `now`.
    ///
    /// A file expires seven days after it was ready. An export that no worker will
    /// finish has failed, even if that is not stored yet.
    pub fn state(&self, now: Moment) -> State {
        match (self.state, self.finished_at) {
            (State::Ready, Some(at)) if at.plus(FILE_LIFETIME) <= now => State::Expired,
            (State::Queued | State::Running, _) if self.unstored_failure(now).is_some() => {
                State::Failed
            }
            (state, _) => state,
        }
    }

    /// Why the export has failed; none if it has not.
    pub fn failure(&self, now: Moment) -> Option<Failure> {
        self.failure.clone().or_else(|| self.unstored_failure(now))
    }

    /// Why no worker will finish it, if that is not stored yet.
    pub(crate) fn unstored_failure(&self, now: Moment) -> Option<Failure> {
        if !self.state.is_active() || !self.lease.is_free(now) {
            return None;
        }
        let detail = if self.lease.attempts >= ATTEMPTS_MAX {
            format!("Writing the file was interrupted {ATTEMPTS_MAX} times.")
        } else if self.created_at <= oldest_start(now) {
            let hours = TASK_TIME_MAX.as_secs() / (60 * 60);
            format!("The file was not finished within {hours} hours.")
        } else {
            return None;
        };
        Some(FailureCode::GaveUp.because(detail))
    }

    /// The start of a part that a worker left.
    pub fn partial_part(&self) -> Option<PartialPart> {
        self.checkpoint.as_ref()?.partial_part
    }

    /// The start of a part of the proof that a worker left.
    pub fn partial_proof(&self) -> Option<PartialProof> {
        self.checkpoint.as_ref()?.proof.as_ref()?.partial_part
    }

    /// Whether its stored state is not an end.
    pub fn is_open(&self) -> bool {
        self.state.is_active()
    }

    /// Whether it waits for its first worker.
    pub fn is_untouched(&self) -> bool {
        self.state.is_active() && self.lease.is_untouched()
    }

    /// Whether it has no worker, and none was called for a minute.
    ///
    /// An export that no worker will finish also needs a worker, which clears up.
    pub fn wants_dispatch(&self, now: Moment) -> bool {
        self.state.is_active() && self.lease.wants_dispatch(now)
    }

    /// The file's name: the partner, and the first and last day in the time zone.
    pub fn file_name(&self, partner: &PartnerId) -> String {
        let zone = self.request.filter.zone();
        let first = zone.date_of(self.range.from());
        let last = zone.date_of(self.range.to().minus(Duration::from_millis(1)));
        let (last, extension) = (last.max(first), self.request.extension());
        format!("activity-log_{partner}_{first}_{last}{extension}")
    }

    /// The name of the file's proof.
    pub fn proof_name(&self, partner: &PartnerId) -> String {
        format!("{}.proof", self.file_name(partner))
    }
}

impl ExportKey {
    /// The key of the file in the bucket.
    ///
    /// It shows neither the partner nor the kind of file. A link contains the name
    /// under which the file is saved.
    pub fn object(&self) -> String {
        format!("{}/activity-log", self.folder())
    }

    /// The key in the bucket of a partial part that a worker left.
    pub fn partial_part_object(&self, epoch: u64) -> String {
        format!("{}/partial-part-{epoch}", self.folder())
    }

    /// The key of the proof in the bucket.
    pub fn proof_object(&self) -> String {
        format!("{}/proof", self.folder())
    }

    /// The key in the bucket of a part of a proof that a worker left.
    pub fn partial_proof_object(&self, epoch: u64) -> String {
        format!("{}/partial-proof-{epoch}", self.folder())
    }

    fn folder(&self) -> String {
        let partner = base16ct::lower::encode_string(&Sha256::digest(self.partner_id.as_str()));
        let partner = partner.get(..16).unwrap_or_default();
        format!("exports/{partner}/{}", self.id)
    }
}

/// When an export's item expires if its file was ready at `at`.
pub(crate) fn item_expiry(at: Moment) -> i64 {
    at.plus(FILE_LIFETIME).plus(REMEMBERED).as_seconds()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ActorKind, Identifier};

    fn export(body: &str, now: &str) -> Export {
        let request = ExportRequest::read(body.as_bytes()).unwrap();
        let now = now.parse().unwrap();
        let range = request.filter.range(now).unwrap();
        let ann = Actor {
            id: Identifier::try_from("u-1".to_owned()).unwrap(),
            name: Name::try_from("Ann".to_owned()).unwrap(),
            kind: ActorKind::User,
        };
        Export::new(request, range, false, ann, now)
    }

    #[test]
    fn a_request_is_read_strictly() {
        let read = |body: &str| ExportRequest::read(body.as_bytes()).map_err(|e| e.to_string());
        let default = read("{}").unwrap();
        assert_eq!(default.style, Some(Style::Spreadsheet));
        assert_eq!(default.compression, Compression::None);
        let asked = read(r#"{"style":"raw","action":"a","order":"asc"}"#).unwrap();
        assert_eq!((asked.style, asked.locale), (Some(Style::Raw), Locale::En));
        assert_eq!(read(r#"{"locale":"ko"}"#).unwrap().locale, Locale::Ko);
        for programs in ["\"style\":\"raw\"", "\"format\":\"jsonl\""] {
            assert_eq!(
                read(&format!("{{{programs},\"locale\":\"ko\"}}")).unwrap_err(),
                "locale is only allowed with format xlsx, or csv in style spreadsheet"
            );
        }
        assert_eq!(asked.filter.action.len(), 1);
        assert_eq!(
            read(r#"{"limit":5}"#).unwrap_err(),
            "limit is not supported"
        );
        assert_eq!(
            read(r#"{"action":[]}"#).unwrap_err(),
            "action must not be an empty list"
        );
        assert!(
            read(r#"{"format":"pdf"}"#)
                .unwrap_err()
                .starts_with("format must be one of `csv`, `jsonl`, `xlsx`")
        );
        assert_eq!(
            read(r#"{"style":"raw","style":"raw"}"#).unwrap_err(),
            "style is given twice"
        );
    }

    #[test]
    fn a_field_that_is_null_or_has_its_default_is_as_if_it_was_left_out() {
        let read = |body: &str| ExportRequest::read(body.as_bytes()).unwrap();
        let nulls = r#"{"from":null,"to":null,"time_zone":null,"order":null,"customer_id":null,
            "customer":null,"action":null,"actor_id":null,"actor":null,"resource_type":null,
            "resource_id":null,"outcome":null,"correlation_id":null,"format":null,"style":null,
            "locale":null,"action_labels":null,"compression":null,"proof":null}"#;
        assert_eq!(read(nulls), read("{}"));
        for (name, default) in [
            ("time_zone", "UTC"),
            ("time_zone", "utc"),
            ("order", "desc"),
            ("format", "csv"),
            ("style", "spreadsheet"),
            ("locale", "en"),
            ("compression", "none"),
        ] {
            let spelled_out = read(&format!(r#"{{"{name}":"{default}"}}"#));
            assert_eq!(spelled_out.hash(), read("{}").hash(), "{name}");
        }
        let seoul = read(r#"{"time_zone":"Asia/Seoul"}"#);
        assert_ne!(seoul.hash(), read("{}").hash());
        assert_eq!(
            read(r#"{"action":"a"}"#).hash(),
            read(r#"{"action":["a","a"]}"#).hash()
        );
    }

    #[test]
    fn labels_of_actions_are_for_files_that_people_read() {
        let read = |body: &str| ExportRequest::read(body.as_bytes()).map_err(|e| e.to_string());
        let labels = r#""action_labels":{"create_order":"주문 만들기","a.b":"A"}"#;
        let request = read(&format!("{{{labels}}}")).unwrap();
        let stored = serde_json::to_string(&request).unwrap();
        assert_eq!(
            serde_json::from_str::<ExportRequest>(&stored).unwrap(),
            request
        );
        assert_eq!(request.action_labels.unwrap().len(), 2);
        assert!(read(&format!(r#"{{"format":"xlsx",{labels}}}"#)).is_ok());
        // A request without labels is what it was before there were any.
        let none = read(r#"{"action_labels":{}}"#).unwrap();
        assert_eq!(none, read("{}").unwrap());
        assert!(!serde_json::to_string(&none).unwrap().contains("labels"));
        for (body, reason) in [
            (
                format!(r#"{{"style":"raw",{labels}}}"#),
                "action_labels is only allowed with format xlsx, or csv in style spreadsheet",
            ),
            (
                r#"{"action_labels":[]}"#.to_owned(),
                "action_labels must be an object",
            ),
            (
                r#"{"action_labels":{"a":1}}"#.to_owned(),
                "action_labels.a must be a string",
            ),
        ] {
            assert_eq!(read(&body).unwrap_err(), reason);
        }
        assert!(read(r#"{"action_labels":{"Not one":"a"}}"#).is_err());
        let many: BTreeMap<_, _> = (0..=ACTION_LABELS_MAX)
            .map(|one| (format!("a{one}"), "A"))
            .collect();
        let many = serde_json::json!({ "action_labels": many }).to_string();
        assert_eq!(
            read(&many).unwrap_err(),
            "action_labels must label at most 500 actions"
        );
    }

    #[test]
    fn a_request_is_refused_with_all_its_faults() {
        let body = r#"{"from":"2026-11-30","to":"2026-11-01","action":["a","B",null],"customer":"",
            "format":"xlsx","style":"raw","colour":1,"outcome":[]}"#;
        let Err(Error::InvalidFields(faults)) = ExportRequest::read(body.as_bytes()) else {
            panic!("one fault or none");
        };
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        let wanted = [
            "style",
            "customer",
            "action[1]",
            "action[2]",
            "outcome",
            "from",
            "colour",
        ];
        assert_eq!(fields, wanted);
    }

    #[test]
    fn the_file_is_named_after_the_days_of_the_zone() {
        let partner = PartnerId::parse("contoso").unwrap();
        let name = |body| export(body, "2026-11-22T20:00:00Z").file_name(&partner);
        assert_eq!(name("{}"), "activity-log_contoso_2026-10-23_2026-11-22.csv");
        assert_eq!(
            name(r#"{"time_zone":"Asia/Seoul"}"#),
            "activity-log_contoso_2026-10-24_2026-11-23.csv"
        );
        let empty = r#"{"from":"2026-11-01T00:00:00Z","to":"2026-11-01T00:00:00Z"}"#;
        assert_eq!(
            name(empty),
            "activity-log_contoso_2026-11-01_2026-11-01.csv"
        );
    }

    #[test]
    fn a_ready_file_expires_after_seven_days() {
        let mut export = export("{}", "2026-11-22T20:00:00Z");
        let ready_at = export.created_at;
        export.state = State::Ready;
        export.finished_at = Some(ready_at);
        let end = ready_at.plus(FILE_LIFETIME);
        assert_eq!(
            export.state(end.minus(Duration::from_secs(1))),
            State::Ready
        );
        assert_eq!(export.state(end), State::Expired);
    }

    #[test]
    fn a_dispatch_is_wanted_for_an_export_that_is_not_over() {
        let mut export = export("{}", "2026-11-22T20:00:00Z");
        let later = export.created_at.plus(Duration::from_secs(61));
        assert!(export.wants_dispatch(later));
        export.state = State::Failed;
        assert!(!export.wants_dispatch(later));
    }
}
