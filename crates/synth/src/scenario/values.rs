//! Values that go missing, and a word that nobody has seen.

use churn_domain::{Column, Interned, Table};

use super::ScenarioKind;
use crate::random::RowRandom;
use crate::roles::roles;

/// The way to pay that the new category is.
pub const NEW_CATEGORY: &str = "Digital wallet";

/// Share of the values that are touched at full strength.
const MISSING: f64 = 0.3;
const NEW: f64 = 0.25;

/// Touches the features of the events from `first` on, row by row with the given strengths.
pub(super) fn touch(
    kind: ScenarioKind,
    first: u64,
    strengths: &[f64],
    offset: usize,
    table: &mut Table,
    random: &mut RowRandom,
) {
    let roles = roles();
    // Numbers of an event before these are used elsewhere, so that scenarios do not follow each other's chance.
    let (features, share, word, skipped): (&[usize], f64, Option<&str>, usize) = match kind {
        ScenarioKind::MissingValues => (&[roles.contract, roles.payment, roles.paperless], MISSING, None, 2),
        ScenarioKind::NewCategory => (&[roles.payment], NEW, Some(NEW_CATEGORY), 5),
        _ => return,
    };
    for (at, &feature) in features.iter().enumerate() {
        let hits: Vec<bool> = (first..)
            .zip(strengths)
            .map(|(event, strength)| {
                if *strength == 0.0 {
                    return false;
                }
                random.seek(event);
                (0..skipped + at).for_each(|_| {
                    random.unit();
                });
                random.chance(share * strength)
            })
            .collect();
        put(&mut table.columns_mut()[feature], offset, &hits, word);
    }
}

/// Puts the word, or nothing, where a value is hit.
fn put(column: &mut Column, offset: usize, hits: &[bool], word: Option<&str>) {
    match column {
        Column::Number(values) => {
            let touched = values[offset..].iter_mut().zip(hits).filter(|(_, hit)| **hit);
            touched.for_each(|(value, _)| *value = f64::NAN);
        }
        Column::Category(words) => {
            let mut new = Interned::new(words.known());
            for row in 0..words.len() {
                let hit = row.checked_sub(offset).is_some_and(|at| hits[at]);
                // A missing value stays missing: it is not known how the customer pays.
                let value = words.get(row);
                new.push(if hit { value.and(word) } else { value });
            }
            *words = new;
        }
    }
}
