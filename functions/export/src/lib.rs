//! Exports a partner's log: `POST` and `GET /v1/exports`, `GET` and `DELETE
//! /v1/exports/{id}`.
//!
//! `POST` stores the export and calls `export-worker`, which writes the file. The
//! answer is `202` with the export, or `201` if the file is ready within the seconds
//! of `Prefer: wait`.
//! Each read of a ready export records an entry in the partner's log and then makes
//! a new link, which lives 5 minutes.
//! If an export has no worker when it is read, another worker is called.

mod answer;
mod request;

use std::time::Duration;

use aws_config::SdkConfig;
use futures_util::future::join_all;
use lambda_http::{Body, Request, Response, http::header};
use shared::{
    Access, ActivityStore, Clock, Config, Error, Export, ExportId, ExportKey, ExportRequest,
    ExportStore, Files, Identifier, Moment, PartnerId, Reader, TimeRange, Workers,
    aws::{activities::Stamp, archive::ArchiveStore, exports::Creation, sdk},
    lambda::{
        http,
        reads::{self, Read},
    },
    model::{
        export::{State, WorkerEvent},
        trail,
    },
};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::{
    answer::{Answer, Exports},
    request::{CreateExport, ListExports},
};

/// What the function keeps between requests.
#[derive(Debug)]
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The exports.
    pub exports: ExportStore,
    /// What is sealed of the logs.
    archive: ArchiveStore,
    /// The activities, for the trail.
    pub activities: ActivityStore,
    files: Files,
    workers: Workers,
    /// The clock.
    pub clock: Clock,
}

impl App {
    /// Builds the clients, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let dynamodb = sdk::dynamodb(sdk);
        Self {
            exports: ExportStore::new(dynamodb.clone(), config.exports_table.clone()),
            archive: ArchiveStore::configured(sdk, dynamodb.clone(), &config),
            activities: ActivityStore::new(dynamodb, &config),
            files: Files::new(sdk, config.exports_bucket.clone()),
            workers: Workers::new(sdk, config.export_worker_function.clone()),
            config,
            clock,
        }
    }
}

/// How many workers one read of the list may call.
const DISPATCHES_MAX: usize = 5;

/// How long a read of the list waits for those calls.
const DISPATCH_TIME_MAX: Duration = Duration::from_secs(5);

/// How long an answer may take, below the function's 29 s.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(26);

/// Answers one request from the gateway.
pub async fn handle(app: &App, request: &Request) -> Response<Body> {
    http::answer(request, ANSWER_TIME_MAX, async {
        let access = Access::from_request(request, &app.config.claim_names);
        let reader = access.reader(&app.config.reader_roles)?;
        match http::route(request) {
            "POST /v1/exports" => create(app, request, &reader).await,
            "GET /v1/exports" => list(app, request, &reader).await,
            "GET /v1/exports/{id}" => read(app, request, &reader).await,
            "DELETE /v1/exports/{id}" => delete(app, request, &reader).await,
            _ => Err(Error::NotFound),
        }
    })
    .await
}

async fn create(app: &App, request: &Request, reader: &Reader) -> Result<Response<Body>, Error> {
    let asked = CreateExport::read(request)?;
    let deadline = Instant::now() + asked.wait;
    let now = app.clock.now();
    let new = new_export(app, asked.export, reader, now).await?;
    let idempotency_key = asked.idempotency_key.as_ref();
    let key = claim(app, idempotency_key, &new, reader).await?;
    match find_or_store(app, idempotency_key, &key, new).await? {
        Creation::Stored(export) => {
            log_failed_call(&key, app.workers.call(&WorkerEvent::from(&key)).await);
            let export = wait_for(app, &key, export, deadline).await?;
            answer_created(app, request, reader, &key, export).await
        }
        // It does not wait: a client could repeat it and occupy the account's concurrency.
        Creation::Found(export) => {
            dispatch_again(app, &key, &export, now).await;
            let id = key.id.to_string();
            reads::log(reader.subject_id(), request, &Read::one(&id));
            let response = answer_created(app, request, reader, &key, export).await?;
            Ok(http::replayed(response))
        }
    }
}

