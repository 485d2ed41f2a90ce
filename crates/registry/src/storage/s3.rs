//! A bucket as storage: any server that speaks S3 and honours `If-None-Match` and `If-Match` on writes.
//!
//! A conditional write has three ends, and the client library repeats a request by itself whose answer got lost: the repeated
//! one then meets its own object and is refused. So whenever a write was refused, or its result is unknown, what is stored is
//! read: if it is what was to be written, the write has won. Everything written under a condition is unique to its writer
//! (a claim and a pointer carry a nonce), so nobody takes another's object for its own.

use std::error::Error;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::error::{DisplayErrorContext, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;

use super::{Found, tls};
use crate::config::S3Config;
use crate::digest::{nonce, sha256};
use crate::{RegistryError, StorageError};

/// A registry's largest file takes seconds on a slow line; a server that says nothing for so long is given up.
const ATTEMPT: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 3;
/// How often a pointer is put again while what stands there is still what was expected.
const REPLACE_ATTEMPTS: u32 = 3;
/// Written once and for ever: shows that the server honours conditions.
const PROBE: &str = ".probe";

/// A bucket and a prefix in it.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    client: Client,
    bucket: String,
    prefix: String,
}

/// How a conditional write ended.
enum Put {
    /// It is stored.
    Done,
    /// The server refused it because of its condition.
    Refused,
    /// Nobody knows.
    Unknown(Box<dyn Error + Send + Sync>),
}

