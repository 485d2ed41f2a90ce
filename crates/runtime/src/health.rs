//! Whether this process can do its work: one flag per thing it depends on, each with the reason when it is down.
//!
//! A component starts as down ("starting"), so a process is ready only after every dependency has said so itself.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// Reason of a component that was asked to stop.
const STOPPING: &str = "stopping";

/// The state of all components. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    components: Arc<RwLock<BTreeMap<String, ComponentState>>>,
}

/// The state of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComponentState {
    /// Whether it can do its work.
    pub up: bool,
    /// Why not; none when up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Health {
    /// Without components, which is ready: add them before the server starts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The handle of a component, which begins as down ("starting"). Asking again for the same name leaves its state alone.
    pub fn component(&self, name: &str) -> Component {
        let mut components = self.components.write().unwrap_or_else(PoisonError::into_inner);
        components.entry(name.to_owned()).or_insert_with(|| ComponentState::down("starting"));
        Component { name: name.to_owned(), health: self.clone(), share: None }
    }

    /// A component that several tasks answer for, as so many handles: it is up when all of them are, and otherwise down for the
    /// reason of the first that is not.
    pub fn shares(&self, name: &str, count: usize) -> Vec<Component> {
        let whole = self.component(name);
        let states = Arc::new(Mutex::new(vec![ComponentState::down("starting"); count]));
        let share = |place| Component { share: Some(Share { place, states: Arc::clone(&states) }), ..whole.clone() };
        (0..count).map(share).collect()
    }

    /// Names what this process depends on, before anything of it has started: an admin server that answers meanwhile is
    /// not ready.
    pub fn expect<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            self.component(name);
        }
    }

    /// True when every component is up.
    pub fn ready(&self) -> bool {
        self.components.read().unwrap_or_else(PoisonError::into_inner).values().all(|state| state.up)
    }

    /// Every component by name.
    pub fn snapshot(&self) -> BTreeMap<String, ComponentState> {
        self.components.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, name: &str, state: &ComponentState) {
        let mut components = self.components.write().unwrap_or_else(PoisonError::into_inner);
        let before = components.get(name);
        let stopping = before.is_some_and(|before| before.reason.as_deref() == Some(STOPPING));
        if stopping || before == Some(state) {
            return;
        }
        components.insert(name.to_owned(), state.clone());
        drop(components);
        log(name, state);
    }
}

impl ComponentState {
    fn down(reason: &str) -> Self {
        Self { up: false, reason: Some(reason.to_owned()) }
    }
}

fn log(component: &str, state: &ComponentState) {
    match state.reason.as_deref() {
        None => tracing::info!(component, "component is up"),
        Some(STOPPING) => tracing::info!(component, "component stops"),
        Some(reason) => tracing::warn!(component, reason, "component is down"),
    }
}

/// One component's handle: its owner says when it is up and why it is down. Cheap to repeat: only changes are logged.
#[derive(Debug, Clone)]
pub struct Component {
    name: String,
    health: Health,
    share: Option<Share>,
}

/// One of several who answer for a component.
#[derive(Debug, Clone)]
struct Share {
    place: usize,
    states: Arc<Mutex<Vec<ComponentState>>>,
}

impl Component {
    /// It works.
    pub fn up(&self) {
        self.set(ComponentState { up: true, reason: None });
    }

    /// It does not work. The reason is shown to anyone who may call `/readyz`: never put a secret in it.
    pub fn down(&self, reason: impl Display) {
        self.set(ComponentState::down(&reason.to_string()));
    }

    fn set(&self, state: ComponentState) {
        let Some(share) = &self.share else { return self.health.set(&self.name, &state) };
        // Held until the whole is set: another share's older view must not overwrite it.
        let mut states = share.states.lock().unwrap_or_else(PoisonError::into_inner);
        states[share.place] = state;
        let up = ComponentState { up: true, reason: None };
        self.health.set(&self.name, states.iter().find(|state| !state.up).unwrap_or(&up));
    }

    /// It was asked to stop and takes no more work; nothing is wrong. This is its last state: finishing what is in hand does not
    /// make it ready again.
    pub fn stopping(&self) {
        self.down(STOPPING);
    }

    /// Asks a server every so often whether it is there, until `stop`: a part that has nothing to do would not notice that
    /// it is gone.
    pub async fn watch<E: Display>(
        self,
        every: Duration,
        stop: CancellationToken,
        mut ask: impl AsyncFnMut() -> Result<(), E>,
    ) {
        loop {
            let answer = tokio::select! {
                answer = ask() => answer,
                () = stop.cancelled() => break,
            };
            match answer {
                Ok(()) => self.up(),
                Err(reason) => self.down(reason),
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = stop.cancelled() => break,
            }
        }
        self.stopping();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_when_every_component_has_come_up() {
        let health = Health::new();
        let (postgres, kafka) = (health.component("postgres"), health.component("kafka"));
        assert_eq!(health.snapshot()["kafka"].reason.as_deref(), Some("starting"));
        postgres.up();
        assert!(!health.ready());
        kafka.up();
        assert!(health.ready());
        postgres.down("connection refused");
        assert!(!health.ready());
        assert_eq!(health.snapshot()["postgres"].reason.as_deref(), Some("connection refused"));
    }

    #[test]
    fn a_component_that_stops_does_not_come_up_again() {
        let health = Health::new();
        let kafka = health.component("kafka");
        kafka.up();
        kafka.stopping();
        kafka.up();
        assert!(!health.ready());
    }

    #[test]
    fn a_shared_component_is_up_when_every_share_is_and_says_who_is_not() {
        let health = Health::new();
        let shares = health.shares("postgres", 2);
        let reason = || health.snapshot()["postgres"].reason.clone();
        shares[0].up();
        assert_eq!(reason().as_deref(), Some("starting"));
        shares[1].up();
        assert!(health.ready());
        shares[1].down("refused");
        shares[0].up();
        assert_eq!(reason().as_deref(), Some("refused"), "one that works does not hide the other");
        shares[1].up();
        assert!(health.ready());
        shares[0].stopping();
        shares[0].up();
        assert!(!health.ready());
    }

    #[test]
    fn what_is_expected_is_down_until_it_says_otherwise() {
        let health = Health::new();
        health.expect(["scorer", "kafka"]);
        health.component("kafka").up();
        assert!(!health.ready());
        health.component("scorer").up();
        assert!(health.ready());
    }

    #[tokio::test]
    async fn a_server_that_goes_and_comes_back_is_noticed_by_asking() {
        let (health, stop) = (Health::new(), CancellationToken::new());
        let mut answers = [Ok(()), Err("refused"), Ok(())].into_iter();
        let mut seen = Vec::new();
        let (looked, done) = (health.clone(), stop.clone());
        let ask = async || {
            seen.push(looked.ready());
            answers.next().unwrap_or_else(|| {
                done.cancel();
                Ok(())
            })
        };
        health.component("kafka").watch(Duration::ZERO, stop, ask).await;
        assert_eq!(seen, [false, true, false, true]);
    }

    #[test]
    fn asking_for_a_component_again_keeps_its_state() {
        let health = Health::new();
        health.component("model").up();
        let _ = health.component("model");
        assert!(health.ready());
    }
}
