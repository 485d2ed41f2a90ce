//! Tables of Shapley values by the answers to a few questions, for one tree or for several that ask much the same.
//!
//! What a table costs a customer is a comparison for each of its questions and a look-up for each of its columns. Shapley values
//! of trees add up, so trees with columns in common, or with the very same questions (every tree that splits a category's column
//! asks the same), cost less in one table than in two.

use super::shap::{leaves, shapley_of_leaf};
use crate::learner::{Split, TreeNode};

/// Splits of the largest tree that has a table: 2^7 patterns of a few values fit into the first cache.
const TREE_SPLITS: usize = 7;
/// Questions of a table at most: what one byte can tell apart. Its values still fit into the first cache.
const QUESTIONS: usize = 8;
/// What a look-up costs, in comparisons.
const LOOK_UP: usize = 3;

/// One split of a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Question {
    pub(super) column: usize,
    pub(super) threshold: f32,
    pub(super) missing_left: bool,
}

impl Question {
    #[inline]
    pub(super) fn right(self, value: f32) -> bool {
        if value.is_nan() { !self.missing_left } else { value >= self.threshold }
    }
}

/// The question at a node, if it is no leaf.
pub(super) fn question(nodes: &[TreeNode], at: usize) -> Option<Question> {
    match nodes[at].split {
        Split::At { column, threshold, missing_left, .. } => Some(Question { column, threshold, missing_left }),
        Split::Leaf(_) => None,
    }
}

/// Shapley values by pattern: bit `i` of a pattern is the answer to question `i`.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) questions: Vec<Question>,
    /// The columns that contribute.
    pub(super) columns: Vec<usize>,
    /// For each of the columns its value in each pattern.
    pub(super) values: Vec<f32>,
}

impl Table {
    /// Whether the tree is small enough.
    pub(super) fn is_possible(nodes: &[TreeNode]) -> bool {
        (0..nodes.len()).filter(|&at| question(nodes, at).is_some()).count() <= TREE_SPLITS
    }
}

/// Trees that share a table.
#[derive(Default)]
struct Group<'a> {
    trees: Vec<&'a [TreeNode]>,
    questions: Vec<Question>,
    columns: Vec<usize>,
}

impl<'a> Group<'a> {
    fn cost(&self) -> usize {
        self.questions.len() + LOOK_UP * self.columns.len()
    }

    /// What a tree that asks this would add to the cost; none where there is no room for its questions.
    fn cost_of(&self, asked: &[Question]) -> Option<usize> {
        let mut with = Self { trees: Vec::new(), questions: self.questions.clone(), columns: self.columns.clone() };
        with.ask(asked);
        (with.questions.len() <= QUESTIONS).then(|| with.cost() - self.cost())
    }

    fn join(&mut self, nodes: &'a [TreeNode], asked: &[Question]) {
        self.trees.push(nodes);
        self.ask(asked);
    }

    fn ask(&mut self, asked: &[Question]) {
        for question in asked {
            if !self.questions.contains(question) {
                self.questions.push(*question);
            }
            if !self.columns.contains(&question.column) {
                self.columns.push(question.column);
            }
        }
    }

    /// Place of a question that a tree of the group asks.
    fn place(&self, question: Question) -> usize {
        self.questions.iter().position(|other| *other == question).unwrap_or_default()
    }
}

/// Tables of trees that are small enough, each tree where it adds least, and the columns that they look at, which the tables name
/// by their places.
pub(super) fn group(trees: &[&Vec<TreeNode>], weight: f64) -> (Vec<Table>, Vec<usize>) {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for nodes in trees {
        let asked: Vec<Question> = (0..nodes.len()).filter_map(|at| question(nodes, at)).collect();
        let mut alone = Group::default();
        alone.join(nodes, &asked);
        let added = |(at, group): (usize, &Group<'_>)| Some((group.cost_of(&asked)?, at));
        match groups.iter().enumerate().filter_map(added).min() {
            Some((cost, at)) if cost < alone.cost() => groups[at].join(nodes, &asked),
            _ => groups.push(alone),
        }
    }
    let mut columns: Vec<usize> = groups.iter().flat_map(|group| group.columns.iter().copied()).collect();
    columns.sort_unstable();
    columns.dedup();
    (groups.iter().map(|group| tabulate(group, &columns, weight)).collect(), columns)
}

fn tabulate(group: &Group<'_>, columns: &[usize], weight: f64) -> Table {
    let patterns = 1 << group.questions.len();
    let mut values = vec![0.0; group.columns.len() * patterns];
    for leaf in group.trees.iter().flat_map(|nodes| leaves(nodes)) {
        // A leaf's values depend on the answers along its path alone.
        let bits: Vec<usize> = leaf.path.iter().map(|turn| 1 << group.place(turn.question)).collect();
        let mask = bits.iter().fold(0, |mask, bit| mask | bit);
        for answers in (0..patterns).filter(|pattern| pattern & !mask == 0) {
            let taken = |place: usize| (answers & bits[place] != 0) == leaf.path[place].right;
            shapley_of_leaf(&leaf, &taken, &mut |column, value| {
                let Some(place) = group.columns.iter().position(|&other| other == column) else { return };
                for pattern in (0..patterns).filter(|pattern| pattern & mask == answers) {
                    values[place * patterns + pattern] += weight * value;
                }
            });
        }
    }
    Table {
        questions: group.questions.clone(),
        columns: group.columns.iter().filter_map(|column| columns.binary_search(column).ok()).collect(),
        values: values.into_iter().map(|value| value as f32).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of one split.
    fn stump(column: usize, threshold: f32, answers: [f64; 2]) -> Vec<TreeNode> {
        let leaf = |answer| TreeNode { split: Split::Leaf(answer), cover: 10.0 };
        let split = Split::At { column, threshold, missing_left: true, left: 1, right: 2 };
        vec![TreeNode { split, cover: 20.0 }, leaf(answers[0]), leaf(answers[1])]
    }

    #[test]
    fn trees_that_ask_the_same_share_a_table_and_their_values_add_up() {
        let trees = [stump(3, 0.5, [-1.0, 1.0]), stump(7, 2.0, [0.0, 4.0]), stump(3, 0.5, [-3.0, 3.0])];
        let (tables, columns) = group(&trees.iter().collect::<Vec<_>>(), 0.5);
        assert_eq!((tables.len(), columns.as_slice()), (2, &[3, 7][..]));
        assert_eq!((tables[0].columns.as_slice(), tables[0].values.as_slice()), (&[0][..], &[-2.0, 2.0][..]));
        assert_eq!((tables[1].columns.as_slice(), tables[1].values.as_slice()), (&[1][..], &[-1.0, 1.0][..]));
    }

    #[test]
    fn a_table_has_no_more_questions_than_a_byte_has_bits() {
        let trees: Vec<Vec<TreeNode>> = (0..20).map(|at| stump(0, at as f32, [0.0, 1.0])).collect();
        let (tables, _) = group(&trees.iter().collect::<Vec<_>>(), 1.0);
        assert_eq!(tables.iter().map(|table| table.questions.len()).collect::<Vec<_>>(), [8, 8, 4]);
        let last = tables[0].values.len() - 1;
        assert_eq!((tables[0].values[0], tables[0].values[last]), (-4.0, 4.0));
    }
}
