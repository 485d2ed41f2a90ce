//! Which faults happen, in which order and how long they last: a function of the seed alone.
//!
//! Every part is killed, stopped in its tracks and restarted: each of the three takes the parts in turns, in an order of its own, so that
//! sixty faults do each of them to every part.

mod words;

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Which process is hit. The number picks one of those that run at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The one synthesizer.
    Synthesizer,
    /// One of the scorers.
    Scorer(usize),
    /// One of the sinks.
    Sink(usize),
    /// The one monitor.
    Monitor,
    /// The one trainer.
    Trainer,
    /// The one api.
    Api,
}

impl Target {
    /// Whether rows have to pass it.
    pub(crate) fn is_in_flow(self) -> bool {
        matches!(self, Self::Synthesizer | Self::Scorer(_) | Self::Sink(_))
    }
}

/// A server that the parts depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The broker.
    Kafka,
    /// The database.
    Postgres,
}

/// Something that goes wrong, or that an operator does under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`, and a new process in its place, as an orchestrator would start it.
    Kill(Target),
    /// SIGTERM, and a new process in its place once it has ended: a rolling restart.
    Restart(Target),
    /// SIGSTOP for so long, then SIGCONT: beyond the session timeout the process comes back as a zombie.
    Pause(Target, Duration),
    /// One more scorer or sink.
    Add(Target),
    /// One scorer or sink less, as long as one is left.
    Remove(Target),
    /// `kill -9` of a server, which stays away for so long and starts again on its data.
    KillServer(Server, Duration),
    /// SIGSTOP of the broker for so long, then SIGCONT: longer than its members' sessions last, and shorter than its controller bears with
    /// it. (One that was shut out may leave transactions in halves: docs/guarantees.md.)
    StallBroker(Duration),
    /// `pg_terminate_backend` of every connection of the parts.
    EndBackends,
    /// SIGSTOP of all sinks for so long: everything before them fills up.
    FullQueue(Duration),
    /// Records that are none, so many, into a topic that parts read.
    Poison(PoisonedTopic, usize),
    /// Another version of the model becomes the champion.
    Promote,
}

impl Fault {
    /// Whether the flow may rest while it lasts.
    pub(crate) fn stops_flow(self) -> bool {
        match self {
            Self::Kill(target) | Self::Restart(target) | Self::Pause(target, _) | Self::Remove(target) => {
                target.is_in_flow()
            }
            Self::KillServer(..) | Self::StallBroker(_) | Self::FullQueue(_) => true,
            Self::Add(_) | Self::EndBackends | Self::Poison(..) | Self::Promote => false,
        }
    }
}

/// A topic that takes records from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoisonedTopic {
    /// Read by the scorers.
    Events,
    /// Read by the sinks and the monitor.
    Scores,
    /// Read by the sinks and the monitor.
    Outcomes,
}

/// A fault and the calm before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Time since the step before began. Shorter than many faults last, so that faults overlap.
    pub after: Duration,
    /// What happens.
    pub fault: Fault,
}

/// The faults of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In order.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Draws `faults` faults. Of every ten, counted from the first, each kind of [`KINDS`] happens once, so that a short run covers all of them.
    #[must_use]
    pub fn draw(seed: u64, faults: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (mut kinds, mut parts) = (Deck::new(KINDS), Parts::new());
        let mut steps = Vec::with_capacity(faults);
        for _ in 0..faults {
            let kind = kinds.draw(&mut random);
            let after = Duration::from_millis(random.random_range(500..4_000));
            steps.push(Step { after, fault: fault(kind, &mut parts, &mut random) });
        }
        Self { steps }
    }
}

/// One of each in every ten faults.
const KINDS: [Kind; 10] = [
    Kind::Kill,
    Kind::Restart,
    Kind::Pause,
    Kind::Scale,
    Kind::Kafka,
    Kind::Postgres,
    Kind::EndBackends,
    Kind::FullQueue,
    Kind::Poison,
    Kind::Promote,
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Kill,
    Restart,
    Pause,
    Scale,
    Kafka,
    Postgres,
    EndBackends,
    FullQueue,
    Poison,
    Promote,
}

/// Every part.
const PARTS: [Target; 6] =
    [Target::Synthesizer, Target::Scorer(0), Target::Sink(0), Target::Monitor, Target::Trainer, Target::Api];

/// Cards that are drawn one after the other, and shuffled when all were.
struct Deck<T, const N: usize> {
    cards: [T; N],
    drawn: usize,
}

impl<T: Copy, const N: usize> Deck<T, N> {
    fn new(cards: [T; N]) -> Self {
        Self { cards, drawn: N }
    }

    fn draw(&mut self, random: &mut ChaCha8Rng) -> T {
        if self.drawn == N {
            self.drawn = 0;
            for last in (1..N).rev() {
                self.cards.swap(last, random.random_range(0..=last));
            }
        }
        self.drawn += 1;
        self.cards[self.drawn - 1]
    }
}

/// The parts, for each of the faults that hit any of them.
struct Parts {
    killed: Deck<Target, 6>,
    restarted: Deck<Target, 6>,
    paused: Deck<Target, 6>,
}

impl Parts {
    fn new() -> Self {
        Self { killed: Deck::new(PARTS), restarted: Deck::new(PARTS), paused: Deck::new(PARTS) }
    }
}

fn fault(kind: Kind, parts: &mut Parts, random: &mut ChaCha8Rng) -> Fault {
    match kind {
        Kind::Kill => Fault::Kill(target(&mut parts.killed, random)),
        Kind::Restart => Fault::Restart(target(&mut parts.restarted, random)),
        // Up to twice the session timeout of the run.
        Kind::Pause => Fault::Pause(target(&mut parts.paused, random), seconds(random, 1.0..12.0)),
        Kind::Scale => {
            let target = if random.random() { Target::Scorer(number(random)) } else { Target::Sink(number(random)) };
            if random.random() { Fault::Add(target) } else { Fault::Remove(target) }
        }
        Kind::Kafka if random.random_range(0..3) == 0 => Fault::StallBroker(seconds(random, 6.0..11.0)),
        Kind::Kafka => Fault::KillServer(Server::Kafka, seconds(random, 0.5..6.0)),
        Kind::Postgres => Fault::KillServer(Server::Postgres, seconds(random, 0.5..10.0)),
        Kind::EndBackends => Fault::EndBackends,
        Kind::FullQueue => Fault::FullQueue(seconds(random, 3.0..12.0)),
        Kind::Poison => {
            let topics = [PoisonedTopic::Events, PoisonedTopic::Scores, PoisonedTopic::Outcomes];
            Fault::Poison(topics[random.random_range(0..topics.len())], random.random_range(1..200))
        }
        Kind::Promote => Fault::Promote,
    }
}

fn target(parts: &mut Deck<Target, 6>, random: &mut ChaCha8Rng) -> Target {
    match parts.draw(random) {
        Target::Scorer(_) => Target::Scorer(number(random)),
        Target::Sink(_) => Target::Sink(number(random)),
        only => only,
    }
}

fn number(random: &mut ChaCha8Rng) -> usize {
    random.random_range(0..64)
}

fn seconds(random: &mut ChaCha8Rng, range: std::ops::Range<f64>) -> Duration {
    Duration::from_secs_f64(random.random_range(range))
}

#[cfg(test)]
mod tests;
