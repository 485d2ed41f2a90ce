//! How a bucket's server shows who it is.

use std::error::Error;
use std::io;

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use crate::RegistryError;

/// A client that trusts the system's authorities.
pub(super) fn system() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(provider()).build_https()
}

/// A client that trusts these authorities and no other; they were tried before ([`crate::S3Config`]).
pub(super) fn trusting(pem: Vec<u8>) -> Result<SharedHttpClient, RegistryError> {
    let trusted = TrustStore::empty().with_pem_certificate(pem);
    let context =
        TlsContext::builder().with_trust_store(trusted).build().map_err(|error| unusable(&error.to_string()))?;
    Ok(aws_smithy_http_client::Builder::new().tls_provider(provider()).tls_context(context).build_https())
}

pub(super) fn unusable(problem: &str) -> RegistryError {
    RegistryError::Key { setting: "registry.s3.ca_file".into(), problem: format!("cannot be used: {problem}") }
}

/// Whether the reason for a failure is that the server's certificate was not accepted.
pub(super) fn refused(error: &(dyn Error + 'static)) -> bool {
    let certificate =
        |error: &(dyn Error + 'static)| matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)));
    std::iter::successors(Some(error), |&error| below(error)).any(certificate)
}

/// The next in a chain of reasons. What an I/O error wraps is not among its sources, only what is below that.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn provider() -> Provider {
    Provider::Rustls(CryptoMode::Ring)
}
