//! A model in the format of another program.

use serde_json::Value;
use thiserror::Error;

use crate::math::sigmoid;
use crate::{Calibration, Model, ScoringModel};

/// Why a model cannot be written in another program's format.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ExportError {
    /// The learner has no trees, or more than trees.
    #[error(
        "a model of the learner {0} is not made of trees alone; `churn train --learner boosted_trees --no-blend` makes one that is"
    )]
    Learner(&'static str),
    /// The calibration is not a line through the margins.
    #[error("XGBoost cannot hold the calibration {0}; none and platt can be exported")]
    Calibration(&'static str),
    /// The trees could not be written.
    #[error("the trees cannot be written: {0}")]
    Trees(String),
}

impl ScoringModel {
    /// The model in XGBoost's JSON: its probabilities for encoded rows are this model's, calibration and all. The columns are
    /// those of [`Self::encoder`], in its order; a missing value is `NaN`.
    ///
    /// # Errors
    /// The model is not made of boosted trees alone, or its calibration is neither none nor Platt's.
    pub fn to_xgboost_json(&self) -> Result<Vec<u8>, ExportError> {
        let Model::BoostedTrees(trees) = &self.model else { return Err(ExportError::Learner(self.model.name())) };
        let stored = trees.to_xgboost_json().map_err(ExportError::Trees)?;
        let (slope, intercept) = match self.calibration {
            Calibration::None => return Ok(stored),
            Calibration::Platt { slope, intercept } => (slope, intercept),
            _ => return Err(ExportError::Calibration(self.calibration.name())),
        };
        let mut document: Value =
            serde_json::from_slice(&stored).map_err(|error| ExportError::Trees(error.to_string()))?;
        stretch(&mut document, slope, slope * trees.base() + intercept).ok_or_else(|| {
            ExportError::Trees("their JSON is not laid out as expected; this is a fault of the program".into())
        })?;
        serde_json::to_vec(&document).map_err(|error| ExportError::Trees(error.to_string()))
    }
}

/// Multiplies every leaf by the slope and puts another base margin in place.
fn stretch(document: &mut Value, slope: f64, base: f64) -> Option<()> {
    let learner = document.get_mut("learner")?;
    let score = learner.get_mut("learner_model_param")?.get_mut("base_score")?;
    // Written as a probability; newer versions put it into brackets.
    let text = format!("{:E}", sigmoid(base));
    *score = if score.as_str()?.starts_with('[') { format!("[{text}]").into() } else { text.into() };
    for tree in learner.pointer_mut("/gradient_booster/model/trees")?.as_array_mut()? {
        let leaf: Vec<bool> =
            tree.get("left_children")?.as_array()?.iter().map(|child| child.as_i64() == Some(-1)).collect();
        for name in ["split_conditions", "base_weights"] {
            let values = tree.get_mut(name)?.as_array_mut()?;
            for (value, _) in values.iter_mut().zip(&leaf).filter(|(_, leaf)| **leaf) {
                *value = f64::from((value.as_f64()? * slope) as f32).into();
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::{BoostedTrees, Sample};
    use crate::math::split_mix;
    use crate::{LearnerParams, Matrix, TreeParams};

    #[test]
    fn a_platt_calibration_is_folded_into_leaves_and_base_score() {
        let values: Vec<f32> = (0..1_200).map(|at| (split_mix(at) % 100) as f32).collect();
        let matrix = Matrix { values, columns: 3 };
        let label: Vec<bool> = matrix.values.chunks(3).map(|row| row[0] > 60.0 || row[1] < 10.0).collect();
        let params = LearnerParams::BoostedTrees(TreeParams { trees: 30, ..TreeParams::default() });
        let model = params.fit(Sample { matrix: &matrix, label: &label, weight: None }, 7, 1).unwrap();
        let Model::BoostedTrees(trees) = &model else { unreachable!() };
        let (slope, intercept) = (0.7, -0.4);
        let mut document: Value = serde_json::from_slice(&trees.to_xgboost_json().unwrap()).unwrap();
        stretch(&mut document, slope, slope * trees.base() + intercept).unwrap();
        let stretched = BoostedTrees::from_xgboost_json(document.to_string().as_bytes()).unwrap();
        let stretched = Model::BoostedTrees(Box::new(stretched)).margins(&matrix);
        for (found, margin) in stretched.iter().zip(model.margins(&matrix)) {
            assert!((found - (slope * margin + intercept)).abs() < 1e-5, "{found} {margin}");
        }
    }
}
