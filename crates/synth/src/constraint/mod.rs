//! The rules that a customer obeys, each a small type of its own.
//!
//! A rule's `transform` takes a real row apart into what is free, and says so when the row breaks the rule; its
//! `reverse` puts a row together from free values, for any of them. So no sampled row is ever impossible, and none is
//! ever thrown away.

mod money;
mod price;
mod service;
mod total;

pub(crate) use money::Tick;
pub(crate) use price::Price;
pub(crate) use service::{internet_rule, phone_rule};
pub(crate) use total::TotalRule;

/// An interval, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Bounds<T> {
    pub(crate) min: T,
    pub(crate) max: T,
}

impl<T: PartialOrd + Copy> Bounds<T> {
    /// The smallest interval around all values, none when there is no value.
    pub(crate) fn around(values: impl IntoIterator<Item = T>) -> Option<Self> {
        values.into_iter().fold(None, |bounds: Option<Self>, value| {
            Some(match bounds {
                None => Self { min: value, max: value },
                Some(Self { min, max }) => {
                    Self { min: if value < min { value } else { min }, max: if value > max { value } else { max } }
                }
            })
        })
    }

    pub(crate) fn contains(self, value: T) -> bool {
        self.min <= value && value <= self.max
    }

    /// The value, or the nearer end.
    pub(crate) fn clamp(self, value: T) -> T {
        if value < self.min {
            self.min
        } else if value > self.max {
            self.max
        } else {
            value
        }
    }
}

impl Bounds<f64> {
    pub(crate) fn is_sound(self) -> bool {
        self.min.is_finite() && self.max.is_finite() && self.min <= self.max
    }
}
