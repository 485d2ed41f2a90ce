//! Schema registries: what a schema id means, and how ours get theirs.

mod builtin;
mod confluent;
mod error;
mod setup;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use builtin::Builtin;
use confluent::Confluent;
pub use error::RegistryError;
pub use setup::{Plan, PlannedSchema, Registration, plan_all, register_all};

use crate::{DecodeError, ErrorClass, Framed, RareRecord, Record, SchemaRef, WireConfig};

/// Every version of a subject reads every other: the rule of all our subjects.
const FULL_TRANSITIVE: &str = "FULL_TRANSITIVE";

/// The subject of a topic's values (TopicNameStrategy).
pub fn subject(topic: &str) -> String {
    format!("{topic}-value")
}

/// A schema as a registry holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredSchema {
    /// Its text.
    pub text: String,
    /// Its language: `AVRO` for ours.
    pub language: String,
    /// Whether the text is incomplete without other subjects' schemas.
    pub has_references: bool,
}

/// A schema registry: the built-in one of the demo, or a server with Confluent's API.
///
/// An id means one schema for ever, so whatever was fetched once is answered from memory.
#[derive(Debug)]
pub struct SchemaRegistry {
    backend: Backend,
    fetched: Mutex<HashMap<SchemaRef, Arc<RegisteredSchema>>>,
}

#[derive(Debug)]
enum Backend {
    Builtin(Builtin),
    Confluent(Confluent),
}

impl SchemaRegistry {
    /// The registry within the process, which knows this version's schemas. Ids are made from the schemas' content:
    /// the same in every process, others for other schemas.
    pub fn builtin() -> Self {
        Self::over(Backend::Builtin(Builtin::default()))
    }

    /// The registry that the configuration names, the built-in one where it names none. Nothing is connected yet.
    ///
    /// # Errors
    /// [`RegistryError::Misconfigured`].
    pub fn open(config: &WireConfig) -> Result<Self, RegistryError> {
        if config.is_builtin() {
            return Ok(Self::builtin());
        }
        Confluent::new(config).map(|confluent| Self::over(Backend::Confluent(confluent)))
    }

    fn over(backend: Backend) -> Self {
        Self { backend, fetched: Mutex::default() }
    }

    /// Where it is, for messages.
    pub fn place(&self) -> &str {
        match &self.backend {
            Backend::Builtin(_) => "built in",
            Backend::Confluent(confluent) => confluent.place(),
        }
    }

    /// The schema, `None` when the registry said that there is none.
    ///
    /// # Errors
    /// The registry gave no answer: nothing is known about the schema.
    pub async fn fetch(&self, schema: SchemaRef) -> Result<Option<Arc<RegisteredSchema>>, RegistryError> {
        if let Some(known) = self.cache().get(&schema) {
            return Ok(Some(known.clone()));
        }
        let found = match &self.backend {
            Backend::Builtin(builtin) => builtin.fetch(schema),
            Backend::Confluent(confluent) => confluent.fetch(schema).await?,
        };
        Ok(found.map(|found| self.cache().entry(schema).or_insert_with(|| Arc::new(found)).clone()))
    }

    /// The id under which a topic's values of this record are written. A producer asks for it before its first record: it starts
    /// only where the registry will let no schema in that readers of another version could not read.
    ///
    /// # Errors
    /// [`RegistryError::NotRegistered`] before `churn setup` has run, [`RegistryError::WeakRule`] where the subject's rule is not
    /// `FULL_TRANSITIVE`, or the registry gave no answer.
    pub async fn id_of(&self, topic: &str, record: Record) -> Result<i32, RegistryError> {
        let subject = subject(topic);
        if let Backend::Confluent(confluent) = &self.backend {
            match confluent.rule(&subject).await? {
                Some(rule) if rule == FULL_TRANSITIVE => {}
                None if confluent.lookup(&subject, record.avsc()).await?.is_none() => {
                    return Err(RegistryError::NotRegistered { subject, place: self.place().into() });
                }
                rule => {
                    let rule = rule.unwrap_or_else(|| "the registry's default".to_owned());
                    return Err(RegistryError::WeakRule { subject, place: self.place().into(), rule });
                }
            }
        }
        let id = self.lookup(&subject, record.avsc()).await?;
        id.ok_or_else(|| RegistryError::NotRegistered { subject, place: self.place().into() })
    }

