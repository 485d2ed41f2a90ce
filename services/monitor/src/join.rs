//! Scores and outcomes finding each other in memory, whichever comes first.
//!
//! Guarantees: a pair is joined once, and only once, while both halves are within the window; the window never takes
//! more memory than it was given; every half that leaves without its other is counted. An id stays known for a while
//! after its pair was joined, so that a record that comes twice, or comes again with another truth, is told from a new
//! one.
//!
//! The window is two generations of ids. New ones go into the young generation; when it is full or old enough, it
//! becomes the old one, and the old one is dropped as a whole. So an id lives for one to two generations, eviction
//! costs nothing a row, and no queue of times is kept.
//!
//! It does not know what lies beyond the window: an outcome that comes later is looked up where scores are stored
//! (`late.rs`), and [`Join::looked_up`] then sees to it that it is joined once.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use churn_domain::{Probability, ScoreId};

/// Bytes of an id with what is known of it, and the hash table's byte beside it.
const SLOT_BYTES: usize = size_of::<(u128, Known)>() + 1;
/// Fewest slots of a generation, whatever the memory: below, nothing would ever meet.
const MIN_SLOTS: usize = 1 << 10;
/// Outcomes that left without their score and are remembered until somebody asks for them, 32 bytes each.
const MOST_DROPPED: usize = 100_000;

/// What the window keeps of a score until its outcome comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored {
    pub(crate) probability: Probability,
    pub(crate) predicted: bool,
    pub(crate) model: u32,
    /// The cell of its customer's segments.
    pub(crate) cell: u16,
}

#[derive(Clone, Copy, Debug)]
enum Known {
    Score(Scored),
    Outcome(bool),
    /// An outcome whose score was looked up where scores are stored.
    LookedUp(bool),
    Both(bool),
}

/// What became of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnScore {
    /// It waits for its outcome.
    Waits,
    /// Its outcome was here before it.
    Joined(bool),
    /// Its outcome was here before it and was joined with the stored score already.
    Labelled,
    /// It was here before; the first one stands.
    Duplicate,
}

/// What became of an outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum OnOutcome {
    /// It waits for its score.
    Waits,
    /// Its score was here before it.
    Joined(Scored),
    /// It was here before and says the same.
    Duplicate,
    /// It was here before and says the opposite; the first one stands.
    Contradicts,
}

/// Halves that left without their other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evicted {
    pub(crate) scores: u64,
    pub(crate) outcomes: u64,
}

#[derive(Debug)]
struct Generation {
    known: HashMap<u128, Known, BuildHasherDefault<RandomBits>>,
    waiting: Evicted,
}

impl Generation {
    /// Room for `ids`, which costs no memory until they come: a table that grows step by step is there twice each time.
    fn with_room_for(ids: usize) -> Self {
        Self {
            known: HashMap::with_capacity_and_hasher(ids, BuildHasherDefault::default()),
            waiting: Evicted::default(),
        }
    }

    fn outcomes(&self) -> impl Iterator<Item = (ScoreId, bool)> + '_ {
        self.known.iter().filter_map(|(id, known)| match known {
            Known::Outcome(churned) => Some((ScoreId::from_bits(*id), *churned)),
            _ => None,
        })
    }
}

/// The window.
#[derive(Debug)]
pub(crate) struct Join {
    young: Generation,
    old: Generation,
    ids_per_generation: usize,
    generation_ms: i64,
    young_since_ms: Option<i64>,
    evicted: Evicted,
    dropped: Vec<(ScoreId, bool)>,
}

impl Join {
    /// A window of at most `bytes`, in which a half waits at most `max_age_ms` and at least half as long, memory
    /// permitting.
    pub(crate) fn new(bytes: usize, max_age_ms: i64) -> Self {
        let slots = (bytes / 2 / SLOT_BYTES).max(MIN_SLOTS);
        // A hash table's slots are a power of two, and it doubles when seven eighths of them are taken.
        let ids_per_generation = (1 << slots.ilog2()) / 8 * 7;
        Self {
            young: Generation::with_room_for(ids_per_generation),
            old: Generation::with_room_for(ids_per_generation),
            ids_per_generation,
            generation_ms: (max_age_ms / 2).max(1),
            young_since_ms: None,
            evicted: Evicted::default(),
            dropped: Vec::new(),
        }
    }

    /// A score has come.
    pub(crate) fn score(&mut self, id: ScoreId, scored: Scored) -> OnScore {
        match self.find(id) {
            None => {
                self.make_room();
                self.young.waiting.scores += 1;
                self.young.known.insert(id.bits(), Known::Score(scored));
                OnScore::Waits
            }
            Some((known, waiting)) => match *known {
                Known::Outcome(churned) => {
                    *known = Known::Both(churned);
                    waiting.outcomes -= 1;
                    OnScore::Joined(churned)
                }
                Known::LookedUp(churned) => {
                    *known = Known::Both(churned);
                    OnScore::Labelled
                }
                Known::Score(_) | Known::Both(_) => OnScore::Duplicate,
            },
        }
    }

