//! How far a stream has moved from what a model was trained on, and how well the model still does.
//!
//! Guarantees: constant memory (a [`Window`], a [`Performance`] and the panes of a [`Sliding`] never grow with the rows
//! they have seen); accumulators merge, so that shards and panes add up to the whole; a figure that is not defined (no
//! rows, one class) is `None` and never `NaN`; the numbers equal those of Evidently, scikit-learn and SciPy on the
//! cases in `tests/numerical/`.
//!
//! Refuses to know: Kafka, clocks, files, models. Rows and their order are arguments.
//!
//! Two kinds of figure, never to be mixed up, are two types: a [`PValue`] is significant when it is small, a
//! [`Distance`] matters when it is large.

mod bars;
mod binned;
mod bins;
mod compare;
pub mod defaults;
pub mod detectors;
pub mod estimate;
pub mod exact;
mod figures;
mod moments;
pub mod multivariate;
mod panes;
pub mod performance;
pub mod psi;
mod quality;
mod reference;
mod segments;
pub mod significance;
mod sliding;
mod window;

pub use bars::{Bar, bars};
pub use bins::{Bins, Edges, InvalidBins};
pub use compare::{Drift, DriftRule, Effect, drifted};
pub use figures::{Distance, PValue};
pub use moments::{Moments, Shift};
pub use panes::{Length, Panes, Windowing};
pub use performance::{Performance, Summary};
pub use quality::{FeatureQuality, Quality, QualityRule};
pub use reference::{ColumnReference, InvalidReference, Reference};
pub use segments::{InvalidSegments, Part, PartReference, Segment, Segmentation, SegmentedWindow};
pub use sliding::{Accumulator, Sliding};
pub use window::{ColumnWindow, OtherReference, Window};
