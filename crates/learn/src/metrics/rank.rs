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

/// Share of leavers among the given share of the customers with the highest probabilities, over the share among all. The
/// number of customers is rounded up; where it ends amid equal probabilities, these count by their average. None when nobody
/// left or nobody is there.
pub fn lift(probability: &[f64], label: &[bool], share: f64) -> Option<f64> {
    let steps = steps(probability, label);
    let (positives, rows) = steps.last().map(|last| (last.leavers, last.customers)).filter(|&(p, _)| p > 0)?;
    let taken = (rows as f64 * share).ceil().clamp(1.0, rows as f64);
    let (mut leavers, mut above) = (0.0, (0, 0));
    for step in &steps {
        let (more, customers) = ((step.leavers - above.0) as f64, (step.customers - above.1) as f64);
        let room = taken - above.1 as f64;
        leavers += more * (room / customers).min(1.0);
        if customers >= room {
            break;
        }
        above = (step.leavers, step.customers);
    }
    Some(leavers / taken / (positives as f64 / rows as f64))
}

/// The points of the ROC curve from (0, 0) to (1, 1): false-positive rate, true-positive rate. Empty when there is one class
/// only.
pub fn roc(probability: &[f64], label: &[bool]) -> Vec<(f64, f64)> {
    let steps = steps(probability, label);
    let Some((positives, rows)) = steps.last().map(|last| (last.leavers, last.customers)) else { return Vec::new() };
    if positives == 0 || positives == rows {
        return Vec::new();
    }
    let point = |step: &Step| {
        let stayers = step.customers - step.leavers;
        (stayers as f64 / (rows - positives) as f64, step.leavers as f64 / positives as f64)
    };
    std::iter::once((0.0, 0.0)).chain(steps.iter().map(point)).collect()
}

/// The points of the precision-recall curve, from the highest probability down: recall, precision. Empty when nobody left.
pub fn precision_recall(probability: &[f64], label: &[bool]) -> Vec<(f64, f64)> {
    let steps = steps(probability, label);
    let Some(positives) = steps.last().map(|last| last.leavers).filter(|&positives| positives > 0) else {
        return Vec::new();
    };
    let point = |step: &Step| (step.leavers as f64 / positives as f64, step.leavers as f64 / step.customers as f64);
    steps.iter().map(point).collect()
}

/// The points of the gain curve, from (0, 0) to (1, 1): share of the customers taken from the top of the list, share of the
/// leavers among them. Empty when nobody left.
pub fn gain(probability: &[f64], label: &[bool]) -> Vec<(f64, f64)> {
    let steps = steps(probability, label);
    let Some((positives, rows)) = steps.last().map(|last| (last.leavers, last.customers)).filter(|&(p, _)| p > 0)
    else {
        return Vec::new();
    };
    let point = |step: &Step| (step.customers as f64 / rows as f64, step.leavers as f64 / positives as f64);
    std::iter::once((0.0, 0.0)).chain(steps.iter().map(point)).collect()
}

/// The threshold with the greatest F1 when everybody from it on is taken for a leaver: half way between the lowest
/// probability taken and the next one below, so that rounding does not move a customer across. The highest of equals;
/// 0.5 when nobody left.
pub fn best_f1_threshold(probability: &[f64], label: &[bool]) -> f64 {
    let positives = label.iter().filter(|&&left| left).count() as u64;
    // F1 = 2 TP / (2 TP + FP + FN), and TP + FP + TP + FN = customers taken + positives.
    let f1 = |leavers: u64, customers: u64| 2.0 * leavers as f64 / (customers + positives) as f64;
    best_threshold(probability, label, f1).unwrap_or(0.5)
}

/// The threshold with the greatest value of leavers and customers from it on, where that is above 0.
pub(super) fn best_threshold(probability: &[f64], label: &[bool], value: impl Fn(u64, u64) -> f64) -> Option<f64> {
    let steps = steps(probability, label);
    let mut best: (f64, Option<f64>) = (0.0, None);
    for (at, step) in steps.iter().enumerate() {
        let value = value(step.leavers, step.customers);
        if value > best.0 {
            let below = steps.get(at + 1).map_or(step.probability, |next| next.probability);
            let between = f64::midpoint(step.probability, below);
            best = (value, Some(if between > below { between } else { step.probability }));
        }
    }
    best.1
}

/// Leavers and customers from the top of the list down, one entry a distinct probability.
pub(super) fn taken(probability: &[f64], label: &[bool]) -> Vec<(f64, u64, u64)> {
    steps(probability, label).iter().map(|step| (step.probability, step.leavers, step.customers)).collect()
}
