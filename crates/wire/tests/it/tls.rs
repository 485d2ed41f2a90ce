//! The client against a registry that speaks TLS.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use churn_runtime::config::Validate;
use churn_runtime::exit::reasons;
use churn_testkit::certificates;
use churn_wire::{Record, RegistryError, SchemaRef, SchemaRegistry, WireConfig};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A registry that answers every request with one schema, under this certificate. Gives its URL.
async fn server(folder: &TempDir, certificate: &str) -> Result<String> {
    churn_runtime::tls::install();
    let file = |name: &str| folder.path().join(name);
    let chain = CertificateDer::pem_file_iter(file(certificate))?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(file("server.key"))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await?);
    let url = format!("https://{}", listener.local_addr()?);
    let body = serde_json::json!({ "schema": Record::CustomerEvent.avsc() }).to_string();
    let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // A client that refuses the certificate ends the handshake: that is what the tests look at from its side.
            let Ok(mut tls) = acceptor.accept(socket).await else { continue };
            let _ = tls.read(&mut [0; 4096]).await;
            let _ = tls.write_all(answer.as_bytes()).await;
            let _ = tls.shutdown().await;
        }
    });
    Ok(url)
}

fn open(url: String, ca_file: Option<PathBuf>) -> Result<SchemaRegistry> {
    SchemaRegistry::open(&WireConfig { url, ca_file, ..WireConfig::default() }).context("open the registry")
}

#[tokio::test]
async fn a_registry_with_a_certificate_of_the_trusted_authority_is_used() -> Result<()> {
    let folder = certificates()?;
    let registry = open(server(&folder, "server.pem").await?, Some(folder.path().join("ca.pem")))?;
    let found = registry.fetch(SchemaRef::Id(1)).await?.context("a schema")?;
    assert_eq!(found.text, Record::CustomerEvent.avsc());
    Ok(())
}

#[tokio::test]
async fn an_expired_certificate_and_one_of_a_foreign_authority_are_refused_with_the_reason() -> Result<()> {
    let folder = certificates()?;
    let ca = |name: &str| Some(folder.path().join(name));
    for (certificate, ca, reason) in [
        ("server.pem", ca("other-ca.pem"), "certificate"),
        ("server.pem", None, "certificate"),
        ("expired.pem", ca("ca.pem"), "xpired"),
    ] {
        let error = open(server(&folder, certificate).await?, ca)?.fetch(SchemaRef::Id(1)).await.unwrap_err();
        assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
        assert!(reasons(&error).contains(reason), "{certificate}: {}", reasons(&error));
    }
    Ok(())
}

#[test]
fn a_file_without_a_certificate_is_a_fault_of_the_configuration() -> Result<()> {
    let folder = certificates()?;
    for (name, problem) in [("nowhere.pem", "cannot read"), ("server.key", "holds no certificate")] {
        let config = WireConfig { ca_file: Some(folder.path().join(name)), ..WireConfig::default() };
        let faults = config.validate();
        assert_eq!((faults.len(), faults[0].key.as_str()), (1, "ca_file"));
        assert!(faults[0].message.contains(problem) && faults[0].message.contains(name), "{}", faults[0].message);
    }
    Ok(())
}
