//! The dimensions of a summary: the parameter `group_by`.

use activity_log::Dimension;
use shared::{Error, model::json};
use strum::VariantNames;

/// Removes `group_by` from a query and returns its one or two dimensions.
pub(crate) fn take(query: &mut Vec<(String, String)>) -> Result<Vec<Dimension>, Error> {
    let invalid = |reason: &str| Error::invalid("group_by", reason);
    let given = query.extract_if(.., |(name, _)| name == "group_by");
    let read: Result<Vec<Dimension>, _> = given.map(|(_, text)| text.parse()).collect();
    let known = json::one_of(Dimension::VARIANTS);
    let dimensions = read.map_err(|_| invalid(&format!("must be {known}")))?;
    match dimensions.as_slice() {
        [] => Err(invalid("is missing")),
        [_] => Ok(dimensions),
        [one, other] if one != other => Ok(dimensions),
        _ => Err(invalid("must name one or two different dimensions")),
    }
}
