//! Reads a partner's log: `GET /v1/activities`, `GET /v1/activities/summary` and
//! `GET /v1/activities/{id}`; proves what is sealed of it; and serves the keys and the
//! contract to anybody.
//!
//! A page has the activities that the filter accepts, by default the newest first.
//! One request reads at most 32 Query pages, several at once, and begins none after 5 s.
//! If a filter accepts few activities, the answer has those that were found, perhaps none,
//! and a cursor with which the next request continues.

mod answer;
mod app;
mod dimension;
mod groups;
mod proofs;
mod request;
mod summary;

use std::time::Duration;

use activity_log::{Question, Recorded};
use lambda_http::{Body, Request, Response, http::header};
use shared::{
    Access, ActivityId, Error, PartnerId, TimeRange,
    lambda::{
        http,
        reads::{self, Read},
    },
    metrics,
    model::recorded::RecordedRange,
};

pub use crate::app::App;
use crate::{
    answer::Answer,
    request::{ListRequest, SummaryRequest},
};

/// The HTTP contract, compiled in.
const OPENAPI: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// How long an answer may take, below the function's 29 s.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(26);

/// Answers one request from the gateway.
pub async fn handle(app: &App, request: &Request) -> Response<Body> {
    http::answer(request, ANSWER_TIME_MAX, async {
        match http::route(request) {
            "GET /v1/activities" => list(app, request).await,
            "GET /v1/activities/summary" => summarise(app, request).await,
            "GET /v1/activities/{id}" => one(app, request).await,
            "GET /v1/activities/{id}/proof" => proofs::inclusion(app, request).await,
            "GET /v1/checkpoint" => proofs::checkpoint(app, request).await,
            "GET /v1/checkpoint/consistency" => proofs::consistency(app, request).await,
            "GET /v1/keys" => proofs::keys(app, request).await,
            "GET /v1/openapi.json" => openapi(request),
            _ => Err(Error::NotFound),
        }
    })
    .await
}

async fn list(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let access = Access::from_request(request, &app.config.claim_names);
    let reader = access.reader(&app.config.reader_roles)?;
    let now = app.clock.now();
    let partner = &reader.partner_id;
    let mut list = ListRequest::read(request, partner, now, &app.config)?;
    let recorded = recorded(app, partner, &list.query.range, &mut list.recorded).await?;
    let question = Question {
        recorded: recorded.as_ref(),
        ..Question::new(partner, list.query, &list.filter, now)
    };
    let limit = list.limit.get();
    let mut items = Vec::with_capacity(limit);
    let take = |stored| {
        let has_room = items.len() < limit;
        if has_room {
            items.push(stored);
        }
        Ok(has_room)
    };
    let collected = app.log.collect(&question, list.resume_after, limit, take);
    let collected = collected.await?;
    metrics::listed(items.len());
    let read = Read {
        range: Some(list.query.range),
        filter: Some(&list.filter),
        count: items.len(),
        ..Read::default()
    };
    reads::log(reader.subject_id(), request, &read);
    let answer = Answer::new(&list, (items, collected), partner, &app.config);
    let response = http::ok(&answer);
    Ok(match &answer.next_cursor {
        Some(cursor) => http::with(response, header::LINK, &list.next_link(cursor)),
        None => response,
    })
}

/// Finds what was recorded in a time, if that was asked for; if too much was late, the time
/// becomes shorter.
async fn recorded(
    app: &App,
    partner: &PartnerId,
    within: &TimeRange,
    asked: &mut Option<RecordedRange>,
) -> Result<Option<Recorded>, Error> {
    let Some(range) = *asked else {
        return Ok(None);
    };
    let found = app.log.recorded(partner, within, range, false);
    let found = found.await?;
    *asked = Some(found.range);
    Ok(Some(found))
}

async fn summarise(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let access = Access::from_request(request, &app.config.claim_names);
    let reader = access.reader(&app.config.reader_roles)?;
    let (partner, now) = (&reader.partner_id, app.clock.now());
    let mut summary = SummaryRequest::read(request, partner, now, &app.config)?;
    let recorded = recorded(app, partner, &summary.query.range, &mut summary.recorded).await?;
    let question = Question {
        recorded: recorded.as_ref(),
        counted_by: Some(&summary.counted_by),
        ..Question::new(partner, summary.query, &summary.filter, now)
    };
    let counted = summary::count(&app.log, &question, &summary).await?;
    let read = Read {
        range: Some(summary.query.range),
        filter: Some(&summary.filter),
        count: counted.groups.len(),
        ..Read::default()
    };
    reads::log(reader.subject_id(), request, &read);
    Ok(http::ok(&counted))
}

async fn one(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let access = Access::from_request(request, &app.config.claim_names);
    let reader = access.reader(&app.config.reader_roles)?;
    http::refuse_query(request)?;
    let id = http::path_parameter(request, "id");
    let id = ActivityId::try_from(id).map_err(|reason| Error::invalid("id", reason))?;
    let stored = app.log.one(&reader.partner_id, id, app.clock.now()).await?;
    let stored = stored.ok_or(Error::NotFound)?;
    let id = id.to_string();
    reads::log(reader.subject_id(), request, &Read::one(&id));
    Ok(http::ok(&answer::Item::new(stored, &app.config)))
}

fn openapi(request: &Request) -> Result<Response<Body>, Error> {
    http::refuse_query(request)?;
    Ok(http::ready_json(OPENAPI))
}
