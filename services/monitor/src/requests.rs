//! When the trainer is asked for a new model.
//!
//! One request a model version and span of time, however long the alarm lasts: what fails to be sent is tried again,
//! what was sent is not repeated. The spans are remembered over a restart, and so is a request before it is sent: a monitor that
//! ends before it has remembered that it did repeats it under the same id, which is answered once.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use anyhow::Context;
use churn_runtime::exit::{Ending, Fated};
use churn_runtime::progress::Stage;
use churn_stream::{Cluster, Outgoing, Producer};
use churn_wire::{RareRecord, Record, RetrainReason, RetrainRequest, SchemaRegistry, write_prefix};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::block_in_place;
use ulid::Ulid;

use crate::snapshot::ModelSnapshot;

/// How long a request may take to reach the broker before it is tried again with the next figures.
const SEND_WITHIN: Duration = Duration::from_secs(5);

/// What was asked for, by model version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked {
    at_ms: BTreeMap<String, i64>,
    intended: Option<RetrainRequest>,
}

impl Asked {
    /// Whether there is a new request to be sent: it is to be remembered before it is.
    pub(crate) fn intend(&mut self, model: &ModelSnapshot, min_interval_ms: i64, now_ms: i64) -> bool {
        if self.intended.is_some() {
            return false;
        }
        self.intended = self.wanted(model, min_interval_ms, now_ms);
        self.intended.is_some()
    }

    /// The request that is to be sent.
    pub(crate) fn intended(&self) -> Option<&RetrainRequest> {
        self.intended.as_ref()
    }

    /// The request that the model's figures call for, unless the version was found wanting less than `min_interval_ms`
    /// ago. Errors come before drift: they are what counts.
    fn wanted(&self, model: &ModelSnapshot, min_interval_ms: i64, now_ms: i64) -> Option<RetrainRequest> {
        let asked_lately = self.at_ms.get(&model.version).is_some_and(|&at| now_ms - at < min_interval_ms);
        if asked_lately {
            return None;
        }
        let (reason, evidence) = if let Some(shift) = model.performance_alarm {
            let evidence = json!({
                "metric": "log_loss", "before": shift.before, "now": shift.now, "p_value": shift.p_value,
                "labelled_rows": model.labelled_rows, "auc": model.auc,
            });
            (RetrainReason::Performance, evidence)
        } else if model.drift_alarm {
            let drifted = model.live_drift.iter().filter(|feature| feature.drifted);
            let features: Vec<_> =
                drifted.map(|f| json!({"feature": f.feature, "psi": f.psi, "p_value": f.p_value})).collect();
            let together = model.reconstructed.filter(|_| model.apart);
            let evidence =
                json!({ "features": features, "reconstruction": together, "scored_rows": model.scored_rows });
            (RetrainReason::Drift, evidence)
        } else {
            return None;
        };
        Some(RetrainRequest {
            request_id: request_id(&model.version, reason, now_ms),
            requested_at: now_ms,
            reason,
            champion_version: Some(model.version.clone()),
            detail: Some(evidence.to_string()),
        })
    }

    /// Remembers a request that was sent, and forgets those that no longer hold anything back.
    pub(crate) fn sent(&mut self, request: &RetrainRequest, min_interval_ms: i64) {
        self.intended = None;
        self.at_ms.retain(|_, at| request.requested_at - *at < min_interval_ms);
        if let Some(version) = &request.champion_version {
            self.at_ms.insert(version.clone(), request.requested_at);
        }
    }
}

/// A ULID of the time and of what is asked.
fn request_id(version: &str, reason: RetrainReason, now_ms: i64) -> String {
    let mut hasher = DefaultHasher::new();
    (version, reason as u8, now_ms, std::process::id()).hash(&mut hasher);
    Ulid::from_parts(now_ms.max(0).cast_unsigned(), u128::from(hasher.finish())).to_string()
}

/// Sends requests. The producer is made with the first one.
pub(crate) struct Sender {
    cluster: Cluster,
    schemas: std::sync::Arc<SchemaRegistry>,
    stage: Stage,
    producer: Option<(Producer, i32)>,
}

impl Sender {
    pub(crate) fn new(cluster: &Cluster, schemas: &std::sync::Arc<SchemaRegistry>, stage: &Stage) -> Self {
        Self { cluster: cluster.clone(), schemas: schemas.clone(), stage: stage.clone(), producer: None }
    }

