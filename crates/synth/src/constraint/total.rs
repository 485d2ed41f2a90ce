//! Total charges follow tenure × monthly charges, with the spread of the real ones.

use serde::{Deserialize, Serialize};

use super::{Bounds, Tick};
use crate::row::Row;

/// How far what was paid may be from tenure × monthly charges, and in which way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TotalRule {
    /// Real total / (tenure × monthly).
    ratio: Bounds<f64>,
    /// Real deviations, see [`Self::transform`].
    deviation: Bounds<f64>,
    /// Real totals, cents.
    total: Bounds<i64>,
    /// Whether the first bill always is the monthly charge.
    first_month_exact: bool,
    /// Whether no total is below one monthly charge.
    at_least_monthly: bool,
    tick: Tick,
}

impl TotalRule {
    /// Learns the spread from real rows that obey [`Self::check`].
    pub(crate) fn fit(rows: &[Row]) -> Self {
        let billed: Vec<(&Row, i64)> = rows.iter().filter_map(|row| Some((row, row.total?))).collect();
        let amounts: Vec<i64> = billed.iter().map(|(_, total)| *total).collect();
        let exact = Bounds { min: 1.0, max: 1.0 };
        Self {
            ratio: Bounds::around(billed.iter().filter_map(|(row, _)| ratio(row)).chain([1.0])).unwrap_or(exact),
            deviation: Bounds::around(billed.iter().filter_map(|(row, _)| deviation(row)).chain([0.0]))
                .unwrap_or(Bounds { min: 0.0, max: 0.0 }),
            total: Bounds::around(amounts.iter().copied()).unwrap_or(Bounds { min: 0, max: 0 }),
            first_month_exact: billed.iter().all(|(row, total)| row.tenure != 1 || *total == row.monthly),
            at_least_monthly: billed.iter().all(|(row, total)| *total >= row.monthly),
            tick: Tick::of(&amounts),
        }
    }

    /// Whether a real row has a total exactly where it has a tenure; the error names the rule.
    pub(crate) fn check(row: &Row) -> Result<(), String> {
        match (row.tenure, row.total) {
            (0, None) => Ok(()),
            (0, Some(_)) => Err("total_charges is missing exactly where tenure is 0".into()),
            (_, None) => Err("total_charges is missing exactly where tenure is 0".into()),
            (_, Some(_)) if row.monthly == 0 => Err("monthly_charges is above 0 where tenure is".into()),
            (_, Some(_)) => Ok(()),
        }
    }

    /// The row's deviation, (total / (tenure × monthly) - 1) · √tenure: prices change now and then, so the error of the
    /// product grows like a random walk's, and this scale makes it nearly the same at every tenure. None where the
    /// rule leaves no freedom.
    pub(crate) fn transform(&self, row: &Row) -> Option<f64> {
        if row.tenure == 1 && self.first_month_exact { None } else { deviation(row) }
    }

    /// A monthly charge that, where the first bill is all that was paid, is no smaller than the smallest real total.
    pub(crate) fn first_bill(&self, tenure: u16, monthly: i64) -> i64 {
        if tenure == 1 && self.first_month_exact { monthly.max(self.total.min) } else { monthly }
    }

    /// Whether the rule and the range of the real totals allow a total.
    pub(crate) fn permits(&self, total: i64, tenure: u16, monthly: i64) -> bool {
        self.total.contains(total) && self.allowed(tenure, monthly).contains(total)
    }

    /// The total of a tenure, a monthly charge in cents and a deviation, in cents; none before the first bill.
    pub(crate) fn reverse(&self, tenure: u16, monthly: i64, deviation: f64) -> Option<i64> {
        let plain = i64::from(tenure) * monthly;
        match tenure {
            0 => None,
            1 if self.first_month_exact => Some(plain),
            _ => {
                let wanted = plain as f64 * (1.0 + deviation / f64::from(tenure).sqrt());
                Some(self.within(wanted, tenure, monthly))
            }
        }
    }

    /// The total nearest to the wanted one, in cents, that the rule allows.
    fn within(&self, wanted: f64, tenure: u16, monthly: i64) -> i64 {
        let allowed = self.allowed(tenure, monthly);
        // The real totals' own range is the weakest rule: it yields where the others leave nothing of it.
        let inside = Bounds { min: allowed.min.max(self.total.min), max: allowed.max.min(self.total.max) };
        self.tick.round_within(wanted, if inside.min <= inside.max { inside } else { allowed })
    }

    /// The totals that the rule allows, in cents. Never empty: tenure × monthly always is among them.
    pub(crate) fn allowed(&self, tenure: u16, monthly: i64) -> Bounds<i64> {
        let plain = i64::from(tenure) * monthly;
        if tenure == 1 && self.first_month_exact {
            return Bounds { min: plain, max: plain };
        }
        let root = f64::from(tenure).sqrt();
        let least = self.ratio.min.max(1.0 + self.deviation.min / root) * plain as f64;
        let most = self.ratio.max.min(1.0 + self.deviation.max / root) * plain as f64;
        let least = if self.at_least_monthly { least.max(monthly as f64) } else { least };
        Bounds { min: (least.ceil() as i64).min(plain), max: (most.floor() as i64).max(plain) }
    }

    pub(crate) fn is_sound(&self) -> bool {
        let Self { ratio, deviation, total, tick, .. } = self;
        ratio.is_sound()
            && deviation.is_sound()
            && ratio.contains(1.0)
            && deviation.contains(0.0)
            && total.min <= total.max
            && tick.0 > 0
    }
}

fn ratio(row: &Row) -> Option<f64> {
    let plain = i64::from(row.tenure) * row.monthly;
    (plain > 0).then_some(row.total? as f64 / plain as f64)
}

fn deviation(row: &Row) -> Option<f64> {
    Some((ratio(row)? - 1.0) * f64::from(row.tenure).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tenure: u16, monthly: i64, total: Option<i64>) -> Row {
        Row { tenure, monthly, total, ..Row::EMPTY }
    }

    #[test]
    fn totals_stay_within_the_real_spread_whatever_the_deviation() {
        let rule = TotalRule::fit(&[
            row(1, 5_000, Some(5_000)),
            row(4, 5_000, Some(19_000)),
            row(9, 5_000, Some(48_000)),
            row(0, 5_000, None),
        ]);
        assert!(rule.is_sound());
        assert_eq!(rule.reverse(0, 7_000, 9.0), None);
        assert_eq!(rule.reverse(1, 7_000, 9.0), Some(7_000));
        for tenure in 2..=9 {
            for deviation in [-9.0, -0.05, 0.0, 0.05, 9.0] {
                let total = rule.reverse(tenure, 5_000, deviation).unwrap();
                let ratio = total as f64 / (f64::from(tenure) * 5_000.0);
                assert!((0.95..=48_000.0 / 45_000.0).contains(&ratio), "{tenure} {deviation}: {total}");
            }
        }
    }

    #[test]
    fn the_deviation_of_a_real_total_gives_it_back() {
        let real = row(36, 7_015, Some(250_000));
        let rule = TotalRule::fit(&[real, row(2, 7_015, Some(17_000))]);
        let deviation = rule.transform(&real).unwrap();
        assert_eq!(rule.reverse(36, 7_015, deviation), real.total);
    }
}
