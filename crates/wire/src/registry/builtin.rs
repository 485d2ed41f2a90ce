//! The demo's registry, within the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use apache_avro::Schema;
use apache_avro::schema_compatibility::SchemaCompatibility;
use sha2::{Digest, Sha256};

use super::{RegisteredSchema, RegistryError};
use crate::{Record, SchemaRef};

/// Schemas by id, and the ids of each subject.
#[derive(Debug)]
pub(super) struct Builtin(Mutex<Store>);

#[derive(Debug, Default)]
struct Store {
    schemas: HashMap<i32, Schema>,
    subjects: HashMap<String, Vec<i32>>,
}

impl Default for Builtin {
    fn default() -> Self {
        let schemas = Record::ALL.map(|record| (id(record.schema()), record.schema().clone())).into();
        Self(Mutex::new(Store { schemas, subjects: HashMap::new() }))
    }
}

impl Builtin {
    pub(super) fn fetch(&self, schema: SchemaRef) -> Option<RegisteredSchema> {
        let SchemaRef::Id(id) = schema else { return None };
        let text = serde_json::to_string(self.store().schemas.get(&id)?).ok()?;
        Some(RegisteredSchema { text, language: "AVRO".into(), has_references: false })
    }

    pub(super) fn lookup(&self, text: &str) -> Option<i32> {
        let id = id(&Schema::parse_str(text).ok()?);
        self.store().schemas.contains_key(&id).then_some(id)
    }

    pub(super) fn incompatibility(&self, subject: &str, text: &str) -> Option<String> {
        let schema = match Schema::parse_str(text) {
            Ok(schema) => schema,
            Err(error) => return Some(error.to_string()),
        };
        let store = self.store();
        let versions = store.subjects.get(subject).into_iter().flatten().filter_map(|id| store.schemas.get(id));
        let clash = |other| SchemaCompatibility::mutual_read(&schema, other).err();
        versions.filter_map(clash).map(|error| error.to_string()).next()
    }

    pub(super) fn register(&self, subject: &str, text: &str) -> Result<i32, RegistryError> {
        let incompatible = |message| RegistryError::Incompatible { subject: subject.into(), message };
        if let Some(message) = self.incompatibility(subject, text) {
            return Err(incompatible(message));
        }
        let schema = Schema::parse_str(text).map_err(|error| incompatible(error.to_string()))?;
        let id = id(&schema);
        let mut store = self.store();
        store.schemas.insert(id, schema);
        let versions = store.subjects.entry(subject.to_owned()).or_default();
        if !versions.contains(&id) {
            versions.push(id);
        }
        Ok(id)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A positive number made from the schema's content, so that processes agree on ids without talking and bytes of another
/// version are of an unknown schema rather than misread.
fn id(schema: &Schema) -> i32 {
    // Not the canonical form: that leaves out what the bytes mean, such as timestamp-millis or -micros.
    let content = serde_json::to_vec(schema).unwrap_or_default();
    let digest = Sha256::digest(content);
    let bits = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    (bits >> 1).max(1).cast_signed()
}
