//! A bucket on an S3 server that speaks TLS.

use std::fs;
use std::path::PathBuf;

use churn_registry::{Kind, Registry, RegistryConfig, RegistryError, S3Config};
use churn_runtime::config::{Secret, Validate};
use churn_runtime::exit::{Fate, Fated};
use churn_testkit::{Bucket, OwnS3, certificates};

use crate::draft;

fn config(bucket: &Bucket, ca_file: Option<PathBuf>) -> RegistryConfig {
    let s3 = S3Config {
        bucket: bucket.name.clone(),
        endpoint: Some(bucket.endpoint.clone()),
        ca_file,
        access_key_id: bucket.access_key.clone(),
        secret_access_key: Secret::new(&bucket.secret_key),
        ..S3Config::default()
    };
    RegistryConfig { s3, ..RegistryConfig::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_certificate_of_the_trusted_authority_is_used() {
    let server = OwnS3::start_with_tls(false).await.unwrap();
    let bucket = server.bucket().unwrap();
    assert!(bucket.endpoint.starts_with("https://"));
    // A bundle, of which the second authority is the right one.
    let bundle = server.certificates().join("bundle.pem");
    let pem = |name: &str| fs::read_to_string(server.certificates().join(name)).unwrap();
    fs::write(&bundle, pem("other-ca.pem") + &pem("ca.pem")).unwrap();
    for ca_file in [server.certificates().join("ca.pem"), bundle] {
        let config = config(&bucket, Some(ca_file));
        assert_eq!(config.validate(), []);
        let registry = Registry::open(&config).await.unwrap();
        registry.check().await.unwrap();
        let published = registry.publish(draft("a")).await.unwrap();
        assert_eq!(registry.load(Kind::Model, published.manifest.version).await.unwrap(), published);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_and_one_of_a_foreign_authority_are_refused_with_the_reason() {
    let (good, expired) =
        tokio::try_join!(OwnS3::start_with_tls(false), OwnS3::start_with_tls(true)).expect("two servers");
    let ca = |server: &OwnS3, name: &str| Some(server.certificates().join(name));
    for (server, ca_file, reason) in [
        (&good, ca(&good, "other-ca.pem"), "UnknownIssuer"),
        (&good, None, "UnknownIssuer"),
        (&expired, ca(&expired, "ca.pem"), "xpired"),
    ] {
        let bucket = server.bucket().unwrap();
        let registry = Registry::open(&config(&bucket, ca_file)).await.unwrap();
        let error = registry.publish(draft("a")).await.unwrap_err();
        assert_eq!(error.fate(), Fate::External);
        let said = format!("{error} {error:?}");
        assert!(said.contains(reason), "{said}");
        assert!(error.to_string().contains("s3://") && error.to_string().contains("registry.s3.ca_file"), "{error}");
        assert!(!said.contains(&bucket.secret_key), "{said}");
        assert_eq!(fs::read_dir(bucket.object("")).unwrap().count(), 0, "nothing was written");
    }
}

#[tokio::test]
async fn a_file_without_an_authority_is_a_fault_of_the_configuration() {
    let folder = certificates().unwrap();
    let file = |name: &str| folder.path().join(name);
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(file("broken.pem"), broken).unwrap();
    fs::write(file("cut.pem"), broken.split_once("-----END").unwrap().0).unwrap();
    for (name, problem) in [
        ("nowhere.pem", "cannot read"),
        ("server.key", "holds no certificate"),
        ("broken.pem", "no authority"),
        ("cut.pem", "no whole PEM file"),
    ] {
        let s3 = S3Config { bucket: "b".into(), ca_file: Some(file(name)), ..S3Config::default() };
        let config = RegistryConfig { s3, ..RegistryConfig::default() };
        let faults = config.validate();
        assert_eq!((faults.len(), faults[0].key.as_str()), (1, "s3.ca_file"));
        assert!(faults[0].message.contains(problem) && faults[0].message.contains(name), "{}", faults[0].message);
        let refused = Registry::open(&config).await.unwrap_err();
        assert!(matches!(refused, RegistryError::Key { .. }), "{refused}");
        assert!(refused.to_string().contains("registry.s3.ca_file") && refused.to_string().contains(name), "{refused}");
    }
}

#[test]
fn an_authority_without_a_bucket_or_without_tls_is_a_fault() {
    let folder = certificates().unwrap();
    let keys = |s3: S3Config| -> Vec<String> {
        let s3 = S3Config { ca_file: Some(folder.path().join("ca.pem")), ..s3 };
        let faults = RegistryConfig { s3, ..RegistryConfig::default() }.validate();
        faults.into_iter().map(|fault| fault.key).collect()
    };
    let named =
        |endpoint: &str| S3Config { bucket: "b".into(), endpoint: Some(endpoint.into()), ..S3Config::default() };
    assert_eq!(keys(S3Config::default()), ["s3.bucket"]);
    assert_eq!(keys(named("http://minio:9000")), ["s3.ca_file"]);
    assert!(keys(named("https://minio:9000")).is_empty());
}