    /// The id of this schema under this subject, `None` when it is not registered there.
    ///
    /// # Errors
    /// The registry gave no answer.
    pub async fn lookup(&self, subject: &str, schema: &str) -> Result<Option<i32>, RegistryError> {
        match &self.backend {
            Backend::Builtin(builtin) => Ok(builtin.lookup(schema)),
            Backend::Confluent(confluent) => confluent.lookup(subject, schema).await,
        }
    }

    /// Why this schema may not follow those of the subject, `None` when it may. The registry judges by the subject's
    /// own rule, which [`register_all`] sets to `FULL_TRANSITIVE`.
    ///
    /// # Errors
    /// The registry gave no answer.
    pub async fn incompatibility(&self, subject: &str, schema: &str) -> Result<Option<String>, RegistryError> {
        match &self.backend {
            Backend::Builtin(builtin) => Ok(builtin.incompatibility(subject, schema)),
            Backend::Confluent(confluent) => confluent.incompatibility(subject, schema).await,
        }
    }

    /// Lets the subject accept only schemas that read all its others and are read by them.
    ///
    /// # Errors
    /// The registry gave no answer, or refused.
    pub async fn set_full_transitive(&self, subject: &str) -> Result<(), RegistryError> {
        match &self.backend {
            Backend::Builtin(_) => Ok(()),
            Backend::Confluent(confluent) => confluent.set_full_transitive(subject).await,
        }
    }

    /// Registers a schema; the same schema gets the same id again.
    ///
    /// # Errors
    /// [`RegistryError::Incompatible`], or the registry gave no answer, or refused.
    pub async fn register(&self, subject: &str, schema: &str) -> Result<i32, RegistryError> {
        match &self.backend {
            Backend::Builtin(builtin) => builtin.register(subject, schema),
            Backend::Confluent(confluent) => confluent.register(subject, schema).await,
        }
    }

    /// Reads a rare record's value. `header` is the value of [`VALUE_SCHEMA_ID_HEADER`](crate::VALUE_SCHEMA_ID_HEADER), if the
    /// message has it.
    ///
    /// # Errors
    /// The registry gave no answer: try again later. The inner error says that the value is no such record, now or later.
    pub async fn read_rare<R: RareRecord>(
        &self,
        value: Option<&[u8]>,
        header: Option<&[u8]>,
    ) -> Result<Result<R, DecodeError>, RegistryError> {
        let Some(value) = value else {
            return Ok(Err(DecodeError::record(ErrorClass::Framing, "the value is null, expected a record")));
        };
        let Framed { schema, payload } = match Framed::parse(value, header) {
            Ok(framed) => framed,
            Err(error) => return Ok(Err(error)),
        };
        let Some(registered) = self.fetch(schema).await? else {
            let problem = format!("the registry ({}) has no {schema}", self.place());
            return Ok(Err(DecodeError::record(ErrorClass::UnknownSchema, problem)));
        };
        if registered.language != "AVRO" || registered.has_references {
            let problem = format!("{schema}: expected Avro without references, found {}", registered.language);
            return Ok(Err(DecodeError::record(ErrorClass::IncompatibleSchema, problem)));
        }
        Ok(R::decode(payload, &registered.text))
    }

    /// Deletes the subjects of these topics with all their versions: for a run that made topics of its own.
    ///
    /// # Errors
    /// The registry gave no answer, or refused.
    pub async fn delete_all(&self, topics: &[(&str, Record)]) -> Result<(), RegistryError> {
        if let Backend::Confluent(confluent) = &self.backend {
            for (topic, _) in topics {
                confluent.delete(&subject(topic)).await?;
            }
        }
        Ok(())
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<SchemaRef, Arc<RegisteredSchema>>> {
        // A map of immutable entries is whole even if a holder of the lock panicked.
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
