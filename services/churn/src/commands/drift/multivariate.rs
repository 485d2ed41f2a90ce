//! `churn drift compare --multivariate`: all columns of both files at once.

use churn_drift::multivariate::{Domain, Feature, Reconstruction, domain, reconstruction};
use serde::Serialize;

use super::table::Table;

/// Rows of each file that are looked at; of more, every second, third and so on.
const MOST_ROWS: usize = 20_000;

/// What all columns together say.
#[derive(Debug, Serialize)]
pub(super) struct Together {
    rows_compared: [usize; 2],
    /// How far rows lie from the main components of the reference.
    reconstruction: Option<Reconstruction>,
    /// How well a model tells the files apart.
    domain_classifier: Option<Domain>,
    /// Why one of them is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

pub(super) fn compare(reference: &Table, current: &Table, shared: &[(usize, usize)]) -> anyhow::Result<Together> {
    let numbers: Vec<bool> = shared.iter().map(|&(r, c)| reference.is_numbers(r) && current.is_numbers(c)).collect();
    let side = |table: &Table, columns: Vec<usize>| -> anyhow::Result<Vec<Feature>> {
        columns.into_iter().zip(&numbers).map(|(column, numbers)| feature(table, column, *numbers)).collect()
    };
    let before = side(reference, shared.iter().map(|pair| pair.0).collect())?;
    let after = side(current, shared.iter().map(|pair| pair.1).collect())?;
    let (reconstruction, domain) = (reconstruction(&before, &after), domain(&before, &after));
    let problem = reconstruction.as_ref().err().or(domain.as_ref().err()).map(ToString::to_string);
    Ok(Together {
        rows_compared: [&before, &after].map(|side| side.first().map_or(0, Feature::len)),
        reconstruction: reconstruction.ok(),
        domain_classifier: domain.ok(),
        problem,
    })
}

fn feature(table: &Table, column: usize, numbers: bool) -> anyhow::Result<Feature> {
    if let Some(values) = table.numbers(column).filter(|_| numbers) {
        return Ok(Feature::Numbers(thin(values.to_vec())));
    }
    let mut words = Vec::new();
    table.for_each(&[column], |_, word| words.push(word.map(str::to_owned)))?;
    Ok(Feature::Words(thin(words)))
}

fn thin<T>(values: Vec<T>) -> Vec<T> {
    let step = values.len().div_ceil(MOST_ROWS).max(1);
    values.into_iter().step_by(step).collect()
}

impl std::fmt::Display for Together {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = |drifted: bool| if drifted { "drifted" } else { "no drift" };
        if let Some(found) = &self.reconstruction {
            write!(
                f,
                "\nall columns together: {} components leave an error of {:.4}, {:.4} to {:.4} is usual: {}",
                found.components,
                found.current,
                found.lower,
                found.upper,
                verdict(found.drifted)
            )?;
        }
        if let Some(found) = &self.domain_classifier {
            write!(
                f,
                "\na model tells the files apart with an AUC of {:.4}, more than {} is a drift: {}",
                found.auc,
                found.threshold,
                verdict(found.drifted)
            )?;
        }
        self.problem.as_ref().map_or(Ok(()), |problem| write!(f, "\nall columns together: {problem}"))
    }
}
