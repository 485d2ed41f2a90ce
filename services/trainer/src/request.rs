//! Requests as they arrive: a record of Kafka, or a few lines of JSON by HTTP.

use churn_runtime::clock::now_ms;
use churn_store::NewRequest;
use churn_wire::{RetrainReason, RetrainRequest};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use ulid::Ulid;
use uuid::Uuid;

/// Longest reason that is kept of a person's: it is shown, not read by a program.
const MAX_WHY: usize = 2_000;

/// The row of a record.
///
/// # Errors
/// Its id is no ULID.
pub(crate) fn of_record(record: &RetrainRequest) -> Result<NewRequest, String> {
    let id: Ulid = record
        .request_id
        .parse()
        .map_err(|_| format!("request_id is {:?}, expected a ULID of 26 letters and digits", record.request_id))?;
    let (reason, by) = match record.reason {
        RetrainReason::Drift => ("drift", "monitor"),
        RetrainReason::Performance => ("performance", "monitor"),
        RetrainReason::Schedule => ("schedule", "schedule"),
        RetrainReason::Manual => ("manual", "operator"),
    };
    let detail = record.detail.as_deref().unwrap_or_default();
    let evidence = match serde_json::from_str::<Value>(detail) {
        Ok(Value::Object(evidence)) => Value::Object(evidence),
        _ if detail.is_empty() => json!({}),
        _ => json!({ "why": detail }),
    };
    let by = evidence.get("by").and_then(Value::as_str).unwrap_or(by);
    Ok(NewRequest {
        id: Uuid::from_u128(id.0),
        requested_at_ms: record.requested_at,
        reason: reason.into(),
        requested_by: by.into(),
        evidence: evidence.to_string(),
        champion_version: record.champion_version.clone(),
    })
}

/// What may be posted.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Posted {
    Alerts(Alerts),
    Person(Person),
}

/// Alertmanager's webhook, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Alerts {
    status: String,
    #[serde(rename = "groupKey")]
    group_key: String,
    alerts: Vec<Alert>,
}

#[derive(Debug, Deserialize)]
struct Alert {
    #[serde(default)]
    status: String,
    #[serde(default)]
    labels: serde_json::Map<String, Value>,
    #[serde(rename = "startsAt", default)]
    starts_at: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    /// Why.
    reason: String,
    /// Who.
    #[serde(default)]
    by: Option<String>,
}

/// What a posted body asks for; `None` for alerts that are over.
///
/// # Errors
/// The body is neither.
pub(crate) fn of_body(body: &[u8]) -> Result<Option<NewRequest>, String> {
    let posted: Posted = serde_json::from_slice(body).map_err(|_| {
        r#"expected {"reason": "why", "by": "who"}, or the webhook of Alertmanager (version 4)"#.to_owned()
    })?;
    match posted {
        Posted::Person(person) => {
            let why: String = person.reason.chars().take(MAX_WHY).collect();
            let by = person.by.unwrap_or_else(|| "operator".into());
            let by: String = by.chars().take(200).collect();
            let evidence = json!({ "why": why, "by": by });
            Ok(Some(request(Uuid::from_u128(Ulid::generate().0), "manual", by, &evidence)))
        }
        Posted::Alerts(alerts) if alerts.status != "firing" => Ok(None),
        Posted::Alerts(alerts) => {
            let firing: Vec<&Alert> = alerts.alerts.iter().filter(|alert| alert.status != "resolved").collect();
            // Alertmanager repeats itself for as long as an alert lasts: that is one request.
            let first = firing.iter().map(|alert| alert.starts_at.as_str()).min().unwrap_or_default();
            let id = id_of(&format!("{}\n{first}", alerts.group_key));
            let labels: Vec<_> = firing.iter().map(|alert| &alert.labels).collect();
            let evidence = json!({ "alerts": labels, "starts_at": first });
            Ok(Some(request(id, "alert", "alertmanager".into(), &evidence)))
        }
    }
}

fn id_of(text: &str) -> Uuid {
    let digest = Sha256::digest(text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(bytes)
}

fn request(id: Uuid, reason: &str, requested_by: String, evidence: &Value) -> NewRequest {
    NewRequest {
        id,
        requested_at_ms: now_ms(),
        reason: reason.into(),
        requested_by,
        evidence: evidence.to_string(),
        champion_version: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> RetrainRequest {
        RetrainRequest {
            request_id: "01JD8Z3M0QK7X8Y9ZABCDEFGHJ".into(),
            requested_at: 1_700_000_000_123,
            reason: RetrainReason::Performance,
            champion_version: Some("v1".into()),
            detail: Some(r#"{"now":0.8}"#.into()),
        }
    }

    #[test]
    fn a_record_becomes_a_row_with_its_evidence_and_who_asked() {
        let row = of_record(&record()).unwrap();
        assert_eq!((row.reason.as_str(), row.requested_by.as_str()), ("performance", "monitor"));
        assert_eq!((row.evidence.as_str(), row.champion_version.as_deref()), (r#"{"now":0.8}"#, Some("v1")));
        let manual = RetrainRequest {
            reason: RetrainReason::Manual,
            detail: Some(r#"{"by":"ada","why":"new prices"}"#.into()),
            ..record()
        };
        assert_eq!(of_record(&manual).unwrap().requested_by, "ada");
        let words = RetrainRequest { detail: Some("new prices".into()), ..manual };
        assert_eq!(of_record(&words).unwrap().evidence, r#"{"why":"new prices"}"#);
        let bad = RetrainRequest { request_id: "7".into(), ..record() };
        assert!(of_record(&bad).unwrap_err().contains("expected a ULID"));
    }

    #[test]
    fn an_alert_that_lasts_is_one_request_and_one_that_is_over_is_none() {
        let body = |status: &str, starts: &str| {
            format!(
                r#"{{"version":"4","groupKey":"g","status":"{status}","receiver":"r","alerts":[
                   {{"status":"{status}","labels":{{"alertname":"ChurnModelWorse"}},"startsAt":"{starts}","fingerprint":"f"}}]}}"#
            )
        };
        let first = of_body(body("firing", "2026-11-29T03:00:00Z").as_bytes()).unwrap().unwrap();
        let again = of_body(body("firing", "2026-11-29T03:00:00Z").as_bytes()).unwrap().unwrap();
        let later = of_body(body("firing", "2026-11-30T03:00:00Z").as_bytes()).unwrap().unwrap();
        assert_eq!((first.id, first.reason.as_str(), first.requested_by.as_str()), (again.id, "alert", "alertmanager"));
        assert!(first.evidence.contains("ChurnModelWorse") && first.id != later.id, "{first:?}");
        assert_eq!(of_body(body("resolved", "x").as_bytes()), Ok(None));
    }

    #[test]
    fn a_person_says_why_and_anything_else_is_refused() {
        let asked = of_body(br#"{"reason":"new prices","by":"ada"}"#).unwrap().unwrap();
        assert_eq!((asked.reason.as_str(), asked.requested_by.as_str()), ("manual", "ada"));
        for bad in ["", "{}", "[1]", r#"{"reason":1}"#, r#"{"reason":"x","force":true}"#] {
            assert!(of_body(bad.as_bytes()).unwrap_err().contains("Alertmanager"), "{bad}");
        }
    }
}
