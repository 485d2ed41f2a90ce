//! The `registry` section of the configuration.

use std::path::PathBuf;

use churn_runtime::config::{Fault, Secret, Validate};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::signing::{SigningKey, TrustedKey};

/// Where models and generators are kept, and whose signatures they need.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryConfig {
    /// Folder of the registry; made when it is not there. Not used when `registry.s3.bucket` is set.
    pub path: PathBuf,
    /// An object store in the place of the folder.
    pub s3: S3Config,
    /// Ed25519 key that signs what is published: a private key in PEM (PKCS #8, as `openssl genpkey -algorithm ed25519` makes it),
    /// or `file:/path` of it. Its own signatures are trusted. With this or `trusted_keys` set, an artifact without a signature of a
    /// trusted key is refused before anything in it is read.
    pub signing_key: Secret,
    /// Ed25519 public keys in PEM (`openssl pkey -pubout`), or `file:/path` of each, whose signatures are trusted.
    pub trusted_keys: Vec<Secret>,
}

/// A bucket of an S3 server that honours `If-None-Match` and `If-Match` on writes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct S3Config {
    /// The bucket; empty: the registry is a folder.
    pub bucket: String,
    /// Prefix of all keys, such as `churnstream/production`.
    pub prefix: String,
    /// Address of a server other than AWS, such as `https://minio:9000`; buckets are then named in the path.
    pub endpoint: Option<String>,
    /// PEM file with the certificate authorities to trust for `https`; absent: the system's. Only the bucket's server is judged by
    /// it, not AWS's own services that give out credentials.
    pub ca_file: Option<PathBuf>,
    /// Region; without it that of the AWS environment, else us-east-1.
    pub region: Option<String>,
    /// Access key; without it the AWS environment is asked: variables, profile, web identity, container, instance.
    pub access_key_id: String,
    /// Secret of the access key.
    pub secret_access_key: Secret,
}

impl S3Config {
    /// The text of `ca_file`, every certificate in which can be used; none where no file is named.
    pub(crate) fn authorities(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        let place = path.display();
        let pem = std::fs::read(path).map_err(|error| format!("cannot read {place}: {error}"))?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("{place} is no whole PEM file: {error}"))?;
        if certificates.is_empty() {
            return Err(format!("{place} holds no certificate in PEM form"));
        }
        // Tried here, because the client that gets them panics at one that is none.
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|error| format!("{place} holds a certificate that is no authority: {error}"))?;
        }
        Ok(Some(pem))
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.access_key_id.is_empty() != self.secret_access_key.is_empty() {
            faults.push(Fault::new("s3.secret_access_key", "must be set together with s3.access_key_id"));
        }
        if self.bucket.is_empty() && (!self.prefix.is_empty() || self.endpoint.is_some() || self.ca_file.is_some()) {
            faults.push(Fault::new("s3.bucket", "must be set for the rest of s3 to have a meaning"));
        }
        if self.prefix.split('/').any(|part| part == ".." || part == ".") {
            faults.push(Fault::new("s3.prefix", "must not have . or .. between its slashes"));
        }
        if let Some(endpoint) = &self.endpoint {
            if !(endpoint.starts_with("http://") || endpoint.starts_with("https://")) {
                faults.push(Fault::new("s3.endpoint", "must begin with http:// or https://"));
            }
            if endpoint.starts_with("http://") && self.ca_file.is_some() {
                faults.push(Fault::new("s3.ca_file", "has no use for an s3.endpoint without TLS, expected https://"));
            }
        }
        if let Err(problem) = self.authorities() {
            faults.push(Fault::new("s3.ca_file", problem));
        }
        faults
    }
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            path: ".churn/registry".into(),
            s3: S3Config::default(),
            signing_key: Secret::default(),
            trusted_keys: Vec::new(),
        }
    }
}

impl Validate for RegistryConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = self.s3.faults();
        if !self.signing_key.is_empty()
            && let Err(problem) = SigningKey::from_pem(self.signing_key.expose())
        {
            faults.push(Fault::new("signing_key", problem));
        }
        for (at, key) in self.trusted_keys.iter().enumerate() {
            if let Err(problem) = TrustedKey::from_pem(key.expose()) {
                faults.push(Fault::new(format!("trusted_keys[{at}]"), problem));
            }
        }
        faults
    }
}
