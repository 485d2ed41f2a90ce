//! Those who ask the api all the time, and count how often it was not there for them. While a fault holds the api they do not ask, and
//! what they had asked when it was hit may be lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use churn_testkit::http_client;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Callers at once.
const AT_ONCE: usize = 2;
/// Between two questions of one caller.
const PAUSE: Duration = Duration::from_millis(10);
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
    refused: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Callers {
    pub(super) fn start(address: String) -> Self {
        let (known, _) = watch::channel(Known { address: Some(address), hit: 0 });
        let (answered, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
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

    /// How many questions were answered, and how many were not.
    pub(super) fn end(self) -> (u64, u64) {
        self.tasks.iter().for_each(JoinHandle::abort);
        (self.answered.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

async fn ask(mut known: watch::Receiver<Known>, answered: Arc<AtomicU64>, refused: Arc<AtomicU64>) {
    let client = http_client();
    loop {
        let Ok(Known { address: Some(address), hit }) =
            known.wait_for(|k| k.address.is_some()).await.map(|k| k.clone())
        else {
            return;
        };
        let url = format!("http://{address}/v1/predict");
        let asked = client.post(url).body(r#"{"tenure": 2, "contract": "Month-to-month"}"#).send().await;
        let good = match asked {
            Ok(answer) => answer.status().is_success() && answer.bytes().await.is_ok(),
            Err(_) => false,
        };
        if good {
            answered.fetch_add(1, Ordering::Relaxed);
        } else if known.borrow().hit == hit {
            refused.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
