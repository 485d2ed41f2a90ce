//! What scores and outcomes mean: the join, the models, and the figures that follow.

use std::sync::Arc;

use churn_domain::{OutcomeBatch, Probability, ScoreBatch};
use churn_drift::{Performance, Segmentation};
use churn_runtime::config::HumanDuration;

use crate::config::MonitorConfig;
use crate::distribution::shares;
use crate::drift::{DriftSettings, Rows};
use crate::join::{Evicted, Join, OnOutcome, OnScore, Scored};
use crate::late::{Found, Late, LateResults};
use crate::models::{Models, Settings};
use crate::pairs::Pairs;
use crate::performance::PerformanceSettings;
use crate::requests::Asked;
use crate::snapshot::{ModelSnapshot, MonitorSnapshot, PairSnapshot};
use crate::training::TrainingSource;

/// Everything the monitor remembers. It knows neither Kafka nor the clock.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) join: Join,
    pub(crate) models: Models,
    pub(crate) asked: Asked,
    pub(crate) pairs: Pairs,
    pub(crate) requests_sent: u64,
    segmentation: Arc<Segmentation>,
    /// The segments' cells of the batch's rows.
    cells: Vec<u16>,
    scratch: Performance,
    forgotten: Vec<String>,
    repeats: Repeats,
    evicted: Evicted,
    contradictions: u64,
    /// Outcomes whose score should be looked up where scores are stored.
    late: Vec<Late>,
    late_after_ms: i64,
    newest_score_ms: i64,
}

