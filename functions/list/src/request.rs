//! Reads the query of a list or a summary into a range, a filter and a position.

use activity_log::{CountedBy, Dimension};
use lambda_http::Request;
use serde::Serialize;
use shared::{
    ActivityId, Config, Cursor, Error, Filter, Limit, Moment, Order, PartnerId, TimeRange,
    aws::activities::RangeQuery, lambda::http,
};

use crate::{dimension, groups};

/// A list request whose parameters are all valid.
#[derive(Debug)]
pub(crate) struct ListRequest {
    pub(crate) filter: Filter,
    pub(crate) query: RangeQuery,
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
        // A cursor has the range of the first page, which may have been read on another day.
        let (range, resume_after) = match cursor {
            Some(text) => open_cursor(&text, &list_scope(partner, &filter))?,
            None => (filter.range(now)?, None),
        };
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
            limit,
            resume_after,
            parameters,
        })
    }

    /// The cursor of the page after `id`.
    pub(crate) fn cursor_after(&self, id: ActivityId, partner: &PartnerId) -> String {
        seal_cursor(self.query.range, id, &list_scope(partner, &self.filter))
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
        let (range, resume_after) = match cursor {
            Some(text) => open_cursor(&text, &summary_scope(partner, &filter, &dimensions))?,
            None => (filter.range(now)?, None),
        };
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
            resume_after,
        })
    }

    /// The cursor with which the next request continues the count after `id`.
    pub(crate) fn cursor_after(&self, id: ActivityId, partner: &PartnerId) -> String {
        let scope = summary_scope(partner, &self.filter, &self.counted_by.dimensions);
        seal_cursor(self.query.range, id, &scope)
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

fn seal_cursor(range: TimeRange, id: ActivityId, scope: &impl Serialize) -> String {
    let mut position = [0; 32];
    let (from, rest) = position.split_at_mut(8);
    let (to, last) = rest.split_at_mut(8);
    from.copy_from_slice(&range.from().as_millis().to_be_bytes());
    to.copy_from_slice(&range.to().as_millis().to_be_bytes());
    last.copy_from_slice(&id.into_bytes());
    Cursor(position).seal(scope)
}

fn open_cursor(
    text: &str,
    scope: &impl Serialize,
) -> Result<(TimeRange, Option<ActivityId>), Error> {
    let Cursor(position) = Cursor::<32>::open(text, scope)?;
    position_of(position)
        .map(|(range, id)| (range, Some(id)))
        .ok_or_else(|| Error::invalid("cursor", "must be the next_cursor of a page"))
}

fn position_of(bytes: [u8; 32]) -> Option<(TimeRange, ActivityId)> {
    let (from, rest) = bytes.split_first_chunk::<8>()?;
    let (to, last) = rest.split_first_chunk::<8>()?;
    let moment = |bytes: &[u8; 8]| Moment::from_millis(i64::from_be_bytes(*bytes));
    let range = TimeRange::new(moment(from)?, moment(to)?)?;
    let id = ActivityId::from_bytes(last.try_into().ok()?)?;
    // DynamoDB refuses a start that lies outside of the range.
    range.contains(id.occurred_at()).then_some((range, id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_lies_within_its_range_or_is_none(
            bytes: [u8; 32],
            from in 0..i64::from(u32::MAX),
            to in 0..i64::from(u32::MAX),
            at in 0..i64::from(u32::MAX),
        ) {
            let moment = |millis| Moment::from_millis(millis).unwrap();
            let mut near = [0; 32];
            near[..8].copy_from_slice(&from.to_be_bytes());
            near[8..16].copy_from_slice(&to.to_be_bytes());
            near[16..].copy_from_slice(&ActivityId::random(moment(at)).into_bytes());
            for bytes in [bytes, near] {
                if let Some((range, id)) = position_of(bytes) {
                    prop_assert!(range.contains(id.occurred_at()));
                }
            }
            let is_within = from <= at && at < to;
            prop_assert_eq!(position_of(near).is_some(), is_within);
        }
    }
}
