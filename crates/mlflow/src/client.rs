//! MLflow's REST API, as far as the mirror needs it (mlflow.org/docs/latest/api_reference/rest-api.html, version 2.0).

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::describe::Description;
use crate::{MlflowConfig, MlflowError};

/// What MLflow takes in one `log-batch`: a thousand metrics, a hundred of parameters and of tags, a thousand in all.
const MOST_METRICS: usize = 800;
const MOST_PARAMS: usize = 100;
/// Longest text of the server that is quoted in an error.
const MAX_QUOTED_CHARS: usize = 300;
/// The tag by which a version's run and model version are found again.
pub(crate) const HASH_TAG: &str = "churn.manifest_sha256";

#[derive(Debug)]
pub(crate) struct Api {
    http: Client,
    base: String,
    config: MlflowConfig,
}

/// A run, and where its files go.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) artifacts: String,
}

/// A registered model version.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) number: String,
    pub(crate) hash: String,
}

impl Api {
    pub(crate) fn new(config: &MlflowConfig) -> Result<Self, MlflowError> {
        churn_runtime::tls::install();
        let http = Client::builder().timeout(config.timeout.get()).build().map_err(MlflowError::Client)?;
        Ok(Self { http, base: config.url.trim_end_matches('/').to_owned(), config: config.clone() })
    }

    /// The experiment's id; it is made where there is none.
    pub(crate) async fn experiment(&self) -> Result<String, MlflowError> {
        let name = &self.config.experiment;
        let query = [("experiment_name", name.as_str())];
        let found = match self.get("experiments/get-by-name", &query).await? {
            Some(found) => text(&found, "/experiment/experiment_id"),
            None => {
                let made = self.post("experiments/create", &json!({ "name": name })).await?;
                text(&made, "/experiment_id")
            }
        };
        found.ok_or_else(|| unexpected("experiments/create", "experiment_id"))
    }

    /// The run of a version, if it was begun before.
    pub(crate) async fn run_of(&self, experiment: &str, hash: &str) -> Result<Option<Run>, MlflowError> {
        let filter = format!("tags.`{HASH_TAG}` = '{hash}'");
        let body = json!({ "experiment_ids": [experiment], "filter": filter, "max_results": 1 });
        let found = self.post("runs/search", &body).await?;
        found.pointer("/runs/0/info").map(|info| run(info, "runs/search")).transpose()
    }

    pub(crate) async fn begin(&self, experiment: &str, hash: &str, about: &Description) -> Result<Run, MlflowError> {
        let body = json!({
            "experiment_id": experiment,
            "run_name": about.name,
            "start_time": about.at_ms,
            "tags": [{ "key": HASH_TAG, "value": hash }],
        });
        let made = self.post("runs/create", &body).await?;
        let info = made.pointer("/run/info").ok_or_else(|| unexpected("runs/create", "run"))?;
        run(info, "runs/create")
    }

    /// Parameters, metrics and tags; what is there already with the same value stays as it is.
    pub(crate) async fn log(&self, run: &Run, about: &Description) -> Result<(), MlflowError> {
        let pair = |(key, value): &(String, String)| json!({ "key": key, "value": value });
        for params in about.params.chunks(MOST_PARAMS) {
            let params: Vec<Value> = params.iter().map(pair).collect();
            self.post("runs/log-batch", &json!({ "run_id": run.id, "params": params })).await?;
        }
        for tags in about.tags.chunks(MOST_PARAMS) {
            let tags: Vec<Value> = tags.iter().map(pair).collect();
            self.post("runs/log-batch", &json!({ "run_id": run.id, "tags": tags })).await?;
        }
        self.log_metrics(run, &about.metrics, about.at_ms, 0).await
    }

    /// Metrics of one moment. MLflow keeps each moment's, and a value that it has already once.
    pub(crate) async fn log_metrics(
        &self,
        run: &Run,
        metrics: &[(String, f64)],
        at_ms: i64,
        step: i64,
    ) -> Result<(), MlflowError> {
        let metric =
            |(key, value): &(String, f64)| json!({ "key": key, "value": value, "timestamp": at_ms, "step": step });
        for metrics in metrics.chunks(MOST_METRICS) {
            let metrics: Vec<Value> = metrics.iter().map(metric).collect();
            self.post("runs/log-batch", &json!({ "run_id": run.id, "metrics": metrics })).await?;
        }
        Ok(())
    }

    pub(crate) async fn upload(&self, run: &Run, name: &str, bytes: Vec<u8>) -> Result<(), MlflowError> {
        let path = run.artifacts.strip_prefix("mlflow-artifacts:").map(|path| path.trim_start_matches('/'));
        let path = path
            .ok_or_else(|| unexpected("runs/create", "mlflow-artifacts: location (start it with --serve-artifacts)"))?;
        let call = format!("mlflow-artifacts/artifacts/{path}/artifact/{name}");
        let request = self.request(Method::PUT, &call).body(bytes);
        self.answer(&call, request).await.map(drop)
    }

    pub(crate) async fn finish(&self, run: &Run, at_ms: i64) -> Result<(), MlflowError> {
        let body = json!({ "run_id": run.id, "status": "FINISHED", "end_time": at_ms });
        self.post("runs/update", &body).await.map(drop)
    }

