//! Figures out of measurements.

use std::time::Duration;

/// How long the same thing took, many times.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Adds all of another.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The times that so many percent of all do not exceed, in this order.
    pub fn percentiles<const N: usize>(&self, percents: [usize; N]) -> [Duration; N] {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        percents.map(|percent| {
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).copied().unwrap_or_default()
        })
    }
}

/// The one in the middle; of an even number the lower one, which was measured.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts of an experiment are far below 2^52")]
pub fn number(count: usize) -> f64 {
    count as f64
}

/// In milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// As many digits as say something: 0.27, 3.1, 640, 1,234.
pub fn short(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => grouped(value),
    }
}

/// A whole number with its thousands apart: 12,345.
pub fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let first = digits.len() % 3;
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_medians_are_values_that_were_measured() {
        let times = Times((1..=10).rev().map(Duration::from_millis).collect());
        assert_eq!(times.percentiles([50, 99]), [5, 10].map(Duration::from_millis));
        assert_eq!(Times::default().percentiles([50]), [Duration::ZERO]);
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![2.0, 1.0]) - 1.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).abs() < f64::EPSILON);
    }

    #[test]
    fn numbers_are_as_long_as_they_say_something() {
        assert_eq!([0.274, 3.46, 640.2, 1_410.0].map(short), ["0.27", "3.5", "640", "1,410"]);
        assert_eq!(
            [7.0, 999.0, 1_000.0, 12_345.0, 1_234_567.0].map(grouped),
            ["7", "999", "1,000", "12,345", "1,234,567"]
        );
    }
}
