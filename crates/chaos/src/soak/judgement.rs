//! Whether a part holds too much, or more and more.

use super::memory::Resident;

/// What a part may hold, in MB of 1,000,000 bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// When nothing happens.
    pub idle: f64,
    /// Under full load.
    pub load: f64,
    /// By how much it may have grown between the warm-up and the end. Allocators and caches breathe; a leak of 100 bytes in
    /// every thousandth event would pass this within minutes.
    pub growth: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { idle: 60.0, load: 200.0, growth: 6.0 }
    }
}

/// The memory of one part, in MB of 1,000,000 bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The most while idle.
    pub idle: f64,
    /// The most of its own pages while idle.
    pub idle_own: f64,
    /// The most under load.
    pub peak: f64,
    /// Mean of the fifth after the warm-up.
    pub warm: f64,
    /// Mean of the last fifth.
    pub end: f64,
    /// Least-squares slope of all after the warm-up, MB a minute.
    pub slope: f64,
}

/// Of the load, in tenths: the warm-up, and the fifths that are compared.
const WARM_UP: usize = 3;
const FIFTH: usize = 2;
const LOOKS_A_MINUTE: f64 = 60.0;

impl Judgement {
    pub(crate) fn of(idle: &[Resident], load: &[Resident]) -> Self {
        let most = |looks: &[Resident], of: fn(&Resident) -> f64| looks.iter().map(of).fold(0.0, f64::max);
        let all: Vec<f64> = load.iter().map(|look| look.all).collect();
        let tenth = |tenths: usize| all.len() * tenths / 10;
        Self {
            idle: most(idle, |look| look.all),
            idle_own: most(idle, |look| look.own),
            peak: most(load, |look| look.all),
            warm: mean(&all[tenth(WARM_UP)..tenth(WARM_UP + FIFTH)]),
            end: mean(&all[tenth(10 - FIFTH)..]),
            slope: slope(&all[tenth(WARM_UP)..]) * LOOKS_A_MINUTE,
        }
    }

    /// What is wrong, if anything is.
    #[must_use]
    pub fn faults(&self, limits: &Limits) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |what: &str, found: f64, limit: f64| {
            // Not a number is no pass.
            if found.is_nan() || found > limit {
                faults.push(format!("{what} {found:.1} MB, at most {limit:.0}"));
            }
        };
        check("idle", self.idle, limits.idle);
        check("peak", self.peak, limits.load);
        check("growth", self.end - self.warm, limits.growth);
        faults
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Of the least-squares line through values at 0, 1, 2..
fn slope(values: &[f64]) -> f64 {
    let (middle, level) = ((values.len() as f64 - 1.0) / 2.0, mean(values));
    let (mut along, mut square) = (0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        let distance = at as f64 - middle;
        along += distance * (value - level);
        square += distance * distance;
    }
    along / square
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(values: impl Iterator<Item = f64>) -> Vec<Resident> {
        values.map(|all| Resident { all, own: all / 2.0 }).collect()
    }

    #[test]
    fn a_part_that_warms_up_and_then_stays_is_good_and_one_that_grows_is_not() {
        let idle = looks(std::iter::repeat_n(40.0, 10));
        let steady = looks((0..600).map(|at| 60.0 + f64::from(at.min(100)) + f64::from(at % 3)));
        let judgement = Judgement::of(&idle, &steady);
        assert_eq!(judgement.faults(&Limits::default()), Vec::<String>::new());
        assert!(judgement.slope.abs() < 0.1 && judgement.idle_own == 20.0, "{judgement:?}");
        let leaking = looks((0..600).map(|at| 60.0 + f64::from(at) / 30.0));
        let judgement = Judgement::of(&idle, &leaking);
        assert!((judgement.slope - 2.0).abs() < 1e-9, "{judgement:?}");
        assert_eq!(judgement.faults(&Limits::default()).len(), 1, "{judgement:?}");
    }

    #[test]
    fn too_much_is_named_and_nothing_measured_is_no_pass() {
        let big = Judgement::of(&looks([61.0].into_iter()), &looks(std::iter::repeat_n(201.0, 100)));
        let faults = big.faults(&Limits::default());
        assert!(faults.len() == 2 && faults[0].contains("idle") && faults[1].contains("peak"), "{faults:?}");
        assert!(!Judgement::of(&[], &[]).faults(&Limits::default()).is_empty());
    }
}
