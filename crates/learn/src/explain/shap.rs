//! Exact Shapley values of one tree: path-dependent TreeSHAP (Lundberg, Erion and Lee 2018, "Consistent individualized feature
//! attribution for tree ensembles", algorithm 2).
//!
//! The value of a set of columns is what the tree answers on average when only these are known: at a node whose column is not
//! known, both branches count by their share of the cover.

use super::tables::Question;
use crate::learner::{Split, TreeNode};

/// One column on the way to a node.
#[derive(Clone, Copy, Debug)]
struct Step {
    column: usize,
    /// Share of the paths that come this way when the column is not known.
    zero: f64,
    /// 1 when the customer comes this way, 0 otherwise.
    one: f64,
    /// Weight of the sets with as many columns as this place says.
    weight: f64,
}

/// Adds each column's Shapley value to `add`, for a customer whom `goes_right` sends right at a node, given by its index.
pub(super) fn shapley(nodes: &[TreeNode], goes_right: &dyn Fn(usize) -> bool, add: &mut dyn FnMut(usize, f64)) {
    descend(nodes, goes_right, add, 0, Vec::new(), (1.0, 1.0), usize::MAX);
}

/// A leaf and the way to it from the root.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) answer: f64,
    pub(super) path: Vec<Turn>,
}

/// One turn on the way to a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) question: Question,
    pub(super) right: bool,
    /// Share of the node's cover that took it.
    share: f64,
}

/// All leaves of a tree.
pub(super) fn leaves(nodes: &[TreeNode]) -> Vec<Leaf> {
    fn below(nodes: &[TreeNode], at: usize, path: &[Turn], found: &mut Vec<Leaf>) {
        match nodes[at].split {
            Split::Leaf(answer) => found.push(Leaf { answer, path: path.to_vec() }),
            Split::At { column, threshold, missing_left, left, right } => {
                let question = Question { column, threshold, missing_left };
                let share = left_share(nodes, left, right);
                for (child, right, share) in [(left, false, share), (right, true, 1.0 - share)] {
                    below(nodes, child, &[path, &[Turn { question, right, share }]].concat(), found);
                }
            }
        }
    }
    let mut found = Vec::new();
    below(nodes, 0, &[], &mut found);
    found
}

/// Adds what one leaf brings to each column's Shapley value; `taken` says whether the customer takes a turn of its path. Over all
/// leaves of a tree this is [`shapley`].
pub(super) fn shapley_of_leaf(leaf: &Leaf, taken: &dyn Fn(usize) -> bool, add: &mut dyn FnMut(usize, f64)) {
    let mut columns: Vec<(usize, f64, f64)> = Vec::new();
    for (place, turn) in leaf.path.iter().enumerate() {
        let one = if taken(place) { 1.0 } else { 0.0 };
        // All turns of one column together decide, as if they were one.
        match columns.iter_mut().find(|(column, ..)| *column == turn.question.column) {
            Some((_, zero, both)) => (*zero, *both) = (*zero * turn.share, *both * one),
            None => columns.push((turn.question.column, turn.share, one)),
        }
    }
    let mut path = Vec::with_capacity(columns.len() + 1);
    extend(&mut path, 1.0, 1.0, usize::MAX);
    columns.into_iter().for_each(|(column, zero, one)| extend(&mut path, zero, one, column));
    add_steps(&path, leaf.answer, add);
}

fn add_steps(path: &[Step], answer: f64, add: &mut dyn FnMut(usize, f64)) {
    for (at, step) in path.iter().enumerate().skip(1) {
        add(step.column, unwound_sum(path, at) * (step.one - step.zero) * answer);
    }
}

/// What the tree answers on average over the customers that it was grown on.
pub(super) fn expected(nodes: &[TreeNode]) -> f64 {
    fn at(nodes: &[TreeNode], node: usize) -> f64 {
        match nodes[node].split {
            Split::Leaf(answer) => answer,
            Split::At { left, right, .. } => {
                let share = left_share(nodes, left, right);
                share * at(nodes, left) + (1.0 - share) * at(nodes, right)
            }
        }
    }
    at(nodes, 0)
}

/// Share of a node's cover that went left; half where nothing is known of either.
pub(super) fn left_share(nodes: &[TreeNode], left: usize, right: usize) -> f64 {
    let both = nodes[left].cover + nodes[right].cover;
    if both > 0.0 { nodes[left].cover / both } else { 0.5 }
}

fn descend(
    nodes: &[TreeNode],
    goes_right: &dyn Fn(usize) -> bool,
    add: &mut dyn FnMut(usize, f64),
    node: usize,
    mut path: Vec<Step>,
    (zero, one): (f64, f64),
    column: usize,
) {
    extend(&mut path, zero, one, column);
    match nodes[node].split {
        Split::Leaf(answer) => add_steps(&path, answer, add),
        Split::At { column, left, right, .. } => {
            let left_share = left_share(nodes, left, right);
            let right_taken = goes_right(node);
            let (mut zero, mut one) = (1.0, 1.0);
            // A column asked before: both answers together decide, as if it were one node.
            if let Some(at) = (1..path.len()).find(|&at| path[at].column == column) {
                (zero, one) = (path[at].zero, path[at].one);
                unwind(&mut path, at);
            }
            for (child, share, taken) in [(left, left_share, !right_taken), (right, 1.0 - left_share, right_taken)] {
                let one = if taken { one } else { 0.0 };
                descend(nodes, goes_right, add, child, path.clone(), (zero * share, one), column);
            }
        }
    }
}

