//! The trail: the entries that exports, links, erasures and imports leave in the log.

use serde::Serialize;

use crate::model::{
    Action, Actor, Content, Details, Erasure, ErasureId, ErasureKey, Error, Export, ExportKey,
    Filter, IdempotencyKey, Identifier, Moment, NewActivity, Outcome, PartnerId, Resource,
    TimeRange, erasure::Progress, error::Source, export::File, import::Window,
};

/// The actions that only this service records, so that its trail can't be forged.
pub const ACTIONS: [&str; 5] = [EXPORTED, DOWNLOADED, ERASED, IMPORT_OPENED, IMPORT_CLOSED];

const EXPORTED: &str = "export_activity_log";
const DOWNLOADED: &str = "download_activity_log";
const ERASED: &str = "erase_customer";
const IMPORT_OPENED: &str = "open_import";
const IMPORT_CLOSED: &str = "close_import";

#[derive(Serialize)]
struct ExportDetails<'a> {
    file: &'a File,
    #[serde(flatten)]
    range: TimeRange,
    as_of: Moment,
    filter: &'a Filter,
}

#[derive(Serialize)]
struct LinkDetails<'a> {
    file: &'a File,
}

#[derive(Serialize)]
struct ErasureRequestDetails {
    erasure_id: ErasureId,
}

#[derive(Serialize)]
struct ErasureDetails {
    erasure_id: ErasureId,
    #[serde(flatten)]
    progress: Progress,
}

#[derive(Serialize)]
struct OpenedDetails {
    ends_at: Moment,
}

#[derive(Serialize)]
struct ClosedDetails {
    opened_at: Moment,
    expired: bool,
}

/// The entry `export_activity_log`: the export's file was written.
///
/// Its key is the export's id and its time is the export's creation, so recording
/// it again changes nothing.
pub fn export_finished(
    key: &ExportKey,
    export: &Export,
    file: &File,
) -> Result<NewActivity, Error> {
    let details = ExportDetails {
        file,
        range: export.range,
        as_of: export.as_of,
        filter: &export.request.filter,
    };
    let actor = export.created_by.clone();
    let partner = key.partner_id.clone();
    let export_id = identifier(key.id.to_string())?;
    let entry = Entry {
        action: EXPORTED,
        actor,
        occurred_at: export.created_at,
        outcome: Outcome::Succeeded,
        resource: ("export", export_id.clone()),
    };
    Ok(NewActivity {
        idempotency_key: Some(IdempotencyKey::Trail(export_id)),
        ..entry.about(partner, &details)?
    })
}

/// The entry `download_activity_log`: `actor` received a link to the file.
pub fn link_given(
    key: &ExportKey,
    file: &File,
    actor: Actor,
    now: Moment,
) -> Result<NewActivity, Error> {
    let entry = Entry {
        action: DOWNLOADED,
        actor,
        occurred_at: now,
        outcome: Outcome::Succeeded,
        resource: ("export", identifier(key.id.to_string())?),
    };
    entry.about(key.partner_id.clone(), &LinkDetails { file })
}

/// The entry `erase_customer`, in progress: an erasure was requested.
pub fn erasure_requested(key: &ErasureKey, erasure: &Erasure) -> Result<NewActivity, Error> {
    let details = ErasureRequestDetails { erasure_id: key.id };
    erasing(key, erasure, Outcome::InProgress, &details)
}

/// The entry `erase_customer`: the erasure has succeeded or failed.
///
/// Its key is the erasure's id and its time is the stored end of the walk, so
/// recording it again changes nothing.
pub fn erasure_ended(key: &ErasureKey, erasure: &Erasure) -> Result<NewActivity, Error> {
    let outcome = match erasure.failure {
        None => Outcome::Succeeded,
        Some(_) => Outcome::Failed,
    };
    let details = ErasureDetails {
        erasure_id: key.id,
        progress: erasure.progress,
    };
    let mut new = erasing(key, erasure, outcome, &details)?;
    new.content.occurred_at = erasure.finished_at.unwrap_or(erasure.created_at);
    new.idempotency_key = Some(IdempotencyKey::Trail(identifier(key.id.to_string())?));
    Ok(new)
}

