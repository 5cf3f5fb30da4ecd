//! Checkpoints, proofs and keys, with which a reader checks the log without trusting the
//! service: `docs/proofs.md` describes them.

use activity_log::{Inclusion, Signed, Unproven};
use base64::{Engine, engine::general_purpose::STANDARD};
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_with::skip_serializing_none;
use shared::{
    Access, ActivityId, Error, Moment, PartnerId, Reader,
    aws::archive::PublicKey,
    lambda::{
        http,
        reads::{self, Read},
    },
};

use crate::app::App;

/// A checkpoint, and what its note says.
#[skip_serializing_none]
#[derive(Serialize)]
struct CheckpointAnswer {
    checkpoint: String,
    origin: String,
    size: u64,
    root: String,
    sealed_to: Option<String>,
}

#[derive(Serialize)]
struct ConsistencyAnswer {
    from_size: u64,
    path: Vec<String>,
    checkpoint: String,
}

#[skip_serializing_none]
#[derive(Serialize)]
struct InclusionAnswer {
    index: u64,
    leaf: String,
    salt: Option<String>,
    path: Vec<String>,
    checkpoint: String,
}

#[derive(Serialize)]
struct KeysAnswer {
    keys: Vec<PublicKey>,
}

/// The checkpoint that was published last.
pub(crate) async fn checkpoint(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let reader = reader(app, request)?;
    http::refuse_query(request)?;
    let signed = app.log.checkpoint(&reader.partner_id).await?;
    let not_sealed = || refused(Unproven::NotSealed(None), None);
    let Signed { note, checkpoint } = signed.ok_or_else(not_sealed)?;
    reads::log(reader.subject_id(), request, &Read::default());
    if http::wants_text(request) {
        return Ok(http::text(note.to_string()));
    }
    Ok(http::ok(&CheckpointAnswer {
        checkpoint: note.to_string(),
        sealed_to: checkpoint.sealed_to().map(str::to_owned),
        origin: checkpoint.origin,
        size: checkpoint.size,
        root: checkpoint.root.to_string(),
    }))
}

/// That the log only grew since it had `from_size` entries.
pub(crate) async fn consistency(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let reader = reader(app, request)?;
    let mut query = http::query(request)?;
    let from_size = http::take(&mut query, "from_size")?;
    http::no_more(&query)?;
    let from_size = size(from_size)?;
    let proven = app.log.consistency(&reader.partner_id, from_size).await;
    let proven = proven.map_err(|unproven| match unproven {
        Unproven::NotSealed(Some(signed)) => {
            let size = signed.checkpoint.size;
            Error::invalid(
                "from_size",
                format!("must be at most {size}, the size of the log"),
            )
        }
        unproven => refused(unproven, None),
    })?;
    reads::log(reader.subject_id(), request, &Read::default());
    Ok(http::ok(&ConsistencyAnswer {
        from_size,
        path: proven.path.iter().map(ToString::to_string).collect(),
        checkpoint: proven.signed.note.to_string(),
    }))
}

fn size(text: Option<String>) -> Result<u64, Error> {
    let text = text.ok_or(Error::invalid("from_size", "is missing"))?;
    let size = text.parse().ok().filter(|size| *size > 0);
    size.ok_or(Error::invalid(
        "from_size",
        "must be a whole number of at least 1",
    ))
}

/// That an activity has its place in the log.
pub(crate) async fn inclusion(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let reader = reader(app, request)?;
    http::refuse_query(request)?;
    let id = http::path_parameter(request, "id");
    let id = ActivityId::try_from(id).map_err(|reason| Error::invalid("id", reason))?;
    let Inclusion {
        leaf,
        salt,
        mut statement,
    } = prove(app, &reader.partner_id, id).await?;
    reads::log(reader.subject_id(), request, &Read::one(&id.to_string()));
    if http::wants_text(request) {
        statement.extra = Some(leaf.into_bytes());
        return Ok(http::text(statement.to_string()));
    }
    Ok(http::ok(&InclusionAnswer {
        index: statement.index,
        leaf,
        salt: salt.map(|salt| STANDARD.encode(salt)),
        path: statement.path.iter().map(ToString::to_string).collect(),
        checkpoint: statement.checkpoint.to_string(),
    }))
}

async fn prove(app: &App, partner: &PartnerId, id: ActivityId) -> Result<Inclusion, Error> {
    let now = app.clock.now();
    let unproven = match app.log.inclusion(partner, id, now).await {
        Ok(proven) => return Ok(proven),
        Err(unproven) => unproven,
    };
    let Unproven::NotSealed(signed) = unproven else {
        return Err(refused(unproven, None));
    };
    let stored = app.log.one(partner, id, now).await?;
    let recorded_at = stored.ok_or(Error::NotFound)?.activity.recorded_at;
    let mut expected_by = app.config.sealed_by(id.occurred_at());
    if signed.is_none() {
        expected_by = expected_by.max(app.config.first_sealed_by(recorded_at));
    }
    let expected_by = Some(expected_by).filter(|by| *by > now);
    Err(refused(Unproven::NotSealed(signed), expected_by))
}

/// The keys that have signed checkpoints; anybody may know them.
pub(crate) async fn keys(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    http::refuse_query(request)?;
    let keys = app.keys.all().await?;
    Ok(http::ok(&KeysAnswer { keys }))
}

fn reader(app: &App, request: &Request) -> Result<Reader, Error> {
    let access = Access::from_request(request, &app.config.claim_names);
    access.reader(&app.config.reader_roles)
}

/// `expected_by` is when what was asked for is sealed at the latest, if that is known.
fn refused(unproven: Unproven, expected_by: Option<Moment>) -> Error {
    match unproven {
        Unproven::Absent => Error::NotFound,
        Unproven::NotSealed(signed) => Error::NotSealed {
            sealed_to: signed.and_then(|signed| signed.sealed_to()),
            expected_by,
        },
        Unproven::Ended(entries) => Error::RetentionEnded { entries },
        Unproven::Failed(error) => error,
    }
}
