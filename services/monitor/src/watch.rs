//! What scores and outcomes mean: the join, the models, and the figures that follow.

use churn_domain::{OutcomeBatch, Probability, ScoreBatch};
use churn_drift::{DriftRule, Performance};

use crate::config::MonitorConfig;
use crate::drift::DriftSettings;
use crate::join::{Evicted, Join, OnOutcome, OnScore, Scored};
use crate::models::{Models, Settings};
use crate::performance::PerformanceSettings;
use crate::requests::Asked;
use crate::snapshot::{ModelSnapshot, MonitorSnapshot};
use crate::training::TrainingSource;

/// Everything the monitor remembers. It knows neither Kafka nor the clock.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) join: Join,
    pub(crate) models: Models,
    pub(crate) asked: Asked,
    pub(crate) requests_sent: u64,
    rule: DriftRule,
    scratch: Performance,
    forgotten: Vec<String>,
    repeats: Repeats,
    evicted: Evicted,
    contradictions: u64,
}

fn settings(config: &MonitorConfig) -> Settings {
    Settings {
        max_models: config.max_models,
        drift: DriftSettings {
            reference_rows: config.reference_rows,
            window_rows: config.drift_window_rows,
            rule: config.drift_rule(),
            alarm_windows: config.drift_alarm_windows,
        },
        performance: PerformanceSettings {
            reference_rows: config.reference_rows as u64,
            block_rows: config.performance_block_rows as u64,
            min_increase: config.performance_min_increase,
        },
        recent_rows: config.performance_window_rows,
    }
}

/// Records that came again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repeats {
    pub(crate) scores: u64,
    pub(crate) outcomes: u64,
    pub(crate) contradictions: u64,
}

/// What changed since the last time it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) evicted: Evicted,
    pub(crate) repeats: Repeats,
    pub(crate) forgotten: Vec<String>,
}

impl Watch {
    pub(crate) fn new(config: &MonitorConfig) -> Self {
        let max_age_ms = i64::try_from(config.join_max_age.as_millis()).unwrap_or(i64::MAX);
        Self {
            join: Join::new(config.join_memory.as_usize(), max_age_ms),
            models: Models::new(settings(config)),
            asked: Asked::default(),
            requests_sent: 0,
            rule: config.drift_rule(),
            scratch: Performance::new(),
            forgotten: Vec::new(),
            repeats: Repeats::default(),
            evicted: Evicted::default(),
            contradictions: 0,
        }
    }

    /// Takes scores. A score that came before is counted and otherwise passed over.
    pub(crate) fn scores(&mut self, batch: &ScoreBatch) {
        let mut run = 0;
        let mut model = None;
        for row in 0..batch.len() {
            let code = batch.model_version.codes()[row];
            if model.is_none_or(|(known, _)| known != code) {
                self.close_run(batch, model, run..row);
                run = row;
                model = Some((code, self.enter(batch.model_version.word(code).unwrap_or_default())));
            }
            let (Some((_, id)), Ok(probability)) = (model, Probability::new(batch.probability[row])) else { continue };
            let predicted = batch.label[row];
            match self.join.score(batch.score_id[row], Scored { probability, predicted, model: id }) {
                OnScore::Waits => {}
                OnScore::Joined(churned) => self.label(id, probability, predicted, churned),
                OnScore::Duplicate => {
                    self.repeats.scores += 1;
                    self.close_run(batch, model, run..row);
                    run = row + 1;
                }
            }
        }
        self.close_run(batch, model, run..batch.len());
    }

    /// Takes outcomes.
    pub(crate) fn outcomes(&mut self, batch: &OutcomeBatch) {
        for (row, &churned) in batch.churned.iter().enumerate() {
            match self.join.outcome(batch.score_id(row), churned) {
                OnOutcome::Waits => {}
                OnOutcome::Joined(score) => self.label(score.model, score.probability, score.predicted, churned),
                OnOutcome::Duplicate => self.repeats.outcomes += 1,
                OnOutcome::Contradicts => {
                    self.repeats.contradictions += 1;
                    self.contradictions += 1;
                }
            }
        }
    }

