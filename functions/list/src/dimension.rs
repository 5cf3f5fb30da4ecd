//! The dimensions of a summary: the parameter `group_by`.

use serde::Serialize;
use shared::{Error, model::json};
use strum::{EnumString, VariantNames};

/// A property by which activities are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
        let invalid = |reason: &str| Error::invalid("group_by", reason);
        let given = query.extract_if(.., |(name, _)| name == "group_by");
        let read: Result<Vec<Self>, _> = given.map(|(_, text)| text.parse()).collect();
        let known = json::one_of(Self::VARIANTS);
        let dimensions = read.map_err(|_| invalid(&format!("must be {known}")))?;
        match dimensions.as_slice() {
            [] => Err(invalid("is missing")),
            [_] => Ok(dimensions),
            [one, other] if one != other => Ok(dimensions),
            _ => Err(invalid("must name one or two different dimensions")),
        }
    }
}
