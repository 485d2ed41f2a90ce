//! Those who ask the api all the time, and count how often it was not there for them.

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

/// Callers that go on until they are ended.
#[derive(Debug)]
pub(super) struct Callers {
    address: watch::Sender<String>,
    answered: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Callers {
    pub(super) fn start(address: String) -> Self {
        let (address, _) = watch::channel(address);
        let (answered, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let ask = |_| tokio::spawn(ask(address.subscribe(), Arc::clone(&answered), Arc::clone(&refused)));
        let tasks = (0..AT_ONCE).map(ask).collect();
        Self { address, answered, refused, tasks }
    }

    /// Sends further questions to another api.
    pub(super) fn go_to(&self, address: String) {
        self.address.send_replace(address);
    }

    /// How many questions were answered, and how many were not.
    pub(super) fn end(self) -> (u64, u64) {
        self.tasks.iter().for_each(JoinHandle::abort);
        (self.answered.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

async fn ask(address: watch::Receiver<String>, answered: Arc<AtomicU64>, refused: Arc<AtomicU64>) {
    let client = http_client();
    loop {
        let url = format!("http://{}/v1/predict", *address.borrow());
        let asked = client.post(url).body(r#"{"tenure": 2, "contract": "Month-to-month"}"#).send().await;
        let good = match asked {
            Ok(answer) => answer.status().is_success() && answer.bytes().await.is_ok(),
            Err(_) => false,
        };
        let count = if good { &answered } else { &refused };
        count.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
}
