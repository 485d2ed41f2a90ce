//! How the features of the current model are distributed, then and now: for a picture.

use churn_domain::FEATURES;
use churn_drift::{ColumnReference, ColumnWindow, bars};
use serde::Serialize;

use crate::comparison::Labels;
use crate::models::Model;
use crate::snapshot::LABEL;

/// Bars of one feature. Finer bins are put together.
const MAX_BARS: usize = 12;

/// One bar of one feature.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// The feature; `label` for the predictions.
    pub feature: &'static str,
    /// A word, a value or a range. Words that the program does not know are `(other)`: a word from outside is never a
    /// label of a metric, for there is no end of them.
    pub bin: String,
    /// Share of the live reference's rows.
    pub live: f64,
    /// Share of the last full window's rows.
    pub now: f64,
}

/// How far a number is from the live reference, as far as the bins tell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FeatureDistance {
    /// The feature.
    pub feature: &'static str,
    /// Largest difference of the distribution functions.
    pub kolmogorov_smirnov: f64,
    /// Wasserstein's distance over the reference's standard deviation.
    pub wasserstein: f64,
}

/// Of every number with values on both sides; none before the first full window.
pub(crate) fn distances(model: &Model) -> Vec<FeatureDistance> {
    let Some(live) = model.drift.live() else { return Vec::new() };
    let columns = live.window.reference().columns().iter().zip(live.window.columns());
    let of_feature = |(feature, (before, now)): (&'static churn_domain::Feature, (&ColumnReference, &ColumnWindow))| {
        Some(FeatureDistance {
            feature: feature.name,
            kolmogorov_smirnov: before.kolmogorov_smirnov(now)?,
            wasserstein: before.wasserstein(now)?.get(),
        })
    };
    FEATURES.iter().zip(columns).filter_map(of_feature).collect()
}

/// The bars of every feature with values on both sides, and of the predictions; none before the first full window.
pub(crate) fn shares(model: &Model) -> Vec<Bar> {
    let Some(live) = model.drift.live() else { return Vec::new() };
    let columns = live.window.reference().columns().iter().zip(live.window.columns());
    let of_feature = |(feature, (before, now)): (&'static churn_domain::Feature, _)| {
        let bars = bars(before, now, feature.categories().len(), MAX_BARS).into_iter();
        bars.map(|bar| Bar { feature: feature.name, bin: bar.bin, live: bar.then, now: bar.now })
    };
    FEATURES.iter().zip(columns).flat_map(of_feature).chain(live.labels.iter().flat_map(of_labels)).collect()
}

fn of_labels(labels: &Labels) -> impl Iterator<Item = Bar> + use<> {
    let Labels { then, now } = *labels;
    let share = |counts: [u64; 2], at: usize| counts[at] as f64 / (counts[0] + counts[1]).max(1) as f64;
    let bar = move |(at, bin): (usize, &str)| Bar {
        feature: LABEL,
        bin: bin.to_owned(),
        live: share(then, at),
        now: share(now, at),
    };
    ["stays", "leaves"].into_iter().enumerate().map(bar)
}
