//! How alike two tables of customers are, by SDMetrics' definitions.
//!
//! The functions are the metrics as SDMetrics 0.29 defines them, equal to it to 1e-6; tests/numerical says where the
//! expected values come from. [`report`] puts them together as its quality report does, with one difference: SDMetrics
//! compares 50,000 random rows where there are more, this compares all rows, so it needs no chance.

mod report;
mod shapes;
mod trends;

pub use report::{ColumnShape, PairTrend, QualityReport, report};
pub use shapes::{ks_complement, tv_complement};
pub use trends::{bin_edges, contingency_similarity, correlation, correlation_similarity, cramers_v, digitise};
