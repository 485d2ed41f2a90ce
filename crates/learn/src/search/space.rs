//! What is proposed.
//!
//! The settings follow what is known of tables of a few thousand to a few hundred thousand customers: shallow trees with a low
//! learning rate that see a part of the customers and of the columns, shapes that stop growing early, and linear models of
//! columns that were made for them. Nothing here was tuned to one split of the shipped customers.

use serde::{Deserialize, Serialize};

use crate::math::split_mix;
use crate::train::Contest;
use crate::{BayesParams, EbmParams, LearnerParams, LogisticParams, TreeParams};

/// A kind of learner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Logistic regression with an elastic-net penalty.
    Logistic,
    /// Boosted trees.
    BoostedTrees,
    /// Explainable boosting machine.
    Ebm,
    /// Gaussian naive Bayes.
    NaiveBayes,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 4] = [Self::Logistic, Self::BoostedTrees, Self::Ebm, Self::NaiveBayes];

    /// Its learners' name.
    pub fn name(self) -> &'static str {
        self.draw(&mut Draw::new(0, 0)).name()
    }

    /// Whether its learners can count some customers more than others.
    pub fn takes_weights(self) -> bool {
        self != Self::NaiveBayes
    }

    /// Settings anywhere in the family's space.
    fn draw(self, draw: &mut Draw) -> LearnerParams {
        match self {
            Self::Logistic => LearnerParams::Logistic(LogisticParams {
                l1: if draw.unit() < 0.5 { 0.0 } else { draw.log(0.1, 10.0) },
                l2: draw.log(0.1, 100.0),
            }),
            Self::BoostedTrees => {
                let learning_rate = draw.log(0.01, 0.08);
                LearnerParams::BoostedTrees(TreeParams {
                    trees: most_trees(learning_rate),
                    depth: 2 + usize::from(draw.unit() < 0.4),
                    learning_rate,
                    min_child_weight: draw.log(0.5, 20.0),
                    l2: draw.log(0.3, 20.0),
                    row_share: draw.even(0.35, 0.85),
                    column_share: draw.even(0.08, 0.4),
                })
            }
            Self::Ebm => {
                let learning_rate = draw.log(0.03, 0.08);
                LearnerParams::Ebm(EbmParams {
                    rounds: (draw.log(1.0, 3.5) / learning_rate) as usize,
                    learning_rate,
                    leaves: 2 + usize::from(draw.unit() < 0.5),
                    interactions: if draw.unit() < 0.6 { 0 } else { draw.log(1.0, 8.0) as usize },
                    min_child_weight: draw.log(2.0, 20.0),
                    row_share: draw.even(0.5, 0.9),
                    ..EbmParams::default()
                })
            }
            Self::NaiveBayes => LearnerParams::NaiveBayes(BayesParams { smoothing: draw.log(0.01, 10.0) }),
        }
    }
}

/// Trees that a learning rate needs at most: what the search finds out by itself is how many of them are best.
fn most_trees(learning_rate: f64) -> usize {
    ((14.0 / learning_rate) as usize).clamp(100, 1_000)
}

/// The first proposals, by family.
fn portfolio() -> Vec<(Family, LearnerParams)> {
    let trees = |depth, learning_rate| {
        let trees = most_trees(learning_rate);
        LearnerParams::BoostedTrees(TreeParams { depth, learning_rate, trees, ..TreeParams::default() })
    };
    let logistic = |l1, l2| LearnerParams::Logistic(LogisticParams { l1, l2 });
    let ebm = |interactions, rounds, learning_rate| {
        LearnerParams::Ebm(EbmParams { interactions, rounds, learning_rate, ..EbmParams::default() })
    };
    vec![
        (Family::Logistic, logistic(0.0, 3.0)),
        (Family::BoostedTrees, trees(2, 0.04)),
        (Family::NaiveBayes, LearnerParams::NaiveBayes(BayesParams::default())),
        (Family::Ebm, ebm(0, 40, 0.05)),
        (Family::BoostedTrees, trees(3, 0.03)),
        (Family::Logistic, logistic(2.0, 1.0)),
        (Family::BoostedTrees, trees(2, 0.02)),
        (Family::Ebm, ebm(3, 40, 0.04)),
    ]
}