    /// An outcome has come.
    pub(crate) fn outcome(&mut self, id: ScoreId, churned: bool) -> OnOutcome {
        match self.find(id) {
            None => {
                self.make_room();
                self.young.waiting.outcomes += 1;
                self.young.known.insert(id.bits(), Known::Outcome(churned));
                OnOutcome::Waits
            }
            Some((known, waiting)) => match *known {
                Known::Score(scored) => {
                    *known = Known::Both(churned);
                    waiting.scores -= 1;
                    OnOutcome::Joined(scored)
                }
                Known::Outcome(first) | Known::LookedUp(first) | Known::Both(first) if first == churned => {
                    OnOutcome::Duplicate
                }
                Known::Outcome(_) | Known::LookedUp(_) | Known::Both(_) => OnOutcome::Contradicts,
            },
        }
    }

    /// The stored score of this outcome was found. False when the outcome has met its score in the meantime: then there is
    /// nothing left to join.
    pub(crate) fn looked_up(&mut self, id: ScoreId, churned: bool) -> bool {
        match self.find(id) {
            None => {
                self.make_room();
                self.young.known.insert(id.bits(), Known::LookedUp(churned));
                true
            }
            Some((known @ Known::Outcome(_), waiting)) => {
                *known = Known::LookedUp(churned);
                waiting.outcomes -= 1;
                true
            }
            Some(_) => false,
        }
    }

    /// Outcomes that left without their score since the last call, [`MOST_DROPPED`] of them at most.
    pub(crate) fn take_dropped(&mut self) -> Vec<(ScoreId, bool)> {
        std::mem::take(&mut self.dropped)
    }

    /// Outcomes that still wait.
    pub(crate) fn waiting_outcomes(&self) -> impl Iterator<Item = (ScoreId, bool)> + '_ {
        self.young.outcomes().chain(self.old.outcomes())
    }

    /// Drops what is too old at `now_ms`. Call it now and then.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        let since = *self.young_since_ms.get_or_insert(now_ms);
        if now_ms - since >= self.generation_ms {
            self.turn();
            self.young_since_ms = Some(now_ms);
        }
    }

    /// Halves that wait for their other.
    pub(crate) fn waiting(&self) -> u64 {
        let of = |generation: &Generation| generation.waiting.scores + generation.waiting.outcomes;
        of(&self.young) + of(&self.old)
    }

    /// Halves evicted since the last call.
    pub(crate) fn take_evicted(&mut self) -> Evicted {
        std::mem::take(&mut self.evicted)
    }

    fn find(&mut self, id: ScoreId) -> Option<(&mut Known, &mut Evicted)> {
        let bits = id.bits();
        match self.young.known.get_mut(&bits) {
            Some(known) => Some((known, &mut self.young.waiting)),
            None => self.old.known.get_mut(&bits).map(|known| (known, &mut self.old.waiting)),
        }
    }

    fn make_room(&mut self) {
        if self.young.known.len() >= self.ids_per_generation {
            self.turn();
            // The next time-out counts from the next look at the clock.
            self.young_since_ms = None;
        }
    }

    fn turn(&mut self) {
        std::mem::swap(&mut self.young, &mut self.old);
        let dropped = std::mem::take(&mut self.young.waiting);
        self.evicted.scores += dropped.scores;
        self.evicted.outcomes += dropped.outcomes;
        let room = MOST_DROPPED.saturating_sub(self.dropped.len());
        self.dropped.extend(self.young.outcomes().take(room.min(dropped.outcomes as usize)));
        self.young.known.clear();
    }
}

impl Join {
    /// The halves that wait, the young ones first, at most `max` of them: what is to be remembered over a restart. In pieces of
    /// at most `piece` halves, so that never all of them are there twice.
    pub(crate) fn save(&self, max: usize, piece: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
        let waiting = self.young.known.iter().chain(&self.old.known);
        let waiting = waiting.filter(|(_, known)| matches!(known, Known::Score(_) | Known::Outcome(_)));
        let mut waiting = waiting.take(max).peekable();
        std::iter::from_fn(move || {
            waiting.peek()?;
            let mut bytes = Vec::with_capacity(piece * SAVED_BYTES);
            waiting.by_ref().take(piece).for_each(|(id, known)| write(*id, known, &mut bytes));
            Some(bytes)
        })
    }