fn settings(config: &MonitorConfig, segmentation: &Arc<Segmentation>) -> Settings {
    Settings {
        max_models: config.max_models,
        drift: DriftSettings {
            reference_rows: config.reference_rows,
            window_rows: config.drift_window_rows,
            rule: config.drift_rule(),
            quality: config.quality_rule(),
            alarm_windows: config.drift_alarm_windows,
            segmentation: Arc::clone(segmentation),
            windowing: config.windowing(),
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
        let millis = |span: HumanDuration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        // The configuration was validated: what cannot be watched was refused there.
        let segmentation = Arc::new(Segmentation::new(&config.segments).unwrap_or_default());
        Self {
            join: Join::new(config.join_memory.as_usize(), millis(config.join_max_age)),
            models: Models::new(settings(config, &segmentation)),
            asked: Asked::default(),
            pairs: Pairs::default(),
            requests_sent: 0,
            segmentation,
            cells: Vec::new(),
            scratch: Performance::new(),
            forgotten: Vec::new(),
            repeats: Repeats::default(),
            evicted: Evicted::default(),
            contradictions: 0,
            late: Vec::new(),
            late_after_ms: millis(config.look_up_after),
            newest_score_ms: i64::MIN,
        }
    }

    /// Takes scores. A score that came before is counted and otherwise passed over.
    pub(crate) fn scores(&mut self, batch: &ScoreBatch) {
        self.pairs.champions(batch);
        let newest = batch.event.event_time_ms.iter().copied().max();
        self.newest_score_ms = self.newest_score_ms.max(newest.unwrap_or(i64::MIN));
        self.segmentation.cells_into(&batch.event.features, 0..batch.len(), &mut self.cells);
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
            let scored = Scored { probability, predicted: batch.label[row], model: id, cell: self.cells[row] };
            match self.join.score(batch.score_id[row], scored) {
                OnScore::Waits | OnScore::Labelled => {}
                OnScore::Joined(churned) => self.label(&scored, churned, batch.event.event_time_ms[row]),
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
        self.pairs.outcomes(batch);
        for (row, &churned) in batch.churned.iter().enumerate() {
            let id = batch.score_id(row);
            match self.join.outcome(id, churned) {
                OnOutcome::Waits if self.is_late(batch.event_time_ms[row]) => {
                    self.late.push(Late { id, churned, observed_at_ms: Some(batch.observed_at_ms[row]) });
                }
                OnOutcome::Waits => {}
                OnOutcome::Joined(scored) => self.label(&scored, churned, batch.event_time_ms[row]),
                OnOutcome::Duplicate => self.repeats.outcomes += 1,
                OnOutcome::Contradicts => {
                    self.repeats.contradictions += 1;
                    self.contradictions += 1;
                }
            }
        }
    }

    pub(crate) fn segmentation(&self) -> &Segmentation {
        &self.segmentation
    }

    /// Scores of much later events have come: the event's own has left the window, or was never here.
    fn is_late(&self, event_time_ms: i64) -> bool {
        event_time_ms.saturating_add(self.late_after_ms) < self.newest_score_ms
    }

    /// Outcomes to look up since the last call: those that came late, and those that left the window without their
    /// score.
    pub(crate) fn take_late(&mut self) -> Vec<Late> {
        let dropped = self.join.take_dropped().into_iter();
        let mut late = std::mem::take(&mut self.late);
        late.extend(dropped.map(|(id, churned)| Late { id, churned, observed_at_ms: None }));
        late
    }

    /// After a restart: outcomes that wait for a score of long ago are looked up again.
    pub(crate) fn look_up_what_waits(&mut self, now_ms: i64) {
        let before = now_ms.saturating_sub(self.late_after_ms);
        let old = self.join.waiting_outcomes().filter(|(id, _)| id.time_ms() < before);
        self.late.extend(old.map(|(id, churned)| Late { id, churned, observed_at_ms: None }));
    }

    /// Joins outcomes with the stored scores that were found for them.
    pub(crate) fn found(&mut self, found: &[Found]) -> LateResults {
        let mut results = LateResults::default();
        for Found { late, score } in found {
            let Some(score) = score else {
                results.unknown += 1;
                continue;
            };
            if score.outcome.is_some_and(|(churned, _)| churned != late.churned) {
                results.contradictions += 1;
                self.contradictions += 1;
            } else if score.outcome.zip(late.observed_at_ms).is_some_and(|((_, stored), ours)| stored < ours) {
                results.repeated += 1;
            } else if self.join.looked_up(late.id, late.churned) {
                let cell = self.segmentation.cell_of(&score.features);
                let Ok(probability) = Probability::new(score.probability) else { continue };
                let scored = Scored { probability, predicted: score.predicted, model: 0, cell };
                match self.models.find(&score.model_version) {
                    Some(model) => {
                        model.label(&scored, late.churned, late.id.time_ms());
                        results.joined += 1;
                    }
                    None => results.unwatched += 1,
                }
            }
        }
        results
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
        let scratch = &mut self.scratch;
        let models = self.models.latest_first();
        MonitorSnapshot {
            published_at_ms: now_ms,
            models: models.iter().map(|model| ModelSnapshot::of(model, scratch)).collect(),
            distribution: models.first().map(shares).unwrap_or_default(),
            pairs: self.pairs.iter().map(PairSnapshot::of).collect(),
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
            model.score(Rows {
                features: &batch.event.features,
                probability: &batch.probability,
                predicted: &batch.label,
                time_ms: &batch.event.event_time_ms,
                cells: &self.cells,
                range: rows,
            });
        }
    }

    /// A model that had to make way is no longer judged.
    fn label(&mut self, scored: &Scored, actual: bool, event_time_ms: i64) {
        if let Some(model) = self.models.get_mut(scored.model) {
            model.label(scored, actual, event_time_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use churn_domain::{Column, EventBatch};
    use churn_store::StoredScore;

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
        let mut watch =
            Watch::new(&MonitorConfig { join_max_age: HumanDuration::from_secs(10), ..MonitorConfig::default() });
        watch.changes(0);
        watch.scores(&scores(0..3, "v1"));
        watch.outcomes(&outcomes([100]));
        watch.changes(5_000);
        assert_eq!(watch.changes(10_000).evicted, Evicted { scores: 3, outcomes: 1 });
        let snapshot = watch.snapshot(10_000, 0);
        assert_eq!((snapshot.waiting, snapshot.unlabelled_scores, snapshot.orphan_outcomes), (0, 3, 1));
    }

    fn stored(sequence: i64, version: &str) -> StoredScore {
        StoredScore {
            probability: probability(sequence),
            predicted: probability(sequence) >= 0.5,
            model_version: version.into(),
            features: vec![Some("Two year".into()), None, Some("true".into())],
            outcome: None,
        }
    }

    #[test]
    fn an_outcome_of_long_ago_is_looked_up_and_judged_with_the_stored_score() {
        let mut watch = watch();
        watch.scores(&scores(1_000_000..1_000_010, "v1"));
        watch.outcomes(&outcomes([7, 8, 9, 10, 1_000_003, 1_000_020]));
        let late = watch.take_late();
        let sequences: Vec<_> = late.iter().map(|late| late.id.time_ms() - 1_700_000_000_000).collect();
        assert_eq!(sequences, [7, 8, 9, 10], "the score of a recent one is still to come");
        let with = |at: usize, score: Option<StoredScore>| Found { late: late[at].clone(), score };
        let twice = StoredScore { outcome: Some((churned(9), 1)), ..stored(9, "v1") };
        let lie = StoredScore { outcome: Some((!churned(10), 1)), ..stored(10, "v1") };
        let found = [
            with(0, Some(stored(7, "v1"))),
            with(0, Some(stored(7, "v1"))),
            with(1, Some(stored(8, "long gone"))),
            with(1, None),
            with(2, Some(twice)),
            with(3, Some(lie)),
        ];
        let expected = LateResults { joined: 1, unwatched: 1, unknown: 1, repeated: 1, contradictions: 1 };
        assert_eq!(watch.found(&found), expected);
        let snapshot = watch.snapshot(1, 0);
        assert_eq!((snapshot.models[0].labelled_rows, snapshot.models[0].scored_rows), (2, 10));
        let two_years = snapshot.models[0].segments.iter().find(|s| s.value == "Two year").expect("a segment");
        assert_eq!(two_years.labelled_rows, 1);
        assert!(watch.take_late().is_empty());
    }

    #[test]
    fn champion_and_shadow_are_compared_on_the_same_events_in_whatever_order_they_come() {
        let mut watch = watch();
        let shadows = |sequences: std::ops::Range<i64>| {
            let mut batch = scores(sequences, "v2");
            batch.probability.iter_mut().for_each(|p| *p = 0.5 + (*p - 0.5) / 2.0);
            batch
        };
        watch.scores(&scores(0..100, "v1"));
        assert!(watch.snapshot(1, 0).pairs.is_empty(), "nothing is kept while there is no shadow");
        watch.pairs.shadows(&shadows(100..400));
        watch.outcomes(&outcomes(150..250));
        watch.scores(&scores(100..500, "v1"));
        watch.outcomes(&outcomes(100..300));
        watch.pairs.shadows(&shadows(400..450));
        watch.outcomes(&outcomes(300..500));
        watch.pairs.shadows(&shadows(100..120));
        let pair = &watch.snapshot(1, 0).pairs[0];
        assert_eq!((pair.champion.as_str(), pair.shadow.as_str(), pair.rows), ("v1", "v2", 350));
        let (found, expected) = (pair.figures.champion, expected(100..450));
        assert_eq!((found.rows, found.accuracy, found.f1), (350, expected.accuracy, expected.f1));
        assert_eq!(pair.figures.challenger.rows, 350);
        assert_eq!(watch.snapshot(1, 0).models.len(), 1, "a shadow is no model that scores");
        // Another champion is another comparison, and is not judged by what the one before said.
        watch.scores(&scores(500..600, "v1"));
        watch.pairs.shadows(&shadows(500..620));
        watch.scores(&scores(600..620, "v3"));
        assert_eq!(watch.snapshot(1, 0).pairs[0].rows, 0);
        watch.outcomes(&outcomes(400..620));
        let pair = &watch.snapshot(1, 0).pairs[0];
        assert_eq!((pair.champion.as_str(), pair.rows), ("v3", 20));
    }

    #[test]
    fn an_unread_stream_has_no_figures() {
        let mut watch = watch();
        let snapshot = watch.snapshot(1, 0);
        assert!(snapshot.current().is_none() && snapshot.drifted_features().is_empty());
    }
}
