//! Isotonic regression by pooling neighbours that fall (Ayer et al. 1955), as scikit-learn's `IsotonicRegression` with
//! `out_of_bounds="clip"`.

/// Customers next to each other by margin.
struct Block {
    from: f64,
    to: f64,
    leavers: f64,
    customers: f64,
}

impl Block {
    fn share(&self) -> f64 {
        self.leavers / self.customers
    }
}

/// Knots of the increasing function with the least squared error: margins and probabilities.
pub(super) fn fit(margins: &[f64], label: &[bool]) -> (Vec<f64>, Vec<f64>) {
    let mut order: Vec<usize> = (0..margins.len()).collect();
    order.sort_by(|&a, &b| margins[a].total_cmp(&margins[b]));
    let mut blocks: Vec<Block> = Vec::new();
    for row in order {
        let left = f64::from(u8::from(label[row]));
        match blocks.last_mut() {
            Some(last) if last.to == margins[row] && last.from == last.to => {
                last.leavers += left;
                last.customers += 1.0;
            }
            _ => {
                pool(&mut blocks);
                blocks.push(Block { from: margins[row], to: margins[row], leavers: left, customers: 1.0 });
            }
        }
    }
    pool(&mut blocks);
    let rows = margins.len() as f64;
    let (low, high) = (1.0 / (rows + 2.0), (rows + 1.0) / (rows + 2.0));
    let (mut knots, mut probabilities) = (Vec::new(), Vec::new());
    for block in &blocks {
        for margin in [block.from, block.to] {
            if knots.last() != Some(&margin) {
                knots.push(margin);
                probabilities.push(block.share().clamp(low, high));
            }
        }
    }
    (knots, probabilities)
}

/// Joins the last block to the one before as long as shares fall.
fn pool(blocks: &mut Vec<Block>) {
    while let [.., before, last] = blocks.as_slice() {
        if before.share() < last.share() {
            return;
        }
        let joined = Block {
            from: before.from,
            to: last.to,
            leavers: before.leavers + last.leavers,
            customers: before.customers + last.customers,
        };
        blocks.truncate(blocks.len() - 2);
        blocks.push(joined);
    }
}

/// Straight lines between the knots, level beyond the ends.
#[inline]
pub(super) fn interpolate(margins: &[f64], probabilities: &[f64], margin: f64) -> f64 {
    let next = margins.partition_point(|&knot| knot <= margin);
    if next == 0 {
        return probabilities[0];
    }
    if next == margins.len() {
        return probabilities[next - 1];
    }
    let (from, to) = (margins[next - 1], margins[next]);
    let (low, high) = (probabilities[next - 1], probabilities[next]);
    (low + (high - low) * (margin - from) / (to - from)).clamp(low, high)
}

pub(super) fn is_valid(margins: &[f64], probabilities: &[f64]) -> bool {
    let knots = !margins.is_empty() && margins.len() == probabilities.len();
    let finite = margins.iter().all(|margin| margin.is_finite());
    let within = probabilities.iter().all(|probability| (0.0..=1.0).contains(probability));
    let ascending = margins.windows(2).all(|pair| pair[0] < pair[1]);
    knots && finite && within && ascending && probabilities.windows(2).all(|pair| pair[0] <= pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falling_neighbours_and_ties_are_pooled() {
        let (margins, probabilities) = fit(&[0.0, 1.0, 1.0, 2.0, 3.0, 4.0], &[false, true, false, false, true, true]);
        // Shares 0, 1/2 (a tie), 0, 1, 1: the second and third fall and become 1/3.
        assert_eq!(margins, [0.0, 1.0, 2.0, 3.0, 4.0]);
        let expected = [0.125, 1.0 / 3.0, 1.0 / 3.0, 0.875, 0.875];
        assert!(probabilities.iter().zip(expected).all(|(p, e)| (p - e).abs() < 1e-12), "{probabilities:?}");
        assert!((interpolate(&margins, &probabilities, 2.5) - f64::midpoint(1.0 / 3.0, 0.875)).abs() < 1e-12);
        assert_eq!(interpolate(&margins, &probabilities, -9.0), 0.125);
        assert_eq!(interpolate(&margins, &probabilities, 9.0), 0.875);
    }
}