    /// Sends a request and waits until the broker has it.
    ///
    /// # Errors
    /// It has not; the next call begins anew.
    pub(crate) async fn send(&mut self, request: &RetrainRequest) -> anyhow::Result<()> {
        let topic = self.cluster.topics().retrain_requests.clone();
        let (mut producer, schema_id) = match self.producer.take() {
            Some(ready) => ready,
            None => {
                let id = self.schemas.id_of(&topic, Record::RetrainRequest).await.map_err(of)?;
                (self.cluster.producer(&self.stage).map_err(of)?, id)
            }
        };
        let mut value = Vec::new();
        write_prefix(schema_id, &mut value);
        value.extend(request.encode().context("write the request")?);
        let key = request.champion_version.as_deref().unwrap_or_default();
        block_in_place(|| {
            producer.send(Outgoing::new(&topic, key.as_bytes(), &value).at(request.requested_at))?;
            producer.flush(SEND_WITHIN)
        })
        .map_err(of)?;
        self.producer = Some((producer, schema_id));
        Ok(())
    }
}

fn of<E: Fated + std::error::Error + Send + Sync + 'static>(error: E) -> anyhow::Error {
    Ending::of(error).into()
}

#[cfg(test)]
mod tests {
    use churn_drift::{PValue, Shift};

    use super::*;

    fn model(version: &str) -> ModelSnapshot {
        ModelSnapshot { version: version.into(), labelled_rows: 25_000, ..ModelSnapshot::default() }
    }

    fn worse(version: &str) -> ModelSnapshot {
        let shift = Shift { before: 0.41, now: 0.6, p_value: PValue::new(1e-9).unwrap() };
        ModelSnapshot { performance_alarm: Some(shift), drift_alarm: true, ..model(version) }
    }

    #[test]
    fn an_alarm_asks_once_in_a_while_and_each_version_for_itself() {
        let mut asked = Asked::default();
        assert_eq!(asked.wanted(&model("v1"), 1_000, 5_000), None);
        let request = asked.wanted(&worse("v1"), 1_000, 5_000).unwrap();
        assert_eq!((request.reason, request.champion_version.as_deref()), (RetrainReason::Performance, Some("v1")));
        assert!(request.detail.as_ref().unwrap().contains("\"now\":0.6"), "{request:?}");
        assert!(request.request_id.parse::<Ulid>().is_ok_and(|id| id.timestamp_ms() == 5_000));
        assert!(asked.wanted(&worse("v1"), 1_000, 5_001).is_some(), "it was not sent yet");
        asked.sent(&request, 1_000);
        assert_eq!(asked.wanted(&worse("v1"), 1_000, 5_999), None);
        assert!(asked.wanted(&worse("v2"), 1_000, 5_999).is_some());
        assert!(asked.wanted(&worse("v1"), 1_000, 6_000).is_some());
        let later = asked.wanted(&worse("v2"), 1_000, 9_000).unwrap();
        asked.sent(&later, 1_000);
        assert_eq!(asked.at_ms.len(), 1, "what holds nothing back is forgotten");
    }

    #[test]
    fn a_request_that_was_not_remembered_as_sent_is_repeated_under_its_id() {
        let mut asked = Asked::default();
        assert!(!asked.intend(&model("v1"), 1_000, 5_000) && asked.intend(&worse("v1"), 1_000, 5_000));
        let restarted = || -> Asked { serde_json::from_str(&serde_json::to_string(&asked).unwrap()).unwrap() };
        let (mut first, mut second) = (restarted(), restarted());
        let request = first.intended().unwrap().clone();
        first.sent(&request, 1_000);
        assert!(first.intended().is_none() && !first.intend(&worse("v1"), 1_000, 5_500));
        assert!(!second.intend(&worse("v1"), 1_000, 9_000), "it is to be sent first");
        assert_eq!(second.intended(), Some(&request));
    }

    #[test]
    fn drift_alone_asks_as_well() {
        let drifting = ModelSnapshot { drift_alarm: true, ..model("v1") };
        let request = Asked::default().wanted(&drifting, 1_000, 0).unwrap();
        assert_eq!(request.reason, RetrainReason::Drift);
    }
}
