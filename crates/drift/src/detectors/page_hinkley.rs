//! The test of Page (1954) and Hinkley, up and down.

use serde::{Deserialize, Serialize};

use super::{Mean, Signal};

/// Values before a change can be called.
const MIN_VALUES: f64 = 30.0;

/// Sums up how far values lie from their mean; a sum that has moved far from its extreme is a change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageHinkley {
    delta: f64,
    threshold: f64,
    alpha: f64,
    state: State,
    begin_anew: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct State {
    mean: Mean,
    increase: f64,
    decrease: f64,
    /// `None` before the first value.
    lowest_increase: Option<f64>,
    highest_decrease: f64,
}

impl Default for State {
    fn default() -> Self {
        // The highest decrease begins at -1 in River, not at minus infinity.
        Self { mean: Mean::default(), increase: 0.0, decrease: 0.0, lowest_increase: None, highest_decrease: -1.0 }
    }
}

impl Default for PageHinkley {
    fn default() -> Self {
        Self::new(0.005, 50.0, 1.0 - 0.0001)
    }
}

impl PageHinkley {
    /// `delta` is the deviation that does not count, `threshold` how far the sum must move, `alpha` how slowly it
    /// forgets.
    pub fn new(delta: f64, threshold: f64, alpha: f64) -> Self {
        Self { delta, threshold, alpha, state: State::default(), begin_anew: false }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Signal {
        if self.begin_anew {
            *self = Self::new(self.delta, self.threshold, self.alpha);
        }
        let state = &mut self.state;
        state.mean.update(value);
        let deviation = value - state.mean.mean;
        state.increase = self.alpha * state.increase + deviation - self.delta;
        state.decrease = self.alpha * state.decrease + deviation + self.delta;
        let lowest = state.lowest_increase.map_or(state.increase, |lowest| lowest.min(state.increase));
        state.lowest_increase = Some(lowest);
        state.highest_decrease = state.highest_decrease.max(state.decrease);
        let moved =
            state.increase - lowest > self.threshold || state.highest_decrease - state.decrease > self.threshold;
        self.begin_anew = state.mean.rows >= MIN_VALUES && moved;
        if self.begin_anew { Signal::Drift } else { Signal::Calm }
    }
}