    /// Gives up what has waited too long, and says what changed since the last call.
    pub(crate) fn changes(&mut self, now_ms: i64) -> Changes {
        self.join.expire(now_ms);
        let evicted = self.join.take_evicted();
        self.evicted.scores += evicted.scores;
        self.evicted.outcomes += evicted.outcomes;
        let (repeats, forgotten) = (std::mem::take(&mut self.repeats), std::mem::take(&mut self.forgotten));
        Changes { evicted, repeats, forgotten }
    }

    /// Asks for the training references that are not known yet.
    pub(crate) fn ask_for_training(&mut self, source: &dyn TrainingSource) {
        for model in self.models.latest_first().iter_mut().filter(|model| !model.knows_training) {
            if let Some(answer) = source.training(&model.version) {
                model.compare_with_training(answer);
            }
        }
    }

    pub(crate) fn snapshot(&mut self, now_ms: i64, bad_records: u64) -> MonitorSnapshot {
        let (rule, scratch) = (&self.rule, &mut self.scratch);
        let models = self.models.latest_first();
        MonitorSnapshot {
            published_at_ms: now_ms,
            models: models.iter().map(|model| ModelSnapshot::of(model, rule, scratch)).collect(),
            waiting: self.join.waiting(),
            unlabelled_scores: self.evicted.scores,
            orphan_outcomes: self.evicted.outcomes,
            contradictions: self.contradictions,
            bad_records,
            retrain_requests: self.requests_sent,
        }
    }

    fn enter(&mut self, version: &str) -> u32 {
        let (id, forgotten) = self.models.enter(version);
        self.forgotten.extend(forgotten);
        id
    }

    /// Hands rows of one model version over at once: counting column by column is many times faster than row by row.
    fn close_run(&mut self, batch: &ScoreBatch, model: Option<(u16, u32)>, rows: std::ops::Range<usize>) {
        if let Some(model) = model.and_then(|(_, id)| self.models.get_mut(id)) {
            model.score(&batch.event.features, &batch.probability, rows);
        }
    }

    /// A model that had to make way is no longer judged.
    fn label(&mut self, model: u32, probability: Probability, predicted: bool, actual: bool) {
        if let Some(model) = self.models.get_mut(model) {
            model.label(probability, predicted, actual);
        }
    }
}

#[cfg(test)]
mod tests {
    use churn_domain::{Column, EventBatch};

    use super::*;

    /// Scores of events `sequences`, each with a probability that tells leavers fairly well.
    fn scores(sequences: std::ops::Range<i64>, version: &str) -> ScoreBatch {
        let mut batch = ScoreBatch::default();
        for sequence in sequences {
            push_event(&mut batch.event, sequence);
            let row = batch.event.len() - 1;
            let probability = probability(sequence);
            batch.score_id.push(batch.event.score_id(row));
            batch.probability.push(probability);
            batch.label.push(probability >= 0.5);
            batch.threshold.push(0.5);
            batch.model_version.push(Some(version));
            batch.model_hash.push(Some("hash"));
            batch.scored_at_ms.push(1_700_000_000_000);
            batch.lineage.push(1, 0, sequence);
            batch.reasons.end_row();
        }
        batch
    }

    fn push_event(events: &mut EventBatch, sequence: i64) {
        events.stream.push(Some("test"));
        events.sequence.push(sequence);
        events.event_time_ms.push(1_700_000_000_000 + sequence);
        events.customer_id.push(Some("somebody"));
        events.synthesizer_version.push(None);
        events.location.push_missing();
        for column in events.features.columns_mut() {
            match column {
                Column::Category(words) => words.push_code((sequence % 2) as u16),
                Column::Number(values) => values.push((sequence % 2) as f64),
            }
        }
    }

    fn probability(sequence: i64) -> f64 {
        (sequence * 7_919 % 1_000) as f64 / 1_000.0
    }

    fn churned(sequence: i64) -> bool {
        (sequence * 104_729 % 997) as f64 / 997.0 < probability(sequence)
    }

    fn outcomes(sequences: impl IntoIterator<Item = i64>) -> OutcomeBatch {
        let mut batch = OutcomeBatch::default();
        for sequence in sequences {
            batch.stream.push(Some("test"));
            batch.sequence.push(sequence);
            batch.event_time_ms.push(1_700_000_000_000 + sequence);
            batch.customer_id.push(Some("somebody"));
            batch.churned.push(churned(sequence));
            batch.observed_at_ms.push(1_700_000_002_000);
        }
        batch
    }