    /// Takes back what was saved. `None` when the bytes are no such thing; nothing is taken then.
    pub(crate) fn restore(&mut self, bytes: &[u8]) -> Option<()> {
        let (halves, []) = bytes.as_chunks::<SAVED_BYTES>() else { return None };
        let halves: Option<Vec<(ScoreId, Known)>> = halves.iter().map(read).collect();
        for (id, known) in halves? {
            match known {
                Known::Score(scored) => drop(self.score(id, scored)),
                Known::Outcome(known) | Known::LookedUp(known) | Known::Both(known) => drop(self.outcome(id, known)),
            }
        }
        Some(())
    }
}

/// Id, tag, probability, model, cell.
const SAVED_BYTES: usize = 16 + 1 + 8 + 4 + 2;

fn write(id: u128, known: &Known, bytes: &mut Vec<u8>) {
    let (tag, probability, model, cell) = match known {
        Known::Score(Scored { probability, predicted, model, cell }) => {
            (u8::from(*predicted), probability.get(), *model, *cell)
        }
        Known::Outcome(churned) | Known::LookedUp(churned) | Known::Both(churned) => {
            (2 + u8::from(*churned), 0.0, 0, 0)
        }
    };
    bytes.extend(id.to_le_bytes());
    bytes.push(tag);
    bytes.extend(probability.to_le_bytes());
    bytes.extend(model.to_le_bytes());
    bytes.extend(cell.to_le_bytes());
}

fn read(half: &[u8; SAVED_BYTES]) -> Option<(ScoreId, Known)> {
    let (id, rest) = half.split_first_chunk::<16>()?;
    let (&[tag], rest) = rest.split_first_chunk::<1>()?;
    let (probability, model) = rest.split_first_chunk::<8>()?;
    let probability = Probability::new(f64::from_le_bytes(*probability)).ok()?;
    let (model, cell) = model.split_first_chunk::<4>()?;
    let (model, cell) = (u32::from_le_bytes(*model), u16::from_le_bytes(cell.try_into().ok()?));
    let known = match tag {
        0 | 1 => Known::Score(Scored { probability, predicted: tag == 1, model, cell }),
        2 | 3 => Known::Outcome(tag == 3),
        _ => return None,
    };
    Some((ScoreId::from_bits(u128::from_le_bytes(*id)), known))
}

/// The hash of an id is what it is made of: its low bits are SHA-256's.
#[derive(Debug, Default)]
pub(crate) struct RandomBits(u64);

impl Hasher for RandomBits {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u128(&mut self, bits: u128) {
        self.0 = bits as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use churn_domain::EventId;

    use super::*;

    const ROOM: usize = 1 << 20;
    const DAY_MS: i64 = 86_400_000;

    fn id(sequence: i64) -> ScoreId {
        ScoreId::derive(EventId { stream: "test", sequence }, 1_700_000_000_000)
    }

    fn scored(probability: f64) -> Scored {
        Scored { probability: Probability::new(probability).unwrap(), predicted: probability >= 0.5, model: 7, cell: 3 }
    }

    #[test]
    fn halves_meet_whichever_comes_first() {
        let mut join = Join::new(ROOM, DAY_MS);
        assert_eq!(join.score(id(1), scored(0.3)), OnScore::Waits);
        assert_eq!(join.outcome(id(2), true), OnOutcome::Waits);
        assert_eq!(join.waiting(), 2);
        assert_eq!(join.outcome(id(1), true), OnOutcome::Joined(scored(0.3)));
        assert_eq!(join.score(id(2), scored(0.9)), OnScore::Joined(true));
        assert_eq!((join.waiting(), join.take_evicted()), (0, Evicted::default()));
    }

    #[test]
    fn what_comes_twice_is_joined_once_and_the_first_truth_stands() {
        let mut join = Join::new(ROOM, DAY_MS);
        join.outcome(id(1), false);
        assert_eq!(join.outcome(id(1), false), OnOutcome::Duplicate);
        assert_eq!(join.outcome(id(1), true), OnOutcome::Contradicts);
        assert_eq!(join.score(id(1), scored(0.3)), OnScore::Joined(false));
        assert_eq!(join.score(id(1), scored(0.8)), OnScore::Duplicate);
        assert_eq!(join.outcome(id(1), false), OnOutcome::Duplicate);
        assert_eq!(join.outcome(id(1), true), OnOutcome::Contradicts);
        join.score(id(2), scored(0.1));
        assert_eq!(join.score(id(2), scored(0.2)), OnScore::Duplicate);
        assert_eq!(join.outcome(id(2), true), OnOutcome::Joined(scored(0.1)));
    }

