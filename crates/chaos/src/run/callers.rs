//! Those who ask the api all the time, and count how often it was not there for them. While a fault holds the api they do not ask, and
//! what they had asked when it was hit may be lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use churn_testkit::http_client;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Callers at once.
const AT_ONCE: usize = 2;
/// Between two questions of one caller.
const PAUSE: Duration = Duration::from_millis(10);
/// Refusals that are told in words.
const EXAMPLES: usize = 3;
/// How long an api may take to say whether it is ready, before it is asked again.
const LOOK: Duration = Duration::from_millis(500);

/// What callers know of the api.
#[derive(Debug, Clone)]
struct Known {
    /// Where it listens; nothing while a fault holds it.
    address: Option<String>,
    /// How often a fault has hit it.
    hit: u64,
}

/// Callers that go on until they are ended.
#[derive(Debug)]
pub(super) struct Callers {
    known: watch::Sender<Known>,
    answered: Arc<AtomicU64>,
    refused: Arc<Refused>,
    tasks: Vec<JoinHandle<()>>,
}

/// Questions that were not answered.
#[derive(Debug, Default)]
pub(super) struct Refused {
    count: AtomicU64,
    /// What the first few heard instead.
    heard: Mutex<Vec<String>>,
}

impl Refused {
    fn note(&self, why: String) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < EXAMPLES {
            heard.push(why);
        }
    }
}

impl Callers {
    pub(super) fn start(address: String) -> Self {
        let (known, _) = watch::channel(Known { address: Some(address), hit: 0 });
        let (answered, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(Refused::default()));
        let ask = |_| tokio::spawn(ask(known.subscribe(), Arc::clone(&answered), Arc::clone(&refused)));
        let tasks = (0..AT_ONCE).map(ask).collect();
        Self { known, answered, refused, tasks }
    }

    /// Sends further questions to another api.
    pub(super) fn go_to(&self, address: String) {
        self.known.send_modify(|known| known.address = Some(address));
    }

    /// A fault is about to hit the api.
    pub(super) fn excuse(&self) {
        self.known.send_modify(|known| (known.address, known.hit) = (None, known.hit + 1));
    }

    /// Whether somebody there can do an api's work.
    pub(super) async fn is_ready(address: &str) -> bool {
        let asked = http_client().get(format!("http://{address}/readyz")).timeout(LOOK).send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    /// How many questions were answered, how many were not, and what the first of those heard.
    pub(super) fn end(self) -> (u64, u64, Vec<String>) {
        self.tasks.iter().for_each(JoinHandle::abort);
        let heard = std::mem::take(&mut *self.refused.heard.lock().unwrap_or_else(PoisonError::into_inner));
        (self.answered.load(Ordering::Relaxed), self.refused.count.load(Ordering::Relaxed), heard)
    }
}

async fn ask(mut known: watch::Receiver<Known>, answered: Arc<AtomicU64>, refused: Arc<Refused>) {
    let client = http_client();
    loop {
        let Ok(Known { address: Some(address), hit }) =
            known.wait_for(|k| k.address.is_some()).await.map(|k| k.clone())
        else {
            return;
        };
        let url = format!("http://{address}/v1/predict");
        let asked = client.post(url).body(r#"{"tenure": 2, "contract": "Month-to-month"}"#).send().await;
        let answer = async { asked?.error_for_status()?.bytes().await }.await;
        match answer {
            Ok(_) => drop(answered.fetch_add(1, Ordering::Relaxed)),
            Err(error) if known.borrow().hit == hit => refused.note(format!("{:#}", anyhow::Error::new(error))),
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}
