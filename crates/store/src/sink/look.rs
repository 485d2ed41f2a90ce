//! Looking at what is stored.

use churn_domain::ScoreId;

use super::error::{WriteError, classify};
use super::{SinkWriter, Target};

impl SinkWriter {
    /// Whether a row with any of these ids is stored.
    ///
    /// # Errors
    /// [`WriteError::Unavailable`]: ask again.
    pub async fn holds_any(&mut self, which: Target, ids: &[ScoreId]) -> Result<bool, WriteError> {
        const ACTION: &str = "look for stored rows";
        // The ids are compared as what they are stored as: a cast of the column would leave its index aside.
        let query = match which {
            Target::Score => {
                "select exists (select from unnest($1::text[]) as wanted (id)
                     join churn.scored_event stored on stored.score_id = wanted.id::uuid)"
            }
            Target::Outcome => {
                "select exists (select from unnest($1::text[]) as wanted (id)
                     join churn.outcome stored on stored.score_id = wanted.id::uuid)"
            }
        };
        let ids: Vec<String> = ids.iter().map(|id| id.uuid().to_string()).collect();
        let mut connection = self.ready().await?;
        let found = sqlx::query_scalar(query).bind(ids).fetch_one(&mut connection);
        let found = self.in_time(ACTION, found).await?.map_err(|error| classify(ACTION, error, &self.options))?;
        self.connection = Some(connection);
        Ok(found)
    }
}
