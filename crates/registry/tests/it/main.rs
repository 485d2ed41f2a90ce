//! What the registry promises, on each of its back ends.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by panicking

mod corruption;
mod promotion;
mod publishing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use churn_registry::{Artifact, Draft, Kind, Registry};
use serde_json::{Map, json};

/// A registry in a folder of its own, which goes away with it.
struct Place {
    folder: tempfile::TempDir,
    registry: Registry,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::folder(folder.path()).unwrap();
        Self { folder, registry }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(key)
    }

    async fn publish(&self, content: &str) -> Artifact {
        self.registry.publish(draft(content)).await.unwrap()
    }
}

fn draft(content: &str) -> Draft {
    let object = |value: serde_json::Value| -> Map<_, _> { value.as_object().unwrap().clone() };
    Draft {
        kind: Kind::Model,
        created_at_ms: 1_700_000_000_000,
        created_by: "test".into(),
        params: object(json!({"seed": 7})),
        lineage: object(json!({"rows_sha256": "abc"})),
        metrics: object(json!({"auc": 0.8491})),
        files: BTreeMap::from([
            ("model.json".to_owned(), content.as_bytes().to_vec()),
            ("encoder.json".to_owned(), b"{}".to_vec()),
            ("empty.bin".to_owned(), Vec::new()),
        ]),
    }
}

fn edit(path: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let mut document = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut document);
    std::fs::write(path, serde_json::to_vec(&document).unwrap()).unwrap();
}

/// Runs the work on as many threads at once, released together.
fn at_once<T: Send>(threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(threads);
    let (barrier, work) = (&barrier, &work);
    std::thread::scope(|scope| {
        let spawn = |nth| {
            scope.spawn(move || {
                barrier.wait();
                work(nth)
            })
        };
        let running: Vec<_> = (0..threads).map(spawn).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
