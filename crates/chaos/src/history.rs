//! What a run left behind, as facts that the oracle compares.

/// A record's place in its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}]@{}", self.partition, self.offset)
    }
}

/// A committed record of the events topic.
#[derive(Debug, Clone, PartialEq)]
pub struct EventFact {
    /// Its place in the topic.
    pub place: Place,
    /// Name of the stream.
    pub stream: String,
    /// Place in the stream.
    pub sequence: i64,
    /// The customer, in a canonical spelling.
    pub content: String,
    /// Time and version of the generator.
    pub envelope: String,
}

/// A score: a committed record of the scores topic, or a row of `scored_event`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreFact {
    /// Place of the event that was scored.
    pub source: Place,
    /// Name of the stream.
    pub stream: String,
    /// Place in the stream.
    pub sequence: i64,
    /// The customer, spelled as in [`EventFact::content`].
    pub content: String,
    /// Spelled as in [`EventFact::envelope`].
    pub envelope: String,
    /// Version and hash of the model that it names.
    pub model: String,
    /// The probability's bits: not one may differ.
    pub probability_bits: u64,
    /// Identity, label, threshold, time of scoring.
    pub verdict: String,
    /// Each feature with the bits of its contribution: not one may differ.
    pub reasons: Vec<(String, u32)>,
}

/// An outcome: a committed record of the outcomes topic, or a row of `outcome`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeFact {
    /// Name of the stream.
    pub stream: String,
    /// The event's place in the stream.
    pub sequence: i64,
    /// Identity, customer, times, in a canonical spelling.
    pub content: String,
    /// Whether the customer left.
    pub churned: bool,
}

/// A dead letter, or a record that has to become one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LetterFact {
    /// Topic that the record was read from.
    pub topic: String,
    /// Its place there.
    pub place: Place,
    /// Its value.
    pub value: Vec<u8>,
}

/// Everything that a run left behind.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Committed events in the order of their partitions.
    pub events: Vec<EventFact>,
    /// Committed scores in the order of their partitions, with the partition they lie in.
    pub scores: Vec<(i32, ScoreFact)>,
    /// Stored scores.
    pub rows: Vec<ScoreFact>,
    /// Committed outcomes, with their places in the topic.
    pub outcomes: Vec<(Place, OutcomeFact)>,
    /// Stored outcomes.
    pub outcome_rows: Vec<OutcomeFact>,
    /// Records of nonsense that were put into topics.
    pub poison: Vec<LetterFact>,
    /// Dead letters.
    pub letters: Vec<LetterFact>,
    /// Whether a version took part, scorer or sink, that knew no reasons yet: none is then as good as the right ones.
    pub reasonless: bool,
    /// Whether two versions took part: each may add up contributions in its own order, so they are the same but for rounding.
    pub mixed: bool,
}

/// What should have come out, computed again without the parts.
pub trait Truth {
    /// The customer and the label that the stream's seed stands for.
    fn event(&self, sequence: i64) -> Option<(&str, bool)>;

    /// The bits of the probability that the named model gives an event of the history, by its position there.
    fn probability_bits(&self, model: &str, event: usize) -> Option<u64>;

    /// The reasons that the named model gives for it.
    fn reasons(&self, model: &str, event: usize) -> Option<Vec<(String, u32)>>;
}
