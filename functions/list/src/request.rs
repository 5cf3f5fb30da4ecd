//! Reads the query of a list or a summary into a range, a filter and a position.

use activity_log::{CountedBy, Dimension};
use lambda_http::Request;
use serde::Serialize;
use shared::{
    ActivityId, Config, Cursor, Error, Filter, Limit, Moment, Order, PartnerId, TimeRange,
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
        let scope = list_scope(partner, &self.filter);
        Position::new(self.query.range, self.recorded, id).seal(&scope)
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
        let scope = summary_scope(partner, &self.filter, &self.counted_by.dimensions);
        Position::new(self.query.range, self.recorded, id).seal(&scope)
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
#[derive(Debug, Clone, Copy, PartialEq)]
struct Position {
    range: TimeRange,
    recorded: Option<RecordedRange>,
    after: Option<ActivityId>,
}

impl Position {
    fn new(range: TimeRange, recorded: Option<RecordedRange>, after: ActivityId) -> Self {
        Self {
            range,
            recorded,
            after: Some(after),
        }
    }

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
            None => Self::of(Cursor::<32>::open(&text, scope)?.0),
            Some(recorded) => {
                let Cursor(bytes) = Cursor::<40>::open(&text, scope)?;
                Self::of_recorded(bytes, recorded)
            }
        };
        position.ok_or_else(|| Error::invalid("cursor", "must be the next_cursor of a page"))
    }

    fn seal(self, scope: &impl Serialize) -> String {
        let millis = |moment: Moment| moment.as_millis().to_be_bytes();
        let mut bytes = [millis(self.range.from()), millis(self.range.to())].concat();
        bytes.extend(self.after.map(ActivityId::into_bytes).unwrap_or_default());
        match self.recorded {
            None => Cursor::<32>(sized(&bytes)).seal(scope),
            Some(recorded) => {
                bytes.extend(millis(recorded.to()));
                Cursor::<40>(sized(&bytes)).seal(scope)
            }
        }
    }

    fn of(bytes: [u8; 32]) -> Option<Self> {
        let (from, rest) = bytes.split_first_chunk::<8>()?;
        let (to, last) = rest.split_first_chunk::<8>()?;
        let range = TimeRange::new(moment(*from)?, moment(*to)?)?;
        let id = ActivityId::from_bytes(last.try_into().ok()?)?;
        // DynamoDB refuses a start that lies outside of the range.
        let is_within = range.contains(id.occurred_at());
        is_within.then(|| Self::new(range, None, id))
    }

    fn of_recorded(bytes: [u8; 40], recorded: RecordedRange) -> Option<Self> {
        let (position, to) = bytes.split_first_chunk::<32>()?;
        let to = moment(to.try_into().ok()?)?;
        Some(Self {
            recorded: Some(recorded.ending_at(to)?),
            ..Self::of(*position)?
        })
    }
}

fn moment(bytes: [u8; 8]) -> Option<Moment> {
    Moment::from_millis(i64::from_be_bytes(bytes))
}

/// These bytes, which are as many.
fn sized<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut sized = [0; N];
    sized
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    sized
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
                if let Some(Position { range, after, .. }) = Position::of(bytes) {
                    prop_assert!(after.is_some_and(|id| range.contains(id.occurred_at())));
                }
            }
            let is_within = from <= at && at < to;
            prop_assert_eq!(Position::of(near).is_some(), is_within);
        }
    }
}
