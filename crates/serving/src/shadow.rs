//! Models that score beside the champion, so that they can be compared on the same events.
//!
//! Who is in shadow follows from the configuration and from the champion's pointer alone, so all replicas agree, also after a
//! restart: the versions that are asked for, and, for a while after a promotion, the champion before this one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use churn_registry::{Champion, Registry, Version};
use churn_runtime::exit::reasons;
use churn_runtime::metrics::{IntCounter, Metrics, catalogue};

use crate::{ModelSlot, Served, ServingError};

/// Who is to be in shadow.
#[derive(Debug, Clone, Default)]
pub struct Shadowing {
    /// Always these, except while one of them is the champion.
    pub versions: Vec<Version>,
    /// For so long after a promotion the predecessor too. After a rollback nobody: who was found worse need not be compared again.
    pub predecessor: Duration,
}

/// Keeps the shadows of a slot.
#[derive(Debug)]
pub(crate) struct Shadows {
    registry: Registry,
    slot: ModelSlot,
    who: Shadowing,
    refused: BTreeSet<Version>,
    retired: Arc<Vec<Arc<Served>>>,
    refusals: IntCounter,
}

impl Shadows {
    pub(crate) fn new(registry: Registry, slot: ModelSlot, who: Shadowing, metrics: &Metrics) -> Self {
        let refusals = metrics.counter(&catalogue::SCORER_SHADOW_REFUSALS);
        Self { registry, slot, who, refused: BTreeSet::new(), retired: Arc::default(), refusals }
    }

    /// Brings the slot in line with the pointer to the champion in place; `former` may be one of those wanted, loaded already. A
    /// model that cannot be loaded is reported and does without: it is nobody's score that counts. Says whether anything changed.
    pub(crate) async fn follow(&mut self, champion: &Champion, former: Option<&Arc<Served>>, now_ms: i64) -> bool {
        let before = self.slot.shadows();
        let mut shadows = Vec::new();
        for version in self.wanted(champion, now_ms) {
            let name = version.to_string();
            let loaded = before.iter().chain(former).find(|served| served.version() == name);
            match loaded {
                Some(served) => shadows.push(Arc::clone(served)),
                None => shadows.extend(self.load(version).await),
            }
        }
        if shadows.len() == before.len() && shadows.iter().zip(before.iter()).all(|(a, b)| Arc::ptr_eq(a, b)) {
            return false;
        }
        let versions: Vec<&str> = shadows.iter().map(|served| served.version()).collect();
        tracing::info!(?versions, "models in shadow");
        drop(before);
        // Those before the last are freed here, off the hot path.
        self.retired = self.slot.swap_shadows(shadows);
        true
    }

    fn wanted(&self, champion: &Champion, now_ms: i64) -> Vec<Version> {
        let mut wanted = self.who.versions.clone();
        let age_ms = now_ms.saturating_sub(champion.promoted_at.as_millisecond());
        let lately = u128::try_from(age_ms.max(0)).is_ok_and(|age| age < self.who.predecessor.as_millis());
        wanted.extend(champion.history.first().filter(|former| lately && !former.rolled_back).map(|f| f.reign.version));
        let mut seen = BTreeSet::from([champion.version]);
        wanted.retain(|version| seen.insert(*version));
        wanted
    }

    async fn load(&mut self, version: Version) -> Option<Arc<Served>> {
        if self.refused.contains(&version) {
            return None;
        }
        match Served::of_version(&self.registry, version).await {
            Ok(served) => Some(Arc::new(served)),
            Err(error) => {
                self.refuse(version, &error);
                None
            }
        }
    }

    /// As with a champion: what is wrong with an artifact is said once, a registry out of reach is asked again.
    fn refuse(&mut self, version: Version, error: &ServingError) {
        self.refusals.inc();
        tracing::warn!(%version, error = reasons(error), "a model is not in shadow");
        if error.is_permanent() {
            self.refused.insert(version);
        }
    }
}
