//! What a model version was trained on, as the monitor compares with it.

use churn_domain::{FEATURES, Feature};
use churn_drift::{Bins, ColumnReference, InvalidReference, Reference};
use churn_learn::{Distribution, FeatureReference};
use churn_serving::ModelSlot;

/// The training reference of a model version.
#[derive(Clone, Debug)]
pub struct Training {
    /// Of the features.
    pub features: Reference,
    /// Of the probabilities that the model gave.
    pub probability: ColumnReference,
}

/// Where training references come from.
pub trait TrainingSource: Send + 'static {
    /// The reference of this model version; `None` while it is not known, and then it is asked for again and again, so
    /// it must not block. An error is final.
    fn training(&self, model_version: &str) -> Option<Result<Training, InvalidReference>>;

    /// The figures of rows that this model version had not seen when it was fitted, by name; `None` while they are not
    /// known.
    fn test_figures(&self, _model_version: &str) -> Option<Vec<(&'static str, f64)>> {
        None
    }
}

/// The champion's reference travels in its artifact. That of a version which is no longer, or not yet, in the slot is
/// not known.
impl TrainingSource for ModelSlot {
    fn training(&self, model_version: &str) -> Option<Result<Training, InvalidReference>> {
        let served = self.current().filter(|served| served.version() == model_version)?;
        Some(Training::try_from(&served.contents().reference))
    }

    fn test_figures(&self, model_version: &str) -> Option<Vec<(&'static str, f64)>> {
        let served = self.current().filter(|served| served.version() == model_version)?;
        let report = &served.contents().report;
        Some(report.learners.get(report.chosen).map(|learner| figures(&learner.metrics)).unwrap_or_default())
    }
}

fn figures(metrics: &churn_learn::metrics::Metrics) -> Vec<(&'static str, f64)> {
    let always = [
        ("rows", metrics.rows as f64),
        ("accuracy", metrics.accuracy),
        ("precision", metrics.precision),
        ("recall", metrics.recall),
        ("f1", metrics.f1),
        ("log_loss", metrics.log_loss),
        ("brier", metrics.brier),
        ("ece", metrics.ece),
    ];
    let defined = [("auc", metrics.auc), ("average_precision", metrics.average_precision)];
    always.into_iter().chain(defined.into_iter().filter_map(|(name, value)| Some((name, value?)))).collect()
}

impl TryFrom<&churn_learn::Reference> for Training {
    type Error = InvalidReference;

    fn try_from(reference: &churn_learn::Reference) -> Result<Self, InvalidReference> {
        let features = FEATURES.iter().zip(&reference.features).map(|(feature, column)| of_feature(feature, column));
        Ok(Self {
            features: Reference::from_columns(features.collect::<Result<_, _>>()?)?,
            probability: column(&reference.probability, Bins::Words)?,
        })
    }
}

fn of_feature(feature: &Feature, reference: &FeatureReference) -> Result<ColumnReference, InvalidReference> {
    if feature.is_category() {
        return column(reference, Bins::Words);
    }
    // A flag's words are numbers here.
    column(reference, |words| Bins::Values(words.iter().map(|word| word.parse().unwrap_or(f64::NAN)).collect()))
}

fn column(
    reference: &FeatureReference,
    of_words: impl FnOnce(Vec<String>) -> Bins,
) -> Result<ColumnReference, InvalidReference> {
    let (bins, counts) = match &reference.distribution {
        Distribution::Words { counts } => {
            // No training row had any other value.
            let counted = counts.values().copied().chain([0]).collect();
            (of_words(counts.keys().cloned().collect()), counted)
        }
        Distribution::Bins { edges, counts, .. } => (Bins::Cuts(edges.clone()), counts.clone()),
    };
    ColumnReference::from_counts(&reference.name, bins, counts, reference.missing)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use churn_domain::{Column, Table, feature_index};
    use churn_drift::Window;

    use super::*;

    fn customers(rows: usize) -> Table {
        let mut table = Table::default();
        for (feature, column) in FEATURES.iter().zip(table.columns_mut()) {
            for row in 0..rows {
                match column {
                    Column::Category(words) => words.push(Some(feature.categories()[row % feature.categories().len()])),
                    Column::Number(values) if row % 10 == 0 && feature.unit.is_some() => values.push(f64::NAN),
                    Column::Number(values) if feature.unit.is_some() => values.push(row as f64),
                    Column::Number(values) => values.push((row % 2) as f64),
                }
            }
        }
        table
    }

    #[test]
    fn the_rows_of_the_training_are_no_distance_from_their_own_reference() {
        let table = customers(600);
        let probability: Vec<f64> = (0..600).map(|row| f64::from(row) / 600.0).collect();
        let reference = churn_learn::Reference::of(&table, &[false; 600], &probability);
        let training = Training::try_from(&reference).expect("it is of this version");
        assert_eq!(training.features.rows(), 600);
        assert_eq!(training.probability.rows(), 600);
        let mut window = Window::new(Arc::new(training.features));
        window.add(&table, 0..600);
        let compared = window.compare();
        assert_eq!(compared.len(), FEATURES.len());
        assert!(compared.iter().all(|drift| drift.psi.get() == 0.0), "{compared:?}");
        let tenure = feature_index("tenure").expect("a feature");
        assert_eq!(window.columns()[tenure].missing_share(), Some(0.1));
    }

    #[test]
    fn a_reference_of_other_features_is_refused() {
        let mut reference = churn_learn::Reference::of(&customers(100), &[true; 100], &[0.5; 100]);
        reference.features.swap(0, 6);
        assert!(Training::try_from(&reference).is_err());
        reference.features.truncate(3);
        assert!(Training::try_from(&reference).is_err());
    }
}
