//! How alike two tables of customers are, how possible and how new the second one's customers are, by SDMetrics'
//! definitions.
//!
//! The functions are the metrics as SDMetrics 0.29 defines them, equal to it to 1e-6; tests/numerical says where the
//! expected values come from. [`report`] puts the likeness together as its quality report does, with one difference:
//! SDMetrics compares 50,000 random rows where there are more, this compares all rows, so it needs no chance.

mod adherence;
mod distance;
mod marginals;
mod novelty;
mod record;
mod report;
mod shapes;
mod trends;
mod view;

pub use adherence::{Diagnostic, boundary_adherence, category_adherence, diagnostic};
pub use distance::{
    BaselineProtection, OverfittingProtection, baseline_protection, closest_distances, overfitting_protection,
    uniform_customers,
};
pub use marginals::{Bar, MarginalPair, marginals};
pub use novelty::{Novelty, novelty};
pub use report::{ColumnShape, PairTrend, QualityReport, report};
pub use shapes::{ks_complement, tv_complement};
pub use trends::{bin_edges, contingency_similarity, correlation, correlation_similarity, cramers_v, digitise};
pub use view::Customers;
