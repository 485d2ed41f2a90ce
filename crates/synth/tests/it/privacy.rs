//! A generator does not tell the customers it saw from others.

use churn_domain::csv::Customers;
use churn_synth::{FitParams, Generator, quality};

use crate::{CUSTOMERS, PLACES};

/// Every second customer, from the given one on.
fn half(first: usize) -> Customers {
    let rows = || (first..CUSTOMERS.len()).step_by(2);
    let label = CUSTOMERS.label.as_ref().unwrap();
    Customers {
        features: CUSTOMERS.features.select(rows()),
        label: Some(rows().map(|row| label[row]).collect()),
        ..Customers::default()
    }
}

fn view(customers: &Customers) -> quality::Customers<'_> {
    quality::Customers::new(&customers.features, customers.label.as_ref().unwrap())
}

#[test]
fn customers_are_no_nearer_to_those_it_was_fitted_on_and_no_more_often_copies_than_chance_makes_them() {
    let (training, holdout) = (half(0), half(1));
    let generator = Generator::fit(&training, &PLACES, FitParams::default()).unwrap();
    let sample = generator.sample(7, 0..4_000);
    let synthetic = quality::Customers::new(&sample.features, &sample.label);
    let protection = quality::overfitting_protection(view(&training), synthetic, view(&holdout));
    assert!(protection.score >= 0.95, "{protection:?}");
    let copied =
        |rows: quality::Customers<'_>| quality::novelty(view(&training), rows).copies as f64 / rows.len() as f64;
    let (made, real) = (copied(synthetic), copied(view(&holdout)));
    assert!(made <= real + 0.002, "{made} of the synthetic rows are copies, {real} of other real rows");
}
