//! Outcomes that come after their score has left the window: their scores are looked up in Postgres.
//!
//! Guarantees: it holds nobody up (one question at a time, beside the reading); it asks for a bounded number of scores at a
//! time and so for a bounded number a second; the outcomes that wait to be asked about are bounded, and what finds no place
//! is counted. An outcome of which nothing is stored goes on waiting in the window, for its score may still come.
//!
//! A repetition of an outcome months later is told by the stored outcome: one that says the opposite, or that became known
//! earlier, came before. An exact copy of a record is not told from the record itself.

use std::collections::{HashMap, VecDeque};

use churn_domain::ScoreId;
use churn_drift::Segmentation;
use churn_store::{Store, StoreError, StoredScore};
use tokio::task::JoinHandle;

/// Outcomes that wait to be asked about, about 40 bytes each.
const MOST_WAITING: usize = 200_000;

/// An outcome whose score is not in the window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Late {
    pub(crate) id: ScoreId,
    pub(crate) churned: bool,
    /// When it became known; `None` where that is forgotten.
    pub(crate) observed_at_ms: Option<i64>,
}

/// An outcome, and what is stored of its score.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) late: Late,
    pub(crate) score: Option<StoredScore>,
}

/// What became of outcomes that were looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LateResults {
    pub(crate) joined: u64,
    /// Their model is no longer watched.
    pub(crate) unwatched: u64,
    /// No such score is stored.
    pub(crate) unknown: u64,
    pub(crate) repeated: u64,
    pub(crate) contradictions: u64,
}

type Answer = Result<Vec<Found>, StoreError>;

/// Asks for scores.
#[derive(Debug)]
pub(crate) struct LookUp {
    store: Store,
    features: Vec<&'static str>,
    waiting: VecDeque<Late>,
    asked: Option<(Vec<Late>, JoinHandle<Answer>)>,
    batch: usize,
}

impl LookUp {
    pub(crate) fn new(store: Store, segmentation: &Segmentation, batch: usize) -> Self {
        let features = segmentation.features().collect();
        Self { store, features, waiting: VecDeque::new(), asked: None, batch: batch.max(1) }
    }

    /// Takes outcomes to ask about; returns how many found no place.
    pub(crate) fn take(&mut self, late: Vec<Late>) -> u64 {
        let room = MOST_WAITING.saturating_sub(self.waiting.len());
        let skipped = late.len().saturating_sub(room);
        self.waiting.extend(late.into_iter().take(room));
        skipped as u64
    }

    /// Outcomes that wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len() + self.asked.as_ref().map_or(0, |(late, _)| late.len())
    }

    /// The answer to the last question, if it is there, and asks the next one. Call it about once a second: each call asks
    /// for one batch at most.
    ///
    /// # Errors
    /// The question failed; it is asked again with a later call.
    pub(crate) async fn turn(&mut self) -> anyhow::Result<Vec<Found>> {
        let mut found = Ok(Vec::new());
        if self.asked.as_ref().is_some_and(|(_, task)| task.is_finished())
            && let Some((late, task)) = self.asked.take()
        {
            found = task.await.map_err(anyhow::Error::from).and_then(|answer| answer.map_err(anyhow::Error::from));
            if found.is_err() {
                late.into_iter().rev().for_each(|late| self.waiting.push_front(late));
            }
        }
        if self.asked.is_none() && !self.waiting.is_empty() {
            let late: Vec<Late> = self.waiting.drain(..self.batch.min(self.waiting.len())).collect();
            let task = tokio::spawn(ask(self.store.clone(), late.clone(), self.features.clone()));
            self.asked = Some((late, task));
        }
        found
    }
}

async fn ask(store: Store, late: Vec<Late>, features: Vec<&'static str>) -> Answer {
    let ids: Vec<ScoreId> = late.iter().map(|late| late.id).collect();
    let mut scores: HashMap<ScoreId, StoredScore> = store.scores_by_id(&ids, &features).await?.into_iter().collect();
    Ok(late.into_iter().map(|late| Found { score: scores.remove(&late.id), late }).collect())
}