/// Proposal number `trial`, from 0.
pub(super) fn propose(families: &[Family], seed: u64, trial: usize, contest: &Contest<'_>) -> LearnerParams {
    let mut portfolio = portfolio().into_iter().filter(|(family, _)| families.contains(family));
    if let Some((_, params)) = portfolio.nth(trial) {
        return params;
    }
    let mut draw = Draw::new(seed, trial as u64);
    let family = family(families, draw.unit());
    match contest.best_of_family(family.name()) {
        Some(best) if draw.unit() < 0.5 => near(best, &mut draw),
        _ => family.draw(&mut draw),
    }
}

/// A family, by how much trying another of its settings promises.
fn family(families: &[Family], unit: f64) -> Family {
    let promise = |family: &Family| match family {
        Family::BoostedTrees => 5.0,
        Family::Logistic => 3.0,
        Family::Ebm => 2.0,
        Family::NaiveBayes => 0.5,
    };
    let mut rest = unit * families.iter().map(promise).sum::<f64>();
    for family in families {
        rest -= promise(family);
        if rest < 0.0 {
            return *family;
        }
    }
    families[families.len() - 1]
}

/// Settings near others: each number changes by a factor of about a third at most.
fn near(params: &LearnerParams, draw: &mut Draw) -> LearnerParams {
    let mut about = |value: f64, low: f64, high: f64| (value * draw.log(0.7, 1.4)).clamp(low, high);
    match params {
        LearnerParams::Logistic(LogisticParams { l1, l2 }) => {
            LearnerParams::Logistic(LogisticParams { l1: about(*l1, 0.0, 100.0), l2: about(*l2, 0.01, 1_000.0) })
        }
        LearnerParams::BoostedTrees(params) => {
            let learning_rate = about(params.learning_rate, 0.01, 0.1);
            LearnerParams::BoostedTrees(TreeParams {
                trees: most_trees(learning_rate),
                depth: params.depth,
                learning_rate,
                min_child_weight: about(params.min_child_weight, 0.1, 50.0),
                l2: about(params.l2, 0.1, 50.0),
                row_share: about(params.row_share, 0.2, 1.0),
                column_share: about(params.column_share, 0.05, 0.6),
            })
        }
        LearnerParams::Ebm(params) => LearnerParams::Ebm(EbmParams {
            rounds: about(params.rounds as f64, 10.0, 200.0) as usize,
            learning_rate: about(params.learning_rate, 0.02, 0.1),
            min_child_weight: about(params.min_child_weight, 1.0, 50.0),
            row_share: about(params.row_share, 0.3, 1.0),
            ..*params
        }),
        LearnerParams::NaiveBayes(BayesParams { smoothing }) => {
            LearnerParams::NaiveBayes(BayesParams { smoothing: about(*smoothing, 0.001, 10.0) })
        }
        LearnerParams::Blend(_) => params.clone(),
    }
}

/// Random numbers of one proposal.
struct Draw(u64);

impl Draw {
    fn new(seed: u64, trial: u64) -> Self {
        Self(split_mix(split_mix(seed ^ 0x005e_a4c4) ^ trial))
    }

    /// From 0 to below 1.
    fn unit(&mut self) -> f64 {
        self.0 = split_mix(self.0);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn even(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Even in the logarithm.
    fn log(&mut self, low: f64, high: f64) -> f64 {
        self.even(low.ln(), high.ln()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_drawn_or_near_it_can_be_meant() {
        for trial in 0..400 {
            let mut draw = Draw::new(7, trial);
            for family in Family::ALL {
                let mut params = family.draw(&mut draw);
                for _ in 0..4 {
                    params.check().unwrap();
                    params = near(&params, &mut draw);
                }
                assert_eq!(params.name(), family.name());
                assert_eq!(params.takes_weights(), family.takes_weights());
            }
        }
        for (family, params) in portfolio() {
            params.check().unwrap();
            assert_eq!(params.name(), family.name());
        }
    }

    #[test]
    fn every_family_that_is_asked_for_is_proposed_and_no_other() {
        let asked = [Family::Logistic, Family::NaiveBayes];
        let found: Vec<Family> = (0..50).map(|at| family(&asked, f64::from(at) / 50.0)).collect();
        assert!(asked.iter().all(|family| found.contains(family)));
        assert!(found.iter().all(|family| asked.contains(family)));
    }
}
