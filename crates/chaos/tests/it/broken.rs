use churn_chaos::{EventFact, History, LetterFact, OutcomeFact, Place, ScoreFact, Truth, Verdict, judge};

const EVENTS: i64 = 20;

/// What the made-up seed of these tests stands for.
struct Made(Vec<String>);

impl Truth for Made {
    fn event(&self, sequence: i64) -> Option<(&str, bool)> {
        Some((self.0.get(usize::try_from(sequence).ok()?)?, sequence % 3 == 0))
    }

    fn probability_bits(&self, model: &str, event: usize) -> Option<u64> {
        let shift = match model {
            "v1" => 0.0,
            "v2" => 0.25,
            _ => return None,
        };
        Some((event as f64 / 100.0 + shift).to_bits())
    }

    fn reasons(&self, model: &str, event: usize) -> Option<Vec<(String, u32)>> {
        Some(vec![(format!("feature {model}"), (event as f32).to_bits())])
    }
}

fn made() -> Made {
    Made((0..EVENTS).map(|sequence| format!("customer {}", sequence % 7)).collect())
}

fn place(sequence: i64) -> Place {
    Place { partition: (sequence % 2) as i32, offset: sequence / 2 }
}

/// Twenty events in two partitions, scored by two models, with a record of nonsense in between.
fn good() -> History {
    let truth = made();
    let mut history = History::default();
    let in_partition_order = (0..EVENTS).filter(|s| s % 2 == 0).chain((0..EVENTS).filter(|s| s % 2 == 1));
    for (position, sequence) in in_partition_order.enumerate() {
        let content = truth.0[sequence as usize].clone();
        let envelope = format!("{sequence} v1");
        history.events.push(EventFact {
            place: place(sequence),
            stream: "s".into(),
            sequence,
            content: content.clone(),
            envelope: envelope.clone(),
        });
        let model = if sequence < 10 { "v1" } else { "v2" };
        let score = ScoreFact {
            source: place(sequence),
            stream: "s".into(),
            sequence,
            content,
            envelope,
            model: model.into(),
            probability_bits: truth.probability_bits(model, position).unwrap(),
            verdict: format!("id {sequence}"),
            reasons: truth.reasons(model, position).unwrap(),
        };
        history.scores.push((place(sequence).partition, score.clone()));
        history.rows.push(score);
        let outcome = OutcomeFact {
            stream: "s".into(),
            sequence,
            content: format!("outcome {sequence}"),
            churned: sequence % 3 == 0,
        };
        history.outcomes.push((place(sequence), outcome.clone()));
        history.outcome_rows.push(outcome);
    }
    let nonsense = LetterFact { topic: "t".into(), place: Place { partition: 0, offset: 77 }, value: vec![1] };
    history.poison.push(nonsense.clone());
    // The sink promises its dead letters at least once.
    history.letters.extend([nonsense.clone(), nonsense]);
    history
}

fn judged(break_it: impl FnOnce(&mut History)) -> Verdict {
    let mut history = good();
    break_it(&mut history);
    judge(&history, &made())
}

#[test]
fn a_good_history_passes() {
    let verdict = judged(|_| {});
    assert!(verdict.is_good(), "{verdict:?}");
    assert_eq!((verdict.events, verdict.rows), (20, 20));
}

#[test]
fn a_lost_row_is_found() {
    assert_eq!(judged(|h| drop(h.rows.remove(3))).lost, 1);
}

#[test]
fn a_lost_score_record_is_found() {
    assert_eq!(judged(|h| drop(h.scores.remove(3))).lost, 1);
}

#[test]
fn a_forgotten_outcome_is_found() {
    assert_eq!(judged(|h| drop(h.outcomes.remove(3))).lost, 1);
    assert_eq!(judged(|h| drop(h.outcome_rows.remove(3))).lost, 1);
}

#[test]
fn a_skipped_sequence_number_is_found() {
    let verdict = judged(|h| {
        h.events.retain(|event| event.sequence != 4);
        h.scores.retain(|(_, score)| score.sequence != 4);
        h.rows.retain(|row| row.sequence != 4);
        h.outcomes.retain(|(_, outcome)| outcome.sequence != 4);
        h.outcome_rows.retain(|outcome| outcome.sequence != 4);
    });
    assert_eq!(verdict.lost, 1, "{verdict:?}");
}

