//! Trees laid out for scoring: eight bytes a node, eight customers side by side, no branch that depends on the data.
//!
//! A customer's row is spread out so that each column stands twice, with a missing value as -∞ and as +∞: a node that sends
//! missing values left reads the first, one that sends them right the second, and the comparison decides both cases. A
//! leaf leads to itself, so every customer takes as many steps as the tree is deep.

use std::ops::Range;

/// Customers scored side by side: enough to hide the wait for memory, few enough that their rows stay in the first cache.
const LANES: usize = 8;
/// A column's place in a spread row fits into one byte, which spares the bounds check.
const SPREAD: usize = 256;
const PLACE_BITS: u32 = 8;
const MAX_NODES: usize = 1 << (u32::BITS - PLACE_BITS);

/// What a node of somebody's tree does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Split {
    /// Answers.
    Leaf(f64),
    /// Sends a customer left when the value is below the threshold.
    At {
        /// Column it looks at.
        column: usize,
        /// Threshold.
        threshold: f32,
        /// Whether a missing value goes left.
        missing_left: bool,
        /// Left child.
        left: usize,
        /// Right child.
        right: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    /// A value below it leads to `next`, any other to the node after.
    threshold: f32,
    /// Index of the next node, and in the lowest byte the place that is looked at.
    next_and_place: u32,
}

/// Trees in the order of their growth.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Forest {
    columns: usize,
    base: f64,
    nodes: Vec<Node>,
    /// The answer of each node that is a leaf.
    answers: Vec<f64>,
    /// Root and depth of each tree.
    trees: Vec<(u32, u32)>,
}

impl Forest {
    /// No trees yet.
    pub(super) fn new(columns: usize, base: f64) -> Result<Self, String> {
        if columns == 0 || 2 * columns > SPREAD {
            return Err(format!("{columns} columns, expected 1 to {}", SPREAD / 2));
        }
        if !base.is_finite() {
            return Err(format!("the base score is {base}"));
        }
        Ok(Self { columns, base, nodes: Vec::new(), answers: Vec::new(), trees: Vec::new() })
    }

    /// Appends a tree whose root is node 0. Children are placed side by side, which is all that the layout asks.
    pub(super) fn push(&mut self, depth: usize, node: impl Fn(usize) -> Split) -> Result<(), String> {
        let root = self.nodes.len();
        let mut waiting = vec![(0, root)];
        self.grow(1);
        while let Some((theirs, ours)) = waiting.pop() {
            match node(theirs) {
                Split::Leaf(answer) if answer.is_finite() => {
                    self.nodes[ours] = Node { threshold: f32::INFINITY, next_and_place: pack(ours, 0)? };
                    self.answers[ours] = answer;
                }
                Split::At { column, threshold, missing_left, left, right }
                    if column < self.columns && threshold.is_finite() =>
                {
                    let next = self.nodes.len();
                    self.grow(2);
                    let place = 2 * column + usize::from(!missing_left);
                    self.nodes[ours] = Node { threshold, next_and_place: pack(next, place)? };
                    waiting.extend([(left, next), (right, next + 1)]);
                }
                Split::Leaf(answer) => return Err(format!("a leaf answers {answer}")),
                Split::At { column, threshold, .. } => {
                    return Err(format!("a node splits column {column} at {threshold}"));
                }
            }
        }
        let depth = u32::try_from(depth).map_err(|_| format!("a tree is {depth} deep"))?;
        self.trees.push((pack(root, 0)? >> PLACE_BITS, depth));
        Ok(())
    }

    fn grow(&mut self, count: usize) {
        self.nodes.extend(std::iter::repeat_n(Node { threshold: 0.0, next_and_place: 0 }, count));
        self.answers.extend(std::iter::repeat_n(0.0, count));
    }

    /// Adds `weight` times the base score and the sum of the trees' answers for each row.
    pub(super) fn add_margins(&self, values: &[f32], weight: f64, into: &mut [f64]) {
        self.walk(values, |spread, rows| {
            let mut sums = [self.base; LANES];
            self.add_trees(0..self.trees.len(), spread, &mut sums);
            into[rows.clone()].iter_mut().zip(&sums).for_each(|(into, sum)| *into += weight * sum);
        });
    }

    /// The margins of the first `counts[0]` trees, of the first `counts[1]`, and so on; `counts` ascend.
    pub(super) fn staged_margins(&self, values: &[f32], counts: &[usize]) -> Vec<Vec<f64>> {
        let mut stages = vec![vec![0.0; values.len() / self.columns]; counts.len()];
        self.walk(values, |spread, rows| {
            let (mut sums, mut from) = ([self.base; LANES], 0);
            for (stage, &count) in stages.iter_mut().zip(counts) {
                self.add_trees(from..count.min(self.trees.len()), spread, &mut sums);
                from = count.min(self.trees.len());
                stage[rows.clone()].copy_from_slice(&sums[..rows.len()]);
            }
        });
        stages
    }

    /// Spreads the rows out, a few at a time, and hands them over with their place.
    fn walk(&self, values: &[f32], mut with: impl FnMut(&[[f32; SPREAD]; LANES], &Range<usize>)) {
        let mut spread = [[0.0; SPREAD]; LANES];
        for (at, rows) in values.chunks(LANES * self.columns).enumerate() {
            for (row, spread) in rows.chunks_exact(self.columns).zip(&mut spread) {
                spread_out(row, spread);
            }
            with(&spread, &(at * LANES..at * LANES + rows.len() / self.columns));
        }
    }

    #[inline]
    fn add_trees(&self, trees: Range<usize>, spread: &[[f32; SPREAD]; LANES], sums: &mut [f64; LANES]) {
        for &(root, depth) in &self.trees[trees] {
            let mut at = [root; LANES];
            for _ in 0..depth {
                for lane in 0..LANES {
                    let node = self.nodes[at[lane] as usize];
                    let value = spread[lane][(node.next_and_place & (SPREAD as u32 - 1)) as usize];
                    at[lane] = (node.next_and_place >> PLACE_BITS) + u32::from(value >= node.threshold);
                }
            }
            for lane in 0..LANES {
                sums[lane] += self.answers[at[lane] as usize];
            }
        }
    }
}

fn spread_out(row: &[f32], spread: &mut [f32; SPREAD]) {
    for (&value, pair) in row.iter().zip(spread.chunks_exact_mut(2)) {
        let missing = value.is_nan();
        pair[0] = if missing { f32::NEG_INFINITY } else { value };
        pair[1] = if missing { f32::INFINITY } else { value };
    }
}

fn pack(node: usize, place: usize) -> Result<u32, String> {
    match u32::try_from(node) {
        Ok(index) if node < MAX_NODES && place < SPREAD => Ok(index << PLACE_BITS | place as u32),
        _ => Err(format!("the trees have more than {MAX_NODES} nodes")),
    }
}
