//! Figures that depend on the order of the probabilities only.

/// One step down the list of customers, from the highest probability: all customers of one probability together.
struct Step {
    probability: f64,
    /// Leavers from the top of the list to the end of this step.
    leavers: u64,
    /// Customers from the top of the list to the end of this step.
    customers: u64,
}

fn steps(probability: &[f64], label: &[bool]) -> Vec<Step> {
    let mut order: Vec<usize> = (0..label.len()).collect();
    order.sort_by(|&a, &b| probability[b].total_cmp(&probability[a]));
    let mut steps: Vec<Step> = Vec::new();
    let (mut leavers, mut customers) = (0, 0);
    for row in order {
        leavers += u64::from(label[row]);
        customers += 1;
        match steps.last_mut() {
            Some(step) if step.probability == probability[row] => (step.leavers, step.customers) = (leavers, customers),
            _ => steps.push(Step { probability: probability[row], leavers, customers }),
        }
    }
    steps
}

/// Area under the ROC curve (`roc_auc_score`): the chance that a leaver has a higher probability than a stayer, a tie
/// counting one half. None when there is one class only.
pub fn auc(probability: &[f64], label: &[bool]) -> Option<f64> {
    let steps = steps(probability, label);
    let (positives, rows) = steps.last().map(|last| (last.leavers, last.customers))?;
    let negatives = rows - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let (mut twice_area, mut above) = (0_u128, (0, 0));
    for step in &steps {
        let (leavers, stayers) = (step.leavers - above.0, step.customers - step.leavers - above.1);
        twice_area += u128::from(stayers) * u128::from(2 * above.0 + leavers);
        above = (step.leavers, step.customers - step.leavers);
    }
    Some(twice_area as f64 / (2.0 * positives as f64 * negatives as f64))
}

/// Average precision (`average_precision_score`): precision at each distinct probability, weighted by the recall gained
/// there. None when nobody left.
pub fn average_precision(probability: &[f64], label: &[bool]) -> Option<f64> {
    let steps = steps(probability, label);
    let positives = steps.last().map(|last| last.leavers).filter(|&positives| positives > 0)?;
    let (mut sum, mut above) = (0.0, 0);
    for step in &steps {
        sum += (step.leavers - above) as f64 * step.leavers as f64 / step.customers as f64;
        above = step.leavers;
    }
    Some(sum / positives as f64)
}

/// The threshold with the greatest F1 when everybody from it on is taken for a leaver: half way between the lowest
/// probability taken and the next one below, so that rounding does not move a customer across. The highest of equals;
/// 0.5 when nobody left.
pub fn best_f1_threshold(probability: &[f64], label: &[bool]) -> f64 {
    let steps = steps(probability, label);
    let positives = steps.last().map_or(0, |last| last.leavers);
    let mut best = (0.0, 0.5);
    for (at, step) in steps.iter().enumerate() {
        // F1 = 2 TP / (2 TP + FP + FN), and TP + FP + TP + FN = customers taken + positives.
        let f1 = 2.0 * step.leavers as f64 / (step.customers + positives) as f64;
        if f1 > best.0 {
            let below = steps.get(at + 1).map_or(step.probability, |next| next.probability);
            let between = f64::midpoint(step.probability, below);
            best = (f1, if between > below { between } else { step.probability });
        }
    }
    best.1
}
