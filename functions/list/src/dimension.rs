//! The dimensions of a summary: the parameter `group_by`.

use serde::Serialize;
use shared::Error;

/// A property by which activities are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dimension {
    Day,
    Action,
    Customer,
    Actor,
    Outcome,
}

impl Dimension {
    /// Removes `group_by` from a query and returns its one or two dimensions.
    pub(crate) fn take(query: &mut Vec<(String, String)>) -> Result<Vec<Self>, Error> {
        let invalid = |reason| Error::invalid("group_by", reason);
        let given = query.extract_if(.., |(name, _)| name == "group_by");
        let read = given.map(|(_, text)| match text.as_str() {
            "day" => Ok(Self::Day),
            "action" => Ok(Self::Action),
            "customer" => Ok(Self::Customer),
            "actor" => Ok(Self::Actor),
            "outcome" => Ok(Self::Outcome),
            _ => Err(invalid(
                "must be `day`, `action`, `customer`, `actor` or `outcome`",
            )),
        });
        let dimensions: Vec<_> = read.collect::<Result<_, _>>()?;
        match dimensions.as_slice() {
            [] => Err(invalid("is missing")),
            [_] => Ok(dimensions),
            [one, other] if one != other => Ok(dimensions),
            _ => Err(invalid("must name one or two different dimensions")),
        }
    }
}
