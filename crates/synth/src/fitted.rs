//! What a fit finds out, as it is stored.

use churn_domain::{FEATURES, Kind};
use serde::{Deserialize, Serialize};

use crate::constraint::{Price, TotalRule};
use crate::marginal::Marginal;
use crate::outcome::Outcome;
use crate::places::Places;

/// Format of the stored generator. Raised when an older program would misread a newer file.
pub(crate) const FORMAT: u32 = 1;

/// Version of the generator's method: the same version, data, seed and rows give the same bytes.
pub const GENERATOR_VERSION: &str = "gaussian-copula-2";

/// Versions whose stored generators this program samples as the program did that fitted them. Version 1 kept more of each
/// stratum's own correlations, which is a matter of fitting alone.
pub(crate) const READABLE_VERSIONS: [&str; 2] = ["gaussian-copula-1", GENERATOR_VERSION];

/// Everything that sampling needs, as plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fitted {
    pub(crate) format: u32,
    pub(crate) version: String,
    pub(crate) features: Vec<FeatureSpec>,
    pub(crate) summary: FitSummary,
    pub(crate) bundles: Vec<Bundle>,
    pub(crate) strata: Vec<Stratum>,
    pub(crate) total: TotalRule,
    pub(crate) max_tenure: u16,
    /// Share of the real customers who have neither left nor reached the longest tenure.
    pub(crate) may_return: f64,
    /// The same share of customers who have returned once.
    pub(crate) may_return_again: f64,
    pub(crate) outcome: Outcome,
    pub(crate) places: Places,
    /// Columns of the real customers' file that are no features and say the same of everybody: name and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) constants: Vec<(String, String)>,
}

/// A feature as the generator knew it: codes mean nothing without their words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FeatureSpec {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) words: Vec<String>,
}

impl FeatureSpec {
    pub(crate) fn all() -> Vec<Self> {
        let spec = |feature: &churn_domain::Feature| Self {
            name: feature.name.into(),
            kind: match feature.kind {
                Kind::Flag => "flag",
                Kind::Category(_) => "category",
                Kind::Integer { .. } => "integer",
                Kind::Money { .. } => "money",
            }
            .into(),
            words: feature.categories().iter().map(|word| (*word).into()).collect(),
        };
        FEATURES.iter().map(spec).collect()
    }
}

/// A combination of phone and internet that real customers have, and what it costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bundle {
    /// Code of phone_service.
    pub(crate) phone: u16,
    /// Code of internet_service.
    pub(crate) internet: u16,
    pub(crate) price: Price,
}

/// The customers of one bundle who stayed, or who left: a Gaussian copula of their free columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stratum {
    /// Index of the bundle.
    pub(crate) bundle: usize,
    pub(crate) churned: bool,
    /// Real customers in it.
    pub(crate) weight: f64,
    /// Features in latent order: flags and categories, then tenure, the remainder of the monthly charge, and the
    /// deviation of the total.
    pub(crate) columns: Vec<String>,
    pub(crate) marginals: Vec<Marginal>,
    /// Correlation of the latent normal numbers, row by row.
    pub(crate) correlation: Vec<Vec<f64>>,
}

/// What a fit used and what it left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FitSummary {
    /// Real customers that the generator was fitted on.
    pub rows: usize,
    /// Rows left out because a value was missing or unknown, or because they broke a rule.
    pub left_out: usize,
    /// Place and reason of the first row left out.
    pub first_left_out: Option<String>,
    /// Columns that have one value only; every sampled row has it too.
    pub constant_columns: Vec<String>,
    /// Known places.
    pub places: usize,
    /// Rows of the source of places that lacked a field and were passed over.
    pub incomplete_places: usize,
    /// Whether the places are those of the real customers rather than of a list.
    pub places_from_data: bool,
    /// Share of the real customers who left.
    pub churn_rate: f64,
}
