//! Whether the flow resumes after each fault: pure, fed with what happened and with looks at what is stored.
//!
//! A fault is over when what had failed accepts connections, or runs, again. From then on rows have to be stored in every partition
//! within [`RESUME_WITHIN`]. The time in which another fault holds something of the flow is not counted: that fault is judged itself.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// The flow must resume within this time.
pub const RESUME_WITHIN: Duration = Duration::from_secs(30);

/// The position up to which records are stored, by topic and partition. It moves in the transaction that stores their rows, and a
/// position that moves without them is found as a lost row.
pub type Positions = BTreeMap<(String, i32), i64>;

/// A look at what is stored. Times are since the run's start.
#[derive(Debug, Clone)]
pub struct Look {
    /// When the question was asked.
    pub asked: Duration,
    /// When the answer was there.
    pub answered: Duration,
    /// What was stored in between.
    pub stored: Positions,
}

/// A fault that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultId(usize);

/// How long the flow took after a fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resumption {
    /// The fault.
    pub fault: String,
    /// Seconds from its end to the row that was the first one of the last partition.
    pub seconds: f64,
    /// Those of them in which nothing else was broken: what is judged.
    pub whole_seconds: f64,
    /// Whether the flow resumed at all.
    pub resumed: bool,
}

impl Resumption {
    /// Whether it took too long.
    #[must_use]
    pub fn is_stall(&self) -> bool {
        !self.resumed || self.whole_seconds > RESUME_WITHIN.as_secs_f64()
    }
}

impl fmt::Display for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, seconds, whole_seconds, resumed } = self;
        let what = if *resumed { "flows" } else { "does not flow" };
        write!(f, "{what} {seconds:.1} s after: {fault}")?;
        // Two that print the same are the same to a reader.
        if seconds - whole_seconds >= 0.1 {
            write!(f, " ({whole_seconds:.1} s of them with nothing broken)")
        } else {
            Ok(())
        }
    }
}

/// Follows all faults of a run.
#[derive(Debug)]
pub struct Flow {
    /// Partitions in which rows have to be stored.
    partitions: usize,
    faults: Vec<Fault>,
    waiting: Vec<Waiting>,
    slowest: Option<Resumption>,
    stalls: u64,
}

#[derive(Debug)]
struct Fault {
    what: String,
    from: Duration,
    until: Option<Duration>,
    /// The flow may rest while it lasts.
    stops: bool,
}

/// A fault that is over, after which the flow has not resumed yet.
#[derive(Debug)]
struct Waiting {
    what: String,
    since: Duration,
    /// What was stored at the first look that was taken afterwards.
    before: Option<Positions>,
}

impl Flow {
    /// For a stream of so many partitions, those of all its stored topics.
    #[must_use]
    pub fn new(partitions: usize) -> Self {
        Self { partitions, faults: Vec::new(), waiting: Vec::new(), slowest: None, stalls: 0 }
    }

    /// A fault begins; `stops`: the flow may rest while it lasts.
    pub fn begin(&mut self, what: &str, stops: bool, at: Duration) -> FaultId {
        self.faults.push(Fault { what: what.to_owned(), from: at, until: None, stops });
        FaultId(self.faults.len() - 1)
    }

    /// What had failed is there again.
    pub fn end(&mut self, fault: FaultId, at: Duration) {
        if let Some(fault) = self.faults.get_mut(fault.0).filter(|fault| fault.until.is_none()) {
            fault.until = Some(at);
            self.waiting.push(Waiting { what: fault.what.clone(), since: at, before: None });
        }
    }

    /// Takes a look into account; the faults after which the flow has resumed with it.
    pub fn look(&mut self, look: &Look) -> Vec<Resumption> {
        let mut resumed = Vec::new();
        for mut waiting in std::mem::take(&mut self.waiting) {
            match &waiting.before {
                Some(before) if self.moved(before, &look.stored) => {
                    resumed.push(self.resumption(&waiting, look.answered, true));
                }
                None if look.asked >= waiting.since => {
                    waiting.before = Some(look.stored.clone());
                    self.waiting.push(waiting);
                }
                _ => self.waiting.push(waiting),
            }
        }
        resumed.iter().for_each(|resumption| self.note(resumption));
        resumed
    }

    /// Whether a fault is over and the flow may still resume in time.
    #[must_use]
    pub fn is_awaited(&self, now: Duration) -> bool {
        self.waiting.iter().any(|waiting| self.whole(waiting.since, now) <= RESUME_WITHIN)
    }

    /// No more looks are taken: those after which the flow has not resumed.
    pub fn finish(&mut self, now: Duration) -> Vec<Resumption> {
        let waiting = std::mem::take(&mut self.waiting);
        let left: Vec<Resumption> = waiting.iter().map(|waiting| self.resumption(waiting, now, false)).collect();
        left.iter().for_each(|resumption| self.note(resumption));
        left
    }

    /// Times that the flow took too long, or never resumed.
    #[must_use]
    pub fn stalls(&self) -> u64 {
        self.stalls
    }

    /// The one that took longest.
    #[must_use]
    pub fn slowest(&self) -> Option<&Resumption> {
        self.slowest.as_ref()
    }

    fn note(&mut self, resumption: &Resumption) {
        self.stalls += u64::from(resumption.is_stall());
        let known = self.slowest.as_ref().filter(|known| known.whole_seconds >= resumption.whole_seconds);
        if known.is_none() {
            self.slowest = Some(resumption.clone());
        }
    }

    fn moved(&self, before: &Positions, now: &Positions) -> bool {
        let moved = now.iter().filter(|(place, next)| before.get(*place).is_none_or(|before| *next > before));
        moved.count() >= self.partitions
    }

    fn resumption(&self, waiting: &Waiting, at: Duration, resumed: bool) -> Resumption {
        Resumption {
            fault: waiting.what.clone(),
            seconds: at.saturating_sub(waiting.since).as_secs_f64(),
            whole_seconds: self.whole(waiting.since, at).as_secs_f64(),
            resumed,
        }
    }

    /// The time between two moments in which no fault held the flow.
    fn whole(&self, from: Duration, to: Duration) -> Duration {
        let mut broken: Vec<(Duration, Duration)> =
            self.faults.iter().filter(|fault| fault.stops).map(Fault::span).collect();
        broken.sort_unstable();
        let (mut whole, mut at) = (Duration::ZERO, from);
        for (begin, end) in broken {
            whole += begin.min(to).saturating_sub(at);
            at = at.max(end);
        }
        whole + to.saturating_sub(at)
    }
}

impl Fault {
    fn span(&self) -> (Duration, Duration) {
        (self.from, self.until.unwrap_or(Duration::MAX))
    }
}
