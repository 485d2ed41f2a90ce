//! A registry with Confluent's API, over HTTP.

use std::time::Duration;

use churn_runtime::config::Secret;
use churn_runtime::exit::reasons;
use churn_runtime::retry::Backoff;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::{Value as Json, json};
use tracing::warn;

use super::{RegisteredSchema, RegistryError};
use crate::{SchemaRef, WireConfig};

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// Tries of a request whose failure may pass, within a few seconds: whoever called decides about waiting longer.
const TRIES: u32 = 4;
/// Longest text of a server that is quoted in an error.
const MAX_QUOTED_CHARS: usize = 300;

#[derive(Debug)]
pub(super) struct Confluent {
    http: Client,
    base: Url,
    user: Option<(String, Secret)>,
}

/// An answer that is worth a look: success, or the registry's own "no".
struct Answer {
    url: String,
    status: StatusCode,
    body: Json,
}

impl Confluent {
    pub(super) fn new(config: &WireConfig) -> Result<Self, RegistryError> {
        let misconfigured = |message| RegistryError::Misconfigured { url: config.url.clone(), message };
        churn_runtime::tls::install();
        let mut http = Client::builder().timeout(config.timeout.get()).no_proxy();
        if config.ca_file.is_some() {
            http = http.tls_certs_only(config.authorities().map_err(misconfigured)?);
        }
        let http = http.build().map_err(|error| misconfigured(reasons(&error)))?;
        let user = (!config.user.is_empty()).then(|| (config.user.clone(), config.password.clone()));
        Ok(Self { http, base: config.base().map_err(misconfigured)?, user })
    }

    pub(super) fn place(&self) -> &str {
        self.base.as_str()
    }

    pub(super) async fn fetch(&self, schema: SchemaRef) -> Result<Option<RegisteredSchema>, RegistryError> {
        let answer = match schema {
            // No registry gives out negative ids, and some take them for a wrong path.
            SchemaRef::Id(id) if id < 0 => return Ok(None),
            SchemaRef::Id(id) => self.call(Method::GET, &["schemas", "ids", &id.to_string()], None).await?,
            SchemaRef::Guid(guid) => {
                let answer = self.call(Method::GET, &["schemas", "guids", &guid.to_string()], None).await?;
                // Registries that do not look up GUIDs answer with a bare 404, which means as little to a reader.
                if answer.status == StatusCode::NOT_FOUND {
                    return Ok(None);
                }
                answer
            }
        };
        let Some(answer) = answer.found()? else { return Ok(None) };
        Ok(Some(RegisteredSchema {
            text: answer.text("schema")?.to_owned(),
            language: answer.body["schemaType"].as_str().unwrap_or("AVRO").to_owned(),
            has_references: answer.body["references"].as_array().is_some_and(|references| !references.is_empty()),
        }))
    }

    pub(super) async fn lookup(&self, subject: &str, schema: &str) -> Result<Option<i32>, RegistryError> {
        let answer = self.call(Method::POST, &["subjects", subject], Some(json!({ "schema": schema }))).await?;
        answer.found()?.map(|answer| answer.id()).transpose()
    }

    pub(super) async fn incompatibility(&self, subject: &str, schema: &str) -> Result<Option<String>, RegistryError> {
        let path = ["compatibility", "subjects", subject, "versions", "latest"];
        let answer = self.call(Method::POST, &path, Some(json!({ "schema": schema }))).await?;
        // A subject without versions accepts everything.
        let Some(answer) = answer.found()? else { return Ok(None) };
        match answer.body["is_compatible"].as_bool() {
            Some(true) => Ok(None),
            Some(false) => Ok(Some(answer.objections())),
            None => Err(answer.garbled("no is_compatible in the answer")),
        }
    }

    pub(super) async fn set_full_transitive(&self, subject: &str) -> Result<(), RegistryError> {
        let body = json!({ "compatibility": super::FULL_TRANSITIVE });
        let answer = self.call(Method::PUT, &["config", subject], Some(body)).await?;
        // Another may have set it in the same moment, and some registries then refuse the second.
        if answer.status == StatusCode::CONFLICT && self.rule(subject).await?.as_deref() == Some(super::FULL_TRANSITIVE)
        {
            return Ok(());
        }
        answer.success().map(drop)
    }

    /// The subject's own rule of compatibility, `None` where it has none and the registry's default counts.
    pub(super) async fn rule(&self, subject: &str) -> Result<Option<String>, RegistryError> {
        let Some(answer) = self.call(Method::GET, &["config", subject], None).await?.found()? else { return Ok(None) };
        answer.text("compatibilityLevel").map(|rule| Some(rule.to_owned()))
    }

