//! The place of a page, as Partner Center's clients keep it.

use shared::{Cursor, Error, Filter, PartnerId, Place};

/// The parameter or header that says where a page begins.
pub(crate) const TOKEN: &str = "MS-ContinuationToken";

pub(crate) fn seal(place: Place, partner: &PartnerId, filter: &Filter) -> String {
    Cursor(place.into_bytes()).seal(&("auditrecords", partner, filter))
}

/// The place of a token for the same partner and filter.
pub(crate) fn open(token: &str, partner: &PartnerId, filter: &Filter) -> Result<Place, Error> {
    let opened = Cursor::open(token, &("auditrecords", partner, filter));
    let place = opened
        .ok()
        .and_then(|Cursor(bytes)| Place::from_bytes(bytes));
    let reason = "must be that of a page of the same query, unchanged";
    place.ok_or_else(|| Error::invalid(TOKEN, reason))
}
