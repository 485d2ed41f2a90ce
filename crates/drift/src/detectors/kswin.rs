//! Kolmogorov-Smirnov windowing (Raab, Heusinger and Schleif 2020).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Signal, Twister};
use crate::exact::kolmogorov_smirnov;

/// Values in the window.
const WINDOW: usize = 100;
/// The newest of them, and as many drawn from the older ones, are compared.
const NEWEST: usize = 30;
/// Smallest difference of the distribution functions that is a drift.
const MIN_DIFFERENCE: f64 = 0.1;

/// Compares the newest values with as many drawn at random from those before.
///
/// The draw is that of Python's `random.Random(seed).sample`, so that a seed gives River's very drifts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kswin {
    alpha: f64,
    seed: u32,
    window: VecDeque<f64>,
    chance: Twister,
    begin_anew: bool,
}

impl Kswin {
    /// With River's defaults: alpha 0.005.
    pub fn new(seed: u32) -> Self {
        Self::with_alpha(0.005, seed)
    }

    /// `alpha` is the largest p-value that is a drift.
    pub fn with_alpha(alpha: f64, seed: u32) -> Self {
        let window = VecDeque::with_capacity(WINDOW + 1);
        Self { alpha, seed, window, chance: Twister::of_python(seed), begin_anew: false }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Signal {
        if self.begin_anew {
            *self = Self::with_alpha(self.alpha, self.seed);
        }
        self.window.push_back(value);
        if self.window.len() > WINDOW {
            self.window.pop_front();
        }
        if self.window.len() < WINDOW {
            return Signal::Calm;
        }
        let older = self.chance.sample(WINDOW - NEWEST, NEWEST);
        let mut older: Vec<f64> = older.into_iter().map(|at| self.window[at]).collect();
        let mut newest: Vec<f64> = self.window.iter().skip(WINDOW - NEWEST).copied().collect();
        older.sort_by(f64::total_cmp);
        newest.sort_by(f64::total_cmp);
        self.begin_anew = kolmogorov_smirnov(&older, &newest)
            .is_some_and(|found| found.p_value <= self.alpha && found.statistic > MIN_DIFFERENCE);
        if self.begin_anew { Signal::Drift } else { Signal::Calm }
    }
}