    #[test]
    fn a_full_window_forgets_the_oldest_counts_them_and_keeps_the_rest() {
        let mut join = Join::new(0, DAY_MS);
        let generation = i64::try_from(join.ids_per_generation).unwrap();
        for sequence in 0..3 * generation {
            join.score(id(sequence), scored(0.5));
        }
        assert_eq!(join.take_evicted(), Evicted { scores: generation.unsigned_abs(), outcomes: 0 });
        assert_eq!(join.outcome(id(generation), true), OnOutcome::Joined(scored(0.5)), "the oldest that is left");
        assert_eq!(join.outcome(id(3 * generation - 1), true), OnOutcome::Joined(scored(0.5)));
        assert_eq!(join.outcome(id(0), true), OnOutcome::Waits, "its score is gone");
        for sequence in 3 * generation..6 * generation {
            join.score(id(sequence), scored(0.5));
        }
        let evicted = join.take_evicted();
        assert_eq!(evicted.outcomes, 1);
        let came = (6 * generation).unsigned_abs() - generation.unsigned_abs();
        assert_eq!(evicted.scores + join.waiting() + 2, came, "every score was joined, waits or was counted");
        assert!(join.waiting() <= 2 * generation.unsigned_abs());
    }

    #[test]
    fn an_old_half_is_given_up_and_one_half_as_old_is_not() {
        let mut join = Join::new(ROOM, 10_000);
        join.expire(0);
        join.score(id(1), scored(0.5));
        join.outcome(id(2), true);
        join.expire(4_999);
        join.expire(5_000);
        assert_eq!(join.waiting(), 2);
        assert_eq!(join.outcome(id(1), true), OnOutcome::Joined(scored(0.5)));
        join.expire(10_000);
        assert_eq!((join.waiting(), join.take_evicted()), (0, Evicted { scores: 0, outcomes: 1 }));
        assert_eq!(join.score(id(2), scored(0.5)), OnScore::Waits);
    }

    #[test]
    fn an_outcome_whose_stored_score_was_found_is_joined_once() {
        let mut join = Join::new(ROOM, DAY_MS);
        join.outcome(id(1), true);
        assert!(join.looked_up(id(1), true));
        assert_eq!((join.waiting(), join.outcome(id(1), true)), (0, OnOutcome::Duplicate));
        assert!(!join.looked_up(id(1), true), "a second answer is none");
        assert_eq!(join.score(id(1), scored(0.3)), OnScore::Labelled, "its features are news, its label is not");
        assert_eq!(join.score(id(1), scored(0.3)), OnScore::Duplicate);
        // The score came while it was being looked up.
        join.outcome(id(2), false);
        join.score(id(2), scored(0.3));
        assert!(!join.looked_up(id(2), false));
        // It had left the window.
        assert!(join.looked_up(id(3), false));
        assert_eq!(join.outcome(id(3), true), OnOutcome::Contradicts);
    }

    #[test]
    fn outcomes_that_leave_without_their_score_are_handed_over() {
        let mut join = Join::new(ROOM, 10_000);
        join.expire(0);
        join.outcome(id(1), true);
        join.score(id(2), scored(0.5));
        assert_eq!(join.waiting_outcomes().collect::<Vec<_>>(), [(id(1), true)]);
        join.expire(5_000);
        join.expire(10_000);
        assert_eq!((join.take_dropped(), join.take_dropped()), (vec![(id(1), true)], vec![]));
    }

    #[test]
    fn waiting_halves_are_remembered_and_broken_bytes_refused() {
        let mut join = Join::new(ROOM, DAY_MS);
        join.score(id(1), scored(0.3));
        join.outcome(id(2), true);
        join.score(id(3), scored(0.8));
        join.outcome(id(3), false);
        let bytes = join.save(100, 1).collect::<Vec<_>>().concat();
        let mut restored = Join::new(ROOM, DAY_MS);
        assert_eq!(restored.restore(&bytes), Some(()));
        assert_eq!(restored.waiting(), 2);
        assert_eq!(restored.outcome(id(1), true), OnOutcome::Joined(scored(0.3)));
        assert_eq!(restored.score(id(2), scored(0.9)), OnScore::Joined(true));
        assert_eq!(join.save(100, 7).next(), Some(bytes.clone()));
        assert_eq!(join.save(1, 7).map(|piece| piece.len()).sum::<usize>(), SAVED_BYTES);
        assert_eq!(restored.restore(&bytes[1..]), None);
        assert_eq!(restored.restore(&[255; SAVED_BYTES]), None);
    }

    #[test]
    fn the_memory_given_holds_the_ids_promised() {
        assert_eq!(SLOT_BYTES, 33);
        for bytes in [1 << 20, 64 << 20, 100_000_000] {
            let join = Join::new(bytes, DAY_MS);
            let slots = join.ids_per_generation / 7 * 8;
            assert!(slots.is_power_of_two() && 2 * slots * SLOT_BYTES <= bytes && 4 * slots * SLOT_BYTES > bytes);
        }
    }
}
