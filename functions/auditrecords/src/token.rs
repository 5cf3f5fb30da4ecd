//! The position of a page: what it reads, and after which activity it begins.

use shared::{ActivityId, Cursor, Error, Filter, Moment, PartnerId, TimeRange};

/// The parameter or header that says where a page begins.
pub(crate) const TOKEN: &str = "MS-ContinuationToken";

/// A token has the range of the first page, which may have been read on another day.
pub(crate) fn seal(
    (range, after): (TimeRange, ActivityId),
    partner: &PartnerId,
    filter: &Filter,
) -> String {
    let mut bytes = [0; 32];
    let ends = [range.from(), range.to()].map(|moment| moment.as_millis().to_be_bytes());
    let parts = ends.into_iter().flatten().chain(after.into_bytes());
    bytes
        .iter_mut()
        .zip(parts)
        .for_each(|(to, from)| *to = from);
    Cursor(bytes).seal(&("auditrecords", partner, filter))
}

/// The range and the activity of a token for the same partner and filter.
pub(crate) fn open(
    token: &str,
    partner: &PartnerId,
    filter: &Filter,
) -> Result<(TimeRange, ActivityId), Error> {
    let opened = Cursor::open(token, &("auditrecords", partner, filter));
    let position = opened.ok().and_then(|Cursor(bytes)| read(bytes));
    let reason = "must be that of a page of the same query, unchanged";
    position.ok_or_else(|| Error::invalid(TOKEN, reason))
}

fn read(bytes: [u8; 32]) -> Option<(TimeRange, ActivityId)> {
    let (from, rest) = bytes.split_first_chunk::<8>()?;
    let (to, after) = rest.split_first_chunk::<8>()?;
    let [from, to] = [from, to].map(|bytes| Moment::from_millis(i64::from_be_bytes(*bytes)));
    let range = TimeRange::new(from?, to?)?;
    let after = ActivityId::from_bytes(after.try_into().ok()?)?;
    // DynamoDB refuses a start that lies outside of the range.
    range
        .contains(after.occurred_at())
        .then_some((range, after))
}
