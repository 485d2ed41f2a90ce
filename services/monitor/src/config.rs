//! The `monitor` section of the configuration.

use churn_drift::{DriftRule, Length, QualityRule, Segmentation, Windowing, defaults};
use churn_runtime::config::{ByteSize, Fault, HumanDuration, Validate};
use serde::{Deserialize, Serialize};

/// Longest window by time.
const MAX_WINDOW_MS: u64 = 7 * 24 * 3_600_000;
/// Most parts of a window.
const MAX_PANES: usize = 12;

/// How the model is watched.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MonitorConfig {
    /// Consumer group of the monitor.
    pub group: String,
    /// Memory for scores and outcomes that wait for each other, about 37 bytes each. Too little, and late outcomes are
    /// counted as orphans.
    pub join_memory: ByteSize,
    /// How long a score waits for its outcome, and an outcome for its score, as far as `join_memory` allows.
    pub join_max_age: HumanDuration,
    /// How much older than the newest score an outcome's event must be, for its score to be looked up in Postgres when it
    /// is not in memory. Less asks for scores that are still on their way.
    pub look_up_after: HumanDuration,
    /// Scores looked up at a time, once each `publish_every` at most.
    pub look_up_batch: usize,
    /// Live rows of a new model version that become its live reference, which drift alarms compare with. Fewer are
    /// noisy, more take longer to collect.
    pub reference_rows: usize,
    /// Rows of one window that is compared with the references. Smaller notices sooner, larger notices less.
    pub drift_window_rows: usize,
    /// Length of a window by the time of its events instead of its rows, such as 10s; 0s: by rows. A window of fewer than
    /// 1,000 rows is not compared.
    pub drift_window_time: HumanDuration,
    /// How much older than the newest event an event may be and still be counted in its window by time. A window is
    /// compared so long after its end; what comes later is left out and counted.
    pub drift_window_lateness: HumanDuration,
    /// Parts of a window, 12 at most. 1: windows follow each other; more: each begins one part after the one before, and
    /// costs a model about 0.3 MB a part.
    pub drift_window_panes: usize,
    /// Labelled rows that the recent performance figures cover.
    pub performance_window_rows: usize,
    /// Smallest population stability index, in nats, of a drifted feature, score or share of predicted leavers.
    pub drift_min_psi: f64,
    /// Largest share of false alarms among the features called drifted (Benjamini-Hochberg).
    pub drift_false_discovery_rate: f64,
    /// Smallest growth of the share of a feature's values that are missing, or that its live reference did not know, for
    /// the quality of the data to count as worse.
    pub quality_min_increase: f64,
    /// Features whose values divide the customers into segments, each watched for itself: categories and flags, with 256
    /// values together at most.
    pub segments: Vec<String>,
    /// Smallest growth of the mean log-loss that calls for a new model, as a share of that of the version's first
    /// `reference_rows` labelled rows.
    pub performance_min_increase: f64,
    /// Labelled rows that are held against those first ones at a time. Fewer notice sooner, more notice less.
    pub performance_block_rows: usize,
    /// Windows in a row with a drifted feature that call for a new model, or with worse data that are an alarm.
    pub drift_alarm_windows: usize,
    /// Whether the trainer is asked for a new model when the one that scores has become worse or its customers have
    /// changed.
    pub retrain_requests: bool,
    /// Shortest time between two requests for the same model version.
    pub retrain_min_interval: HumanDuration,
    /// How often what is remembered goes to Postgres, with the positions it belongs to. A restart reads again what came
    /// since.
    pub save_every: HumanDuration,
    /// How often the figures of the labelled rows since the last time go to `churn.model_metric`.
    pub record_every: HumanDuration,
    /// Model versions watched at a time, about 6 MB each; the one not seen for longest goes first.
    pub max_models: usize,
    /// How often figures are published.
    pub publish_every: HumanDuration,
    /// How often positions are committed.
    pub commit_every: HumanDuration,
}

impl Default for MonitorConfig {
    fn default() -> Self {
        let rule = DriftRule::default();
        Self {
            group: "churn-monitor".into(),
            join_memory: ByteSize::mib(64),
            join_max_age: HumanDuration::from_secs(3_600),
            look_up_after: HumanDuration::from_secs(60),
            look_up_batch: 1_000,
            reference_rows: defaults::REFERENCE_ROWS,
            drift_window_rows: defaults::WINDOW_ROWS,
            drift_window_time: HumanDuration::from_secs(0),
            drift_window_lateness: HumanDuration::from_secs(2),
            drift_window_panes: 1,
            performance_window_rows: 20_000,
            drift_min_psi: rule.min_psi,
            drift_false_discovery_rate: rule.false_discovery_rate,
            quality_min_increase: QualityRule::default().min_increase,
            segments: ["contract", "internet_service", "senior_citizen"].map(str::to_owned).to_vec(),
            performance_min_increase: defaults::MIN_INCREASE,
            performance_block_rows: defaults::BLOCK_ROWS,
            drift_alarm_windows: defaults::ALARM_WINDOWS,
            retrain_requests: true,
            retrain_min_interval: HumanDuration::from_secs(600),
            save_every: HumanDuration::from_secs(10),
            record_every: HumanDuration::from_secs(30),
            max_models: 4,
            publish_every: HumanDuration::from_secs(1),
            commit_every: HumanDuration::from_secs(5),
        }
    }
}

