//! Values of one topic into a batch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use churn_runtime::clock::Stopwatch;

use crate::foreign::{Foreign, Relation, relate};
use crate::registry::{RegisteredSchema, subject};
use crate::{Codec, DecodeError, ErrorClass, Framed, RegistryError, SchemaRef, SchemaRegistry};

/// How many records one "no such schema" answers, and for how long, before the registry is asked again: a schema may come late, its
/// records are then sent again out of the dead letters, and a flood of wrong ids must not become a flood of requests.
const UNKNOWN_ANSWERS: u32 = 1_000;
const UNKNOWN_FOR: Duration = Duration::from_secs(2);
/// How many unknown schemas are remembered. Ids are a producer's to invent, so the memory is bounded.
const MAX_UNKNOWN: usize = 1_024;

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// The batch has one row more.
    Row {
        /// Id of the schema it was written with; 0 where that was named by GUID and the registry knows no id.
        schema_id: i32,
        /// The record's bytes where they are those of our schema, for whoever wants to pass them on.
        ours: Option<&'a [u8]>,
    },
    /// The schema was not met before: [`Decoder::learn`] it, then decode the value again.
    Miss(SchemaRef),
}

/// Decodes the values of one topic, whichever compatible schema they were written with.
///
/// Decoding is synchronous; only a schema that was not met before needs the registry:
///
/// ```no_run
/// # use std::sync::Arc;
/// # use churn_domain::EventBatch;
/// # use churn_wire::{Decoded, Decoder, EventCodec, SchemaRegistry};
/// # async fn example(value: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let mut decoder = Decoder::<EventCodec>::new(Arc::new(SchemaRegistry::builtin()), "customer-events.v1");
/// let mut batch = EventBatch::default();
/// while let Decoded::Miss(schema) = decoder.decode_into(value, None, &mut batch)? {
///     decoder.learn(schema).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Decoder<C> {
    codec: C,
    registry: Arc<SchemaRegistry>,
    subject: String,
    plans: HashMap<SchemaRef, Plan>,
    /// The schema of the last value, which is that of nearly every value.
    last_same: Option<(SchemaRef, i32)>,
}

/// How values of one schema are read.
#[derive(Debug)]
enum Plan {
    Same { id: i32 },
    Foreign { id: i32, foreign: Box<Foreign> },
    Incompatible { reason: String },
    Unknown { answers: u32, asked: Stopwatch },
}

impl<C: Codec> Decoder<C> {
    /// A decoder of this topic's values.
    pub fn new(registry: Arc<SchemaRegistry>, topic: &str) -> Self {
        Self { codec: C::default(), registry, subject: subject(topic), plans: HashMap::new(), last_same: None }
    }

    /// Appends the row of a value. `header` is the value of
    /// [`VALUE_SCHEMA_ID_HEADER`](crate::VALUE_SCHEMA_ID_HEADER), if the message has it.
    ///
    /// # Errors
    /// The value is no record, now or later. The batch has the rows it had.
    pub fn decode_into<'a>(
        &mut self,
        value: &'a [u8],
        header: Option<&[u8]>,
        batch: &mut C::Batch,
    ) -> Result<Decoded<'a>, DecodeError> {
        let Framed { schema, payload } = Framed::parse(value, header)?;
        if let Some((last, schema_id)) = self.last_same
            && last == schema
        {
            self.codec.decode_into(payload, batch)?;
            return Ok(Decoded::Row { schema_id, ours: Some(payload) });
        }
        match self.plans.get_mut(&schema) {
            None => Ok(Decoded::Miss(schema)),
            Some(Plan::Same { id }) => {
                self.last_same = Some((schema, *id));
                self.codec.decode_into(payload, batch)?;
                Ok(Decoded::Row { schema_id: *id, ours: Some(payload) })
            }
            Some(Plan::Foreign { id, foreign }) => {
                self.codec.decode_into(&foreign.rewrite(payload)?, batch)?;
                Ok(Decoded::Row { schema_id: *id, ours: None })
            }
            Some(Plan::Incompatible { reason }) => {
                Err(DecodeError::record(ErrorClass::IncompatibleSchema, format!("{schema}: {reason}")))
            }
            Some(Plan::Unknown { answers, asked }) => {
                if *answers == 0 || asked.elapsed() >= UNKNOWN_FOR {
                    return Ok(Decoded::Miss(schema));
                }
                *answers -= 1;
                let place = self.registry.place();
                Err(DecodeError::record(ErrorClass::UnknownSchema, format!("the registry ({place}) has no {schema}")))
            }
        }
    }

    /// Appends the row of a record's value, and learns its schema where it was not met before. Says which schema that was (0 where
    /// the registry knows no id), and how many bytes at the value's end are those of our own schema, if they are.
    ///
    /// # Errors
    /// The registry gave no answer: try again later. The inner error says that the value is no record, now or later; the batch
    /// then has the rows it had.
    #[allow(clippy::type_complexity)]
    pub async fn read(
        &mut self,
        value: Option<&[u8]>,
        header: Option<&[u8]>,
        batch: &mut C::Batch,
    ) -> Result<Result<(i32, Option<usize>), DecodeError>, RegistryError> {
        let Some(value) = value else {
            return Ok(Err(DecodeError::record(ErrorClass::Framing, "the value is null, expected a record")));
        };
        loop {
            match self.decode_into(value, header, batch) {
                Ok(Decoded::Row { schema_id, ours }) => return Ok(Ok((schema_id, ours.map(<[u8]>::len)))),
                Ok(Decoded::Miss(schema)) => self.learn(schema).await?,
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Asks the registry about a schema. That there is no such schema, or none that ours can read, is an answer too:
    /// the values that name it are data errors from then on.
    ///
    /// # Errors
    /// The registry gave no answer: try again later.
    pub async fn learn(&mut self, schema: SchemaRef) -> Result<(), RegistryError> {
        let plan = match self.registry.fetch(schema).await? {
            None => Plan::Unknown { answers: UNKNOWN_ANSWERS, asked: Stopwatch::start() },
            Some(registered) => self.plan(schema, &registered).await?,
        };
        if matches!(plan, Plan::Unknown { .. }) {
            self.forget_unknown_past(MAX_UNKNOWN);
        }
        self.plans.insert(schema, plan);
        Ok(())
    }

    async fn plan(&self, schema: SchemaRef, registered: &RegisteredSchema) -> Result<Plan, RegistryError> {
        if registered.language != "AVRO" || registered.has_references {
            let reason = format!("expected Avro without references, found {}", registered.language);
            return Ok(Plan::Incompatible { reason });
        }
        let relation = match relate(&registered.text, C::RECORD) {
            Ok(relation) => relation,
            Err(reason) => return Ok(Plan::Incompatible { reason }),
        };
        let id = match schema {
            SchemaRef::Id(id) => id,
            SchemaRef::Guid(_) => self.registry.lookup(&self.subject, &registered.text).await?.unwrap_or(0),
        };
        Ok(match relation {
            Relation::Same => Plan::Same { id },
            Relation::Foreign(foreign) => Plan::Foreign { id, foreign },
        })
    }

    fn forget_unknown_past(&mut self, limit: usize) {
        let unknown = self.plans.values().filter(|plan| matches!(plan, Plan::Unknown { .. })).count();
        if unknown >= limit {
            self.plans.retain(|_, plan| !matches!(plan, Plan::Unknown { .. }));
        }
    }
}
