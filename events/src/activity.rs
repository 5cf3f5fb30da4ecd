//! An entry as the API answers it, without the links of the page.

use serde::Serialize;
use shared::{Activity, aws::activities::Stored};

#[derive(Debug, Serialize)]
pub(crate) struct Data<'a> {
    #[serde(flatten)]
    activity: &'a Activity,
    has_details: bool,
}

impl<'a> Data<'a> {
    pub(crate) fn new(stored: &'a Stored) -> Self {
        Self {
            activity: &stored.activity,
            has_details: stored.has_details,
        }
    }
}
