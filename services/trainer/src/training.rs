//! The work itself, on a thread of its own that steps back behind everything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use churn_domain::Table;
use churn_learn::compare::{Comparison, Gate, Verdict};
use churn_learn::{Budget, Metrics, ScoringModel, Scratch, SearchParams, TrainError, Trained};
use churn_runtime::clock::Stopwatch;
use tokio::sync::oneshot;

use crate::config::TrainerConfig;
use crate::data::Rows;

/// Passes over the held-out customers of which the fastest is the latency: what else runs on the machine makes a pass slower, nothing
/// makes it faster than the model is.
const PASSES: usize = 7;

/// Tells a training that its result is no longer wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Abort(Arc<AtomicBool>);

impl Abort {
    pub(crate) fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

pub(crate) fn params(config: &TrainerConfig) -> SearchParams {
    SearchParams {
        seed: config.seed,
        threads: config.threads,
        budget: Budget { seconds: Some(config.budget.get().as_secs_f64()), trials: None },
        ..SearchParams::default()
    }
}

/// Searches for a model. An aborted search ends soon, with a model that nobody should use.
pub(crate) fn search(rows: &Rows, params: &SearchParams, abort: &Abort) -> Result<Trained, TrainError> {
    let watch = Stopwatch::start();
    // The search looks at its clock between fits.
    let clock = || if abort.is_set() { f64::MAX } else { watch.seconds() };
    churn_learn::search(rows.examples(), params, &clock, &mut |_| {})
}

/// Holds a challenger against the champion on customers that neither has seen.
pub(crate) fn judge(gate: &Gate, challenger: &ScoringModel, champion: &ScoringModel, rows: &Rows) -> Verdict {
    let (of_challenger, microseconds) = timed(challenger, &rows.features);
    gate.judge(&Comparison {
        customers: &rows.features,
        label: &rows.label,
        challenger: &of_challenger,
        champion: &champion.predict_all(&rows.features),
        microseconds,
    })
}

/// All figures of a model on these customers.
pub(crate) fn figures(model: &ScoringModel, rows: &Rows) -> Metrics {
    Metrics::at_threshold(&model.predict_all(&rows.features), &rows.label, model.threshold())
}

fn timed(model: &ScoringModel, customers: &Table) -> (Vec<f64>, f64) {
    let (mut scratch, mut probability, mut fastest) = (Scratch::default(), Vec::new(), f64::INFINITY);
    for _ in 0..PASSES {
        probability.clear();
        let watch = Stopwatch::start();
        model.predict(customers, 0..customers.len(), &mut scratch, &mut probability);
        fastest = fastest.min(watch.seconds());
    }
    (probability, fastest * 1e6 / customers.len().max(1) as f64)
}

/// Runs work on a thread that is `nice` to all others.
///
/// # Errors
/// No thread can be had, or the work panicked.
pub(crate) async fn aside<T: Send + 'static>(nice: u8, work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    let (done, result) = oneshot::channel();
    let body = move || {
        step_back(nice);
        // Nobody waits any more when the trainer has been stopped.
        let _ = done.send(work());
    };
    std::thread::Builder::new().name("training".into()).spawn(body).context("start a thread for the training")?;
    result.await.context("the training's thread ended before its time")
}

/// On Linux a niceness is a thread's own, and its children's.
fn step_back(nice: u8) {
    #[cfg(target_os = "linux")]
    if nice > 0
        && let Err(error) = rustix::process::nice(i32::from(nice))
    {
        tracing::warn!(%error, "the training runs as eagerly as everything else");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_aside_is_nice_and_its_end_is_told_even_where_it_panics() {
        #[cfg(target_os = "linux")]
        {
            let nice = || rustix::process::getpriority_process(None).unwrap();
            let before = nice();
            let aside_nice = aside(7, nice).await.unwrap();
            assert_eq!((aside_nice - before, nice()), (7, before));
        }
        let panicked = aside(0, || assert_eq!(1, 2, "as meant by the test")).await;
        assert!(panicked.unwrap_err().to_string().contains("ended before its time"));
    }
}
