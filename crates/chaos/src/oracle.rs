//! The judgement: pure, and so easily fed with histories that are known to be broken.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::history::{EventFact, History, LetterFact, OutcomeFact, Place, ScoreFact, Truth};

/// How many examples of violations are kept.
const EXAMPLES: usize = 10;
/// By how much two versions may differ in a contribution, in log-odds: far more than rounding, far less than anybody reads.
const ROUNDING: f32 = 1e-4;

/// Violations counted by kind; all zero is a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Committed events.
    pub events: u64,
    /// Stored scores.
    pub rows: u64,
    /// Events, outcomes or bad records that are not where they should be.
    pub lost: u64,
    /// Events, scores, outcomes or rows beyond the first of their event.
    pub doubled: u64,
    /// Scores, outcomes, rows or dead letters of nothing that was emitted.
    pub invented: u64,
    /// Values that differ from what was emitted, or from the score computed again under the model that the row names.
    pub changed: u64,
    /// Records of a partition, and so of a key, out of order.
    pub reordered: u64,
    /// Faults after which the flow took too long to resume; counted during the run.
    pub stalled: u64,
    /// Parts that did not end within their grace time when they were asked to; counted during the run.
    pub hung: u64,
    /// Requests that no api answered although no fault had hit it; counted during the run.
    pub refused: u64,
    /// Models that were asked for, and no trainer said in time what became of it; counted during the run.
    pub unanswered: u64,
    /// Announced promotions that did not reach every partition's scorer in time; counted during the run.
    pub unheard: u64,
    /// Some violations in words.
    pub examples: Vec<String>,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let lasting = self.lost + self.doubled + self.invented + self.changed + self.reordered;
        lasting + self.stalled + self.hung + self.refused + self.unanswered + self.unheard == 0
    }

    fn note(&mut self, count: fn(&mut Self) -> &mut u64, what: impl FnOnce() -> String) {
        *count(self) += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(what());
        }
    }
}

/// Compares what is stored with what was emitted. See [`Verdict`] for what is counted.
#[must_use]
pub fn judge(history: &History, truth: &dyn Truth) -> Verdict {
    let mut judge = Judge {
        verdict: Verdict { events: history.events.len() as u64, rows: history.rows.len() as u64, ..Verdict::default() },
        events: HashMap::with_capacity(history.events.len()),
    };
    judge.events(history, truth);
    judge.scores("score", history.scores.iter().map(|(_, score)| score), history, truth);
    judge.scores("row", history.rows.iter(), history, truth);
    judge.same_scores(history);
    judge.outcomes(history, truth);
    judge.order(history);
    judge.letters(history);
    judge.verdict
}

struct Judge<'a> {
    verdict: Verdict,
    /// Position of each event in the history.
    events: HashMap<(&'a str, i64), usize>,
}

impl<'a> Judge<'a> {
    /// Each sequence number once, none skipped, and what the seed stands for.
    fn events(&mut self, history: &'a History, truth: &dyn Truth) {
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for (position, event) in history.events.iter().enumerate() {
            if self.events.insert((&event.stream, event.sequence), position).is_some() {
                self.verdict
                    .note(|v| &mut v.doubled, || format!("event {} was emitted again at {}", name(event), event.place));
            }
            let last = last.entry(&event.stream).or_insert(-1);
            *last = (*last).max(event.sequence);
            if truth.event(event.sequence).is_none_or(|(content, _)| content != event.content) {
                self.verdict.note(|v| &mut v.changed, || format!("event {} is not the seed's", name(event)));
            }
        }
        for (stream, last) in last {
            for sequence in (0..=last).filter(|&sequence| !self.events.contains_key(&(stream, sequence))) {
                self.verdict.note(|v| &mut v.lost, || format!("event {stream}:{sequence} was skipped"));
            }
        }
    }

    /// One for each event, with the event's own values and the score that the named model gives.
    fn scores(
        &mut self,
        kind: &str,
        scores: impl Iterator<Item = &'a ScoreFact>,
        history: &'a History,
        truth: &dyn Truth,
    ) {
        let mut found = vec![false; history.events.len()];
        for score in scores {
            let what = || format!("{kind} of {}:{}", score.stream, score.sequence);
            let Some(&position) = self.events.get(&(score.stream.as_str(), score.sequence)) else {
                self.verdict.note(|v| &mut v.invented, || format!("{}: no such event", what()));
                continue;
            };
            if std::mem::replace(&mut found[position], true) {
                self.verdict.note(|v| &mut v.doubled, what);
                continue;
            }
            let event = &history.events[position];
            if event.content != score.content || event.envelope != score.envelope || event.place != score.source {
                self.verdict.note(
                    |v| &mut v.changed,
                    || {
                        format!(
                            "{}: {} at {:?}, emitted {} at {:?}",
                            what(),
                            score.content,
                            score.source,
                            event.content,
                            event.place
                        )
                    },
                );
            } else if truth.probability_bits(&score.model, position) != Some(score.probability_bits) {
                let stored = f64::from_bits(score.probability_bits);
                self.verdict
                    .note(|v| &mut v.changed, || format!("{}: {stored} is not what {} gives", what(), score.model));
            } else if history.reasonless && score.reasons.is_empty() {
                // The older version of an upgrade.
            } else if !truth
                .reasons(&score.model, position)
                .is_some_and(|right| right == score.reasons || (history.mixed && nearly(&right, &score.reasons)))
            {
                let note = || format!("{}: {:?} are not the reasons of {}", what(), score.reasons, score.model);
                self.verdict.note(|v| &mut v.changed, note);
            }
        }
        for (event, _) in history.events.iter().zip(found).filter(|(_, found)| !found) {
            self.verdict.note(|v| &mut v.lost, || format!("{} has no {kind}", name(event)));
        }
    }

