//! Answers as Partner Center's API `auditrecords` does, for programs that were written for it:
//! `GET /v1/auditrecords` and `GET /v1/auditrecords/{id}`, both also below `/auditactivity`.
//!
//! `docs/auditrecords.md` says what a record has of an entry, what a request may ask for, and
//! which habits of which programs are met. The log is read as lists read it.

mod answer;
mod app;
mod condition;
mod day;
mod fault;
mod record;
mod request;
mod token;

use std::time::Duration;

use activity_log::Question;
use lambda_http::{
    Body, Request, Response,
    http::{HeaderMap, HeaderName},
};
use shared::{
    Access, ActivityId, Error, Moment, PartnerId,
    lambda::{
        http,
        reads::{self, Read},
    },
    metrics,
};
use tokio::time::Instant;

pub use crate::app::App;
use crate::{
    answer::{Collection, Items},
    record::Client,
    request::PageRequest,
};

/// How long an answer may take, below the function's 29 s.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(26);

/// How long a request goes on reading as long as it has found nothing.
const EMPTY_TIME_MAX: Duration = Duration::from_secs(15);

/// What a request asks for.
#[derive(Debug)]
enum Resource<'a> {
    Records,
    Record(&'a str),
    Unknown,
}

/// Answers one request from the gateway.
pub async fn handle(app: &App, request: &Request) -> Response<Body> {
    let work = Box::pin(async {
        match resource(request) {
            Resource::Records => page(app, request).await,
            Resource::Record(id) => one(app, request, id).await,
            Resource::Unknown => Ok(http::no_route()),
        }
    });
    let response = http::answer_in(fault::response, request, ANSWER_TIME_MAX, work);
    with_ids(request, response.await)
}

/// Some programs put two slashes before `auditrecords`, which only the greedy route takes.
fn resource(request: &Request) -> Resource<'_> {
    let (_, path) = http::route(request).split_once(' ').unwrap_or_default();
    if path.ends_with("/auditrecords") {
        return Resource::Records;
    }
    if path.ends_with("/auditrecords/{id}") {
        return Resource::Record(http::path_parameter(request, "id"));
    }
    let rest = http::path_parameter(request, "proxy").split('/');
    let mut rest = rest.filter(|segment| !segment.is_empty());
    match (rest.next(), rest.next(), rest.next()) {
        (Some("auditrecords"), None, None) => Resource::Records,
        (Some("auditrecords"), Some(id), None) => Resource::Record(id),
        _ => Resource::Unknown,
    }
}

async fn page(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let access = Access::from_request(request, &app.config.claim_names);
    let reader = access.reader(&app.config.reader_roles)?;
    let (partner, now) = (&reader.partner_id, app.clock.now());
    let page = PageRequest::read(request, partner, now, &app.config)?;
    let mut items = Items::new(page.limit, Client::of(request));
    let next = fill(app, partner, &page, now, &mut items).await?;
    metrics::listed(items.count());
    let read = Read {
        range: Some(page.query.range),
        filter: Some(&page.filter),
        count: items.count(),
        ..Read::default()
    };
    reads::log(reader.subject_id(), request, &read);
    let next = next.map(|id| page.token_after(id, partner));
    Ok(http::ok(&Collection::new(&page, items, next)))
}

/// Fills a page; returns the activity after which the next one begins.
///
/// Some programs read the first page alone, so an empty one is only given after a while.
async fn fill(
    app: &App,
    partner: &PartnerId,
    page: &PageRequest,
    now: Moment,
    items: &mut Items,
) -> Result<Option<ActivityId>, Error> {
    let question = Question::new(partner, page.query, &page.filter, now);
    let mut after = page.resume_after;
    let until = Instant::now() + EMPTY_TIME_MAX;
    loop {
        let take = |stored| items.take(stored, &page.filter);
        let collected = app.log.collect(&question, after, page.limit, take);
        after = collected.await?.resume_after;
        if after.is_none() || items.count() > 0 || Instant::now() >= until {
            return Ok(after);
        }
    }
}

/// An absent record is answered with `null`, as Partner Center answers it.
async fn one(app: &App, request: &Request, id: &str) -> Result<Response<Body>, Error> {
    let access = Access::from_request(request, &app.config.claim_names);
    let reader = access.reader(&app.config.reader_roles)?;
    let partner = &reader.partner_id;
    for id in record::activity_ids(partner, id) {
        if let Some(stored) = app.log.one(partner, id, app.clock.now()).await? {
            reads::log(reader.subject_id(), request, &Read::one(&id.to_string()));
            let record = Client::of(request).record(stored.activity)?;
            return Ok(http::ok(&record));
        }
    }
    Ok(http::ok(&()))
}

/// Gives back the ids that a program sent to find its request again; without them, the
/// gateway's, which is in the function's log.
fn with_ids(request: &Request, response: Response<Body>) -> Response<Body> {
    let own = http::request_id(request);
    let names = ["ms-requestid", "ms-correlationid"];
    names.into_iter().fold(response, |response, name| {
        let id = sent_id(request.headers(), name).unwrap_or(&own);
        http::with(response, HeaderName::from_static(name), id)
    })
}

/// An id of 1 to 128 visible characters.
fn sent_id<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let id = headers.get(name)?.to_str().ok()?;
    let is_id = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_id.then_some(id)
}
