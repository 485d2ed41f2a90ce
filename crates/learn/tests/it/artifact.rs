//! An artifact comes back as it was, or is refused by the name of the file that is wrong.

use std::collections::BTreeMap;

use churn_domain::FEATURES;
use churn_learn::{ARTIFACT_FORMAT, Artifact, ArtifactError, Scratch};
use serde_json::{Value, json};

use crate::{CUSTOMER, models, sample, shipped, table};

type Files = BTreeMap<String, Vec<u8>>;

fn edit(files: &Files, name: &str, change: impl FnOnce(&mut Value)) -> Files {
    let mut files = files.clone();
    let mut document = serde_json::from_slice(&files[name]).unwrap();
    change(&mut document);
    files.insert(name.to_owned(), serde_json::to_vec(&document).unwrap());
    files
}

fn refusal(files: &Files) -> ArtifactError {
    Artifact::from_files(files).unwrap_err()
}

#[test]
fn a_loaded_artifact_scores_every_customer_as_the_trained_one_and_is_written_alike() {
    for trained in models() {
        let files = trained.artifact.to_files().unwrap();
        let loaded = Artifact::from_files(&files).unwrap();
        let features = &shipped().features;
        assert_eq!(loaded.model.predict_all(features), trained.artifact.model.predict_all(features));
        assert_eq!(loaded.model.threshold(), trained.artifact.model.threshold());
        assert_eq!(loaded.reference, trained.artifact.reference);
        assert_eq!(loaded.report, trained.artifact.report);
        assert!(loaded.to_files().unwrap() == files);
    }
}

#[test]
fn each_file_that_is_missing_or_no_json_is_named() {
    for trained in models() {
        let files = trained.artifact.to_files().unwrap();
        for name in files.keys() {
            let mut damaged = files.clone();
            damaged.remove(name);
            assert!(matches!(refusal(&damaged), ArtifactError::Missing(file) if file == *name), "{name}");
            for content in [&b""[..], b"{", b"null", b"\xff", b"[]"] {
                damaged.insert(name.clone(), content.to_vec());
                let error = refusal(&damaged).to_string();
                assert!(error.contains(name.as_str()), "{name}: {error}");
            }
        }
    }
}

#[test]
fn an_artifact_of_a_newer_format_is_refused_before_anything_else_is_read() {
    let files = models()[0].artifact.to_files().unwrap();
    let newer = edit(&files, "model.json", |model| *model = json!({"format": ARTIFACT_FORMAT + 1, "unheard": "of"}));
    assert_eq!(refusal(&newer), ArtifactError::NewerFormat { found: ARTIFACT_FORMAT + 1, known: ARTIFACT_FORMAT });
}

#[test]
fn a_model_that_scores_otherwise_than_its_golden_rows_is_refused() {
    let [trees, logistic, ..] = models();
    let files = trees.artifact.to_files().unwrap();
    let golden = edit(&files, "golden.json", |rows| rows[2]["probability"] = 0.123.into());
    assert!(matches!(refusal(&golden), ArtifactError::Golden { row: 2, expected: 0.123, .. }));
    let empty = edit(&files, "golden.json", |rows| *rows = json!([]));
    assert!(matches!(refusal(&empty), ArtifactError::Invalid { file, .. } if file == "golden.json"));
    let calibration = json!({"kind": "platt", "slope": 0.5, "intercept": 0.0});
    let recalibrated = edit(&files, "calibration.json", |stored| *stored = calibration);
    assert!(matches!(refusal(&recalibrated), ArtifactError::Golden { .. }));
    let files = logistic.artifact.to_files().unwrap();
    let moved = edit(&files, "model.json", |model| {
        model["intercept"] = (model["intercept"].as_f64().unwrap() + 1e-6).into();
    });
    assert!(matches!(refusal(&moved), ArtifactError::Golden { .. }));
}

