//! The search is the same for a seed and a number of trials, never worse for more of them, and leaks nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use churn_domain::csv::Customers;
use churn_learn::metrics::{Campaign, log_loss};
use churn_learn::{Budget, Examples, Family, Goal, SearchParams, SearchStep, TrainError, Trained, nested, search};

use crate::sample;

fn params(trials: usize, threads: usize) -> SearchParams {
    let budget = Budget { seconds: None, trials: Some(trials) };
    SearchParams { budget, threads, folds: 3, ..SearchParams::default() }
}

fn found(customers: &Customers, params: &SearchParams) -> Trained {
    search(Examples::of(customers).unwrap(), params, &|| 0.0, &mut |_| {}).unwrap()
}

fn refusal(params: &SearchParams) -> TrainError {
    search(Examples::of(&sample(20)).unwrap(), params, &|| 0.0, &mut |_| {}).unwrap_err()
}

#[test]
fn the_same_seed_and_number_of_trials_give_the_same_bytes_on_any_number_of_threads() {
    let customers = sample(9);
    let files =
        |threads, seed| found(&customers, &SearchParams { seed, ..params(11, threads) }).artifact.to_files().unwrap();
    let one = files(1, 7);
    assert!(one == files(4, 7));
    assert!(one != files(1, 8));
}

#[test]
fn a_search_that_is_stopped_by_the_clock_gives_what_as_many_trials_give() {
    let customers = sample(9);
    // A clock that goes on by a second each time it is looked at.
    let ticks = AtomicU64::new(0);
    let clock = || ticks.fetch_add(1, Ordering::Relaxed) as f64;
    let stopped = SearchParams { budget: Budget { seconds: Some(110.0), trials: None }, ..params(1, 1) };
    let mut trials = 0;
    let trained = search(Examples::of(&customers).unwrap(), &stopped, &clock, &mut |step| {
        trials += usize::from(matches!(step, SearchStep::Trial(_)));
    });
    assert!((2..20).contains(&trials), "{trials}");
    let again = found(&customers, &params(trials, 1));
    assert!(trained.unwrap().artifact.to_files().unwrap() == again.artifact.to_files().unwrap());
}

#[test]
fn more_trials_are_never_worse_and_the_leaderboard_is_in_order() {
    let customers = sample(9);
    for goal in [Goal::LogLoss, Goal::Auc, Goal::F1, Goal::Profit(Campaign { offer_cost: 20.0, customer_value: 90.0 })]
    {
        let mut before = f64::INFINITY;
        for trials in [1, 2, 4, 6, 9] {
            let trained = found(&customers, &SearchParams { goal, ..params(trials, 2) });
            let losses: Vec<f64> = trained.leaderboard.iter().map(|row| row.loss).collect();
            assert!(losses.is_sorted() && losses.len() >= trials, "{goal:?} {losses:?}");
            assert!(losses[0] <= before, "{goal:?}: {} after {before}", losses[0]);
            before = losses[0];
            let best = &trained.leaderboard[0];
            assert_eq!(best.params, trained.artifact.report.best().params);
            let interval = best.log_loss_interval.unwrap();
            assert!(interval.low < best.metrics.log_loss && best.metrics.log_loss < interval.high);
        }
    }
}

#[test]
fn only_the_families_asked_for_are_tried() {
    let families = vec![Family::BoostedTrees];
    let trained = found(&sample(9), &SearchParams { families, blend: false, ..params(5, 2) });
    assert!(trained.leaderboard.iter().all(|row| row.params.name() == "boosted_trees"));
    assert_eq!(trained.leaderboard.len(), 5);
}

#[test]
fn the_threshold_of_greatest_profit_is_lower_when_a_customer_is_worth_more() {
    let customers = sample(4);
    let threshold = |customer_value| {
        let goal = Goal::Profit(Campaign { offer_cost: 20.0, customer_value });
        found(&customers, &SearchParams { goal, ..params(2, 2) }).artifact.model.threshold()
    };
    let (cheap, dear) = (threshold(40.0), threshold(400.0));
    assert!(dear < 0.2 && cheap > 0.3, "{cheap} {dear}");
}

#[test]
fn a_fold_of_the_nested_search_learns_nothing_from_its_own_labels() {
    let mut customers = sample(8);
    let fold_of: Vec<u32> = (0..customers.len()).map(|row| row as u32 % 3).collect();
    let run = |customers: &Customers| {
        nested(Examples::of(customers).unwrap(), &fold_of, &params(3, 2), &|| 0.0, &mut |_, _| {}).unwrap()
    };
    let before = run(&customers);
    let label = customers.label.clone().unwrap();
    assert!(log_loss(&before, &label) < 0.47, "{}", log_loss(&before, &label));
    // Turning the labels of fold 0 around changes no probability there, and most of the others.
    for (row, left) in customers.label.as_mut().unwrap().iter_mut().enumerate() {
        *left ^= fold_of[row] == 0;
    }
    let after = run(&customers);
    for row in 0..customers.len() {
        assert_eq!(before[row] == after[row], fold_of[row] == 0, "row {row}");
    }
}

#[test]
fn what_cannot_be_searched_is_named() {
    let named = |params: SearchParams, expected: &str| match refusal(&params) {
        TrainError::Params { name, .. } => assert_eq!(name, expected),
        other => panic!("{other}"),
    };
    named(SearchParams { folds: 1, ..params(1, 1) }, "folds");
    named(SearchParams { families: Vec::new(), ..params(1, 1) }, "families");
    named(SearchParams { budget: Budget { seconds: None, trials: None }, ..params(1, 1) }, "budget");
    named(SearchParams { budget: Budget { seconds: Some(-1.0), trials: None }, ..params(1, 1) }, "budget");
    named(
        SearchParams { goal: Goal::Profit(Campaign { offer_cost: 9.0, customer_value: 2.0 }), ..params(1, 1) },
        "campaign",
    );
    let customers = sample(20);
    let examples = Examples::of(&customers).unwrap();
    let weight = vec![1.0; customers.len()];
    let bayes = SearchParams { families: vec![Family::NaiveBayes], ..params(1, 1) };
    let error = search(examples.weighted(&weight), &bayes, &|| 0.0, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("count some customers more"), "{error}");
    let one_fold = nested(examples, &vec![3; customers.len()], &params(1, 1), &|| 0.0, &mut |_, _| {});
    assert!(matches!(one_fold.unwrap_err(), TrainError::Params { name: "folds", .. }));
}

#[test]
fn a_budget_of_no_time_still_gives_a_model() {
    let budget = Budget { seconds: Some(1e-9), trials: None };
    let ticks = AtomicU64::new(0);
    let clock = || ticks.fetch_add(1, Ordering::Relaxed) as f64;
    let customers = sample(20);
    let params = SearchParams { budget, ..params(1, 1) };
    let trained = search(Examples::of(&customers).unwrap(), &params, &clock, &mut |_| {}).unwrap();
    assert_eq!(trained.leaderboard.len(), 1);
}
