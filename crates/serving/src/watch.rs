//! Looks out for a new champion.

use std::sync::Arc;
use std::time::Duration;

use churn_registry::{Champion, Kind, Registry};
use churn_runtime::CancellationToken;
use churn_runtime::clock::now_ms;
use churn_runtime::exit::reasons;
use churn_runtime::health::Component;
use churn_runtime::metrics::{GaugeVec, IntCounter, Metrics, catalogue};
use tokio::sync::Notify;

use crate::shadow::Shadows;
use crate::{ModelSlot, Served, ServingError, Shadowing};

/// Loads champions of a registry into a slot.
#[derive(Debug)]
pub struct ChampionWatch {
    registry: Registry,
    slot: ModelSlot,
    health: Component,
    loaded: Option<Champion>,
    refused: Option<Champion>,
    /// What was wrong with the pointer that was refused last.
    refused_pointer: Option<String>,
    retired: Option<Arc<Served>>,
    shadows: Shadows,
    info: GaugeVec,
    swaps: IntCounter,
    refusals: IntCounter,
}

impl ChampionWatch {
    /// Watches the champion of `registry` for `slot`; `health` is up while a model is in place.
    pub fn new(registry: Registry, slot: ModelSlot, health: Component, metrics: &Metrics) -> Self {
        let shadows = Shadows::new(registry.clone(), slot.clone(), Shadowing::default(), metrics);
        Self {
            registry,
            slot,
            health,
            loaded: None,
            refused: None,
            refused_pointer: None,
            retired: None,
            shadows,
            info: metrics.gauge_vec(&catalogue::SCORER_MODEL_INFO),
            swaps: metrics.counter(&catalogue::SCORER_MODEL_SWAPS),
            refusals: metrics.counter(&catalogue::SCORER_MODEL_REFUSALS),
        }
    }

    /// The same, and loads models into the champion's shadow.
    #[must_use]
    pub fn with_shadows(mut self, who: Shadowing, metrics: &Metrics) -> Self {
        self.shadows = Shadows::new(self.registry.clone(), self.slot.clone(), who, metrics);
        self
    }

    /// Looks once, and loads a champion that is not in place yet, and whoever is to be in its shadow. Says whether the champion
    /// was swapped.
    ///
    /// # Errors
    /// The registry cannot be read, or the new champion is refused; the model in place stays.
    pub async fn look(&mut self) -> Result<bool, ServingError> {
        let champion = match self.registry.champion(Kind::Model).await.map_err(ServingError::from) {
            Ok(champion) => champion,
            Err(error) => return self.refuse_pointer(error),
        };
        self.refused_pointer = None;
        let Some(champion) = champion else {
            if self.loaded.is_none() {
                self.health.down("the registry has no champion yet; `churn setup` trains one");
            }
            return Ok(false);
        };
        let swapped = self.follow(champion).await;
        // The shadows are those of the champion in place, also while another one is refused.
        if let Some(loaded) = &self.loaded
            && self.shadows.follow(loaded, self.retired.as_ref(), now_ms()).await
        {
            self.tell();
        }
        swapped
    }

    /// Looks again and again until asked to stop: every so often, and at once when there are news.
    pub async fn run(mut self, every: Duration, news: Arc<Notify>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = news.notified() => {}
                () = tokio::time::sleep(every) => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.look().await {
                tracing::warn!(error = reasons(&error), "the model in place stays");
            }
        }
    }

    async fn follow(&mut self, champion: Champion) -> Result<bool, ServingError> {
        if self.loaded.as_ref().is_some_and(|loaded| same_model(loaded, &champion)) {
            // The same bytes, perhaps with another past: a rollback and back again.
            self.loaded = Some(champion);
            return Ok(false);
        }
        // What was refused is tried again when it is promoted again: somebody may have mended it.
        if self.refused.as_ref() == Some(&champion) {
            return Ok(false);
        }
        match self.load(&champion).await {
            Ok(served) => self.swap(served, champion),
            Err(error) => {
                self.refuse(&error, champion);
                return Err(error);
            }
        }
        Ok(true)
    }

    async fn load(&self, champion: &Champion) -> Result<Arc<Served>, ServingError> {
        Served::load(&self.registry, champion).await.map(Arc::new)
    }

    fn swap(&mut self, served: Arc<Served>, champion: Champion) {
        tracing::info!(model_version = served.version(), model_hash = served.hash(), "champion loaded");
        if self.loaded.is_some() {
            self.swaps.inc();
        }
        // The model before the last is freed here, off the hot path: every batch that held it has long ended.
        self.retired = self.slot.swap(served);
        self.loaded = Some(champion);
        self.tell();
        self.health.up();
    }

    fn tell(&self) {
        self.info.reset();
        if let Some(served) = self.slot.current() {
            self.info.with_label_values(&[served.version(), "champion"]).set(1.0);
        }
        for served in self.slot.shadows().iter() {
            self.info.with_label_values(&[served.version(), "shadow"]).set(1.0);
        }
    }

    /// A pointer that is damaged, or not signed as it has to be, is refused once as an artifact is.
    fn refuse_pointer(&mut self, error: ServingError) -> Result<bool, ServingError> {
        if error.is_permanent() {
            let why = reasons(&error);
            if self.refused_pointer.as_ref() == Some(&why) {
                return Ok(false);
            }
            self.refusals.inc();
            if self.loaded.is_none() {
                self.health.down(&why);
            }
            self.refused_pointer = Some(why);
        }
        Err(error)
    }

    /// What is wrong with an artifact stays wrong: it is refused once, not at every look. A registry that cannot be reached is
    /// asked again.
    fn refuse(&mut self, error: &ServingError, champion: Champion) {
        self.refusals.inc();
        if error.is_permanent() {
            self.refused = Some(champion);
        }
        if self.loaded.is_none() {
            self.health.down(reasons(error));
        }
    }
}

/// Whether both point to the same bytes: a rollback and back again is no new model.
fn same_model(one: &Champion, other: &Champion) -> bool {
    one.manifest_sha256 == other.manifest_sha256
}
