//! Reads the query of a list or a summary into a range, a filter and a position.

use activity_log::{CountedBy, Dimension};
use lambda_http::Request;
use serde::Serialize;
use shared::{
    ActivityId, Config, Cursor, Error, Filter, Limit, Moment, Order, PartnerId, Place, TimeRange,
    aws::activities::RangeQuery, lambda::http, model::recorded::RecordedRange,
};

use crate::{dimension, groups};

/// A list request whose parameters are all valid.
#[derive(Debug)]
pub(crate) struct ListRequest {
    pub(crate) filter: Filter,
    pub(crate) query: RangeQuery,
    /// When what is asked for was recorded, if that matters.
    pub(crate) recorded: Option<RecordedRange>,
    pub(crate) limit: Limit,
    pub(crate) resume_after: Option<ActivityId>,
    /// The request's parameters without `cursor`, for the link to the next page.
    parameters: Vec<(String, String)>,
}

impl ListRequest {
    pub(crate) fn read(
        request: &Request,
        partner: &PartnerId,
        now: Moment,
        config: &Config,
    ) -> Result<Self, Error> {
        let mut parameters = http::query(request)?;
        let cursor = http::take(&mut parameters, "cursor")?;
        let mut conditions = parameters.clone();
        let limit = match http::take(&mut conditions, "limit")? {
            Some(text) => Limit::try_from(text.as_str())?,
            None => Limit::default(),
        };
        let filter = Filter::from_query(conditions)?;
        let position = Position::read(cursor, &filter, &list_scope(partner, &filter), now)?;
        let range = position.range;
        let eventual = range.to() < config.too_late_before(now);
        let query = RangeQuery {
            range,
            order: filter.order,
            with_details: false,
            eventual,
        };
        Ok(Self {
            filter,
            query,
            recorded: position.recorded,
            limit,
            resume_after: position.after,
            parameters,
        })
    }

    /// The cursor of the page after `id`.
    pub(crate) fn cursor_after(&self, id: ActivityId, partner: &PartnerId) -> String {
        let place = Place {
            range: self.query.range,
            after: id,
        };
        let scope = list_scope(partner, &self.filter);
        seal(place, self.recorded, &scope)
    }

    /// The value of a `Link` header to the page at `cursor`.
    pub(crate) fn next_link(&self, cursor: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.parameters)
            .append_pair("cursor", cursor)
            .finish();
        format!("</v1/activities?{query}>; rel=\"next\"")
    }
}

/// A summary request whose parameters are all valid.
#[derive(Debug)]
pub(crate) struct SummaryRequest {
    pub(crate) filter: Filter,
    pub(crate) counted_by: CountedBy,
    pub(crate) query: RangeQuery,
    /// When what is counted was recorded, if that matters.
    pub(crate) recorded: Option<RecordedRange>,
    pub(crate) resume_after: Option<ActivityId>,
}

impl SummaryRequest {
    pub(crate) fn read(
        request: &Request,
        partner: &PartnerId,
        now: Moment,
        config: &Config,
    ) -> Result<Self, Error> {
        let mut parameters = http::query(request)?;
        let cursor = http::take(&mut parameters, "cursor")?;
        if parameters.iter().any(|(name, _)| name == "order") {
            return Err(Error::invalid("order", "is not supported"));
        }
        let dimensions = dimension::take(&mut parameters)?;
        let filter = Filter::from_query(parameters)?;
        let position = Position::read(
            cursor,
            &filter,
            &summary_scope(partner, &filter, &dimensions),
            now,
        )?;
        let range = position.range;
        Ok(Self {
            query: RangeQuery {
                range,
                order: Order::Desc,
                with_details: false,
                eventual: range.to() < config.too_late_before(now),
            },
            counted_by: CountedBy {
                room: groups::part_bytes_max(&dimensions),
                size: groups::counted_bytes,
                dimensions,
                zone: filter.zone(),
            },
            filter,
            recorded: position.recorded,
            resume_after: position.after,
        })
    }

    /// The cursor with which the next request continues the count after `id`.
    pub(crate) fn cursor_after(&self, id: ActivityId, partner: &PartnerId) -> String {
        let place = Place {
            range: self.query.range,
            after: id,
        };
        let scope = summary_scope(partner, &self.filter, &self.counted_by.dimensions);
        seal(place, self.recorded, &scope)
    }
}

/// What the pages of one list have in common; a cursor is only valid for it.
///
/// `limit` is not part of it, so it may differ from page to page.
fn list_scope<'a>(partner: &'a PartnerId, filter: &'a Filter) -> impl Serialize + 'a {
    ("activities", partner, filter)
}

/// What the answers of one summary have in common; a cursor is only valid for it.
fn summary_scope<'a>(
    partner: &'a PartnerId,
    filter: &'a Filter,
    dimensions: &'a [Dimension],
) -> impl Serialize + 'a {
    ("summary", partner, filter, dimensions)
}

/// What a walk reads, and how far it is.
#[derive(Debug, Clone, Copy)]
struct Position {
    range: TimeRange,
    recorded: Option<RecordedRange>,
    after: Option<ActivityId>,
}

impl Position {
    /// The position in a cursor, or the start of what the filter asks for.
    ///
    /// A cursor has the ranges of the first page, which may have been read on another day.
    fn read(
        cursor: Option<String>,
        filter: &Filter,
        scope: &impl Serialize,
        now: Moment,
    ) -> Result<Self, Error> {
        let recorded = filter.recorded(now);
        let Some(text) = cursor else {
            return Ok(Self {
                range: filter.range(now)?,
                recorded,
                after: None,
            });
        };
        let position = match recorded {
            None => Self::of(Cursor::open(&text, scope)?.0, None),
            Some(recorded) => Self::of_recorded(Cursor::open(&text, scope)?.0, recorded),
        };
        position.ok_or_else(|| Error::invalid("cursor", "must be the next_cursor of a page"))
    }

    fn of(place: [u8; 32], recorded: Option<RecordedRange>) -> Option<Self> {
        let Place { range, after } = Place::from_bytes(place)?;
        Some(Self {
            range,
            recorded,
            after: Some(after),
        })
    }

    fn of_recorded(bytes: [u8; 40], recorded: RecordedRange) -> Option<Self> {
        let (place, to) = bytes.split_first_chunk()?;
        let to = Moment::from_millis(i64::from_be_bytes(to.try_into().ok()?))?;
        Self::of(*place, Some(recorded.ending_at(to)?))
    }
}

/// The cursor of the page that begins at a place.
fn seal(place: Place, recorded: Option<RecordedRange>, scope: &impl Serialize) -> String {
    let Some(recorded) = recorded else {
        return Cursor(place.into_bytes()).seal(scope);
    };
    let to = recorded.to().as_millis().to_be_bytes();
    let mut bytes = [0; 40];
    bytes
        .iter_mut()
        .zip(place.into_bytes().into_iter().chain(to))
        .for_each(|(to, from)| *to = from);
    Cursor(bytes).seal(scope)
}
