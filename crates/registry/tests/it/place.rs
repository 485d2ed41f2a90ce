//! A registry of one test's own, and a way to damage it behind its back.

use std::path::{Path, PathBuf};

use churn_registry::{Artifact, Registry, RegistryConfig, S3Config};
use churn_runtime::config::Secret;
use churn_testkit::{Bucket, fresh_bucket};

use crate::draft;

/// A registry in a folder or a bucket, which goes away with it.
pub(crate) struct Place {
    storage: Storage,
    pub(crate) config: RegistryConfig,
    pub(crate) registry: Registry,
}

enum Storage {
    Folder(tempfile::TempDir),
    S3(Bucket),
}

impl Place {
    pub(crate) async fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = RegistryConfig { path: folder.path().to_owned(), ..RegistryConfig::default() };
        Self::open(Storage::Folder(folder), config).await
    }

    pub(crate) async fn s3() -> Self {
        let bucket = fresh_bucket().unwrap();
        let s3 = S3Config {
            bucket: bucket.name.clone(),
            prefix: "some/prefix".into(),
            endpoint: Some(bucket.endpoint.clone()),
            ca_file: None,
            region: None,
            access_key_id: bucket.access_key.clone(),
            secret_access_key: Secret::new(&bucket.secret_key),
        };
        Self::open(Storage::S3(bucket), RegistryConfig { s3, ..RegistryConfig::default() }).await
    }

    async fn open(storage: Storage, config: RegistryConfig) -> Self {
        let registry = Registry::open(&config).await.unwrap();
        Self { storage, config, registry }
    }

    /// The same registry with other settings.
    pub(crate) async fn with(&self, change: impl FnOnce(&mut RegistryConfig)) -> Registry {
        let mut config = self.config.clone();
        change(&mut config);
        Registry::open(&config).await.unwrap()
    }

    /// The same registry, opened anew as by another process.
    pub(crate) async fn again(&self) -> Registry {
        self.with(|_| {}).await
    }

    pub(crate) async fn publish(&self, content: &str) -> Artifact {
        self.registry.publish(draft(content)).await.unwrap()
    }

    pub(crate) fn path(&self, key: &str) -> PathBuf {
        match &self.storage {
            Storage::Folder(folder) => folder.path().join(key),
            Storage::S3(bucket) => bucket.object(&format!("some/prefix/{key}")),
        }
    }

    pub(crate) fn read(&self, key: &str) -> Vec<u8> {
        std::fs::read(self.path(key)).unwrap()
    }

    pub(crate) fn write(&self, key: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(key);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn remove(&self, key: &str) {
        std::fs::remove_file(self.path(key)).unwrap();
    }

    /// Changes a stored JSON document.
    pub(crate) fn edit(&self, key: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let mut document = serde_json::from_slice(&self.read(key)).unwrap();
        change(&mut document);
        self.write(key, serde_json::to_vec(&document).unwrap());
    }
}
