//! An entry as a record.

use crate::{
    entry::Entry,
    from_record::said,
    kept::{REST, change},
    plain::plain,
    record::Record,
};

/// The record of an entry with this id, of a partner's log; `leads_back` tells whether an id
/// of Partner Center names this entry.
///
/// Whatever the entry keeps of a record that it was made of is given back unchanged. What an
/// erasure took is absent. Anybody who records can write details, so what they keep counts
/// only if it says nothing else than the entry; otherwise the record has what the entry says.
pub fn record(
    of: &Entry,
    (id, partner_id): (&str, &str),
    leads_back: impl Fn(&str) -> bool,
) -> Record {
    let own = plain(of, id, partner_id);
    let Some(kept) = of.details.get(REST) else {
        return own;
    };
    let mut whole = own.clone();
    change(
        &mut whole,
        serde_json::from_str(kept.get()).unwrap_or_default(),
    );
    if !is_date_of(&whole, &of.occurred_at) {
        whole.take(&own, "operationDate");
    }
    let again = said(&whole, &of.occurred_at);
    if !again.is_ok_and(|again| again.says_the_same(of)) {
        return own;
    }
    if !whole.text("id").is_some_and(|id| leads_back(&id)) {
        whole.take(&own, "id");
    }
    if whole.text("partnerId").is_none() {
        whole.take(&own, "partnerId");
    }
    whole
}

/// Whether a record's date is this moment, with up to seven decimals.
fn is_date_of(record: &Record, moment: &str) -> bool {
    let date = record.text("operationDate").unwrap_or_default();
    let date = date.strip_suffix('Z').unwrap_or(&date);
    let (seconds, decimals) = date.split_once('.').unwrap_or((date, ""));
    let is_decimal = decimals.len() <= 7 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal && format!("{seconds}.{decimals:0<3.3}Z") == moment
}
