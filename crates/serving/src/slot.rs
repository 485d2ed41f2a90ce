//! The place where the model in use stands.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::Served;

/// Holds the model in use. Clones share the place; reading it neither blocks nor allocates.
#[derive(Debug, Clone, Default)]
pub struct ModelSlot {
    current: Arc<ArcSwapOption<Served>>,
}

impl ModelSlot {
    /// An empty place.
    pub fn new() -> Self {
        Self::default()
    }

    /// The model in use. Hold on to it for a whole batch, so that one batch is scored by one model.
    pub fn current(&self) -> Option<Arc<Served>> {
        self.current.load_full()
    }

    /// Puts another model in place; calls that hold the old one finish with it.
    pub fn swap(&self, served: Served) {
        self.current.store(Some(Arc::new(served)));
    }
}
