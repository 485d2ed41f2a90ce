//! What the registry promises, on each of its back ends: a folder, and a bucket of a real S3 server.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by panicking

mod corruption;
mod place;
mod promotion;
mod proxy;
mod publishing;
mod s3;
mod signing;
mod sweeping;
mod tls;

use std::collections::BTreeMap;
use std::sync::Arc;

use churn_registry::{Draft, Kind};
use serde_json::{Map, json};

use place::Place;

/// Makes of each claim one test on a folder and one on S3.
macro_rules! on_both {
    ($($claim:ident),+ $(,)?) => {
        mod on_a_folder {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $claim() {
                super::$claim(crate::Place::folder().await).await;
            })+
        }

        mod on_s3 {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $claim() {
                super::$claim(crate::Place::s3().await).await;
            })+
        }
    };
}
pub(crate) use on_both;

fn draft(content: &str) -> Draft {
    let object = |value: serde_json::Value| -> Map<_, _> { value.as_object().unwrap().clone() };
    Draft {
        kind: Kind::Model,
        created_at_ms: 1_700_000_000_000,
        created_by: "test".into(),
        params: object(json!({"seed": 7})),
        lineage: object(json!({"rows_sha256": "abc"})),
        metrics: object(json!({"auc": 0.8491})),
        decision: None,
        files: BTreeMap::from([
            ("model.json".to_owned(), content.as_bytes().to_vec()),
            ("encoder.json".to_owned(), b"{}".to_vec()),
            ("empty.bin".to_owned(), Vec::new()),
        ]),
    }
}

/// Runs so many pieces of work at once, released together.
async fn at_once<T, F>(tasks: usize, work: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(tokio::sync::Barrier::new(tasks));
    let spawn = |nth| {
        let (barrier, work) = (barrier.clone(), work(nth));
        tokio::spawn(async move {
            barrier.wait().await;
            work.await
        })
    };
    let running: Vec<_> = (0..tasks).map(spawn).collect();
    let mut done = Vec::new();
    for task in running {
        done.push(task.await.unwrap());
    }
    done
}
