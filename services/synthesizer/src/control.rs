//! Scenarios on request, while the stream runs: `GET` and `POST /v1/scenarios`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use churn_runtime::http::ErrorResponse;
use churn_synth::ScenarioKind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::scenario::{Begun, ScenarioSpec};

/// Scenarios that wait at most: more were asked for by a program that has gone wrong.
const MOST: usize = 100;

/// What is asked of a stream, and what has begun there. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Scenarios(Arc<Mutex<Account>>);

#[derive(Debug, Default)]
struct Account {
    /// Whether events come at a rate; none before a synthesizer runs.
    rate: Option<bool>,
    waiting: Vec<ScenarioSpec>,
    begun: Vec<Begun>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    scenario: String,
}

/// What the stream goes through.
#[derive(Debug, Serialize)]
struct Answer {
    begun: Vec<Begun>,
    waiting: Vec<ScenarioSpec>,
    known: [&'static str; ScenarioKind::ALL.len()],
}

impl Scenarios {
    /// Scenarios that have begun, in order.
    pub fn begun(&self) -> Vec<Begun> {
        self.account().begun.clone()
    }

    /// The routes by which scenarios are asked for.
    pub fn routes(&self) -> Router {
        Router::new().route("/v1/scenarios", get(list).post(ask)).with_state(self.clone())
    }

    pub(crate) fn open(&self, has_rate: bool, begun: &[Begun], configured: &[ScenarioSpec]) {
        let mut account = self.account();
        account.rate = Some(has_rate);
        account.begun = begun.to_vec();
        // What an earlier run of the stream went through is not begun again by its successor's configuration.
        let new = configured.iter().filter(|spec| !begun.iter().any(|begun| begun.spec == **spec));
        account.waiting = new.copied().collect();
    }

    /// Takes out the scenarios that are ready to begin.
    pub(crate) fn take(&self, ready: impl Fn(&ScenarioSpec) -> bool) -> Vec<ScenarioSpec> {
        let mut account = self.account();
        let (taken, waiting) = std::mem::take(&mut account.waiting).into_iter().partition(ready);
        account.waiting = waiting;
        taken
    }

    pub(crate) fn has_begun(&self, begun: &Begun) {
        self.account().begun.push(begun.clone());
    }

    fn request(&self, body: &[u8]) -> Result<ScenarioSpec, ErrorResponse> {
        let example = r#"expected {"scenario": "NAME[*STRENGTH][@WHEN][+LENGTH]"}"#;
        let unprocessable = |problem: String| {
            let details = json!([{ "path": "scenario", "problem": problem }]);
            ErrorResponse::unprocessable(format!("scenario: {problem}"), details)
        };
        let Request { scenario } = serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => unprocessable(format!("{error}; {example}")),
            _ => ErrorResponse::bad_request(format!("the body is no JSON ({error}); {example}")),
        })?;
        let spec: ScenarioSpec = scenario.parse().map_err(unprocessable)?;
        let mut account = self.account();
        let Some(has_rate) = account.rate else {
            return Err(ErrorResponse::unavailable("the synthesizer has not started yet"));
        };
        if let Some(fault) = spec.fault(has_rate) {
            return Err(unprocessable(fault));
        }
        if account.waiting.len() >= MOST {
            return Err(ErrorResponse::unavailable(format!("{MOST} scenarios wait to begin already")));
        }
        account.waiting.push(spec);
        Ok(spec)
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn list(State(scenarios): State<Scenarios>) -> Json<Answer> {
    let account = scenarios.account();
    Json(Answer {
        begun: account.begun.clone(),
        waiting: account.waiting.clone(),
        known: ScenarioKind::ALL.map(ScenarioKind::name),
    })
}

/// Accepts a scenario; when it has begun, the list tells with which event.
async fn ask(State(scenarios): State<Scenarios>, body: Bytes) -> Result<(StatusCode, Json<Value>), ErrorResponse> {
    let spec = scenarios.request(&body)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "accepted": spec }))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(scenarios: &Scenarios, body: &str) -> (u16, String) {
        let error = scenarios.request(body.as_bytes()).unwrap_err();
        (error.status().as_u16(), error.body().to_string())
    }

    #[test]
    fn a_request_is_checked_before_it_waits() {
        let scenarios = Scenarios::default();
        assert_eq!(refused(&scenarios, r#"{"scenario":"silence"}"#).0, 503);
        scenarios.open(false, &[], &[]);
        let (status, body) = refused(&scenarios, r#"{"scenario":"drift"}"#);
        assert!(status == 422 && body.contains("covariate-drift") && body.contains("new-category"), "{body}");
        assert_eq!(refused(&scenarios, "{").0, 400);
        assert_eq!(refused(&scenarios, r#"{"name":"silence"}"#).0, 422);
        assert!(refused(&scenarios, r#"{"scenario":"burst"}"#).1.contains("rate is max"));
        assert!(scenarios.request(br#"{"scenario":"silence+1s"}"#).is_ok());
        assert_eq!(scenarios.take(|_| true).len(), 1);
    }

    #[test]
    fn a_configured_scenario_that_has_begun_is_not_begun_again() {
        let specs: Vec<ScenarioSpec> = ["label-shift@1s", "new-category@2s"].map(|text| text.parse().unwrap()).into();
        let scenarios = Scenarios::default();
        scenarios.open(true, &[Begun::new(specs[0], 5, 0, None)], &specs);
        assert_eq!(scenarios.take(|_| true), specs[1..]);
    }
}