    /// The row is the record: also in what nobody can compute again, such as the time of scoring.
    fn same_scores(&mut self, history: &'a History) {
        let committed: HashMap<_, _> =
            history.scores.iter().map(|(_, score)| ((score.stream.as_str(), score.sequence), score)).collect();
        for row in &history.rows {
            // The older version's sink knows nothing of the reasons that the newer version's scorer gives.
            let unreasoned = |score: &ScoreFact| ScoreFact { reasons: Vec::new(), ..score.clone() } == *row;
            let same = |score: &ScoreFact| score == row || (history.reasonless && unreasoned(score));
            if committed.get(&(row.stream.as_str(), row.sequence)).is_some_and(|score| !same(score)) {
                self.verdict
                    .note(|v| &mut v.changed, || format!("row of {}:{} is not its record", row.stream, row.sequence));
            }
        }
    }

    /// One for each event, in the topic and in the table, with the seed's label.
    fn outcomes(&mut self, history: &'a History, truth: &dyn Truth) {
        let topic = history.outcomes.iter().map(|(place, outcome)| (Some(*place), outcome));
        let topic = self.each_once("outcome", topic, history);
        let rows = self.each_once("outcome row", history.outcome_rows.iter().map(|row| (None, row)), history);
        for (position, event) in history.events.iter().enumerate() {
            let (Some(outcome), Some(row)) = (topic[position], rows[position]) else { continue };
            if outcome != row || truth.event(event.sequence).is_none_or(|(_, churned)| churned != row.churned) {
                self.verdict.note(|v| &mut v.changed, || format!("outcome of {} is {row:?}", name(event)));
            }
        }
    }

    fn each_once(
        &mut self,
        kind: &str,
        outcomes: impl Iterator<Item = (Option<Place>, &'a OutcomeFact)>,
        history: &'a History,
    ) -> Vec<Option<&'a OutcomeFact>> {
        let mut found = vec![None; history.events.len()];
        for (place, outcome) in outcomes {
            let place = || place.map_or_else(String::new, |place| format!(" at {place}"));
            let what = || format!("{kind} of {}:{}{}", outcome.stream, outcome.sequence, place());
            match self.events.get(&(outcome.stream.as_str(), outcome.sequence)) {
                None => self.verdict.note(|v| &mut v.invented, what),
                Some(&position) if found[position].is_some() => self.verdict.note(|v| &mut v.doubled, what),
                Some(&position) => found[position] = Some(outcome),
            }
        }
        for (event, _) in history.events.iter().zip(&found).filter(|(_, found)| found.is_none()) {
            self.verdict.note(|v| &mut v.lost, || format!("{} has no {kind}", name(event)));
        }
        found
    }

    /// A key lives in one partition: events keep their sequence there, and scores the order of their events.
    fn order(&mut self, history: &'a History) {
        let mut sequences: HashMap<(i32, &str), i64> = HashMap::new();
        for event in &history.events {
            let last = sequences.insert((event.place.partition, &event.stream), event.sequence);
            if last.is_some_and(|last| last > event.sequence) {
                self.verdict.note(|v| &mut v.reordered, || format!("event {} comes late", name(event)));
            }
        }
        let mut offsets: HashMap<i32, i64> = HashMap::new();
        for (partition, score) in &history.scores {
            let last = offsets.insert(*partition, score.source.offset);
            if *partition != score.source.partition || last.is_some_and(|last| last > score.source.offset) {
                let what = || format!("score of {}:{} is out of order", score.stream, score.sequence);
                self.verdict.note(|v| &mut v.reordered, what);
            }
        }
    }

    /// Every record of nonsense became a dead letter, and nothing else did. A letter may come twice: its identity tells.
    fn letters(&mut self, history: &'a History) {
        let letters: std::collections::HashSet<&LetterFact> = history.letters.iter().collect();
        let poison: std::collections::HashSet<&LetterFact> = history.poison.iter().collect();
        for letter in poison.difference(&letters) {
            self.verdict.note(|v| &mut v.lost, || format!("no dead letter of {} {:?}", letter.topic, letter.place));
        }
        for letter in letters.difference(&poison) {
            let what = || format!("dead letter of {} {:?}, which is a good record", letter.topic, letter.place);
            self.verdict.note(|v| &mut v.invented, what);
        }
    }
}

fn name(event: &EventFact) -> String {
    format!("{}:{}", event.stream, event.sequence)
}

/// The same features in the same order, with contributions that only rounding tells apart.
fn nearly(right: &[(String, u32)], said: &[(String, u32)]) -> bool {
    let close = |a: u32, b: u32| (f32::from_bits(a) - f32::from_bits(b)).abs() <= ROUNDING;
    right.len() == said.len() && right.iter().zip(said).all(|(right, said)| right.0 == said.0 && close(right.1, said.1))
}