/// Stores the new export, unless an earlier request with this key has stored one.
async fn find_or_store(
    app: &App,
    idempotency_key: Option<&Identifier>,
    key: &ExportKey,
    new: Export,
) -> Result<Creation, Error> {
    if idempotency_key.is_some()
        && let Some(found) = app.exports.get(key, new.created_at).await?
    {
        return Ok(Creation::Found(found));
    }
    store(app, key, new).await
}

/// The answer is `201` with a link if the file is ready, otherwise `202`.
async fn answer_created(
    app: &App,
    request: &Request,
    reader: &Reader,
    key: &ExportKey,
    export: Export,
) -> Result<Response<Body>, Error> {
    let location = format!("/v1/exports/{}", key.id);
    let now = app.clock.now();
    Ok(if export.state(now) == State::Ready {
        let answer = with_link(app, request, reader, key, export).await?;
        http::created(&answer, &location)
    } else {
        http::accepted(&Answer::new(key, export, now), &location)
    })
}

/// Makes the export that the request describes.
///
/// A request that is invalid is refused here at the latest, before anything is stored.
async fn new_export(
    app: &App,
    request: ExportRequest,
    reader: &Reader,
    now: Moment,
) -> Result<Export, Error> {
    let range = request.filter.range(now)?;
    let actor = reader.actor()?.clone();
    let partner = &reader.partner_id;
    let settled = app.archive.is_sealed(partner, range.to(), now).await?;
    let is_proven = request.proof;
    let mut export = Export::new(request, range, settled, actor, now);
    if is_proven {
        export.proven_by = Some(proving_checkpoint(app, partner, &range, now).await?);
    }
    Ok(export)
}

/// The checkpoint that covers a range; all of the range must be sealed.
async fn proving_checkpoint(
    app: &App,
    partner: &PartnerId,
    range: &TimeRange,
    now: Moment,
) -> Result<String, Error> {
    let found = app.archive.checkpoint_of(partner, range.to()).await;
    found.map_err(|error| match error {
        Error::NotSealed { sealed_to, .. } => {
            let by = app.config.sealed_by(range.to());
            // A log that was never sealed is, some time after its first entry.
            let expected_by = sealed_to.map(|_| by).filter(|by| *by > now);
            Error::NotSealed {
                sealed_to,
                expected_by,
            }
        }
        error => error,
    })
}

/// The export's key: a new one, or the one that was stored with the idempotency key.
async fn claim(
    app: &App,
    idempotency_key: Option<&Identifier>,
    new: &Export,
    reader: &Reader,
) -> Result<ExportKey, Error> {
    let (partner_id, now) = (reader.partner_id.clone(), new.created_at);
    let new_id = ExportId::random(now);
    let id = match idempotency_key {
        Some(key) => {
            app.exports
                .claim_key(&partner_id, key, new.request.hash(), new_id, now)
                .await?
        }
        None => new_id,
    };
    Ok(ExportKey { partner_id, id })
}

/// Stores a new export, unless its partner has too many exports under way.
async fn store(app: &App, key: &ExportKey, new: Export) -> Result<Creation, Error> {
    let running_max = app.config.running_exports_max;
    let now = new.created_at;
    if !app.exports.take_place(key, running_max, now).await? {
        return Err(Error::TooManyExports { running_max });
    }
    app.exports.create(key, new).await
}

/// Waits until the export has ended or the deadline has passed.
async fn wait_for(
    app: &App,
    key: &ExportKey,
    mut export: Export,
    deadline: Instant,
) -> Result<Export, Error> {
    let mut pause = Duration::from_millis(100);
    while export.state(app.clock.now()).is_active() && Instant::now() < deadline {
        sleep(pause.min(deadline - Instant::now())).await;
        pause = (pause * 3 / 2).min(Duration::from_secs(1));
        match timeout_at(deadline, app.exports.get(key, app.clock.now())).await {
            Ok(Ok(found)) => export = found.ok_or(Error::NotFound)?,
            // The export is stored, so the client can read it later.
            Ok(Err(_)) | Err(_) => break,
        }
    }
    Ok(export)
}

