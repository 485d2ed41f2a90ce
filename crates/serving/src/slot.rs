//! The place where the models in use stand.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::Served;

/// Holds the champion, and the models that score beside it in its shadow. Clones share the place; reading it neither blocks nor
/// allocates.
#[derive(Debug, Clone, Default)]
pub struct ModelSlot {
    current: Arc<ArcSwapOption<Served>>,
    shadows: Arc<ArcSwap<Vec<Arc<Served>>>>,
}

impl ModelSlot {
    /// An empty place.
    pub fn new() -> Self {
        Self::default()
    }

    /// The champion. Hold on to it for a whole batch, so that one batch is scored by one model.
    pub fn current(&self) -> Option<Arc<Served>> {
        self.current.load_full()
    }

    /// The models in shadow, whose scores are compared and never count.
    pub fn shadows(&self) -> Arc<Vec<Arc<Served>>> {
        self.shadows.load_full()
    }

    /// Puts another champion in place; calls that hold the old one finish with it. Gives the old one, which the caller keeps for a
    /// while: whoever drops it last frees it, and that is not to be a batch.
    #[must_use = "dropping the old model at once leaves freeing it to a batch"]
    pub fn swap(&self, served: Arc<Served>) -> Option<Arc<Served>> {
        self.current.swap(Some(served))
    }

    /// Puts other models in shadow. Gives the old ones, which the caller keeps for a while as well.
    #[must_use = "dropping the old models at once leaves freeing them to a batch"]
    pub fn swap_shadows(&self, shadows: Vec<Arc<Served>>) -> Arc<Vec<Arc<Served>>> {
        self.shadows.swap(Arc::new(shadows))
    }
}