#[test]
fn values_that_no_training_writes_are_refused() {
    let files = models()[1].artifact.to_files().unwrap();
    for (name, change) in [
        ("model.json", &(|file: &mut Value| file["threshold"] = 1.5.into()) as &dyn Fn(&mut Value)),
        ("model.json", &|file| file["coefficient"][0] = 1e300.into()),
        ("model.json", &|file| drop(file["coefficient"].as_array_mut().unwrap().pop())),
        ("model.json", &|file| file["learner"] = "oracle".into()),
        ("encoder.json", &|file| file["derived"][0] = "shoe_size / tenure".into()),
        ("encoder.json", &|file| file["derived"][0] = file["derived"][1].clone()),
        ("evaluation.json", &|file| drop(file.as_object_mut().unwrap().remove("slices"))),
        ("calibration.json", &|file| *file = json!({"kind": "platt", "slope": -1.0, "intercept": 0.0})),
        ("encoder.json", &|file| drop(file["features"].as_array_mut().unwrap().pop())),
        ("encoder.json", &|file| file["features"][0]["name"] = "shoe_size".into()),
        ("metrics.json", &|file| file["chosen"] = 9.into()),
        ("golden.json", &|file| file[0]["features"]["tenure"] = "long".into()),
    ] {
        let error = refusal(&edit(&files, name, change));
        assert!(matches!(&error, ArtifactError::Invalid { file, .. } if *file == name), "{name}: {error}");
    }
}

#[test]
fn a_blend_that_no_training_makes_is_refused() {
    let files = models()[4].artifact.to_files().unwrap();
    for change in [
        &(|model: &mut Value| model["members"][0]["weight"] = (-1.0).into()) as &dyn Fn(&mut Value),
        &|model| model["members"] = json!([]),
        &|model| model["members"][1] = json!({"weight": 0.3, "learner": "blend", "members": []}),
        &|model| model["members"][3]["square"][0] = 1e300.into(),
    ] {
        let error = refusal(&edit(&files, "model.json", change));
        assert!(matches!(&error, ArtifactError::Invalid { file, .. } if file == "model.json"), "{error}");
    }
    let elsewhere = edit(&files, "model.json", |model| model["members"][0]["file"] = "trees-7.json".into());
    assert_eq!(refusal(&elsewhere), ArtifactError::Missing("trees-7.json".into()));
}

#[test]
fn the_reference_counts_every_training_customer_in_every_column() {
    let reference = &models()[0].artifact.reference;
    let customers = sample(5);
    assert_eq!(reference.rows, customers.len() as u64);
    assert_eq!(reference.features.len(), FEATURES.len());
    for (feature, expected) in reference.features.iter().zip(&FEATURES) {
        assert_eq!(feature.name, expected.name);
        let counted: u64 = match &feature.distribution {
            churn_learn::Distribution::Words { counts } => counts.values().sum(),
            churn_learn::Distribution::Bins { counts, edges, .. } => {
                assert_eq!(counts.len(), edges.len() + 1);
                counts.iter().sum()
            }
        };
        assert_eq!(counted + feature.missing, reference.rows, "{}", feature.name);
    }
}

#[test]
fn batches_of_any_size_give_the_same_probabilities_and_count_the_same() {
    for trained in models() {
        let model = &trained.artifact.model;
        let features = &shipped().features;
        let whole = model.predict_all(features);
        let (mut scratch, mut pieces, mut rows) = (Scratch::default(), Vec::new(), 0);
        for size in [1, 7, 8, 9, 255, 256, 257, 1_000].into_iter().cycle() {
            let end = features.len().min(pieces.len() + size);
            rows += model.predict(features, pieces.len()..end, &mut scratch, &mut pieces).rows;
            if end == features.len() {
                break;
            }
        }
        assert_eq!(pieces, whole);
        assert_eq!(rows, features.len() as u64);
    }
}

#[test]
fn whatever_a_customer_looks_like_the_probability_is_one() {
    let nothing = ",".repeat(FEATURES.len() - 1);
    let strange = CUSTOMER.replace("DSL", "Tin can").replace("Electronic check", "Cowries").replace("29.85", "10000");
    let customers = table(&[CUSTOMER, &nothing, &strange]);
    for trained in models() {
        let model = &trained.artifact.model;
        for probability in model.predict_all(&customers) {
            assert!((0.0..=1.0).contains(&probability));
            assert_eq!(model.label(probability), probability >= model.threshold());
        }
    }
}