async fn read(app: &App, request: &Request, reader: &Reader) -> Result<Response<Body>, Error> {
    let key = key_of(request, reader)?;
    let now = app.clock.now();
    let export = app.exports.get(&key, now).await?.ok_or(Error::NotFound)?;
    dispatch_again(app, &key, &export, now).await;
    let id = key.id.to_string();
    reads::log(reader.subject_id(), request, &Read::one(&id));
    Ok(http::ok(&match export.state(now) {
        State::Ready => with_link(app, request, reader, &key, export).await?,
        _ => Answer::new(&key, export, now),
    }))
}

/// The key of the export that the path names; its partner is the reader's.
fn key_of(request: &Request, reader: &Reader) -> Result<ExportKey, Error> {
    http::refuse_query(request)?;
    let id = ExportId::try_from(http::path_parameter(request, "id"))?;
    Ok(ExportKey {
        partner_id: reader.partner_id.clone(),
        id,
    })
}

/// Calls a worker for an export that has none.
async fn dispatch_again(app: &App, key: &ExportKey, export: &Export, now: Moment) {
    if !export.wants_dispatch(now) {
        return;
    }
    let called = match app.exports.claim_dispatch(key, now).await {
        Ok(true) => app.workers.call(&WorkerEvent::from(key)).await,
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    log_failed_call(key, called);
}

/// A failure is only logged, because the next sweep calls a worker.
fn log_failed_call(key: &ExportKey, called: Result<(), Error>) {
    if let Err(error) = called {
        tracing::warn!(export_id = %key.id, error = error.chain(), "the call of a worker failed");
    }
}

/// The export with a new link; the link's entry in the log is stored first.
async fn with_link(
    app: &App,
    request: &Request,
    reader: &Reader,
    key: &ExportKey,
    export: Export,
) -> Result<Answer, Error> {
    let now = app.clock.now();
    let Some(file) = &export.file else {
        return Ok(Answer::new(key, export, now));
    };
    let entry = trail::link_given(key, file, reader.actor()?.clone(), now)?;
    let stamp = Stamp {
        recorded_at: now,
        request_id: http::request_id(request),
    };
    app.activities.append(entry, &stamp).await?;
    let download = app.files.link(key, file, now).await?;
    Ok(Answer::new(key, export, now).with_download(download))
}

async fn list(app: &App, request: &Request, reader: &Reader) -> Result<Response<Body>, Error> {
    let ListExports {
        limit,
        resume_after,
    } = ListExports::read(request, &reader.partner_id)?;
    let now = app.clock.now();
    let page = app
        .exports
        .page(&reader.partner_id, resume_after, limit, now)
        .await?;
    dispatch_stranded(app, &page.items, now).await;
    let page = answer::fitting(page, now)?;
    let read = Read {
        count: page.items.len(),
        ..Read::default()
    };
    reads::log(reader.subject_id(), request, &read);
    let last = page.items.last().filter(|_| page.more);
    let next_cursor = last.map(|last| ListExports::cursor_after(last.id, &reader.partner_id));
    let response = http::ok(&Exports::new(page, next_cursor.clone()));
    Ok(match next_cursor {
        Some(cursor) => {
            let limit = limit.get();
            let link = format!("</v1/exports?limit={limit}&cursor={cursor}>; rel=\"next\"");
            http::with(response, header::LINK, &link)
        }
        None => response,
    })
}

/// Calls workers for some of the exports that have none.
async fn dispatch_stranded(app: &App, exports: &[(ExportKey, Export)], now: Moment) {
    let stranded = exports
        .iter()
        .filter(|(_, export)| export.wants_dispatch(now));
    let dispatches = stranded
        .take(DISPATCHES_MAX)
        .map(|(key, export)| dispatch_again(app, key, export, now));
    // The answer is known already, so the reader does not wait longer for workers.
    let _ = timeout(DISPATCH_TIME_MAX, join_all(dispatches)).await;
}

async fn delete(app: &App, request: &Request, reader: &Reader) -> Result<Response<Body>, Error> {
    let key = key_of(request, reader)?;
    let export = app
        .exports
        .delete(&key, app.clock.now())
        .await?
        .ok_or(Error::NotFound)?;
    // A repeated request also deletes, because the first one may have failed before this.
    app.files.clear(&key, &export).await?;
    app.files.delete_files(&key, &export).await?;
    Ok(http::no_content())
}
