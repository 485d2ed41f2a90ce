//! What is learned from.

use churn_domain::Table;
use churn_domain::csv::Customers;

use crate::TrainError;

/// Customers and whether they left.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'a> {
    /// The customers.
    pub features: &'a Table,
    /// Whether each left.
    pub label: &'a [bool],
    /// How much each counts when learners are fitted, above 0; all the same where there is none. Figures count all the same.
    pub weight: Option<&'a [f32]>,
}

impl<'a> Examples<'a> {
    /// The customers of a file as examples.
    ///
    /// # Errors
    /// [`TrainError::MissingLabel`] when the file had no label.
    pub fn of(customers: &'a Customers) -> Result<Self, TrainError> {
        let label = customers.label.as_deref().ok_or(TrainError::MissingLabel)?;
        Ok(Self { features: &customers.features, label, weight: None })
    }

    /// The same customers, each counting as much as `weight` says.
    #[must_use]
    pub fn weighted(self, weight: &'a [f32]) -> Self {
        Self { weight: Some(weight), ..self }
    }
}
