//! What the crate promises: numbers equal to the reference tools', bounded error, parts that add up to the whole.

#![allow(clippy::unwrap_used)] // tests

mod binned;
mod detectors;
mod estimate;
mod evidently;
mod intervals;
mod multivariate;
mod numerical;
mod ranking;
mod samples;
mod segments;
mod streaming;
