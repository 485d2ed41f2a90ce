//! What an artifact holds, file by file.
//!
//! | file | content |
//! |---|---|
//! | `model.json` | format, learner, threshold; a logistic regression's numbers |
//! | `trees.json` | boosted trees, in XGBoost's JSON |
//! | `encoder.json` | the fitted encoder |
//! | `calibration.json` | how margins become probabilities |
//! | `reference.json` | distributions over the training customers, for the monitor |
//! | `golden.json` | customers with their probabilities, scored again on every load |
//! | `metrics.json` | the report of the training |

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::golden::{self, GoldenRow};
use crate::learner::{BoostedTrees, Logistic};
use crate::{ArtifactError, Model, Reference, Report, ScoringModel};

/// The newest format that this program reads, and the one it writes.
pub const ARTIFACT_FORMAT: u32 = 1;

const MODEL: &str = "model.json";
const TREES: &str = "trees.json";
const ENCODER: &str = "encoder.json";
const CALIBRATION: &str = "calibration.json";
const REFERENCE: &str = "reference.json";
const GOLDEN: &str = "golden.json";
const METRICS: &str = "metrics.json";

/// A trained model with everything that travels with it.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// What scores.
    pub model: ScoringModel,
    /// What the training customers looked like.
    pub reference: Reference,
    /// What the model must say.
    pub golden: Vec<GoldenRow>,
    /// How the model was chosen and how good it is.
    pub report: Report,
}

#[derive(Serialize, Deserialize)]
struct StoredModel {
    format: u32,
    threshold: f64,
    #[serde(flatten)]
    learner: StoredLearner,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "learner", rename_all = "snake_case")]
enum StoredLearner {
    Logistic(Logistic),
    BoostedTrees,
}

impl Artifact {
    /// The artifact as named files: the same bytes for the same artifact.
    ///
    /// # Errors
    /// [`ArtifactError::Invalid`] when a number cannot be written, which no artifact of [`crate::train`] meets.
    pub fn to_files(&self) -> Result<BTreeMap<String, Vec<u8>>, ArtifactError> {
        let mut files = BTreeMap::new();
        let learner = match &self.model.model {
            Model::Logistic(model) => StoredLearner::Logistic(model.clone()),
            Model::BoostedTrees(trees) => {
                let bytes =
                    trees.to_xgboost_json().map_err(|problem| ArtifactError::Invalid { file: TREES, problem })?;
                files.insert(TREES.to_owned(), bytes);
                StoredLearner::BoostedTrees
            }
        };
        let model = StoredModel { format: ARTIFACT_FORMAT, threshold: self.model.threshold, learner };
        write(&mut files, MODEL, &model)?;
        write(&mut files, ENCODER, &self.model.encoder)?;
        write(&mut files, CALIBRATION, &self.model.calibration)?;
        write(&mut files, REFERENCE, &self.reference)?;
        write(&mut files, GOLDEN, &self.golden)?;
        write(&mut files, METRICS, &self.report)?;
        Ok(files)
    }

    /// Reads an artifact and scores its golden rows.
    ///
    /// # Errors
    /// A file is missing or damaged, the artifact is of a newer format, or a golden row scores differently.
    pub fn from_files(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, ArtifactError> {
        check_format(files)?;
        let StoredModel { threshold, learner, .. } = read(files, MODEL)?;
        let model = ScoringModel {
            encoder: read(files, ENCODER)?,
            model: match learner {
                StoredLearner::Logistic(model) => Model::Logistic(model),
                StoredLearner::BoostedTrees => read_trees(files)?,
            },
            calibration: read(files, CALIBRATION)?,
            threshold,
        };
        check_model(&model)?;
        let artifact = Self {
            model,
            reference: read(files, REFERENCE)?,
            golden: read(files, GOLDEN)?,
            report: read(files, METRICS)?,
        };
        if artifact.report.learners.len() <= artifact.report.chosen {
            let problem = format!("it chose learner {} of {}", artifact.report.chosen, artifact.report.learners.len());
            return Err(ArtifactError::Invalid { file: METRICS, problem });
        }
        golden::verify(&artifact.model, &artifact.golden)?;
        Ok(artifact)
    }
}

/// Looks at the format before anything else, because the rest of a newer artifact may mean something else.
fn check_format(files: &BTreeMap<String, Vec<u8>>) -> Result<(), ArtifactError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = read(files, MODEL)?;
    if format > ARTIFACT_FORMAT {
        return Err(ArtifactError::NewerFormat { found: format, known: ARTIFACT_FORMAT });
    }
    Ok(())
}

fn read_trees(files: &BTreeMap<String, Vec<u8>>) -> Result<Model, ArtifactError> {
    let trees = BoostedTrees::from_xgboost_json(bytes(files, TREES)?);
    let trees = trees.map_err(|problem| ArtifactError::Invalid { file: TREES, problem })?;
    Ok(Model::BoostedTrees(Box::new(trees)))
}

fn check_model(model: &ScoringModel) -> Result<(), ArtifactError> {
    let invalid = |file, problem| Err(ArtifactError::Invalid { file, problem });
    if let Model::Logistic(logistic) = &model.model
        && let Err(problem) = logistic.check()
    {
        return invalid(MODEL, problem);
    }
    if !(0.0..=1.0).contains(&model.threshold) {
        return invalid(MODEL, format!("the threshold is {}, expected 0 to 1", model.threshold));
    }
    if !model.calibration.is_valid() {
        return invalid(CALIBRATION, format!("{:?} does not increase", model.calibration));
    }
    let (columns, expected) = (model.encoder.columns(), model.model.columns());
    if columns != expected {
        return invalid(ENCODER, format!("it makes {columns} columns, the model takes {expected}"));
    }
    Ok(())
}

fn bytes<'a>(files: &'a BTreeMap<String, Vec<u8>>, file: &'static str) -> Result<&'a [u8], ArtifactError> {
    files.get(file).map(Vec::as_slice).ok_or(ArtifactError::Missing(file))
}

fn read<T: DeserializeOwned>(files: &BTreeMap<String, Vec<u8>>, file: &'static str) -> Result<T, ArtifactError> {
    serde_json::from_slice(bytes(files, file)?)
        .map_err(|error| ArtifactError::Invalid { file, problem: error.to_string() })
}

fn write(
    files: &mut BTreeMap<String, Vec<u8>>,
    file: &'static str,
    content: &impl Serialize,
) -> Result<(), ArtifactError> {
    let mut bytes = serde_json::to_vec_pretty(content)
        .map_err(|error| ArtifactError::Invalid { file, problem: error.to_string() })?;
    bytes.push(b'\n');
    files.insert(file.to_owned(), bytes);
    Ok(())
}
