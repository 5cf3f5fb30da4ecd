//! Comparisons of our figures with others', as a table in Markdown, and checks.

use std::fmt;

use crate::{
    markdown,
    samples::{Samples, digits},
};

/// A figure of ours beside the same figure of another; the smaller one is the better.
#[derive(Debug)]
pub struct Comparison {
    pub(crate) measure: String,
    pub(crate) unit: &'static str,
    pub(crate) ours: Side,
    pub(crate) other: Side,
    /// The largest ratio, ours to the other's, that is good enough.
    pub(crate) goal: Option<f64>,
}

/// Whose figure it is, and its values.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) who: String,
    pub(crate) samples: Samples,
}

impl Side {
    pub(crate) fn new(who: &str, samples: Samples) -> Self {
        Self {
            who: who.to_owned(),
            samples,
        }
    }
}

/// What must hold, or the whole run fails.
#[derive(Debug)]
pub struct Check {
    /// What must hold, with the figures.
    pub claim: String,
    /// Whether it holds.
    pub passes: bool,
}

const HEADER: [&str; 9] = [
    "measure", "unit", "ours", "", "other", "", "ratio", "goal", "held",
];

/// The table, and how many goals were held.
pub fn table(comparisons: &[Comparison]) -> String {
    let rows: Vec<_> = comparisons.iter().map(Comparison::cells).collect();
    let measured: Vec<_> = comparisons.iter().filter_map(Comparison::is_held).collect();
    let held = measured.iter().filter(|held| **held).count();
    format!(
        "{}\n{held} of {} measured goals are held.\n",
        markdown::table(&HEADER, &rows),
        measured.len()
    )
}

impl Comparison {
    /// A figure beside the most that it may be.
    pub(crate) fn limited(
        measure: impl Into<String>,
        unit: &'static str,
        who: &str,
        samples: Samples,
        limit: f64,
    ) -> Self {
        Self {
            measure: measure.into(),
            unit,
            ours: Side::new(who, samples),
            other: Side::new("limit", Samples::one(limit)),
            goal: Some(1.0),
        }
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.ours.samples.median()? / self.other.samples.median()?)
    }

    /// None if there is no goal, or no ratio to hold it to.
    fn is_held(&self) -> Option<bool> {
        Some(self.ratio()? <= self.goal?)
    }

    fn cells(&self) -> Vec<String> {
        let held = match (self.goal, self.is_held()) {
            (None, _) => "",
            (Some(_), None) => "not measured",
            (Some(_), Some(true)) => "yes",
            (Some(_), Some(false)) => "**no**",
        };
        vec![
            self.measure.clone(),
            self.unit.to_owned(),
            self.ours.who.clone(),
            self.ours.samples.text(),
            self.other.who.clone(),
            self.other.samples.text(),
            self.ratio().map_or_else(|| "–".into(), digits),
            self.goal
                .map(|goal| format!("≤ {}", digits(goal)))
                .unwrap_or_default(),
            held.to_owned(),
        ]
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.passes { "pass" } else { "FAIL" };
        write!(f, "{outcome}: {}", self.claim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(ours: f64, goal: Option<f64>) -> Comparison {
        Comparison {
            measure: "warm call".into(),
            unit: "CPU µs",
            ours: Side::new("record", Samples::one(ours)),
            other: Side::new("boto3", Samples::one(2_000.0)),
            goal,
        }
    }

    #[test]
    fn a_goal_is_the_largest_ratio_that_is_held() {
        assert_eq!(comparison(1_000.0, Some(0.5)).is_held(), Some(true));
        assert_eq!(comparison(1_100.0, Some(0.5)).is_held(), Some(false));
        assert_eq!(comparison(1_100.0, None).is_held(), None);
        assert_eq!(
            table(&[comparison(1_100.0, Some(0.5))]),
            "| measure | unit | ours |  | other |  | ratio | goal | held |\n\
             | --- | --- | --- | ---: | --- | ---: | ---: | ---: | --- |\n\
             | warm call | CPU µs | record | 1100 | boto3 | 2000 | 0.550 | ≤ 0.500 | **no** |\n\
             \n0 of 1 measured goals are held.\n"
        );
    }

    #[test]
    fn what_was_not_measured_holds_no_goal() {
        let mut comparison = comparison(1.0, Some(0.5));
        comparison.ours.samples = Samples::default();
        assert_eq!(comparison.is_held(), None);
        assert!(comparison.cells().contains(&"not measured".to_owned()));
    }
}
