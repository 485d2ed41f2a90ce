//! Storms of dead letters: when most of what arrives is bad, the fault is more likely ours or a producer's than the records', and
//! draining the whole topic into dead letters in seconds would only make more work. So the stream slows down and an alert can say
//! so, while what is good still passes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use churn_runtime::config::{Fault, Validate};
use churn_runtime::metrics::{Gauge, Metrics, catalogue};
use serde::{Deserialize, Serialize};

/// Records that the share is taken over: older ones fade out.
const WINDOW: f64 = 2_000.0;
/// Fewer records than this are no storm, however bad.
const LEAST: f64 = 100.0;

/// When dead letters are a storm, and how fast they go then.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StormConfig {
    /// Share of bad records, of the last two thousand or so, above which they are a storm.
    pub share: f64,
    /// Dead letters a second that are written in a storm. Lower leaves more time to stop the cause, higher delays the good
    /// records among them less.
    pub letters_per_second: f64,
}

impl Default for StormConfig {
    fn default() -> Self {
        Self { share: 0.5, letters_per_second: 250.0 }
    }
}

impl Validate for StormConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !(self.share > 0.0 && self.share <= 1.0) {
            faults.push(Fault::new("share", "must be above 0 and at most 1"));
        }
        if !(self.letters_per_second > 0.0 && self.letters_per_second.is_finite()) {
            faults.push(Fault::new("letters_per_second", "must be above 0"));
        }
        faults
    }
}

/// Watches the dead letters of one stage, or of one of its lanes.
#[derive(Debug)]
pub struct StormGuard {
    config: StormConfig,
    stage: &'static str,
    gauge: Gauge,
    /// How many guards of the stage see a storm.
    storms: Arc<Mutex<usize>>,
    seen: f64,
    bad: f64,
    raging: bool,
}

impl StormGuard {
    /// For the stage with this name.
    #[must_use]
    pub fn new(config: StormConfig, stage: &'static str, metrics: &Metrics) -> Self {
        let gauge = metrics.gauge_vec(&catalogue::DEAD_LETTER_STORM).with_label_values(&[stage]);
        Self { config, stage, gauge, storms: Arc::default(), seen: 0.0, bad: 0.0, raging: false }
    }

    /// For a stage that works in so many lanes: one for each, which judges its lane's records and allows its share of the letters.
    /// The stage shows a storm as long as one of them sees it.
    #[must_use]
    pub fn lanes(config: &StormConfig, stage: &'static str, metrics: &Metrics, count: usize) -> Vec<Self> {
        let letters_per_second = config.letters_per_second / count as f64;
        let storms = Arc::default();
        let lane = |_| {
            let config = StormConfig { letters_per_second, ..config.clone() };
            Self { storms: Arc::clone(&storms), ..Self::new(config, stage, metrics) }
        };
        (0..count).map(lane).collect()
    }

    /// Takes a committed batch into account. Says how long to wait before the next one: nothing in fair weather.
    pub fn batch(&mut self, records: usize, bad: usize) -> Duration {
        self.seen += records as f64;
        self.bad += bad as f64;
        let raging = self.seen >= LEAST && self.bad > self.config.share * self.seen;
        if self.seen > WINDOW {
            self.bad *= WINDOW / self.seen;
            self.seen = WINDOW;
        }
        if raging != self.raging {
            self.raging = raging;
            self.show();
            let share = self.bad / self.seen;
            if raging {
                let allowed = self.config.letters_per_second;
                tracing::error!(
                    stage = self.stage,
                    share,
                    allowed,
                    "a storm of dead letters: the stream is slowed down"
                );
            } else {
                tracing::info!(stage = self.stage, share, "the storm of dead letters is over");
            }
        }
        if raging { Duration::from_secs_f64(bad as f64 / self.config.letters_per_second) } else { Duration::ZERO }
    }

    fn show(&self) {
        let mut storms = self.storms.lock().unwrap_or_else(PoisonError::into_inner);
        *storms = if self.raging { *storms + 1 } else { storms.saturating_sub(1) };
        self.gauge.set(f64::from(u8::from(*storms > 0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(metrics: &Metrics) -> StormGuard {
        StormGuard::new(StormConfig { share: 0.5, letters_per_second: 100.0 }, "sink", metrics)
    }

    #[test]
    fn a_few_bad_records_are_no_storm() {
        let mut guard = guard(&Metrics::new());
        assert_eq!(guard.batch(99, 99), Duration::ZERO);
        assert_eq!(guard.batch(9_901, 901), Duration::ZERO);
    }

    #[test]
    fn a_storm_slows_down_shows_and_passes() {
        let metrics = Metrics::new();
        let mut guard = guard(&metrics);
        assert_eq!(guard.batch(1_000, 600), Duration::from_secs(6));
        assert!(metrics.render().contains("churn_dead_letter_storm{stage=\"sink\"} 1"), "{}", metrics.render());
        assert_eq!(guard.batch(1_000, 1_000), Duration::from_secs(10));
        let mut calm = 0;
        while guard.batch(500, 0) > Duration::ZERO || guard.raging {
            calm += 1;
        }
        assert!(calm < 8, "it fades within a few batches");
        assert!(metrics.render().contains("churn_dead_letter_storm{stage=\"sink\"} 0"));
    }

    #[test]
    fn lanes_share_the_letters_and_show_one_storm() {
        let metrics = Metrics::new();
        let config = StormConfig { share: 0.5, letters_per_second: 100.0 };
        let mut lanes = StormGuard::lanes(&config, "sink", &metrics, 2);
        let shown = |value| metrics.render().contains(&format!("churn_dead_letter_storm{{stage=\"sink\"}} {value}\n"));
        assert_eq!(lanes[0].batch(1_000, 600), Duration::from_secs(12));
        assert_eq!(lanes[1].batch(1_000, 0), Duration::ZERO);
        assert!(shown(1), "{}", metrics.render());
        assert_eq!(lanes[1].batch(100_000, 100_000), Duration::from_secs(2_000));
        while lanes[1].raging {
            lanes[1].batch(5_000, 0);
        }
        assert!(shown(1), "the other lane's is not over");
        lanes[0].batch(5_000, 0);
        assert!(shown(0));
    }

    #[test]
    fn small_bad_batches_add_up_to_a_storm() {
        let mut guard = guard(&Metrics::new());
        let first = (1..=200).find(|_| guard.batch(1, 1) > Duration::ZERO);
        assert_eq!(first, Some(100));
    }
}
