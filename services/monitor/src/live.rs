//! The live reference, the windows that fill, and what the last full one said.

use std::mem;
use std::sync::Arc;

use churn_domain::Table;
use churn_drift::defaults::SAMPLED;
use churn_drift::multivariate::{Components, ReconstructionRule};
use churn_drift::{Accumulator, Moments, Panes, PartReference, Reference, Segmentation, SegmentedWindow};
use serde::{Deserialize, Serialize};

use crate::comparison::{Comparison, Labels, LiveComparison, SegmentComparison, count_labels, score};
use crate::drift::{DriftSettings, Rows, probability_reference};

/// What is counted of the rows of a pane.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Counted {
    window: SegmentedWindow,
    /// Predicted stayers and leavers.
    labels: [u64; 2],
    /// Distances from the components.
    errors: Moments,
}

impl Counted {
    fn new(window: &SegmentedWindow) -> Self {
        Self { window: window.clone(), labels: [0; 2], errors: Moments::default() }
    }
}

impl Accumulator for Counted {
    fn merge(&mut self, other: &Self) {
        // All panes of a watch are copies of one window.
        if let Err(error) = self.window.merge(&other.window) {
            tracing::error!(%error, "a pane of the drift windows is left out");
            return;
        }
        self.labels.iter_mut().zip(other.labels).for_each(|(mine, theirs)| *mine += theirs);
        self.errors.merge(&other.errors);
    }

    fn reset(&mut self) {
        self.window.reset();
        self.labels = [0; 2];
        self.errors = Moments::default();
    }
}

/// The live rows of one model version, once its reference stands.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LiveWatch {
    /// What a pane begins with. In the memory of a former version, the window that filled.
    window: SegmentedWindow,
    /// One a segment.
    references: Vec<PartReference>,
    pub(crate) latest: Option<LiveComparison>,
    /// None where the reference is of a former version, which did not count them: they are not tested then.
    #[serde(default)]
    labels: Option<Labels>,
    /// Windows in a row with a drift.
    drifting: usize,
    /// Windows in a row with a feature of worse quality.
    worse: usize,
    #[serde(default)]
    panes: Panes<Counted>,
    /// None where the reference is of a former version, or has nothing to reconstruct.
    #[serde(default)]
    components: Option<Components>,
    /// Rows seen.
    #[serde(default)]
    seen: u64,
}

impl LiveWatch {
    /// `labels` are the reference's predicted stayers and leavers.
    pub(crate) fn new(
        features: &Table,
        probability: &[f64],
        labels: [u64; 2],
        segmentation: &Arc<Segmentation>,
    ) -> Self {
        let score = probability_reference(probability);
        let mut window = SegmentedWindow::new(&Reference::from_table(features), &score, Arc::clone(segmentation));
        let mut cells = Vec::new();
        segmentation.cells_into(features, 0..features.len(), &mut cells);
        window.add(features, probability, 0..features.len(), &cells);
        let references = window.references();
        window.reset();
        let components = Components::of(features)
            .inspect_err(|error| tracing::warn!(%error, "the columns cannot be watched together"))
            .ok();
        Self {
            window,
            references,
            latest: None,
            labels: Some(Labels { then: labels, now: [0; 2] }),
            drifting: 0,
            worse: 0,
            panes: Panes::default(),
            components,
            seen: 0,
        }
    }

    pub(crate) fn add(&mut self, rows: &Rows<'_>, settings: &DriftSettings) {
        self.take_over();
        let windowing = settings.windowing();
        let mut range = rows.range.clone();
        loop {
            let empty = &self.window;
            let place = self.panes.place(&windowing, rows.time_ms, &mut range, || Counted::new(empty));
            let Some((pane, part)) = place else { break };
            count_labels(&mut pane.labels, &rows.predicted[part.clone()]);
            pane.window.add(rows.features, rows.probability, part.clone(), &rows.cells[part.clone()]);
            if let Some(components) = &self.components {
                let numbered = part.clone().zip(self.seen..).filter(|(_, number)| is_sampled(*number));
                components.add(rows.features, numbered.map(|(row, _)| row), &mut pane.errors);
            }
            self.seen += part.len() as u64;
            while let Some(window) = self.panes.due(&windowing) {
                self.close(&window, settings);
            }
        }
    }

    /// Rows left out of every window because they came too late.
    pub(crate) fn late(&self) -> u64 {
        self.panes.late()
    }

    /// Whether enough windows in a row have drifted.
    pub(crate) fn drift_alarm(&self, settings: &DriftSettings) -> bool {
        self.drifting >= settings.alarm_after()
    }

    /// Whether enough windows in a row had a feature of worse quality.
    pub(crate) fn quality_alarm(&self, settings: &DriftSettings) -> bool {
        self.worse >= settings.alarm_after()
    }

    fn close(&mut self, counted: &Counted, settings: &DriftSettings) {
        if counted.window.rows() < settings.least_rows() {
            return;
        }
        let whole = counted.window.whole();
        let labels = self.labels.map(|labels| Labels { now: counted.labels, ..labels });
        let score = score(&counted.window.reference().score, &whole);
        let drift = Comparison::new(&whole.features, score, labels.and_then(|labels| labels.effect()));
        let quality = whole.features.quality();
        let reconstructed = self.components.as_ref().and_then(|components| components.compare(&counted.errors));
        let apart = reconstructed.is_some_and(|found| ReconstructionRule::default().is_drift(&found));
        let in_a_row = |before: usize, again: bool| if again { before + 1 } else { 0 };
        self.drifting = in_a_row(self.drifting, drift.drifted(&settings.rule) > 0 || apart);
        self.worse = in_a_row(self.worse, quality.iter().any(|feature| settings.quality.is_worse(feature)));
        let parts = counted.window.by_segment(&self.references);
        let segments = parts.iter().zip(&self.references);
        let segments = segments.map(|(part, reference)| SegmentComparison::of(part, reference, &settings.rule));
        let segments = segments.collect();
        self.latest =
            Some(LiveComparison { drift, quality, window: whole.features, labels, segments, reconstructed, apart });
    }

    /// Goes on with the window that a former version had begun.
    fn take_over(&mut self) {
        let rows = self.window.rows();
        if rows > 0 && self.panes.is_empty() {
            let mut counted = Counted::new(&self.window);
            counted.labels = self.labels.as_mut().map(|labels| mem::take(&mut labels.now)).unwrap_or_default();
            self.panes = Panes::begun(rows, counted);
        }
        if rows > 0 {
            self.window.reset();
        }
    }
}

/// Whether the row of this number is one of the sample: by chance, but always the same ones (splitmix64).
fn is_sampled(number: u64) -> bool {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)).is_multiple_of(SAMPLED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_in_five_is_sampled_wherever_one_looks() {
        for start in [0, 1_000_000, u64::MAX - 20_000] {
            let found = (start..start + 10_000).filter(|&number| is_sampled(number)).count();
            assert!((1_880..2_120).contains(&found), "{found}");
            // Rows that come round with a period of five are sampled as often as others.
            let fifth = (start..start + 10_000).step_by(5).filter(|&number| is_sampled(number)).count();
            assert!((340..460).contains(&fifth), "{fifth}");
        }
    }
}
