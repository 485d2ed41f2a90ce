//! Records of which there are a few a day: no columns, no hurry.

use apache_avro::to_avro_datum;
use apache_avro::types::Value;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::foreign::{Relation, read_all, relate};
use crate::json::render;
use crate::{DecodeError, ErrorClass, Record};

/// What asks for a new model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetrainReason {
    /// The customers have changed.
    Drift,
    /// The model has become worse.
    Performance,
    /// The time has come.
    Schedule,
    /// A person asked.
    Manual,
}

/// The wish for a new model, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetrainRequest {
    /// ULID of the request; the same id is answered once.
    pub request_id: String,
    /// When it was made, epoch milliseconds.
    pub requested_at: i64,
    /// What asks.
    pub reason: RetrainReason,
    /// Version of the model found wanting.
    pub champion_version: Option<String>,
    /// The evidence, for a person to read.
    pub detail: Option<String>,
}

/// What a version of a model serves as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Its scores count.
    Champion,
    /// Its scores are compared.
    Shadow,
}

/// A model came into use or left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUpdate {
    /// Name of the model.
    pub model_name: String,
    /// What the version serves as from now on.
    pub role: Role,
    /// The version, `None` where none serves any longer.
    pub version: Option<String>,
    /// SHA-256 of the version's manifest, hexadecimal.
    pub manifest_sha256: Option<String>,
    /// Version that served before.
    pub previous_version: Option<String>,
    /// When the change was made, epoch milliseconds.
    pub updated_at: i64,
}

impl ModelUpdate {
    /// The name of the one model there is.
    pub const MODEL: &'static str = "churn";

    /// The record's key: the compacted topic keeps the latest update of each model and role.
    pub fn key(&self) -> String {
        let role = match self.role {
            Role::Champion => "champion",
            Role::Shadow => "shadow",
        };
        format!("{}/{role}", self.model_name)
    }
}

/// A record that is read and written one at a time.
pub trait RareRecord: Serialize + DeserializeOwned {
    /// The record.
    const RECORD: Record;

    /// The record's bytes, without framing.
    ///
    /// # Errors
    /// None for the records of this crate, whose fields are their schema's; a test holds them to it.
    fn encode(&self) -> Result<Vec<u8>, DecodeError> {
        let schema = Self::RECORD.schema();
        // By way of JSON, because apache-avro makes an Avro enum of a Rust one, and ours are strings.
        let json = serde_json::to_value(self).map_err(undecodable)?;
        let value = Value::from(json).resolve(schema).map_err(undecodable)?;
        to_avro_datum(schema, value).map_err(undecodable)
    }

    /// Reads bytes without framing, written with the schema of this text.
    ///
    /// # Errors
    /// The schema cannot be read with ours, the bytes are not its record, or a word is not one we know.
    fn decode(bytes: &[u8], writer: &str) -> Result<Self, DecodeError> {
        let incompatible = |reason: String| DecodeError::record(ErrorClass::IncompatibleSchema, reason);
        let bytes = match relate(writer, Self::RECORD).map_err(incompatible)? {
            Relation::Same => bytes.to_vec(),
            Relation::Foreign(foreign) => foreign.rewrite(bytes)?,
        };
        let value = read_all(Self::RECORD.schema(), &bytes, None)?;
        serde_json::from_value(render(value)).map_err(undecodable)
    }
}

fn undecodable(error: impl ToString) -> DecodeError {
    DecodeError::record(ErrorClass::Undecodable, error)
}

impl RareRecord for RetrainRequest {
    const RECORD: Record = Record::RetrainRequest;
}

impl RareRecord for ModelUpdate {
    const RECORD: Record = Record::ModelUpdate;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> RetrainRequest {
        RetrainRequest {
            request_id: "01JD8Z3M0QK7X8Y9ZABCDEFGHJ".into(),
            requested_at: 1_700_000_000_123,
            reason: RetrainReason::Drift,
            champion_version: None,
            detail: Some("tenure: PSI 0.31".into()),
        }
    }

    #[test]
    fn rare_records_come_back() {
        let bytes = request().encode().unwrap();
        assert_eq!(RetrainRequest::decode(&bytes, Record::RetrainRequest.avsc()), Ok(request()));
        let update = ModelUpdate {
            model_name: "churn".into(),
            role: Role::Champion,
            version: Some("3".into()),
            manifest_sha256: Some("ab".repeat(32)),
            previous_version: None,
            updated_at: 0,
        };
        assert_eq!(ModelUpdate::decode(&update.encode().unwrap(), Record::ModelUpdate.avsc()), Ok(update));
    }

    #[test]
    fn a_later_version_of_a_rare_record_is_read() {
        let later = Record::RetrainRequest.avsc().replacen(
            r#""fields": ["#,
            r#""fields": [{"name": "urgent", "type": ["null", "boolean"], "default": null},"#,
            1,
        );
        let bytes = [vec![2, 1], request().encode().unwrap()].concat();
        assert_eq!(RetrainRequest::decode(&bytes, &later), Ok(request()));
    }

    #[test]
    fn an_unknown_word_or_another_record_is_refused() {
        let bytes = request().encode().unwrap();
        let at = bytes.windows(5).position(|word| word == b"drift").unwrap();
        let mut unknown = bytes.clone();
        unknown[at] = b'D';
        let error = RetrainRequest::decode(&unknown, Record::RetrainRequest.avsc()).unwrap_err();
        assert!(error.message.contains("Drift"), "{error}");
        let error = ModelUpdate::decode(&bytes, Record::RetrainRequest.avsc()).unwrap_err();
        assert_eq!(error.class, ErrorClass::IncompatibleSchema);
    }
}
