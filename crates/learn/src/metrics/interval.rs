//! How far a figure might have come out otherwise: percentile intervals by the bootstrap (Efron 1979).

use serde::{Deserialize, Serialize};

use crate::math::split_mix;

/// What 95 % of the resamples lie within.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5 % of the resamples lie below.
    pub low: f64,
    /// 2.5 % of the resamples lie above.
    pub high: f64,
}

/// Draws of as many customers as there are, with replacement; the same for the same seed.
#[derive(Clone, Copy, Debug)]
pub struct Resamples {
    rows: usize,
    count: usize,
    seed: u64,
}

impl Interval {
    /// The interval of some values, by linear interpolation between order statistics (`numpy.quantile`). None when there are
    /// none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let quantile = |share: f64| {
            let at = share * last as f64;
            let below = values[at.floor() as usize];
            below + (values[at.ceil() as usize] - below) * at.fract()
        };
        Some(Self { low: quantile(0.025), high: quantile(0.975) })
    }
}

impl Resamples {
    /// `count` draws of `rows` rows.
    pub fn new(rows: usize, count: usize, seed: u64) -> Self {
        Self { rows, count, seed }
    }

    /// Each draw: the rows in it.
    pub fn iter(&self) -> impl Iterator<Item = Vec<usize>> + use<> {
        let Self { rows, count, seed } = *self;
        (0..count as u64).map(move |draw| {
            let key = split_mix(split_mix(seed) ^ draw);
            let row = |place: u64| ((u128::from(split_mix(key ^ split_mix(place))) * rows as u128) >> 64) as usize;
            (0..rows as u64).map(row).collect()
        })
    }

    /// The interval of a mean of one value a row.
    pub fn of_mean(&self, values: &[f64]) -> Option<Interval> {
        let mean = |rows: Vec<usize>| rows.iter().map(|&row| values[row]).sum::<f64>() / rows.len() as f64;
        (self.rows > 0).then(|| Interval::of(self.iter().map(mean).collect())).flatten()
    }

    /// The interval of any figure of the rows drawn; draws without the figure (of one class only) are left out.
    pub fn of(
        &self,
        figure: impl Fn(&[f64], &[bool]) -> Option<f64>,
        probability: &[f64],
        label: &[bool],
    ) -> Option<Interval> {
        let figures = self.iter().filter_map(|rows| {
            let (probability, label): (Vec<f64>, Vec<bool>) =
                rows.iter().map(|&row| (probability[row], label[row])).unzip();
            figure(&probability, &label)
        });
        Interval::of(figures.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_has_the_width_that_theory_says() {
        let values: Vec<f64> = (0..2_000).map(|row| f64::from(u8::from(row % 4 == 0))).collect();
        let found = Resamples::new(values.len(), 4_000, 7).of_mean(&values).unwrap();
        let deviation = (0.25_f64 * 0.75 / 2_000.0).sqrt();
        assert!((found.low - (0.25 - 1.96 * deviation)).abs() < 0.2 * deviation, "{found:?}");
        assert!((found.high - (0.25 + 1.96 * deviation)).abs() < 0.2 * deviation, "{found:?}");
    }

    #[test]
    fn quantiles_are_interpolated_as_numpy_does_and_nothing_has_none() {
        let found = Interval::of((0..=10).map(f64::from).collect()).unwrap();
        assert!((found.low - 0.25).abs() < 1e-12 && (found.high - 9.75).abs() < 1e-12);
        assert_eq!(Interval::of(Vec::new()), None);
        assert_eq!(Resamples::new(0, 5, 1).of_mean(&[]), None);
    }
}
