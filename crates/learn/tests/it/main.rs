//! What learning promises, on the shipped customers and on hostile ones.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by panicking

mod artifact;
mod encoder;
mod explain;
mod metrics;
mod search;
mod training;

use std::sync::OnceLock;

use churn_domain::Table;
use churn_domain::csv::{Customers, ReadOptions, read};
use churn_learn::{
    BayesParams, BlendParams, EbmParams, LearnerParams, LogisticParams, MemberParams, TrainParams, Trained, TreeParams,
    train,
};

/// The shipped customers.
fn shipped() -> &'static Customers {
    static SHIPPED: OnceLock<Customers> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let file = include_bytes!("../../../../data/telco_customer_churn.csv");
        read(file.as_slice(), ReadOptions::default()).unwrap()
    })
}

/// Every `nth` of the shipped customers.
fn sample(nth: usize) -> Customers {
    let rows: Vec<usize> = (0..shipped().len()).step_by(nth).collect();
    let label = shipped().label.as_ref().unwrap();
    Customers {
        label: Some(rows.iter().map(|&row| label[row]).collect()),
        features: shipped().features.select(rows),
        ..Customers::default()
    }
}

fn quick(threads: usize) -> TrainParams {
    let trees = TreeParams { trees: 40, learning_rate: 0.1, ..TreeParams::default() };
    let learners = vec![LearnerParams::BoostedTrees(trees), LearnerParams::Logistic(LogisticParams::default())];
    TrainParams { threads, learners, blend: false, ..TrainParams::default() }
}

fn only(learner: LearnerParams) -> TrainParams {
    TrainParams { learners: vec![learner], ..quick(2) }
}

fn trained(customers: &Customers, params: &TrainParams) -> Trained {
    train(customers, params, &mut |_| {}).unwrap()
}

/// One trained model of each learner (trees, logistic regression, EBM, naive Bayes, a blend of the four), for tests that only
/// read them.
fn models() -> &'static [Trained; 5] {
    static MODELS: OnceLock<[Trained; 5]> = OnceLock::new();
    MODELS.get_or_init(|| {
        let customers = sample(5);
        let [trees, logistic] = <[LearnerParams; 2]>::try_from(quick(1).learners).unwrap();
        let ebm = LearnerParams::Ebm(EbmParams { rounds: 15, interactions: 2, ..EbmParams::default() });
        let bayes = LearnerParams::NaiveBayes(BayesParams::default());
        let member = |(params, weight): (&LearnerParams, f64)| MemberParams { weight, params: params.clone() };
        let members = [&trees, &logistic, &ebm, &bayes].into_iter().zip([0.4, 0.3, 0.2, 0.1]).map(member).collect();
        let blend = LearnerParams::Blend(BlendParams { members });
        [trees, logistic, ebm, bayes, blend].map(|learner| trained(&customers, &only(learner)))
    })
}

/// A table of these rows, given as in the shipped file without the label.
fn table(rows: &[&str]) -> Table {
    let names: Vec<&str> = churn_domain::FEATURES.iter().map(|feature| feature.name).collect();
    let file = format!("{}\n{}\n", names.join(","), rows.join("\n"));
    let keep = churn_domain::csv::UnknownCategory::Keep;
    read(file.as_bytes(), ReadOptions { unknown_category: keep, skip_bad_rows: false }).unwrap().features
}

const CUSTOMER: &str =
    "1,0,1,0,1,0,No phone service,DSL,No,Yes,No,No,No,No,Month-to-month,1,Electronic check,29.85,29.85";
