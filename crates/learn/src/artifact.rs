//! What an artifact holds, file by file.
//!
//! | file | content |
//! |---|---|
//! | `model.json` | format, threshold, learner; a linear learner's numbers, a blend's members and weights |
//! | `trees.json` | boosted trees, in XGBoost's JSON; `trees-1.json` and so on for the second of a blend's |
//! | `ebm.json` | an explainable boosting machine's tables; numbered alike |
//! | `encoder.json` | the fitted encoder |
//! | `calibration.json` | how margins become probabilities |
//! | `reference.json` | distributions over the training customers, for the monitor |
//! | `golden.json` | customers with their probabilities, scored again on every load |
//! | `metrics.json` | the report of the training |
//! | `evaluation.json` | curves, slices, importance (from format 2 on) |
//!
//! Format 1 knew logistic regression and boosted trees alone, and no derived columns. Format 2 worked no missing charges out: its encoder
//! has no `estimates`. Both are still read, and score as they did.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::golden::{self, GoldenRow};
use crate::learner::{Blend, BoostedTrees, Ebm, Logistic, Member, NaiveBayes};
use crate::{ArtifactError, Evaluation, Model, Reference, Report, ScoringModel};

/// The newest format that this program reads, and the one it writes.
pub const ARTIFACT_FORMAT: u32 = 3;

const MODEL: &str = "model.json";
const TREES: &str = "trees.json";
const EBM: &str = "ebm.json";
const ENCODER: &str = "encoder.json";
const CALIBRATION: &str = "calibration.json";
const REFERENCE: &str = "reference.json";
const GOLDEN: &str = "golden.json";
const METRICS: &str = "metrics.json";
const EVALUATION: &str = "evaluation.json";

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
    /// What it is good for, in curves; none in artifacts of format 1.
    pub evaluation: Option<Evaluation>,
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
    NaiveBayes(NaiveBayes),
    BoostedTrees {
        #[serde(default = "first_trees")]
        file: String,
    },
    Ebm {
        file: String,
    },
    Blend {
        members: Vec<StoredMember>,
    },
}

#[derive(Serialize, Deserialize)]
struct StoredMember {
    weight: f64,
    #[serde(flatten)]
    learner: StoredLearner,
}

fn first_trees() -> String {
    TREES.to_owned()
}

impl Artifact {
    /// The artifact as named files: the same bytes for the same artifact.
    ///
    /// # Errors
    /// [`ArtifactError::Invalid`] when a number cannot be written, which no artifact of [`crate::train`] meets.
    pub fn to_files(&self) -> Result<BTreeMap<String, Vec<u8>>, ArtifactError> {
        let mut files = BTreeMap::new();
        let learner = store(&self.model.model, &mut files)?;
        let model = StoredModel { format: ARTIFACT_FORMAT, threshold: self.model.threshold, learner };
        write(&mut files, MODEL, &model)?;
        write(&mut files, ENCODER, &self.model.encoder)?;
        write(&mut files, CALIBRATION, &self.model.calibration)?;
        write(&mut files, REFERENCE, &self.reference)?;
        write(&mut files, GOLDEN, &self.golden)?;
        write(&mut files, METRICS, &self.report)?;
        if let Some(evaluation) = &self.evaluation {
            write(&mut files, EVALUATION, evaluation)?;
        }
        Ok(files)
    }

    /// Reads an artifact and scores its golden rows.
    ///
    /// # Errors
    /// A file is missing or damaged, the artifact is of a newer format, or a golden row scores differently.
    pub fn from_files(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, ArtifactError> {
        let format = check_format(files)?;
        let StoredModel { threshold, learner, .. } = read(files, MODEL)?;
        let model = ScoringModel {
            encoder: read(files, ENCODER)?,
            model: restore(learner, files)?,
            calibration: read(files, CALIBRATION)?,
            threshold,
        };
        check_model(&model)?;
        let artifact = Self {
            model,
            reference: read(files, REFERENCE)?,
            golden: read(files, GOLDEN)?,
            report: read(files, METRICS)?,
            evaluation: if format >= 2 { Some(read(files, EVALUATION)?) } else { None },
        };
        if artifact.report.learners.len() <= artifact.report.chosen {
            let problem = format!("it chose learner {} of {}", artifact.report.chosen, artifact.report.learners.len());
            return Err(invalid(METRICS, problem));
        }
        golden::verify(&artifact.model, &artifact.golden)?;
        Ok(artifact)
    }
}

/// Looks at the format before anything else, because the rest of a newer artifact may mean something else.
fn check_format(files: &BTreeMap<String, Vec<u8>>) -> Result<u32, ArtifactError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = read(files, MODEL)?;
    if format > ARTIFACT_FORMAT {
        return Err(ArtifactError::NewerFormat { found: format, known: ARTIFACT_FORMAT });
    }
    Ok(format)
}

