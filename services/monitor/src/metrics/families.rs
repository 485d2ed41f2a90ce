//! Gauges with more labels than the model's version. What is not defined any more is no longer shown.

use std::collections::{BTreeMap, BTreeSet};

use churn_domain::FEATURES;
use churn_drift::Summary;
use churn_drift::estimate::{Estimate, Estimates};
use churn_drift::performance::Interval;
use churn_runtime::metrics::{GaugeVec, Metrics, Spec, catalogue};

use crate::distribution::FeatureDistance;
use crate::scores::ScoreDetection;
use crate::snapshot::{ModelSnapshot, MonitorSnapshot, PairSnapshot, SegmentSnapshot};

const LOWER: &str = "lower";
const UPPER: &str = "upper";

/// Labels after the version, and the figure.
type Values = Vec<(Vec<String>, Option<f64>)>;

/// What a family shows of a pair of models.
type OfPair = fn(&PairSnapshot) -> Values;

/// Parts of a figure, each with its bound where it is one.
type Parts = Vec<(Option<&'static str>, Option<f64>)>;

/// One gauge, and which of its series are shown for each version.
#[derive(Debug)]
struct Family {
    gauge: GaugeVec,
    of: fn(&ModelSnapshot) -> Values,
    shown: BTreeMap<String, BTreeSet<Vec<String>>>,
}

impl Family {
    fn new(metrics: &Metrics, spec: &'static Spec<GaugeVec>, of: fn(&ModelSnapshot) -> Values) -> Self {
        Self { gauge: metrics.gauge_vec(spec), of, shown: BTreeMap::new() }
    }

    fn show(&mut self, version: &str, values: Values) {
        let mut shown = BTreeSet::new();
        for (labels, value) in values {
            if let Some(value) = value.filter(|value| value.is_finite()) {
                self.gauge.with_label_values(&all(version, &labels)).set(value);
                shown.insert(labels);
            }
        }
        let before = self.shown.insert(version.to_owned(), shown).unwrap_or_default();
        let now = &self.shown[version];
        before.difference(now).for_each(|labels| self.hide(version, labels));
    }

    fn forget(&mut self, version: &str) {
        let shown = self.shown.remove(version).unwrap_or_default();
        shown.iter().for_each(|labels| self.hide(version, labels));
    }

    fn hide(&self, version: &str, labels: &[String]) {
        // It was shown, so it is there.
        let _ = self.gauge.remove_label_values(&all(version, labels));
    }
}

fn all<'a>(version: &'a str, labels: &'a [String]) -> Vec<&'a str> {
    std::iter::once(version).chain(labels.iter().map(String::as_str)).collect()
}

/// All of them.
#[derive(Debug)]
pub(super) struct Families {
    by_model: Vec<Family>,
    distribution: Family,
    paired: [(Family, OfPair); 4],
}

impl Families {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let family = |spec, of| Family::new(metrics, spec, of);
        let by_model = vec![
            family(&catalogue::MODEL_ESTIMATED, |m| estimates(m, |figure| vec![(None, Some(figure.value))])),
            family(&catalogue::MODEL_ESTIMATED_BOUND, |m| estimates(m, bounds)),
            family(&catalogue::MODEL_ESTIMATED_LOG_LOSS, |m| one(log_loss(m).map(|figure| figure.value))),
            family(&catalogue::MODEL_ESTIMATED_BOUND_LOG_LOSS, |m| {
                two(log_loss(m).and_then(|f| f.lower), log_loss(m).and_then(|f| f.upper))
            }),
            family(&catalogue::MODEL_INTERVAL, intervals),
            family(&catalogue::MODEL_INTERVAL_LOG_LOSS, |m| {
                two(m.intervals.log_loss.map(|i| i.lower), m.intervals.log_loss.map(|i| i.upper))
            }),
            family(&catalogue::MODEL_BAND, band),
            family(&catalogue::MODEL_BAND_LOG_LOSS, |m| two(None, m.band.and_then(|band| band.log_loss))),
            family(&catalogue::MODEL_FEATURE_KS, |m| distances(m, |distance| distance.kolmogorov_smirnov)),
            family(&catalogue::MODEL_FEATURE_WASSERSTEIN, |m| distances(m, |distance| distance.wasserstein)),
            family(&catalogue::MODEL_RECONSTRUCTION, |m| one(m.reconstructed.map(|found| found.current))),
            family(&catalogue::MODEL_RECONSTRUCTION_BOUND, reconstruction),
            family(&catalogue::MODEL_SCORE_DETECTION_ROW, |m| {
                let of = |(detector, found): (&str, ScoreDetection)| {
                    (vec![detector.to_owned()], found.last_row.map(|row| row as f64))
                };
                score_detections(m).map(of).to_vec()
            }),
            family(&catalogue::MODEL_FEATURE_MISSING, |m| {
                m.quality.iter().map(|q| (vec![q.feature.to_owned()], Some(q.missing))).collect()
            }),
            family(&catalogue::MODEL_FEATURE_UNSEEN, |m| strange(m, true)),
            family(&catalogue::MODEL_FEATURE_OUT_OF_RANGE, |m| strange(m, false)),
            family(&catalogue::MODEL_SEGMENT_ROWS, |m| segments(m, |s| s.share)),
            family(&catalogue::MODEL_SEGMENT_DRIFTED_FEATURES, |m| {
                segments(m, |s| s.drifted_features.map(|count| count as f64))
            }),
            family(&catalogue::MODEL_SEGMENT_WORST_PSI, |m| segments(m, |s| s.worst_psi)),
            family(&catalogue::MODEL_SEGMENT_PROBABILITY_PSI, |m| segments(m, |s| s.probability_psi)),
            family(&catalogue::MODEL_SEGMENT_MISSING, |m| segments(m, |s| s.missing)),
            family(&catalogue::MODEL_SEGMENT_UNSEEN, |m| segments(m, |s| s.strange)),
            family(&catalogue::MODEL_SEGMENT_F1, |m| segments(m, |s| s.f1)),
            family(&catalogue::MODEL_SEGMENT_BRIER, |m| segments(m, |s| s.brier)),
            family(&catalogue::MODEL_SEGMENT_ESTIMATED_ACCURACY, |m| expected(m, |e| e.accuracy)),
            family(&catalogue::MODEL_SEGMENT_ESTIMATED_AUC, |m| expected(m, |e| e.roc_auc)),
            family(&catalogue::MODEL_SEGMENT_ESTIMATED_F1, |m| expected(m, |e| e.f1)),
            family(&catalogue::MODEL_SEGMENT_ESTIMATED_LOG_LOSS, |m| expected(m, |e| e.log_loss)),
            family(&catalogue::MODEL_SEGMENT_BLOCK_LOG_LOSS, segment_blocks),
            family(&catalogue::MODEL_SEGMENT_ALARM, |m| {
                segments(m, |s| s.alarm.map(|alarm| f64::from(u8::from(alarm))))
            }),
            family(&catalogue::MODEL_NEWEST_EVENT, |m| one(m.newest_event)),
            family(&catalogue::MODEL_FEATURE_SEEN, |m| {
                m.feature_seen.iter().map(|(feature, at)| (vec![(*feature).to_owned()], Some(*at))).collect()
            }),
            family(&catalogue::MODEL_TRAINING_REFUSED, |m| {
                one(m.training_refused.map(|refused| f64::from(u8::from(refused))))
            }),
            family(&catalogue::MODEL_SEGMENT_ACCURACY, |m| segments(m, |s| s.accuracy)),
            family(&catalogue::MODEL_SEGMENT_AUC, |m| segments(m, |s| s.auc)),
            family(&catalogue::MODEL_SEGMENT_LOG_LOSS, |m| segments(m, |s| s.log_loss)),
            family(&catalogue::MODEL_SEGMENT_CHURN, |m| segments(m, |s| s.churn)),
        ];
        let unused = |spec| Family::new(metrics, spec, |_| Vec::new());
        let paired: [(Family, OfPair); 4] = [
            (unused(&catalogue::MODEL_PAIRED_ROWS), |pair| one(Some(pair.rows as f64))),
            (unused(&catalogue::MODEL_PAIRED), paired),
            (unused(&catalogue::MODEL_PAIRED_LOG_LOSS), |pair| {
                roles(pair).into_iter().map(|(role, figures)| (vec![role.to_owned()], figures.log_loss)).collect()
            }),
            (unused(&catalogue::MODEL_PAIRED_DIFFERENCE), |pair| {
                let interval = pair.figures.interval;
                let mut values = two(interval.map(|i| i.lower), interval.map(|i| i.upper));
                values.push((vec!["middle".to_owned()], pair.figures.difference));
                values
            }),
        ];
        Self { by_model, distribution: unused(&catalogue::MODEL_FEATURE_SHARE), paired }
    }

    pub(super) fn publish(&mut self, snapshot: &MonitorSnapshot) {
        for family in &mut self.by_model {
            for model in &snapshot.models {
                family.show(&model.version, (family.of)(model));
            }
        }
        self.pairs(&snapshot.pairs);
        let current = snapshot.current().map(|model| model.version.as_str());
        for model in &snapshot.models {
            let is_current = current == Some(model.version.as_str());
            self.distribution.show(&model.version, if is_current { bars(snapshot) } else { Vec::new() });
        }
    }

    /// A shadow that is compared no longer is shown no longer.
    fn pairs(&mut self, pairs: &[PairSnapshot]) {
        for (family, of) in &mut self.paired {
            let gone = |version: &&String| !pairs.iter().any(|pair| pair.shadow == **version);
            let gone: Vec<String> = family.shown.keys().filter(gone).cloned().collect();
            gone.iter().for_each(|version| family.forget(version));
            pairs.iter().for_each(|pair| family.show(&pair.shadow, of(pair)));
        }
    }

    pub(super) fn forget(&mut self, version: &str) {
        self.by_model.iter_mut().for_each(|family| family.forget(version));
        self.distribution.forget(version);
    }
}