    pub(super) async fn register(&self, subject: &str, schema: &str) -> Result<i32, RegistryError> {
        let path = ["subjects", subject, "versions"];
        let answer = self.call(Method::POST, &path, Some(json!({ "schema": schema }))).await?;
        if answer.status == StatusCode::CONFLICT {
            // Incompatible, or registered by another in the same moment.
            if let Some(id) = self.lookup(subject, schema).await? {
                return Ok(id);
            }
            return Err(RegistryError::Incompatible { subject: subject.into(), message: answer.message() });
        }
        answer.success()?.id()
    }

    /// Deletes a subject with all its versions, for good. One that does not exist is as good as deleted.
    pub(super) async fn delete(&self, subject: &str) -> Result<(), RegistryError> {
        let path = ["subjects", subject];
        let Some(_) = self.call(Method::DELETE, &path, None).await?.found()? else { return Ok(()) };
        let mut url = self.url(&path);
        // Confluent keeps what is deleted once, and deletes it for good when asked again with this word.
        url.set_query(Some("permanent=true"));
        match self.call_url(Method::DELETE, &url, None).await?.found() {
            // A registry that deletes at once has nothing left to delete.
            Ok(_) | Err(RegistryError::Garbled { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends a request, again after a while where the failure may pass.
    async fn call(&self, method: Method, path: &[&str], body: Option<Json>) -> Result<Answer, RegistryError> {
        self.call_url(method, &self.url(path), body).await
    }

    async fn call_url(&self, method: Method, url: &Url, body: Option<Json>) -> Result<Answer, RegistryError> {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
        loop {
            let outcome = self.send(method.clone(), url, body.as_ref()).await;
            let passing = match &outcome {
                Ok(answer) => answer.is_busy(),
                Err(_) => true,
            };
            if !passing || backoff.attempts() + 1 >= TRIES {
                return outcome;
            }
            warn!(%url, attempt = backoff.attempts() + 1, "schema registry gave no answer, trying again");
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    async fn send(&self, method: Method, url: &Url, body: Option<&Json>) -> Result<Answer, RegistryError> {
        let unreachable =
            |error: reqwest::Error| RegistryError::Unreachable { url: url.to_string(), source: error.without_url() };
        let mut request = self.http.request(method, url.clone()).header(ACCEPT, MEDIA_TYPE);
        if let Some((user, password)) = &self.user {
            request = request.basic_auth(user, Some(password.expose()));
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, MEDIA_TYPE).body(body.to_string());
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        let body = serde_json::from_str(&text).unwrap_or(Json::String(text));
        Ok(Answer { url: url.to_string(), status, body })
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // An http URL always has a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

impl Answer {
    fn is_busy(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// The answer, `None` when the registry itself said that it has no such thing. A 404 without its error code comes
    /// from something else, such as a wrong path: taken for a "no", it would send good records to the dead letters.
    fn found(self) -> Result<Option<Self>, RegistryError> {
        if self.status != StatusCode::NOT_FOUND {
            return self.success().map(Some);
        }
        match self.body["error_code"].as_i64() {
            Some(40400..=40499) => Ok(None),
            _ => Err(self.garbled("a 404 without the registry's error code")),
        }
    }

    fn success(self) -> Result<Self, RegistryError> {
        match self.status {
            status if status.is_success() => Ok(self),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(self
                    .refused(format!("{}; check schema_registry.user and schema_registry.password", self.message())))
            }
            _ => Err(self.refused(self.message())),
        }
    }

    fn refused(&self, message: String) -> RegistryError {
        RegistryError::Refused { url: self.url.clone(), status: self.status.as_u16(), message }
    }

    fn garbled(&self, message: &str) -> RegistryError {
        RegistryError::Garbled { url: self.url.clone(), message: message.into() }
    }

    fn id(&self) -> Result<i32, RegistryError> {
        let id = self.body["id"].as_i64().and_then(|id| i32::try_from(id).ok());
        id.ok_or_else(|| self.garbled("no id in the answer"))
    }

    fn text(&self, field: &str) -> Result<&str, RegistryError> {
        self.body[field].as_str().ok_or_else(|| self.garbled(&format!("no {field} in the answer")))
    }

    fn message(&self) -> String {
        let text = self.body["message"].as_str().or_else(|| self.body.as_str()).unwrap_or_default().trim();
        match text {
            "" => "no explanation".into(),
            text => text.chars().take(MAX_QUOTED_CHARS).collect(),
        }
    }

    fn objections(&self) -> String {
        match self.body["messages"].as_array() {
            Some(messages) if !messages.is_empty() => {
                messages.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("; ")
            }
            _ => "it is not compatible with the versions there".into(),
        }
    }
}