fn extend(path: &mut Vec<Step>, zero: f64, one: f64, column: usize) {
    let length = path.len();
    path.push(Step { column, zero, one, weight: if length == 0 { 1.0 } else { 0.0 } });
    let whole = (length + 1) as f64;
    for at in (0..length).rev() {
        path[at + 1].weight += one * path[at].weight * (at + 1) as f64 / whole;
        path[at].weight *= zero * (length - at) as f64 / whole;
    }
}

/// Takes a step back out of the path.
fn unwind(path: &mut Vec<Step>, taken: usize) {
    let length = path.len() - 1;
    let Step { zero, one, .. } = path[taken];
    let whole = (length + 1) as f64;
    let mut next = path[length].weight;
    for at in (0..length).rev() {
        if one == 0.0 {
            path[at].weight *= whole / (zero * (length - at) as f64);
        } else {
            let weight = path[at].weight;
            path[at].weight = next * whole / ((at + 1) as f64 * one);
            next = weight - path[at].weight * zero * (length - at) as f64 / whole;
        }
    }
    for at in taken..length {
        let Step { column, zero, one, .. } = path[at + 1];
        path[at] = Step { column, zero, one, weight: path[at].weight };
    }
    path.pop();
}

/// The sum of the weights of the path without a step.
fn unwound_sum(path: &[Step], taken: usize) -> f64 {
    let mut rest = path.to_vec();
    unwind(&mut rest, taken);
    rest.iter().map(|step| step.weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::split_mix;

    /// A full tree of this depth over few columns, so that columns come again on a path.
    fn tree(depth: u32, columns: usize, seed: u64) -> Vec<TreeNode> {
        let nodes = (1 << (depth + 1)) - 1;
        let unit =
            |at: usize, salt: u64| (split_mix(seed ^ (at as u64) << 8 ^ salt) >> 11) as f64 / (1_u64 << 53) as f64;
        let node = |at: usize| {
            let cover = 1.0 + 50.0 * unit(at, 1);
            let split = if 2 * at + 2 < nodes {
                let column = (unit(at, 2) * columns as f64) as usize;
                let threshold = unit(at, 3) as f32;
                Split::At { column, threshold, missing_left: unit(at, 4) < 0.5, left: 2 * at + 1, right: 2 * at + 2 }
            } else {
                Split::Leaf(4.0 * unit(at, 5) - 2.0)
            };
            TreeNode { split, cover }
        };
        (0..nodes).map(node).collect()
    }

    fn right(nodes: &[TreeNode], row: &[f32], at: usize) -> bool {
        match nodes[at].split {
            Split::At { column, threshold, missing_left, .. } if row[column].is_nan() => {
                let _ = threshold;
                !missing_left
            }
            Split::At { column, threshold, .. } => row[column] >= threshold,
            Split::Leaf(_) => false,
        }
    }

    /// What the tree answers when only the columns in the set are known.
    fn value(nodes: &[TreeNode], row: &[f32], known: u32, at: usize) -> f64 {
        match nodes[at].split {
            Split::Leaf(answer) => answer,
            Split::At { column, left, right: other, .. } if known >> column & 1 == 1 => {
                value(nodes, row, known, if right(nodes, row, at) { other } else { left })
            }
            Split::At { left, right, .. } => {
                let share = left_share(nodes, left, right);
                share * value(nodes, row, known, left) + (1.0 - share) * value(nodes, row, known, right)
            }
        }
    }

    /// Shapley's definition: the mean over all orders of what a column adds when it becomes known.
    fn brute_force(nodes: &[TreeNode], row: &[f32]) -> Vec<f64> {
        let columns = row.len();
        let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
        let of_column = |column: usize| {
            let without = (0_u32..1 << columns).filter(|set| set >> column & 1 == 0);
            let term = |set: u32| {
                let size = set.count_ones() as usize;
                let weight = factorial(size) * factorial(columns - size - 1) / factorial(columns);
                weight * (value(nodes, row, set | 1 << column, 0) - value(nodes, row, set, 0))
            };
            without.map(term).sum()
        };
        (0..columns).map(of_column).collect()
    }

    #[test]
    fn values_equal_brute_force_over_all_sets_of_columns() {
        for (depth, columns) in [(1, 2), (2, 3), (3, 3), (3, 6), (5, 4), (6, 8)] {
            for seed in 0..6 {
                let nodes = tree(depth, columns, seed);
                let row: Vec<f32> = (0..columns as u64)
                    .map(|at| {
                        if split_mix(seed ^ at).is_multiple_of(5) {
                            f32::NAN
                        } else {
                            (split_mix(at ^ seed << 5) % 100) as f32 / 100.0
                        }
                    })
                    .collect();
                let mut found = vec![0.0; columns];
                shapley(&nodes, &|at| right(&nodes, &row, at), &mut |column, value| found[column] += value);
                for (found, expected) in found.iter().zip(brute_force(&nodes, &row)) {
                    assert!((found - expected).abs() < 1e-10, "depth {depth}: {found} {expected}");
                }
                let mut by_leaf = vec![0.0; columns];
                for leaf in leaves(&nodes) {
                    let taken = |place: usize| {
                        leaf.path[place].question.right(row[leaf.path[place].question.column]) == leaf.path[place].right
                    };
                    shapley_of_leaf(&leaf, &taken, &mut |column, value| by_leaf[column] += value);
                }
                assert!(by_leaf.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-10), "{by_leaf:?} {found:?}");
                let sum: f64 = found.iter().sum();
                let answer = value(&nodes, &row, u32::MAX, 0);
                assert!((expected(&nodes) + sum - answer).abs() < 1e-10);
            }
        }
    }
}
