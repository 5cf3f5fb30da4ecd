//! Numbers: the values of one figure over all rounds, and how they are shown.

/// Values in order; a table shows their median and range.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// One value, such as a file's size.
    pub(crate) fn one(value: f64) -> Self {
        Self(vec![value])
    }

    pub(crate) fn add(&mut self, value: f64) {
        let place = self.0.partition_point(|other| *other < value);
        self.0.insert(place, value);
    }

    /// The lower one of two in the middle.
    pub(crate) fn median(&self) -> Option<f64> {
        self.0.get(self.0.len().saturating_sub(1) / 2).copied()
    }

    /// The largest.
    pub(crate) fn highest(&self) -> Option<f64> {
        self.0.last().copied()
    }

    /// The samples with every value multiplied.
    pub(crate) fn scaled(&self, times: f64) -> Self {
        Self(self.0.iter().map(|value| value * times).collect())
    }

    /// Median and range, to three digits.
    pub(crate) fn text(&self) -> String {
        let ends = self.0.first().zip(self.0.last());
        match (self.median(), ends) {
            (Some(median), Some((first, last))) if first < last => {
                let [median, first, last] = [median, *first, *last].map(digits);
                format!("{median} ({first}–{last})")
            }
            (Some(median), _) => digits(median),
            (None, _) => "–".into(),
        }
    }
}

/// A count as a floating-point number.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn float(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

/// A number to three digits.
pub(crate) fn digits(value: f64) -> String {
    match value {
        value if value < 0.995 => format!("{value:.3}"),
        value if value < 9.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_of_the_range() {
        let mut samples = Samples::default();
        assert_eq!(samples.text(), "–");
        for value in [3.0, 1.0, 200.0] {
            samples.add(value);
        }
        assert_eq!(samples.text(), "3.00 (1.00–200)");
        assert_eq!(samples.scaled(10.0).median(), Some(30.0));
    }
}
