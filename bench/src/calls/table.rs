//! The comparisons as a table in Markdown.

use std::fmt::Write;

use super::figure::Figure;
use crate::{
    markdown,
    samples::{Samples, digits},
};

/// One comparison.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) measure: String,
    pub(super) figure: Figure,
    pub(super) who: String,
    pub(super) ours: Samples,
    pub(super) against: String,
    pub(super) theirs: Samples,
    /// The largest ratio that is good enough.
    pub(super) goal: Option<f64>,
}

const HEADER: [&str; 9] = [
    "measure", "unit", "who", "", "against", "", "ratio", "goal", "holds",
];

/// The table; a line whose run was left out says so.
pub(super) fn of(lines: &[Line]) -> String {
    let rows: Vec<_> = lines.iter().map(Line::cells).collect();
    let mut table = markdown::table(&HEADER, &rows);
    let goals = lines.iter().filter_map(Line::holds);
    let (held, all) = goals.fold((0, 0), |(held, all), holds| {
        (held + u32::from(holds), all + 1)
    });
    let _ = writeln!(table, "\n{held} of {all} measured goals hold.");
    table
}

impl Line {
    fn ratio(&self) -> Option<f64> {
        Some(self.ours.median()? / self.theirs.median()?)
    }

    /// None if there is no goal, or no ratio to hold it to.
    fn holds(&self) -> Option<bool> {
        Some(self.ratio()? <= self.goal?)
    }

    fn cells(&self) -> Vec<String> {
        let (unit, times) = self.figure.unit();
        let ratio = self.ratio().map(digits);
        let goal = self.goal.map(|goal| format!("≤ {}", digits(goal)));
        let holds = match (self.goal, self.holds()) {
            (None, _) => "",
            (Some(_), None) => "not measured",
            (Some(_), Some(true)) => "yes",
            (Some(_), Some(false)) => "**no**",
        };
        vec![
            self.measure.clone(),
            unit.to_owned(),
            self.who.clone(),
            self.ours.scaled(times).text(),
            self.against.clone(),
            self.theirs.scaled(times).text(),
            ratio.unwrap_or_else(|| "–".into()),
            goal.unwrap_or_default(),
            holds.to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ours: f64, goal: Option<f64>) -> Line {
        Line {
            measure: "record".into(),
            figure: Figure::CallCpu,
            who: "record".into(),
            ours: Samples::one(ours),
            against: "boto3".into(),
            theirs: Samples::one(0.002),
            goal,
        }
    }

    #[test]
    fn a_goal_is_the_largest_ratio_that_holds() {
        assert_eq!(line(0.001, Some(0.5)).holds(), Some(true));
        assert_eq!(line(0.0011, Some(0.5)).holds(), Some(false));
        assert_eq!(line(0.0011, None).holds(), None);
        let cells = line(0.0011, Some(0.5)).cells();
        assert_eq!(
            cells[3..],
            ["1100", "boto3", "2000", "0.550", "≤ 0.500", "**no**"]
        );
    }

    #[test]
    fn what_was_not_measured_holds_no_goal() {
        let mut line = line(1.0, Some(0.5));
        line.ours = Samples::default();
        assert_eq!(line.holds(), None);
        assert!(line.cells().contains(&"not measured".to_owned()));
    }
}