impl Bucket {
    /// Uses the bucket; nothing is asked yet.
    pub(crate) async fn open(config: &S3Config) -> Result<Self, RegistryError> {
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(tls::system())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts);
        if let Some(region) = &config.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if !config.access_key_id.is_empty() {
            let secret = config.secret_access_key.expose();
            loader =
                loader.credentials_provider(Credentials::new(&config.access_key_id, secret, None, None, "registry.s3"));
        }
        let shared = loader.load().await;
        let mut s3 = aws_sdk_s3::config::Builder::from(&shared)
            .force_path_style(config.endpoint.is_some())
            // The registry checks SHA-256 itself and tells a damaged object from a broken line, which the client does not; and
            // not every server knows the checksums of newer clients.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        if shared.region().is_none() {
            s3 = s3.region(Region::from_static("us-east-1"));
        }
        if let Some(endpoint) = &config.endpoint {
            s3 = s3.endpoint_url(endpoint);
        }
        // For the bucket alone: whoever gives out credentials shows a certificate of a public authority.
        if let Some(authorities) = config.authorities().map_err(|problem| tls::unusable(&problem))? {
            s3 = s3.http_client(tls::trusting(authorities)?);
        }
        let prefix = config.prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { client: Client::from_conf(s3.build()), bucket: config.bucket.clone(), prefix })
    }

    pub(crate) fn place(&self, key: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.key(key))
    }

    pub(crate) async fn read(&self, key: &str, limit: u64) -> Result<Found, RegistryError> {
        Ok(match self.get(key, limit).await? {
            None => Found::Nothing,
            Some((None, _)) => Found::TooLarge,
            Some((Some(bytes), _)) => Found::Bytes(bytes),
        })
    }

    pub(crate) async fn create(&self, key: &str, bytes: &[u8]) -> Result<bool, RegistryError> {
        let put = self.put(key, bytes).if_none_match("*");
        match outcome(put.send().await) {
            Put::Done => Ok(true),
            Put::Refused => self.holds(key, bytes).await,
            Put::Unknown(source) => {
                if self.holds(key, bytes).await? {
                    return Ok(true);
                }
                Err(self.failed("write", key, source))
            }
        }
    }

    pub(crate) async fn replace(&self, key: &str, bytes: &[u8], expected: Option<&str>) -> Result<bool, RegistryError> {
        let Some(expected) = expected else { return self.create(key, bytes).await };
        for attempt in 1..=REPLACE_ATTEMPTS {
            let Some((Some(stored), etag)) = self.get(key, crate::manifest::MAX_MANIFEST_BYTES).await? else {
                return Ok(false);
            };
            if stored == bytes {
                return Ok(true);
            }
            if sha256(&stored) != expected {
                return Ok(false);
            }
            match outcome(self.put(key, bytes).if_match(etag).send().await) {
                Put::Done => return Ok(true),
                // Read again: it may have been this very write, repeated by the client.
                Put::Refused => {}
                Put::Unknown(source) if attempt == REPLACE_ATTEMPTS => return Err(self.failed("write", key, source)),
                Put::Unknown(error) => {
                    tracing::warn!(%error, key, "a write had no clear result; looking at what is stored");
                }
            }
        }
        // Refused again and again although nothing changed, or the last refusal was our own write: one more look.
        if self.holds(key, bytes).await? {
            return Ok(true);
        }
        let problem = "the server refuses the write, although what stands there is what was expected";
        Err(self.failed("write", key, problem.into()))
    }

    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>, RegistryError> {
        let below = self.key(&format!("{prefix}/"));
        let mut pages =
            self.client.list_objects_v2().bucket(&self.bucket).prefix(&below).delimiter("/").into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.failed("list", prefix, describe(&error)))?;
            let objects = page.contents().iter().filter_map(|object| object.key());
            let folders = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
            let name = |key: &str| key.strip_prefix(&below).map(|name| name.trim_end_matches('/').to_owned());
            names.extend(objects.chain(folders).filter_map(name).filter(|name| !name.is_empty()));
        }
        Ok(names)
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), RegistryError> {
        let sent = self.client.delete_object().bucket(&self.bucket).key(self.key(key)).send().await;
        sent.map(drop).map_err(|error| self.failed("delete", key, describe(&error)))
    }

    pub(crate) async fn modified_ms(&self, key: &str) -> Result<Option<i64>, RegistryError> {
        match self.client.head_object().bucket(&self.bucket).key(self.key(key)).send().await {
            Ok(head) => Ok(head.last_modified().and_then(|time| time.to_millis().ok())),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
            Err(error) => Err(self.failed("look at", key, describe(&error))),
        }
    }

    /// Proves that the bucket can be written and that the server honours both conditions: one that ignores them answers as if
    /// every write had won, and two champions would follow.
    pub(crate) async fn check(&self) -> Result<(), RegistryError> {
        let probe = nonce();
        if self.create(PROBE, probe.as_bytes()).await? && self.create(PROBE, nonce().as_bytes()).await? {
            return Err(self.careless("If-None-Match"));
        }
        let wrong = "\"00000000000000000000000000000000\"";
        match outcome(self.put(PROBE, probe.as_bytes()).if_match(wrong).send().await) {
            Put::Refused => Ok(()),
            Put::Done => Err(self.careless("If-Match")),
            Put::Unknown(source) => Err(self.failed("write", PROBE, source)),
        }
    }

    fn careless(&self, header: &str) -> RegistryError {
        let problem = format!("the server ignores {header}, without which concurrent promotions would both win");
        self.failed("use", PROBE, problem.into())
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn put(&self, key: &str, bytes: &[u8]) -> aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder {
        let body = ByteStream::from(bytes.to_vec());
        self.client.put_object().bucket(&self.bucket).key(self.key(key)).body(body)
    }

    /// The object with its ETag; without bytes where it is longer than the limit.
    async fn get(&self, key: &str, limit: u64) -> Result<Option<(Option<Vec<u8>>, String)>, RegistryError> {
        let mut object = match self.client.get_object().bucket(&self.bucket).key(self.key(key)).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => return Ok(None),
            Err(error) => return Err(self.failed("read", key, describe(&error))),
        };
        let etag = object.e_tag().unwrap_or_default().to_owned();
        let mut bytes = Vec::new();
        // Counted as it comes, whatever length the server announces.
        while let Some(chunk) = object.body.try_next().await.map_err(|error| self.failed("read", key, error.into()))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > limit {
                return Ok(Some((None, etag)));
            }
        }
        Ok(Some((Some(bytes), etag)))
    }

    async fn holds(&self, key: &str, bytes: &[u8]) -> Result<bool, RegistryError> {
        Ok(self.read(key, bytes.len() as u64).await? == Found::Bytes(bytes.to_vec()))
    }

    fn failed(&self, action: &'static str, key: &str, source: StorageError) -> RegistryError {
        RegistryError::Storage { action, path: self.place(key), setting: "registry.s3", source }
    }
}

/// 412: the condition does not hold. 409: another conditional write of the same key was on its way. 404 with `If-Match`: there
/// is no such object any more.
fn outcome(sent: Result<PutObjectOutput, SdkError<PutObjectError>>) -> Put {
    match sent {
        Ok(_) => Put::Done,
        Err(error) => match error.raw_response().map(|response| response.status().as_u16()) {
            Some(412 | 409) => Put::Refused,
            _ if error.as_service_error().is_some_and(|error| error.meta().code() == Some("NoSuchKey")) => Put::Refused,
            _ => Put::Unknown(describe(&error)),
        },
    }
}

/// The whole chain of reasons, because the outermost only says "service error".
fn describe<E: Error + Send + Sync + 'static>(error: &SdkError<E>) -> StorageError {
    let said = DisplayErrorContext(error).to_string();
    match tls::refused(error) {
        true => format!(
            "{said}; the server's certificate was refused: have it renewed, or name its authority in registry.s3.ca_file"
        ),
        false => said,
    }
    .into()
}