fn store(model: &Model, files: &mut BTreeMap<String, Vec<u8>>) -> Result<StoredLearner, ArtifactError> {
    Ok(match model {
        Model::Logistic(model) => StoredLearner::Logistic(model.clone()),
        Model::NaiveBayes(model) => StoredLearner::NaiveBayes(model.clone()),
        Model::BoostedTrees(trees) => {
            let file = free_name(files, TREES);
            let bytes = trees.to_xgboost_json().map_err(|problem| invalid(&file, problem))?;
            files.insert(file.clone(), bytes);
            StoredLearner::BoostedTrees { file }
        }
        Model::Ebm(ebm) => {
            let file = free_name(files, EBM);
            // Not pretty: its tables have thousands of numbers, and nobody wants a line for each.
            let bytes = serde_json::to_vec(ebm).map_err(|error| invalid(&file, error.to_string()))?;
            files.insert(file.clone(), bytes);
            StoredLearner::Ebm { file }
        }
        Model::Blend(blend) => {
            let member =
                |member: &Member| Ok(StoredMember { weight: member.weight, learner: store(&member.model, files)? });
            StoredLearner::Blend { members: blend.members.iter().map(member).collect::<Result<_, _>>()? }
        }
    })
}

/// `trees.json`, `trees-1.json`, `trees-2.json`, whichever is free.
fn free_name(files: &BTreeMap<String, Vec<u8>>, name: &str) -> String {
    let stem = name.trim_end_matches(".json");
    let numbered = (1..).map(|number| format!("{stem}-{number}.json"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !files.contains_key(name)).expect("numbers do not end")
}

fn restore(stored: StoredLearner, files: &BTreeMap<String, Vec<u8>>) -> Result<Model, ArtifactError> {
    Ok(match stored {
        StoredLearner::Logistic(model) => Model::Logistic(model),
        StoredLearner::NaiveBayes(model) => Model::NaiveBayes(model),
        StoredLearner::BoostedTrees { file } => {
            let trees = BoostedTrees::from_xgboost_json(bytes(files, &file)?);
            Model::BoostedTrees(Box::new(trees.map_err(|problem| invalid(&file, problem))?))
        }
        StoredLearner::Ebm { file } => Model::Ebm(Box::new(read::<Ebm>(files, &file)?)),
        StoredLearner::Blend { members } => {
            let member = |member: StoredMember| match member.learner {
                // Before it is followed: a blend within a blend could go on without end.
                StoredLearner::Blend { .. } => Err(invalid(MODEL, "a member of the blend is a blend".into())),
                learner => Ok(Member { weight: member.weight, model: restore(learner, files)? }),
            };
            Model::Blend(Blend { members: members.into_iter().map(member).collect::<Result<_, _>>()? })
        }
    })
}

fn check_model(model: &ScoringModel) -> Result<(), ArtifactError> {
    model.model.check(model.encoder.columns()).map_err(|problem| invalid(MODEL, problem))?;
    if !(0.0..=1.0).contains(&model.threshold) {
        return Err(invalid(MODEL, format!("the threshold is {}, expected 0 to 1", model.threshold)));
    }
    if !model.calibration.is_valid() {
        return Err(invalid(CALIBRATION, format!("{:?} does not increase", model.calibration)));
    }
    Ok(())
}

fn invalid(file: &str, problem: String) -> ArtifactError {
    ArtifactError::Invalid { file: file.to_owned(), problem }
}

fn bytes<'a>(files: &'a BTreeMap<String, Vec<u8>>, file: &str) -> Result<&'a [u8], ArtifactError> {
    files.get(file).map(Vec::as_slice).ok_or_else(|| ArtifactError::Missing(file.to_owned()))
}

fn read<T: DeserializeOwned>(files: &BTreeMap<String, Vec<u8>>, file: &str) -> Result<T, ArtifactError> {
    serde_json::from_slice(bytes(files, file)?).map_err(|error| invalid(file, error.to_string()))
}

fn write(files: &mut BTreeMap<String, Vec<u8>>, file: &str, content: &impl Serialize) -> Result<(), ArtifactError> {
    let mut bytes = serde_json::to_vec_pretty(content).map_err(|error| invalid(file, error.to_string()))?;
    bytes.push(b'\n');
    files.insert(file.to_owned(), bytes);
    Ok(())
}
