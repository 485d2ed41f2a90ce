//! Contributions add up to the margin, equal the reference's, and come with every score.

use churn_domain::{FEATURE_COUNT, FEATURES, Reasons, Table};
use churn_learn::{Explainer, Scratch, Trained};

use crate::{CUSTOMER, models, shipped, table};

fn odd_customers() -> Table {
    let nothing = ",".repeat(FEATURES.len() - 1);
    let strange = CUSTOMER.replace("DSL", "Tin can").replace("29.85,29.85", "29.85,");
    let mut customers = table(&[CUSTOMER, &nothing, &strange]);
    for row in (0..shipped().len()).step_by(11) {
        customers.push_from(&shipped().features, row);
    }
    customers
}

#[test]
fn contributions_and_the_mean_margin_add_up_to_every_customers_margin() {
    let customers = odd_customers();
    for Trained { artifact, .. } in models() {
        let explainer = Explainer::new(&artifact.model);
        let margins = artifact.model.margins(&customers);
        let contributions = explainer.explain(&artifact.model, &customers, 0..customers.len());
        assert_eq!(contributions.len(), customers.len());
        for (row, margin) in contributions.iter().zip(margins) {
            let sum = explainer.expected_margin() + row.iter().map(|&value| f64::from(value)).sum::<f64>();
            assert!((sum - margin).abs() < 2e-5, "{}: {sum} {margin}", artifact.model.model().name());
        }
    }
}

#[test]
fn a_blends_contributions_are_the_weighted_sum_of_its_members() {
    let customers = odd_customers();
    let [trees, logistic, ebm, bayes, blend] = models();
    let explain = |trained: &Trained| {
        let model = &trained.artifact.model;
        Explainer::new(model).explain(model, &customers, 0..customers.len())
    };
    let members: Vec<_> = [trees, logistic, ebm, bayes].into_iter().map(explain).collect();
    for (row, found) in explain(blend).iter().enumerate() {
        for feature in 0..FEATURE_COUNT {
            let parts = members.iter().zip([0.4, 0.3, 0.2, 0.1]);
            let expected: f64 = parts.map(|(member, weight)| weight * f64::from(member[row][feature])).sum();
            assert!((f64::from(found[feature]) - expected).abs() < 1e-5, "{} {expected}", found[feature]);
        }
    }
}

#[test]
fn reasons_are_the_largest_contributions_and_leave_the_probabilities_as_they_are() {
    let customers = odd_customers();
    for Trained { artifact, .. } in models() {
        let model = &artifact.model;
        let explainer = Explainer::new(model);
        let contributions = explainer.explain(model, &customers, 0..customers.len());
        for top in [0, 1, 3, FEATURE_COUNT] {
            let (mut scratch, mut probability, mut reasons) = (Scratch::default(), Vec::new(), Reasons::default());
            let rows = 0..customers.len();
            let stats = model.predict_with_reasons(
                &explainer,
                top,
                &customers,
                rows,
                &mut scratch,
                &mut probability,
                &mut reasons,
            );
            assert_eq!(stats.rows, customers.len() as u64);
            assert_eq!(probability, model.predict_all(&customers));
            assert_eq!(reasons.len(), customers.len());
            for (row, contribution) in contributions.iter().enumerate() {
                let mut order: Vec<usize> = (0..FEATURE_COUNT).filter(|&f| contribution[f] != 0.0).collect();
                order.sort_by(|&a, &b| contribution[b].abs().total_cmp(&contribution[a].abs()).then(a.cmp(&b)));
                let expected: Vec<_> = order.iter().take(top).map(|&f| (FEATURES[f].name, contribution[f])).collect();
                assert_eq!(reasons.row(row).collect::<Vec<_>>(), expected);
            }
        }
    }
}

#[test]
fn what_is_known_to_matter_comes_first() {
    for Trained { artifact, .. } in models() {
        let importance = &artifact.evaluation.as_ref().unwrap().importance;
        let first: Vec<&str> = importance.iter().take(5).map(|(feature, _)| feature.as_str()).collect();
        assert!(first.contains(&"tenure") && first.contains(&"contract"), "{first:?}");
    }
}