impl MonitorConfig {
    pub(crate) fn drift_rule(&self) -> DriftRule {
        DriftRule { min_psi: self.drift_min_psi, false_discovery_rate: self.drift_false_discovery_rate }
    }

    pub(crate) fn quality_rule(&self) -> QualityRule {
        QualityRule { min_increase: self.quality_min_increase, ..QualityRule::default() }
    }
}

impl MonitorConfig {
    /// None by default.
    pub(crate) fn windowing(&self) -> Option<Windowing> {
        let millis = |span: HumanDuration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let (rows, panes) = (self.drift_window_rows as u64, self.drift_window_panes);
        let length = match millis(self.drift_window_time) {
            0 => Length::Rows(rows),
            length_ms => Length::Time { length_ms, lateness_ms: millis(self.drift_window_lateness) },
        };
        (panes > 1 || !matches!(length, Length::Rows(_))).then_some(Windowing { length, panes })
    }

    fn window_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let (time, lateness) = (self.drift_window_time.as_millis(), self.drift_window_lateness.as_millis());
        if time > 0 && !(1_000..=MAX_WINDOW_MS).contains(&time) {
            faults.push(Fault::new("drift_window_time", "must be 0s (by rows), or from 1s to 7d"));
        }
        if time > 0 && lateness > time {
            faults.push(Fault::new("drift_window_lateness", "must not be longer than drift_window_time"));
        }
        if !(1..=MAX_PANES).contains(&self.drift_window_panes) {
            faults.push(Fault::new("drift_window_panes", "must be from 1 to 12"));
        }
        faults
    }
}

impl Validate for MonitorConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = self.window_faults();
        if self.group.is_empty() {
            faults.push(Fault::new("group", "must not be empty"));
        }
        for (key, rows) in [
            ("reference_rows", self.reference_rows),
            ("drift_window_rows", self.drift_window_rows),
            ("performance_window_rows", self.performance_window_rows),
            ("performance_block_rows", self.performance_block_rows),
        ] {
            if !(100..=1_000_000).contains(&rows) {
                faults.push(Fault::new(key, "must be from 100 to 1000000"));
            }
        }
        if !(self.drift_min_psi.is_finite() && self.drift_min_psi >= 0.0) {
            faults.push(Fault::new("drift_min_psi", "must be a number from 0"));
        }
        if !(self.performance_min_increase.is_finite() && self.performance_min_increase > 0.0) {
            faults.push(Fault::new("performance_min_increase", "must be a number above 0"));
        }
        if !(self.quality_min_increase > 0.0 && self.quality_min_increase <= 1.0) {
            faults.push(Fault::new("quality_min_increase", "must be a share above 0, up to 1"));
        }
        if let Err(error) = Segmentation::new(&self.segments) {
            faults.push(Fault::new("segments", error.to_string()));
        }
        if !(1..=1_000).contains(&self.drift_alarm_windows) {
            faults.push(Fault::new("drift_alarm_windows", "must be from 1 to 1000"));
        }
        if !(self.drift_false_discovery_rate > 0.0 && self.drift_false_discovery_rate < 1.0) {
            faults.push(Fault::new("drift_false_discovery_rate", "must lie between 0 and 1"));
        }
        if !(1..=10_000).contains(&self.look_up_batch) {
            faults.push(Fault::new("look_up_batch", "must be from 1 to 10000"));
        }
        if !(1..=64).contains(&self.max_models) {
            faults.push(Fault::new("max_models", "must be from 1 to 64"));
        }
        for (key, span) in [
            ("publish_every", self.publish_every),
            ("commit_every", self.commit_every),
            ("join_max_age", self.join_max_age),
            ("look_up_after", self.look_up_after),
            ("retrain_min_interval", self.retrain_min_interval),
            ("save_every", self.save_every),
            ("record_every", self.record_every),
        ] {
            if span.as_millis() == 0 {
                faults.push(Fault::new(key, "must be longer than 0"));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_each_other_by_rows_unless_told_otherwise() {
        let default = MonitorConfig::default();
        assert!(default.validate().is_empty());
        assert_eq!(default.windowing(), None);
        let sliding = MonitorConfig { drift_window_panes: 5, ..default.clone() };
        assert_eq!(sliding.windowing(), Some(Windowing { length: Length::Rows(10_000), panes: 5 }));
        let time = MonitorConfig { drift_window_time: HumanDuration::from_secs(10), ..default };
        let length = Length::Time { length_ms: 10_000, lateness_ms: 2_000 };
        assert_eq!(time.windowing(), Some(Windowing { length, panes: 1 }));
    }

    #[test]
    fn windows_that_cannot_be_kept_are_faults() {
        let seconds = HumanDuration::from_secs;
        for (time, lateness, panes, fault) in [
            (HumanDuration::from_millis(999), seconds(0), 1, "drift_window_time"),
            (seconds(8 * 24 * 3_600), seconds(0), 1, "drift_window_time"),
            (seconds(10), seconds(11), 1, "drift_window_lateness"),
            (seconds(10), seconds(2), 0, "drift_window_panes"),
            (seconds(0), seconds(2), 13, "drift_window_panes"),
        ] {
            let config = MonitorConfig {
                drift_window_time: time,
                drift_window_lateness: lateness,
                drift_window_panes: panes,
                ..MonitorConfig::default()
            };
            let faults = format!("{:?}", config.validate());
            assert!(faults.contains(fault), "{faults}");
        }
    }
}
