//! One model version's errors against its first ones.
//!
//! The reference is the version's first labelled live rows, as the live reference of the features is: a synthetic stream
//! is never quite what the model was trained on, so training figures would alarm for ever. Rows after them are looked at
//! in blocks. A block is an alarm when its mean log-loss has grown by an effect that matters and more than chance
//! allows; two facts, because a large block makes any difference significant and a small one makes chance look large.
//!
//! Detectors watch every labelled row beside that. They are shown and raise no alarm: at thousands of rows a second
//! even a rare false alarm of theirs comes every day.

use churn_domain::Probability;
use churn_drift::defaults::MAX_P_VALUE;
use churn_drift::detectors::{Adwin, Ddm, PageHinkley, Signal};
use churn_drift::performance::log_loss;
use churn_drift::{Moments, Shift};
use serde::{Deserialize, Serialize};

/// When errors are an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PerformanceSettings {
    /// First labelled rows, which are the reference.
    pub(crate) reference_rows: u64,
    /// Rows of one block.
    pub(crate) block_rows: u64,
    /// Smallest growth of the mean log-loss that matters, as a share of the reference's.
    pub(crate) min_increase: f64,
}

/// The labelled rows of one model version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PerformanceWatch {
    settings: PerformanceSettings,
    reference: Moments,
    block: Moments,
    latest: Option<Shift>,
    detectors: Detectors,
}

/// How often each detector has spoken up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectorCounts {
    /// Drifts that ADWIN found in the log-loss.
    pub adwin_drifts: u64,
    /// Drifts that Page-Hinkley found in the log-loss.
    pub page_hinkley_drifts: u64,
    /// Drifts that DDM found in the wrong labels.
    pub ddm_drifts: u64,
    /// Warnings that DDM gave.
    pub ddm_warnings: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Detectors {
    adwin: Adwin,
    page_hinkley: PageHinkley,
    ddm: Ddm,
    warned: bool,
    counts: DetectorCounts,
}

impl PerformanceWatch {
    pub(crate) fn new(settings: PerformanceSettings) -> Self {
        Self {
            settings,
            reference: Moments::default(),
            block: Moments::default(),
            latest: None,
            detectors: Detectors::default(),
        }
    }

    /// Takes the truth about a scored row.
    pub(crate) fn add(&mut self, probability: Probability, predicted: bool, actual: bool) {
        let loss = log_loss(probability, actual);
        self.detectors.add(loss, predicted != actual);
        if self.reference.rows() < self.settings.reference_rows {
            self.reference.add(loss);
            return;
        }
        self.block.add(loss);
        if self.block.rows() >= self.settings.block_rows {
            self.latest = self.block.shift_from(&self.reference);
            self.block = Moments::default();
        }
    }

    pub(crate) fn settings(&self) -> &PerformanceSettings {
        &self.settings
    }

    /// The last full block against the reference.
    pub(crate) fn latest(&self) -> Option<Shift> {
        self.latest
    }

    /// The last full block, when it is an alarm.
    pub(crate) fn alarm(&self) -> Option<Shift> {
        self.latest
            .filter(|shift| shift.relative() >= self.settings.min_increase && shift.p_value.is_significant(MAX_P_VALUE))
    }

    pub(crate) fn detectors(&self) -> DetectorCounts {
        self.detectors.counts
    }
}

impl Detectors {
    fn add(&mut self, loss: f64, wrong: bool) {
        self.counts.adwin_drifts += u64::from(self.adwin.update(loss) == Signal::Drift);
        self.counts.page_hinkley_drifts += u64::from(self.page_hinkley.update(loss) == Signal::Drift);
        let signal = self.ddm.update(f64::from(u8::from(wrong)));
        self.counts.ddm_drifts += u64::from(signal == Signal::Drift);
        // A warning lasts for many rows and is counted once.
        self.counts.ddm_warnings += u64::from(signal == Signal::Warning && !self.warned);
        self.warned = signal == Signal::Warning;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: PerformanceSettings =
        PerformanceSettings { reference_rows: 20_000, block_rows: 5_000, min_increase: 0.1 };

    /// Rows spread evenly over the probabilities; `concept` moves the chance of leaving away from the probability.
    fn feed(watch: &mut PerformanceWatch, rows: std::ops::Range<u64>, concept: f64) {
        for row in rows {
            let p = (row * 7_919 % 10_007) as f64 / 10_007.0;
            let u = (row * 104_729 % 99_991) as f64 / 99_991.0;
            let chance = p + concept * (0.5 - p);
            watch.add(Probability::new(p).unwrap(), p >= 0.5, u < chance);
        }
    }

    #[test]
    fn a_change_of_concept_is_an_alarm_within_a_block_and_calm_rows_are_none() {
        let mut watch = PerformanceWatch::new(SETTINGS);
        feed(&mut watch, 0..20_000, 0.0);
        assert_eq!(watch.latest(), None);
        for block in 4..60 {
            feed(&mut watch, block * 5_000..(block + 1) * 5_000, 0.0);
            assert!(watch.latest().is_some() && watch.alarm().is_none(), "block {block}: {:?}", watch.latest());
        }
        feed(&mut watch, 300_000..305_000, 0.5);
        let alarm = watch.alarm().expect("the errors have grown");
        assert!(alarm.relative() > 0.2, "{alarm:?}");
        assert!(watch.detectors().adwin_drifts > 0, "{:?}", watch.detectors());
        feed(&mut watch, 305_000..310_000, 0.0);
        assert_eq!(watch.alarm(), None);
    }

    #[test]
    fn what_was_stored_goes_on_where_it_was() {
        let mut whole = PerformanceWatch::new(SETTINGS);
        feed(&mut whole, 0..22_000, 0.0);
        let mut restored: PerformanceWatch = serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
        for watch in [&mut whole, &mut restored] {
            feed(watch, 22_000..31_000, 0.3);
        }
        assert_eq!((restored.latest(), restored.detectors()), (whole.latest(), whole.detectors()));
    }
}