    /// Makes the registered model where there is none.
    pub(crate) async fn register(&self, model: &str) -> Result<(), MlflowError> {
        match self.post("registered-models/create", &json!({ "name": model })).await {
            Err(MlflowError::Refused { message, .. }) if message.contains("RESOURCE_ALREADY_EXISTS") => Ok(()),
            other => other.map(drop),
        }
    }

    /// All versions of a registered model.
    pub(crate) async fn versions(&self, model: &str) -> Result<Vec<Registered>, MlflowError> {
        let filter = format!("name='{model}'");
        let mut versions = Vec::new();
        let mut page = String::new();
        loop {
            let query = [("filter", filter.as_str()), ("max_results", "200"), ("page_token", page.as_str())];
            let Some(found) = self.get("model-versions/search", &query).await? else { return Ok(versions) };
            for version in found["model_versions"].as_array().into_iter().flatten() {
                let tags = version["tags"].as_array().into_iter().flatten();
                let hash = tags.filter(|tag| tag["key"] == HASH_TAG).find_map(|tag| tag["value"].as_str());
                if let (Some(number), Some(hash)) = (version["version"].as_str(), hash) {
                    versions.push(Registered { number: number.to_owned(), hash: hash.to_owned() });
                }
            }
            match found["next_page_token"].as_str() {
                Some(next) if !next.is_empty() => next.clone_into(&mut page),
                _ => return Ok(versions),
            }
        }
    }

    pub(crate) async fn add_version(
        &self,
        model: &str,
        run: &Run,
        hash: &str,
        about: &Description,
    ) -> Result<Registered, MlflowError> {
        let body = json!({
            "name": model,
            "source": format!("{}/artifact", run.artifacts),
            "run_id": run.id,
            "description": about.summary,
            "tags": [{ "key": HASH_TAG, "value": hash }, { "key": "churn.version", "value": about.version }],
        });
        let made = self.post("model-versions/create", &body).await?;
        let number = text(&made, "/model_version/version");
        let number = number.ok_or_else(|| unexpected("model-versions/create", "version"))?;
        Ok(Registered { number, hash: hash.to_owned() })
    }

    /// The version that an alias points to.
    pub(crate) async fn alias(&self, model: &str, alias: &str) -> Result<Option<String>, MlflowError> {
        let found = self.get("registered-models/alias", &[("name", model), ("alias", alias)]).await?;
        Ok(found.and_then(|found| text(&found, "/model_version/version")))
    }

    pub(crate) async fn set_alias(&self, model: &str, alias: &str, version: Option<&str>) -> Result<(), MlflowError> {
        let call = "registered-models/alias";
        match version {
            Some(version) => {
                let body = json!({ "name": model, "alias": alias, "version": version });
                self.post(call, &body).await.map(drop)
            }
            None => {
                let body = json!({ "name": model, "alias": alias });
                let request = self.request(Method::DELETE, &api(call)).json(&body);
                self.answer(call, request).await.map(drop)
            }
        }
    }

    /// `None`: MLflow has no such thing.
    async fn get(&self, call: &str, query: &[(&str, &str)]) -> Result<Option<Value>, MlflowError> {
        let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={}", percent(value))).collect();
        let path = format!("{}?{}", api(call), query.join("&"));
        match self.answer(call, self.request(Method::GET, &path)).await {
            Ok(found) => Ok(Some(found)),
            Err(MlflowError::Refused { message, .. })
                if message.contains("RESOURCE_DOES_NOT_EXIST")
                    || message.contains("alias") && message.contains("not found") =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn post(&self, call: &str, body: &Value) -> Result<Value, MlflowError> {
        self.answer(call, self.request(Method::POST, &api(call)).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/api/2.0/{path}", self.base));
        match self.config.token.is_empty() {
            true => request,
            false => request.bearer_auth(self.config.token.expose()),
        }
    }

    async fn answer(&self, call: &str, request: RequestBuilder) -> Result<Value, MlflowError> {
        let unreachable =
            |source: reqwest::Error| MlflowError::Unreachable { call: call.to_owned(), source: source.without_url() };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.text().await.map_err(unreachable)?;
        if !status.is_success() {
            let message = body.chars().take(MAX_QUOTED_CHARS).collect();
            return Err(MlflowError::Refused { call: call.to_owned(), status: status.as_u16(), message });
        }
        // An upload is answered with nothing worth reading.
        Ok(serde_json::from_str(&body).unwrap_or_default())
    }
}

fn api(call: &str) -> String {
    format!("mlflow/{call}")
}

fn run(info: &Value, call: &str) -> Result<Run, MlflowError> {
    let field = |name: &'static str| info[name].as_str().map(str::to_owned).ok_or_else(|| unexpected(call, name));
    Ok(Run { id: field("run_id")?, artifacts: field("artifact_uri")? })
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

fn unexpected(call: &str, missing: &'static str) -> MlflowError {
    MlflowError::Unexpected { call: call.to_owned(), missing }
}

/// A query's value (RFC 3986, section 2.3): all but the unreserved characters as %XX.
fn percent(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
