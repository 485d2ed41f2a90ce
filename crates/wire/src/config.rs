//! Where the schema registry is.

use std::path::PathBuf;
use std::time::Duration;

use churn_runtime::config::{Fault, HumanDuration, Secret, Validate};
use reqwest::{Certificate, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The schema registry.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WireConfig {
    /// Base URL of a registry with Confluent's API, such as `http://registry:8081`; Apicurio has it under
    /// `/apis/ccompat/v7`. Empty: each part knows the schemas itself,
    /// and no other program can look them up.
    pub url: String,
    /// User name, where the registry asks for one.
    pub user: String,
    /// The user's password.
    pub password: Secret,
    /// PEM file with the certificate authorities to trust for `https`; absent: the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: HumanDuration,
}

impl Default for WireConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            user: String::new(),
            password: Secret::default(),
            ca_file: None,
            timeout: Duration::from_secs(5).into(),
        }
    }
}

impl WireConfig {
    /// Whether no registry is named.
    pub fn is_builtin(&self) -> bool {
        self.url.is_empty()
    }

    /// The base URL.
    pub(crate) fn base(&self) -> Result<Url, String> {
        let url = Url::parse(&self.url).map_err(|error| format!("{error}, expected a URL such as http://host:8081"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL with a user in it would end up in logs; set user and password instead".into());
        }
        match url.scheme() {
            "http" | "https" => Ok(url),
            scheme => Err(format!("{scheme} is not supported, expected https or http")),
        }
    }
}

impl WireConfig {
    /// The certificates of `ca_file`; none where none is named.
    pub(crate) fn authorities(&self) -> Result<Vec<Certificate>, String> {
        let Some(path) = &self.ca_file else { return Ok(Vec::new()) };
        let place = path.display();
        let pem = std::fs::read(path).map_err(|error| format!("cannot read {place}: {error}"))?;
        match Certificate::from_pem_bundle(&pem) {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            _ => Err(format!("{place} holds no certificate in PEM form")),
        }
    }
}

impl Validate for WireConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !self.is_builtin()
            && let Err(message) = self.base()
        {
            faults.push(Fault::new("url", message));
        }
        if let Err(message) = self.authorities() {
            faults.push(Fault::new("ca_file", message));
        }
        if self.user.is_empty() && !self.password.is_empty() {
            faults.push(Fault::new("user", "is empty although there is a password"));
        }
        if self.timeout.get().is_zero() {
            faults.push(Fault::new("timeout", "is 0, expected a time such as 5s"));
        }
        faults
    }
}
