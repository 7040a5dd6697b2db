//! What a list of measurements says.

use std::time::Duration;

/// The value that so many per cent of a sample do not exceed (nearest rank).
pub(crate) fn percentile(sample: &[Duration], percent: usize) -> Duration {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// Two samples compared by Welch's t-test, which lets them differ in size and spread.
#[derive(Clone, Copy)]
pub(crate) struct Comparison {
    pub(crate) means: [f64; 2],
    /// Standard error of the difference.
    pub(crate) error: f64,
    /// Difference over its standard error. Beyond 2, chance alone brings it about in one of twenty
    /// comparisons of equal things; with thirty or more values a side.
    pub(crate) t: f64,
}

impl Comparison {
    /// Compares; none if a sample has fewer than two values or all are the same.
    pub(crate) fn of(first: &[f64], second: &[f64]) -> Option<Self> {
        let ((a, var_a), (b, var_b)) = (mean_and_variance(first)?, mean_and_variance(second)?);
        let error = (var_a / first.len() as f64 + var_b / second.len() as f64).sqrt();
        (error > 0.0).then(|| Self { means: [a, b], error, t: (a - b) / error })
    }

    /// Whether the samples can be told apart.
    pub(crate) fn differs(&self) -> bool {
        self.t.abs() > 2.0
    }
}

fn mean_and_variance(sample: &[f64]) -> Option<(f64, f64)> {
    let count = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / count;
    let squares: f64 = sample.iter().map(|value| (value - mean).powi(2)).sum();
    (sample.len() > 1).then(|| (mean, squares / (count - 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sample: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&sample, 50), Duration::from_millis(100));
        assert_eq!(percentile(&sample, 99), Duration::from_millis(198));
        assert_eq!(percentile(&sample[..1], 99), Duration::from_millis(200));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }

    /// By hand: means 3 and 4, variances 2.5 and 10, so t = -1 / sqrt(0.5 + 2).
    #[test]
    fn welchs_t_is_the_difference_over_its_standard_error() {
        let found = Comparison::of(&[1., 2., 3., 4., 5.], &[0., 2., 4., 6., 8.]).unwrap();
        assert_eq!(found.means, [3.0, 4.0]);
        assert!((found.t + 1.0 / 2.5_f64.sqrt()).abs() < 1e-12);
        assert!(!found.differs());
        let apart = Comparison::of(&[1., 2., 1., 2.], &[5., 6., 5., 6.]).unwrap();
        assert!(apart.differs() && apart.t < 0.0);
        assert!(Comparison::of(&[1.], &[2., 3.]).is_none());
        assert!(Comparison::of(&[1., 1.], &[1., 1.]).is_none());
    }
}
