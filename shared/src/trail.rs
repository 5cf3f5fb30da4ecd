//! The trail: exports and links are activities of the partner's own log.

use serde::Serialize;

use crate::{
    Action, Actor, Content, Details, Error, Export, ExportKey, Filter, IdempotencyKey, Identifier,
    Moment, NewActivity, Outcome, Resource, TimeRange, export::File, json::StrictObject,
};

/// The actions that only this service records, so that its trail can't be forged.
pub const ACTIONS: [&str; 2] = [EXPORTED, DOWNLOADED];

const EXPORTED: &str = "export_activity_log";
const DOWNLOADED: &str = "download_activity_log";

#[derive(Serialize)]
struct Finished<'a> {
    file: &'a File,
    #[serde(flatten)]
    range: TimeRange,
    as_of: Moment,
    filter: &'a Filter,
}

#[derive(Serialize)]
struct Linked<'a> {
    file: &'a File,
}

/// `export_activity_log`: this export's file was written.
///
/// It is keyed by the export and dated by its creation, so that however often
/// it is recorded, it is recorded once.
pub fn finished(key: &ExportKey, export: &Export, file: &File) -> Result<NewActivity, Error> {
    let details = Finished {
        file,
        range: export.range,
        as_of: export.as_of,
        filter: &export.request.filter,
    };
    let actor = export.created_by.clone();
    let mut new = entry(EXPORTED, key, actor, export.created_at, &details)?;
    new.idempotency_key = Some(IdempotencyKey::Trail(identifier(key.id.to_string())?));
    Ok(new)
}

/// `download_activity_log`: `actor` was handed a link to this export's file.
pub fn linked(
    key: &ExportKey,
    file: &File,
    actor: Actor,
    now: Moment,
) -> Result<NewActivity, Error> {
    entry(DOWNLOADED, key, actor, now, &Linked { file })
}

fn entry(
    action: &str,
    key: &ExportKey,
    actor: Actor,
    occurred_at: Moment,
    details: &impl Serialize,
) -> Result<NewActivity, Error> {
    let content = Content {
        occurred_at,
        action: Action::try_from(action.to_owned()).map_err(failed)?,
        outcome: Outcome::Succeeded,
        customer: None,
        actor,
        resource: Some(Resource {
            r#type: identifier("export".to_owned())?,
            id: identifier(key.id.to_string())?,
        }),
        correlation_id: None,
        details: Some(object(details)?),
    };
    Ok(NewActivity {
        partner_id: key.partner_id.clone(),
        idempotency_key: None,
        content,
    })
}

fn object(details: &impl Serialize) -> Result<Details, Error> {
    match serde_json::to_value(details) {
        Ok(serde_json::Value::Object(object)) => {
            Details::try_from(StrictObject(object)).map_err(failed)
        }
        Ok(_) => Err(failed("details must be an object")),
        Err(error) => Err(Error::internal("writing the trail", error)),
    }
}

fn identifier(text: String) -> Result<Identifier, Error> {
    Identifier::try_from(text).map_err(failed)
}

fn failed(reason: &'static str) -> Error {
    Error::internal("writing the trail", reason)
}
