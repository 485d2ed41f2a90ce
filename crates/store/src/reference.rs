//! The real customers, loaded whole.

use churn_domain::csv::Customers;
use sqlx::Connection;

use crate::copy::{CopyBuffer, ReferenceRows, copy_in, rejected_customers};
use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Replaces the reference customers by these, in one transaction. Safe to repeat, and to run twice at once.
    ///
    /// # Errors
    /// [`StoreError::Data`] names a row that cannot be stored; then nothing is changed.
    pub async fn load_reference(&self, customers: &Customers) -> Result<u64, StoreError> {
        if let Some(rejected) = rejected_customers(customers).into_iter().next() {
            return Err(StoreError::Data { row: rejected.row, reason: rejected.reason });
        }
        let failed = self.failed("load the reference customers");
        let mut connection = self.in_turn().await?;
        let mut transaction = connection.begin().await.map_err(&failed)?;
        sqlx::query("delete from churn.reference_customer").execute(&mut *transaction).await.map_err(&failed)?;
        let mut buffer = CopyBuffer::default();
        let rows =
            copy_in(&mut transaction, &mut buffer, &ReferenceRows::new(customers), &[]).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        let _ = connection.close().await;
        Ok(rows)
    }
}
