//! The closed loop as it is seen from outside: the errors grow, a new model is asked for, trained, judged, promoted, and the
//! errors are small again.

use churn_monitor::MonitorSnapshot;
use churn_serving::ModelSlot;
use churn_synthesizer::Scenarios;
use churn_trainer::{Step, TrainerHandle};
use serde::Serialize;

/// Labelled rows of a new model from which on its log-loss is believed.
const BELIEVED_ROWS: u64 = 1_000;

/// Something that happened to the loop.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LoopStep {
    /// `scenario`, `risen`, `requested`, `started`, `trained`, `judged`, `promoted`, `rejected`, `failed`, `swapped`, `recovered` or
    /// `rolled_back`.
    pub(crate) step: &'static str,
    /// Seconds since streaming began.
    pub(crate) at_seconds: f64,
    /// In words.
    pub(crate) detail: String,
}

impl std::fmt::Display for LoopStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>6.1} s  {:<10} {}", self.at_seconds, self.step, self.detail)
    }
}

/// Watches the loop.
#[derive(Debug)]
pub(crate) struct ClosedLoop {
    trainer: TrainerHandle,
    slot: ModelSlot,
    scenarios: Scenarios,
    /// When streaming began, epoch milliseconds.
    began_ms: i64,
    heard: usize,
    begun: usize,
    /// The version whose errors have grown, what they were and are.
    risen: Option<(String, f64, f64)>,
    version: Option<String>,
    recovered: bool,
    pub(crate) steps: Vec<LoopStep>,
}

impl ClosedLoop {
    pub(crate) fn new(trainer: TrainerHandle, slot: ModelSlot, scenarios: Scenarios, began_ms: i64) -> Self {
        let version = slot.current().map(|served| served.version().to_owned());
        let (steps, risen) = (Vec::new(), None);
        Self { trainer, slot, scenarios, began_ms, heard: 0, begun: 0, risen, version, recovered: false, steps }
    }

    /// Looks once; what is new is at the end of `steps`, and said as a count.
    pub(crate) fn look(&mut self, state: &MonitorSnapshot, now_ms: i64) -> usize {
        let before = self.steps.len();
        for begun in self.scenarios.begun().into_iter().skip(self.begun) {
            self.begun += 1;
            self.add("scenario", begun.at.as_millisecond(), format!("{} begins", begun.name));
        }
        self.errors(state, now_ms);
        for happening in self.trainer.happenings().into_iter().skip(self.heard) {
            self.heard += 1;
            self.add(name(happening.step), happening.at_ms, happening.detail);
        }
        let version = self.slot.current().map(|served| served.version().to_owned());
        if version != self.version {
            let to = version.as_deref().unwrap_or("no model");
            self.add("swapped", now_ms, format!("{to} scores from now on"));
            self.version = version;
        }
        self.steps.len() - before
    }

    fn errors(&mut self, state: &MonitorSnapshot, now_ms: i64) {
        let Some(model) = state.current() else { return };
        match &mut self.risen {
            None => {
                if let Some(shift) = model.performance_alarm {
                    self.risen = Some((model.version.clone(), shift.before, shift.now));
                    let detail =
                        format!("live log-loss of {}: {:.3} after {:.3}", model.version, shift.now, shift.before);
                    self.add("risen", now_ms, detail);
                }
            }
            Some((worse, _, most)) if model.version == *worse => {
                *most = model.performance_alarm.map_or(*most, |shift| shift.now.max(*most));
            }
            Some((_, before, now)) if !self.recovered => {
                let (before, now) = (*before, *now);
                let recovered = model.log_loss.filter(|loss| *loss < (before + now) / 2.0);
                if let Some(loss) = recovered.filter(|_| model.labelled_rows >= BELIEVED_ROWS) {
                    let detail = format!("live log-loss of {}: {loss:.3} after {now:.3}", model.version);
                    self.recovered = true;
                    self.add("recovered", now_ms, detail);
                }
            }
            Some(_) => {}
        }
    }

    fn add(&mut self, step: &'static str, at_ms: i64, detail: String) {
        self.steps.push(LoopStep { step, at_seconds: (at_ms - self.began_ms) as f64 / 1_000.0, detail });
    }
}

fn name(step: Step) -> &'static str {
    match step {
        Step::Requested => "requested",
        Step::Started => "started",
        Step::Trained => "trained",
        Step::Judged => "judged",
        Step::Promoted => "promoted",
        Step::Rejected => "rejected",
        Step::Failed => "failed",
        Step::RolledBack => "rolled_back",
    }
}

#[cfg(test)]
mod tests {
    use churn_monitor::ModelSnapshot;

    use super::*;

    fn state(version: &str, labelled_rows: u64, log_loss: f64, alarm: bool) -> MonitorSnapshot {
        let shift: churn_drift::Shift =
            serde_json::from_str(r#"{"before":0.4,"now":0.8,"p_value":1e-9}"#).expect("a shift");
        let model = ModelSnapshot {
            version: version.into(),
            labelled_rows,
            log_loss: Some(log_loss),
            performance_alarm: alarm.then_some(shift),
            ..ModelSnapshot::default()
        };
        MonitorSnapshot { models: vec![model], ..MonitorSnapshot::default() }
    }

    #[test]
    fn errors_that_grow_and_shrink_are_told_once_and_only_when_they_are_known() {
        let mut watched = ClosedLoop::new(TrainerHandle::default(), ModelSlot::new(), Scenarios::default(), 1_000);
        assert_eq!(watched.look(&state("v1", 9_000, 0.4, false), 2_000), 0);
        assert_eq!(watched.look(&state("v1", 12_000, 0.7, true), 3_500), 1);
        assert_eq!((watched.steps[0].step, watched.steps[0].at_seconds), ("risen", 2.5));
        assert_eq!(watched.look(&state("v1", 12_000, 0.5, true), 4_000), 0, "not by the model that is worse");
        assert_eq!(watched.look(&state("v2", 500, 0.4, false), 4_500), 0, "too few rows");
        assert_eq!(watched.look(&state("v2", 1_500, 0.65, false), 5_000), 0, "no better");
        assert_eq!(watched.look(&state("v2", 2_500, 0.45, false), 5_500), 1);
        assert_eq!(watched.look(&state("v2", 3_500, 0.45, false), 6_000), 0);
        assert_eq!(watched.steps[1].detail, "live log-loss of v2: 0.450 after 0.800");
    }
}
