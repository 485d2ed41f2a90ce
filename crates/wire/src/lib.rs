//! What Churnstream's records look like on a topic: Avro, in Confluent's wire format.
//!
//! The schemas are the files of `schemas/`, one a record ([`Record`]). This crate guarantees that bytes of any version
//! ever written decode into the batches of `churn-domain`, that what decodes is within the bounds of the domain, and
//! that no bytes, however hostile, panic, allocate beyond their own size or leave half a row behind.
//!
//! Two paths lead into a batch. Bytes written with our own schema take a hand-written, column-wise codec
//! ([`EventCodec`], [`ScoreCodec`], [`OutcomeCodec`]); bytes of any other compatible schema are first rewritten by
//! `apache-avro`, so that versions N and N-1 run side by side. A [`Decoder`] tells which path a record takes; the
//! [`SchemaRegistry`] tells what a schema id means.
//!
//! It refuses to know Kafka: values and header values arrive as bytes, topics as names.

mod codec;
mod config;
mod decoder;
mod encoder;
mod error;
mod foreign;
mod framing;
mod from_json;
mod json;
mod rare;
mod registry;
mod schema;

pub use codec::{Codec, EventCodec, MAX_TEXT_BYTES, OutcomeCodec, ScoreCodec};
pub use config::WireConfig;
pub use decoder::{Decoded, Decoder};
pub use encoder::Encoder;
pub use error::{DecodeError, ErrorClass};
pub use framing::{Framed, SchemaRef, VALUE_SCHEMA_ID_HEADER, claimed_schema_id, write_prefix};
pub use from_json::from_json;
pub use json::to_json;
pub use rare::{ModelUpdate, RareRecord, RetrainReason, RetrainRequest, Role};
pub use registry::{
    Plan, PlannedSchema, RegisteredSchema, Registration, RegistryError, SchemaRegistry, plan_all, register_all, subject,
};
pub use schema::Record;