fn roles(pair: &PairSnapshot) -> [(&'static str, Summary); 2] {
    [("champion", pair.figures.champion), ("shadow", pair.figures.challenger)]
}

fn paired(pair: &PairSnapshot) -> Values {
    let of_role = |(role, figures): (&str, Summary)| {
        [
            ("accuracy", figures.accuracy),
            ("precision", figures.precision),
            ("recall", figures.recall),
            ("f1", figures.f1),
            ("auc", figures.auc),
            ("brier", figures.brier),
        ]
        .map(|(metric, value)| (vec![role.to_owned(), metric.to_owned()], value))
    };
    roles(pair).into_iter().flat_map(of_role).collect()
}

fn one(value: Option<f64>) -> Values {
    vec![(Vec::new(), value)]
}

fn two(lower: Option<f64>, upper: Option<f64>) -> Values {
    vec![(vec![LOWER.to_owned()], lower), (vec![UPPER.to_owned()], upper)]
}

fn log_loss(model: &ModelSnapshot) -> Option<Estimate> {
    model.estimates.and_then(|estimates| estimates.log_loss)
}

/// The parts of each expected figure that `part` gives, each with its bound where it is one.
fn estimates(model: &ModelSnapshot, part: fn(Estimate) -> Parts) -> Values {
    let Some(Estimates { roc_auc, f1, precision, recall, accuracy, brier, .. }) = model.estimates else {
        return Vec::new();
    };
    let named = [
        ("auc", roc_auc),
        ("f1", f1),
        ("precision", precision),
        ("recall", recall),
        ("accuracy", accuracy),
        ("brier", brier),
    ];
    let labelled = named.into_iter().filter_map(|(name, figure)| Some((name, figure?)));
    labelled
        .flat_map(|(name, figure)| {
            part(figure)
                .into_iter()
                .map(move |(bound, value)| (std::iter::once(name).chain(bound).map(str::to_owned).collect(), value))
        })
        .collect()
}

fn bounds(figure: Estimate) -> Vec<(Option<&'static str>, Option<f64>)> {
    vec![(Some(LOWER), figure.lower), (Some(UPPER), figure.upper)]
}

fn intervals(model: &ModelSnapshot) -> Values {
    let ends = |(name, interval): (&str, Option<Interval>)| {
        let end = |bound: &str, value| (vec![name.to_owned(), bound.to_owned()], value);
        [end(LOWER, interval.map(|i| i.lower)), end(UPPER, interval.map(|i| i.upper))]
    };
    model.intervals.ratios().into_iter().flat_map(ends).collect()
}

/// What each detector has found in the scores, by its name.
pub(super) fn score_detections(model: &ModelSnapshot) -> [(&'static str, ScoreDetection); 3] {
    let found = model.score_detections;
    [("adwin", found.adwin), ("page-hinkley", found.page_hinkley), ("kswin", found.kswin)]
}

fn distances(model: &ModelSnapshot, figure: fn(&FeatureDistance) -> f64) -> Values {
    model.distances.iter().map(|distance| (vec![distance.feature.to_owned()], Some(figure(distance)))).collect()
}

fn reconstruction(model: &ModelSnapshot) -> Values {
    let found = model.reconstructed;
    let mut values = two(found.map(|found| found.lower), found.map(|found| found.upper));
    values.push((vec!["middle".to_owned()], found.map(|found| found.reference)));
    values
}

fn band(model: &ModelSnapshot) -> Values {
    let band = model.band.unwrap_or_default().ratios().into_iter();
    band.map(|(name, end)| {
        let bound = if name == "brier" { UPPER } else { LOWER };
        (vec![name.to_owned(), bound.to_owned()], end)
    })
    .collect()
}

/// Categories or numbers that the reference did not know.
fn strange(model: &ModelSnapshot, words: bool) -> Values {
    let is_word = |name: &str| FEATURES.iter().any(|feature| feature.name == name && feature.is_category());
    let wanted = model.quality.iter().filter(|quality| is_word(quality.feature) == words);
    wanted.map(|quality| (vec![quality.feature.to_owned()], Some(quality.strange))).collect()
}

fn segments(model: &ModelSnapshot, figure: fn(&SegmentSnapshot) -> Option<f64>) -> Values {
    let labels = |segment: &SegmentSnapshot| vec![segment.segment.to_owned(), segment.value.to_owned()];
    model.segments.iter().map(|segment| (labels(segment), figure(segment))).collect()
}

/// What is to be expected of each segment, with its bounds where these are known.
fn expected(model: &ModelSnapshot, figure: fn(&Estimates) -> Option<Estimate>) -> Values {
    let of_segment = |segment: &SegmentSnapshot| {
        let figure = segment.estimates.as_ref().and_then(figure);
        let bounds = [
            ("middle", figure.map(|figure| figure.value)),
            (LOWER, figure.and_then(|figure| figure.lower)),
            (UPPER, figure.and_then(|figure| figure.upper)),
        ];
        bounds
            .map(|(bound, value)| (vec![segment.segment.to_owned(), segment.value.to_owned(), bound.to_owned()], value))
    };
    model.segments.iter().flat_map(of_segment).collect()
}

fn segment_blocks(model: &ModelSnapshot) -> Values {
    let of_segment = |segment: &SegmentSnapshot| {
        let sides = [("reference", segment.errors.map(|e| e.before)), ("block", segment.errors.map(|e| e.now))];
        sides.map(|(rows, value)| (vec![segment.segment.to_owned(), segment.value.to_owned(), rows.to_owned()], value))
    };
    model.segments.iter().flat_map(of_segment).collect()
}

fn bars(snapshot: &MonitorSnapshot) -> Values {
    let bars = snapshot.distribution.iter().flat_map(|bar| {
        let labels = |reference: &str| vec![bar.feature.to_owned(), bar.bin.clone(), reference.to_owned()];
        [(labels("live"), Some(bar.live)), (labels("now"), Some(bar.now))]
    });
    bars.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::band::Band;

    #[test]
    fn what_is_not_defined_any_more_is_no_longer_shown() {
        let metrics = Metrics::new();
        let mut families = Families::new(&metrics);
        let with = |auc: Option<f64>| ModelSnapshot {
            version: "v1".into(),
            band: Some(Band { auc, accuracy: Some(f64::NAN), ..Band::default() }),
            ..ModelSnapshot::default()
        };
        let snapshot = |auc| MonitorSnapshot { models: vec![with(auc)], ..MonitorSnapshot::default() };
        families.publish(&snapshot(Some(0.8)));
        let line = "churn_model_band_ratio{bound=\"lower\",metric=\"auc\",model_version=\"v1\"} 0.8";
        assert!(metrics.render().contains(line), "{}", metrics.render());
        assert!(!metrics.render().contains("NaN"));
        families.publish(&snapshot(None));
        assert!(!metrics.render().contains("churn_model_band_ratio{"));
        families.publish(&snapshot(Some(0.7)));
        families.forget("v1");
        assert!(!metrics.render().contains("v1"));
    }
}