#[test]
fn a_doubled_row_is_found() {
    assert_eq!(judged(|h| h.rows.push(h.rows[5].clone())).doubled, 1);
}

#[test]
fn a_doubled_score_record_is_found() {
    assert_eq!(judged(|h| h.scores.push(h.scores[19].clone())).doubled, 1);
}

#[test]
fn a_repeated_sequence_number_is_found() {
    let verdict = judged(|h| {
        let mut again = h.events[19].clone();
        again.place.offset = 99;
        h.events.push(again);
    });
    assert_eq!(verdict.doubled, 1, "{verdict:?}");
}

#[test]
fn a_doubled_outcome_is_found() {
    assert_eq!(judged(|h| h.outcome_rows.push(h.outcome_rows[0].clone())).doubled, 1);
}

#[test]
fn an_invented_row_is_found() {
    let verdict = judged(|h| h.rows.push(ScoreFact { sequence: 1_000, ..h.rows[0].clone() }));
    assert_eq!(verdict.invented, 1);
}

#[test]
fn a_good_record_among_the_dead_letters_is_found() {
    let letter = LetterFact { topic: "t".into(), place: Place { partition: 0, offset: 1 }, value: vec![2] };
    assert_eq!(judged(|h| h.letters.push(letter)).invented, 1);
}

#[test]
fn a_record_of_nonsense_that_vanished_is_found() {
    assert_eq!(judged(|h| h.letters.clear()).lost, 1);
}

#[test]
fn a_changed_customer_is_found() {
    assert!(judged(|h| h.rows[2].content.push('!')).changed > 0);
    assert!(judged(|h| h.rows[2].envelope.push('!')).changed > 0);
}

#[test]
fn an_event_that_is_not_the_seeds_is_found() {
    let verdict = judged(|h| {
        h.events[2].content.push('!');
        h.scores[2].1.content.push('!');
        h.rows[2].content.push('!');
    });
    assert_eq!(verdict.changed, 1, "{verdict:?}");
}

#[test]
fn a_probability_that_differs_in_its_last_bit_is_found() {
    assert!(judged(|h| h.rows[2].probability_bits ^= 1).changed > 0);
    assert!(judged(|h| h.rows[2].reasons[0].1 ^= 1).changed > 0);
    assert!(judged(|h| h.scores[2].1.reasons.clear()).changed > 0);
    let older = judged(|h| {
        h.reasonless = true;
        h.scores[2].1.reasons.clear();
        h.rows[2].reasons.clear();
        // Scored by the newer version, stored by the older one.
        h.rows[3].reasons.clear();
    });
    assert!(older.is_good(), "{older:?}");
    let mixed = |by: f32| {
        judged(move |h| {
            h.mixed = true;
            let shifted = (f32::from_bits(h.rows[2].reasons[0].1) + by).to_bits();
            h.scores[2].1.reasons[0].1 = shifted;
            h.rows[2].reasons[0].1 = shifted;
        })
    };
    assert!(mixed(1e-6).is_good());
    assert_eq!(mixed(1e-2).changed, 2, "the record and the row");
}

#[test]
fn a_row_stamped_with_a_model_that_did_not_score_it_is_found() {
    let verdict = judged(|h| {
        h.rows[2].model = "v2".into();
        h.scores[2].1.model = "v2".into();
    });
    assert_eq!(verdict.changed, 2, "{verdict:?}");
    assert!(judged(|h| h.rows[2].model = "v9".into()).changed > 0);
}

#[test]
fn a_row_that_is_not_its_record_is_found() {
    assert_eq!(judged(|h| h.rows[2].verdict.push('!')).changed, 1);
}

#[test]
fn an_outcome_with_another_label_is_found() {
    let verdict = judged(|h| {
        h.outcomes[2].1.churned ^= true;
        h.outcome_rows[2].churned ^= true;
    });
    assert_eq!(verdict.changed, 1);
}

#[test]
fn reordered_scores_are_found() {
    assert!(judged(|h| h.scores.swap(1, 2)).reordered > 0);
}

#[test]
fn reordered_events_are_found() {
    let verdict = judged(|h| h.events.swap(1, 2));
    assert!(verdict.reordered > 0, "{verdict:?}");
}

#[test]
fn a_score_in_another_partition_than_its_event_is_found() {
    assert!(judged(|h| h.scores[0].0 = 1).reordered > 0);
}
