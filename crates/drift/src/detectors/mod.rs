//! Detectors that watch a stream of numbers for a change, value by value.
//!
//! Equal to those of River 0.26.1 (`river.drift`, defaults included): the same values give warnings and drifts at the
//! same places, because each operation on floating point numbers stands in River's order. The cases in
//! `tests/numerical/detectors.json` hold them to that. A detector begins anew with the value after a drift.
//!
//! All are plain data that can be stored and read back, so that a restart forgets nothing.

mod adwin;
mod ddm;
mod kswin;
mod page_hinkley;
mod twister;

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use adwin::Adwin;
pub use ddm::Ddm;
pub use kswin::Kswin;
pub use page_hinkley::PageHinkley;
pub use twister::Twister;

/// What a detector says of the latest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// Nothing has changed.
    #[default]
    Calm,
    /// Something may be changing.
    Warning,
    /// The stream is another than before.
    Drift,
}

/// A value that a detector cannot take.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error("{value} is no value for {detector}, expected {expected}")]
pub struct BadValue {
    /// The value.
    pub value: f64,
    /// The detector.
    pub detector: &'static str,
    /// What it takes.
    pub expected: &'static str,
}

/// A name that is no detector's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is no detector, expected adwin, page-hinkley, ddm or kswin")]
pub struct UnknownDetector(pub String);

/// Which detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A window that shrinks when two parts of it differ in their mean (Bifet and Gavaldà 2007).
    Adwin,
    /// A cumulative sum of deviations from the mean (Page 1954).
    PageHinkley,
    /// The error rate of a classifier against its best so far (Gama and others 2004): takes 0 and 1.
    Ddm,
    /// The newest values against earlier ones by Kolmogorov and Smirnov (Raab and others 2020).
    Kswin,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Adwin, Self::PageHinkley, Self::Ddm, Self::Kswin];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adwin => "adwin",
            Self::PageHinkley => "page-hinkley",
            Self::Ddm => "ddm",
            Self::Kswin => "kswin",
        }
    }

    /// A detector of this kind with River's defaults. `seed` is what KSWIN draws with.
    pub fn detector(self, seed: u32) -> Detector {
        match self {
            Self::Adwin => Detector::Adwin(Adwin::default()),
            Self::PageHinkley => Detector::PageHinkley(PageHinkley::default()),
            Self::Ddm => Detector::Ddm(Ddm::default()),
            Self::Kswin => Detector::Kswin(Box::new(Kswin::new(seed))),
        }
    }
}

impl FromStr for Kind {
    type Err = UnknownDetector;

    fn from_str(text: &str) -> Result<Self, UnknownDetector> {
        let plain = text.to_ascii_lowercase().replace(['-', '_'], "");
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().replace('-', "") == plain)
            .ok_or_else(|| UnknownDetector(text.to_owned()))
    }
}

/// Any of the detectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detector {
    /// See [`Kind::Adwin`].
    Adwin(Adwin),
    /// See [`Kind::PageHinkley`].
    PageHinkley(PageHinkley),
    /// See [`Kind::Ddm`].
    Ddm(Ddm),
    /// See [`Kind::Kswin`].
    Kswin(Box<Kswin>),
}

impl Detector {
    /// Which one it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Adwin(_) => Kind::Adwin,
            Self::PageHinkley(_) => Kind::PageHinkley,
            Self::Ddm(_) => Kind::Ddm,
            Self::Kswin(_) => Kind::Kswin,
        }
    }

    /// Takes the next value.
    ///
    /// # Errors
    /// The value is not finite, or not from 0 to 1 for [`Ddm`]; the detector is as before then.
    pub fn update(&mut self, value: f64) -> Result<Signal, BadValue> {
        let detector = self.kind().name();
        if !value.is_finite() {
            return Err(BadValue { value, detector, expected: "a finite number" });
        }
        if matches!(self, Self::Ddm(_)) && !(0.0..=1.0).contains(&value) {
            return Err(BadValue { value, detector, expected: "0 (right) or 1 (wrong)" });
        }
        Ok(match self {
            Self::Adwin(adwin) => adwin.update(value),
            Self::PageHinkley(page_hinkley) => page_hinkley.update(value),
            Self::Ddm(ddm) => ddm.update(value),
            Self::Kswin(kswin) => kswin.update(value),
        })
    }
}

/// The mean of a stream, as River keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Mean {
    rows: f64,
    mean: f64,
}

impl Mean {
    fn update(&mut self, value: f64) {
        self.rows += 1.0;
        self.mean += (1.0 / self.rows) * (value - self.mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_however_they_are_hyphenated() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert_eq!("Page_Hinkley".parse(), Ok(Kind::PageHinkley));
        assert!("cusum".parse::<Kind>().unwrap_err().to_string().contains("page-hinkley"));
    }

    #[test]
    fn a_bad_value_changes_nothing() {
        for kind in Kind::ALL {
            let mut detector = kind.detector(1);
            let before = detector.clone();
            assert!(detector.update(f64::NAN).is_err());
            assert_eq!(detector, before);
        }
        assert!(Kind::Ddm.detector(1).update(2.0).unwrap_err().to_string().contains("0 (right) or 1 (wrong)"));
    }
}
