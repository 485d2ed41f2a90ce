//! Looks at what is stored all the time, and tells [`Flow`] of it and of the faults.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::flow::{FaultId, Flow, Look, Positions, Resumption};
use crate::part::Part;
use crate::stack::{PARTITIONS, Stack};

/// Between two looks.
const EVERY: Duration = Duration::from_millis(200);
/// A database that does not answer within this time is asked anew.
const PATIENCE: Duration = Duration::from_secs(2);
/// Topics whose records are stored: scores and outcomes.
const STORED_TOPICS: usize = 2;

/// Follows the stored positions beside everything else, so that no wait of the run hides when they moved.
#[derive(Debug)]
pub(crate) struct Watch {
    began: Instant,
    looks: UnboundedReceiver<Look>,
    /// Nobody may be connected at the moment.
    away: Arc<AtomicBool>,
    looking: JoinHandle<()>,
    flow: Flow,
    /// Faults that last as long as one of these parts is held.
    held: Vec<(FaultId, Vec<usize>)>,
    last: Positions,
    /// When a position last moved.
    moved: Instant,
}

impl Watch {
    pub(crate) fn new(stack: &Stack) -> Self {
        let (sender, looks) = unbounded_channel();
        let (began, away) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let looking = tokio::spawn(look_on(stack.operator_url(), began, Arc::clone(&away), sender));
        let flow = Flow::new(STORED_TOPICS * PARTITIONS);
        Self { began, looks, away, looking, flow, held: Vec::new(), last: Positions::new(), moved: began }
    }

    /// A fault begins; `stops`: the flow may rest while it lasts.
    pub(crate) fn begin(&mut self, what: &str, stops: bool) -> FaultId {
        self.flow.begin(what, stops, self.began.elapsed())
    }

    /// What had failed is there again.
    pub(crate) fn end(&mut self, fault: FaultId) {
        self.flow.end(fault, self.began.elapsed());
    }

    /// The fault ends when none of the parts of these numbers is held any more.
    pub(crate) fn hold(&mut self, fault: FaultId, parts: Vec<usize>) {
        self.held.push((fault, parts));
    }

    /// Takes the looks of the meantime into account; the faults after which the flow has resumed.
    pub(crate) fn follow(&mut self, parts: &[Part]) -> Vec<Resumption> {
        let is_held = |number: &usize| parts.iter().any(|part| part.number() == *number && part.is_held());
        let (held, over): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.held).into_iter().partition(|(_, numbers)| numbers.iter().any(is_held));
        self.held = held;
        over.into_iter().for_each(|(fault, _)| self.end(fault));
        let mut resumed = Vec::new();
        while let Ok(look) = self.looks.try_recv() {
            resumed.extend(self.flow.look(&look));
            if look.stored != self.last {
                self.last = look.stored;
                self.moved = Instant::now();
            }
        }
        resumed
    }

    /// Whether the flow has yet to resume after a fault, and may still do so in time.
    pub(crate) fn is_awaited(&self) -> bool {
        self.flow.is_awaited(self.began.elapsed())
    }

    /// Nothing more is judged: the faults after which the flow has not resumed.
    pub(crate) fn finish(&mut self) -> Vec<Resumption> {
        self.flow.finish(self.began.elapsed())
    }

    pub(crate) fn stalls(&self) -> u64 {
        self.flow.stalls()
    }

    pub(crate) fn slowest(&self) -> Option<Resumption> {
        self.flow.slowest().cloned()
    }

    /// Nothing was stored for so long.
    pub(crate) fn still(&self) -> Duration {
        self.moved.elapsed()
    }

    /// Ends its connection, until [`Self::come_back`].
    pub(crate) fn leave(&self) {
        self.away.store(true, Ordering::Relaxed);
    }

    pub(crate) fn come_back(&self) {
        self.away.store(false, Ordering::Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

async fn look_on(url: String, began: Instant, away: Arc<AtomicBool>, looks: UnboundedSender<Look>) {
    let mut connection = None;
    loop {
        tokio::time::sleep(EVERY).await;
        if away.load(Ordering::Relaxed) {
            connection = None;
            continue;
        }
        let asked = began.elapsed();
        let Ok(Ok(stored)) = tokio::time::timeout(PATIENCE, positions(&mut connection, &url)).await else {
            // A fault may have hit the database: that nothing is seen is no news.
            connection = None;
            continue;
        };
        if looks.send(Look { asked, answered: began.elapsed(), stored }).is_err() {
            return;
        }
    }
}

async fn positions(connection: &mut Option<PgConnection>, url: &str) -> Result<Positions> {
    let connection = match connection {
        Some(connection) => connection,
        none => none.insert(PgConnection::connect(url).await?),
    };
    let query =
        "select topic, partition, coalesce(next_offset, -1) from churn.consumer_offset where consumer like '%sink'";
    let rows: Vec<(String, i32, i64)> = sqlx::query_as(query).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(topic, partition, next)| ((topic, partition), next)).collect())
}
