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

    /// Puts another model in place; calls that hold the old one finish with it. Gives the old one, which the caller keeps for a
    /// while: whoever drops it last frees it, and that is not to be a batch.
    #[must_use = "dropping the old model at once leaves freeing it to a batch"]
    pub fn swap(&self, served: Served) -> Option<Arc<Served>> {
        self.current.swap(Some(Arc::new(served)))
    }
}
