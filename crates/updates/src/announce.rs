//! Saying that the champion was moved.

use std::time::Duration;

use churn_registry::{Champion, Kind};
use churn_runtime::exit::{Fate, Fated};
use churn_stream::{Cluster, StreamError};
use churn_wire::{DecodeError, ModelUpdate, RareRecord, Record, RegistryError, Role, SchemaRegistry, write_prefix};

/// How long an announcement may take in all. Longer keeps whoever promoted waiting for something that the slow poll makes good.
const WITHIN: Duration = Duration::from_secs(10);

/// Why nobody was told.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// The schema registry gave no answer, or does not know the schema.
    #[error("look up the schema of model updates")]
    Schema(#[from] RegistryError),
    /// The record cannot be written.
    #[error("write the model update")]
    Record(#[from] DecodeError),
    /// Kafka did not take it.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// One of them took too long.
    #[error("the announcement was not out after {} s", .0.as_secs())]
    TooLate(Duration),
}

impl Fated for AnnounceError {
    fn fate(&self) -> Fate {
        match self {
            Self::Schema(error) => error.fate(),
            Self::Stream(error) => error.fate(),
            Self::Record(_) => Fate::Internal,
            Self::TooLate(_) => Fate::External,
        }
    }
}

/// What there is to say after the pointer moved from `before` to `after`; nothing of a generator, which no running part swaps.
#[must_use]
pub fn moved(before: Option<&Champion>, after: &Champion) -> Option<ModelUpdate> {
    (after.kind == Kind::Model).then(|| ModelUpdate {
        model_name: ModelUpdate::MODEL.to_owned(),
        role: Role::Champion,
        version: Some(after.version.to_string()),
        manifest_sha256: Some(after.manifest_sha256.clone()),
        previous_version: before.map(|before| before.version.to_string()),
        updated_at: after.promoted_at.as_millisecond(),
    })
}

/// Tells every running part of an update, ten seconds at most. Call it after the pointer has moved ([`moved`] makes the update):
/// best effort, since a part that was not told looks by itself every `scorer.model_poll`. So an error is a warning to log, and
/// nothing to undo.
///
/// # Errors
/// It is not known to be on the topic.
pub async fn announce(cluster: &Cluster, schemas: &SchemaRegistry, update: &ModelUpdate) -> Result<(), AnnounceError> {
    let topic = &cluster.topics().model_updates;
    let work = async {
        let mut value = Vec::new();
        write_prefix(schemas.id_of(topic, Record::ModelUpdate).await?, &mut value);
        value.extend(update.encode()?);
        cluster.publish(topic, update.key().as_bytes(), &value, WITHIN).await?;
        Ok(())
    };
    tokio::time::timeout(WITHIN, work).await.unwrap_or(Err(AnnounceError::TooLate(WITHIN)))
}