fn erasing(
    key: &ErasureKey,
    erasure: &Erasure,
    outcome: Outcome,
    details: &impl Serialize,
) -> Result<NewActivity, Error> {
    let entry = Entry {
        action: ERASED,
        actor: erasure.created_by.clone(),
        occurred_at: erasure.created_at,
        outcome,
        resource: ("customer", erasure.customer_id.clone()),
    };
    entry.about(key.partner_id.clone(), details)
}

/// Whom an entry says to be erased, if it is the entry of an erasure that has succeeded.
pub fn erased_customer(content: &Content) -> Option<&Identifier> {
    let is_end = content.action.as_str() == ERASED && content.outcome == Outcome::Succeeded;
    content
        .resource
        .as_ref()
        .filter(|_| is_end)
        .map(|customer| &customer.id)
}

/// The entry `open_import`: from now on older activities are accepted.
///
/// Its key and its time are those of the window, so recording it again changes nothing.
pub fn import_opened(partner: &PartnerId, window: &Window) -> Result<NewActivity, Error> {
    let details = OpenedDetails {
        ends_at: window.ends_at,
    };
    let actor = window.opened_by.clone();
    importing(
        partner,
        window,
        (IMPORT_OPENED, window.opened_at),
        actor,
        &details,
    )
}

/// The entry `close_import`: somebody closed the window, or its time is over.
///
/// Its key and its time are those of the window, so recording it again changes nothing.
pub fn import_closed(partner: &PartnerId, window: &Window) -> Result<NewActivity, Error> {
    let details = ClosedDetails {
        opened_at: window.opened_at,
        expired: window.closed.is_none(),
    };
    let closed_by = window.closed.as_ref().map(|closed| &closed.by);
    let actor = closed_by.unwrap_or(&window.opened_by).clone();
    importing(
        partner,
        window,
        (IMPORT_CLOSED, window.end()),
        actor,
        &details,
    )
}

fn importing(
    partner: &PartnerId,
    window: &Window,
    (action, occurred_at): (&'static str, Moment),
    actor: Actor,
    details: &impl Serialize,
) -> Result<NewActivity, Error> {
    let id = window.id.to_string();
    let entry = Entry {
        action,
        actor,
        occurred_at,
        outcome: Outcome::Succeeded,
        resource: ("import", identifier(id.clone())?),
    };
    Ok(NewActivity {
        idempotency_key: Some(IdempotencyKey::Trail(identifier(format!("{id}/{action}"))?)),
        ..entry.about(partner.clone(), details)?
    })
}

/// The fields of an entry, without its details.
struct Entry {
    action: &'static str,
    actor: Actor,
    occurred_at: Moment,
    outcome: Outcome,
    resource: (&'static str, Identifier),
}

impl Entry {
    fn about(self, partner_id: PartnerId, details: &impl Serialize) -> Result<NewActivity, Error> {
        let (kind, id) = self.resource;
        let content = Content {
            occurred_at: self.occurred_at,
            action: Action::try_from(self.action.to_owned()).map_err(failed)?,
            outcome: self.outcome,
            customer: None,
            actor: self.actor,
            resource: Some(Resource {
                r#type: identifier(kind.to_owned())?,
                id,
            }),
            correlation_id: None,
            details: Some(object(details)?),
        };
        Ok(NewActivity {
            partner_id,
            idempotency_key: None,
            content,
        })
    }
}

fn object(details: &impl Serialize) -> Result<Details, Error> {
    let json = serde_json::to_string(details).map_err(failed)?;
    json.parse::<Details>().map_err(failed)
}

fn identifier(text: String) -> Result<Identifier, Error> {
    Identifier::try_from(text).map_err(failed)
}

fn failed(reason: impl Into<Source>) -> Error {
    Error::internal("writing the trail", reason)
}