    fn watch() -> Watch {
        Watch::new(&MonitorConfig {
            reference_rows: 500,
            drift_window_rows: 200,
            max_models: 2,
            ..MonitorConfig::default()
        })
    }

    fn expected(sequences: std::ops::Range<i64>) -> churn_drift::Summary {
        let mut performance = Performance::new();
        for sequence in sequences {
            let p = probability(sequence);
            performance.add(Probability::new(p).expect("below 1"), p >= 0.5, churned(sequence));
        }
        performance.summary()
    }

    #[test]
    fn figures_are_those_of_the_joined_rows_in_whatever_order_halves_come() {
        let mut watch = watch();
        watch.outcomes(&outcomes((0..1_000).filter(|sequence| sequence % 2 == 0)));
        watch.scores(&scores(0..1_000, "v1"));
        watch.outcomes(&outcomes((0..900).filter(|sequence| sequence % 2 == 1)));
        watch.outcomes(&outcomes([5_000]));
        let snapshot = watch.snapshot(1, 0);
        let model = snapshot.current().expect("a model");
        assert_eq!((model.scored_rows, model.labelled_rows, model.label_coverage), (1_000, 950, Some(0.95)));
        assert_eq!(snapshot.waiting, 51);
        watch.outcomes(&outcomes((900..1_000).filter(|sequence| sequence % 2 == 1)));
        let snapshot = watch.snapshot(2, 0);
        let (found, expected) = (snapshot.models[0].total, expected(0..1_000));
        assert_eq!((found.rows, found.auc, found.f1), (1_000, expected.auc, expected.f1));
        assert!((found.log_loss.expect("rows") - expected.log_loss.expect("rows")).abs() < 1e-12);
        assert_eq!(snapshot.models[0].recent.rows, 1_000);
    }

    #[test]
    fn what_comes_again_changes_no_figure_and_is_counted() {
        let mut watch = watch();
        watch.scores(&scores(0..300, "v1"));
        watch.outcomes(&outcomes(0..300));
        let before = watch.snapshot(1, 0);
        watch.scores(&scores(100..200, "v1"));
        watch.outcomes(&outcomes(0..50));
        let mut lie = outcomes([7]);
        lie.churned[0] = !lie.churned[0];
        watch.outcomes(&lie);
        assert_eq!(watch.changes(1).repeats, Repeats { scores: 100, outcomes: 50, contradictions: 1 });
        let after = watch.snapshot(1, 0);
        assert_eq!((after.models, after.contradictions), (before.models, 1));
        assert_eq!(watch.changes(1).repeats, Repeats::default());
    }

    #[test]
    fn versions_in_one_batch_are_kept_apart_and_their_number_is_bounded() {
        let mut watch = watch();
        let mut batch = scores(0..10, "v1");
        let other = scores(10..30, "v2");
        (0..20).for_each(|row| batch.push_from(&other, row));
        watch.scores(&batch);
        watch.outcomes(&outcomes(0..30));
        let models = watch.snapshot(1, 0).models;
        let rows: Vec<_> = models.iter().map(|m| (m.version.as_str(), m.scored_rows, m.labelled_rows)).collect();
        assert_eq!(rows, [("v2", 20, 20), ("v1", 10, 10)]);
        watch.scores(&scores(30..40, "v3"));
        assert_eq!(watch.changes(1).forgotten, ["v1"]);
        assert_eq!(watch.snapshot(1, 0).models.len(), 2);
    }

    #[test]
    fn halves_given_up_are_counted() {
        let mut watch = Watch::new(&MonitorConfig {
            join_max_age: churn_runtime::config::HumanDuration::from_secs(10),
            ..MonitorConfig::default()
        });
        watch.changes(0);
        watch.scores(&scores(0..3, "v1"));
        watch.outcomes(&outcomes([100]));
        watch.changes(5_000);
        assert_eq!(watch.changes(10_000).evicted, Evicted { scores: 3, outcomes: 1 });
        let snapshot = watch.snapshot(10_000, 0);
        assert_eq!((snapshot.waiting, snapshot.unlabelled_scores, snapshot.orphan_outcomes), (0, 3, 1));
    }

    #[test]
    fn an_unread_stream_has_no_figures() {
        let mut watch = watch();
        let snapshot = watch.snapshot(1, 0);
        assert!(snapshot.current().is_none() && snapshot.drifted_features().is_empty());
    }
}
