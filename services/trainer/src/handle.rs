//! What the trainer has done, step by step, for whoever shows it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use churn_runtime::clock::now_ms;
use serde::Serialize;

/// Steps that are remembered: a year of monthly trainings, and still nothing.
const REMEMBERED: usize = 200;

/// Something that the trainer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A request arrived.
    Requested,
    /// A training began.
    Started,
    /// A model came of it.
    Trained,
    /// The gate has spoken.
    Judged,
    /// The model is the champion.
    Promoted,
    /// The gate said no.
    Rejected,
    /// No model came of it.
    Failed,
    /// A promotion was taken back.
    RolledBack,
}

/// A step with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// Epoch milliseconds.
    pub at_ms: i64,
    /// What happened.
    pub step: Step,
    /// In words.
    pub detail: String,
}

/// A place where the trainer's steps can be read while it runs. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct TrainerHandle(Arc<Mutex<VecDeque<Happening>>>);

impl TrainerHandle {
    /// The latest steps, in order.
    pub fn happenings(&self) -> Vec<Happening> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn add(&self, step: Step, detail: impl Into<String>) {
        let happening = Happening { at_ms: now_ms(), step, detail: detail.into() };
        tracing::info!(step = ?happening.step, detail = happening.detail, "trainer");
        let mut happenings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if happenings.len() == REMEMBERED {
            happenings.pop_front();
        }
        happenings.push_back(happening);
    }
}
