//! The exporter: takes spans from the queue, many at a time, and posts them to the collector.

use std::time::Duration;

use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use super::TracesConfig;
use super::otlp;
use super::queue::Told;
use super::span::Span;
use crate::config::Secret;
use crate::metrics::{IntCounter, Metrics, catalogue};
use crate::retry::Backoff;

/// Most spans in one request.
const MOST: usize = 512;
/// How long spans wait for others.
const GATHER: Duration = Duration::from_secs(1);
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Tries of a request to a collector that was there before.
const TRIES: u32 = 3;
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The endpoint is no address.
    #[error("telemetry.otlp_endpoint: {0:?} is no address of a collector, such as http://collector:4318")]
    Endpoint(String),
    /// The HTTP client could not be made.
    #[error("no HTTP client for traces: {0}")]
    Client(#[source] reqwest::Error),
}

/// Sends spans.
#[derive(Debug)]
pub(super) struct Exporter {
    client: Client,
    url: Url,
    token: Secret,
    instance: String,
    sent: IntCounter,
    away: IntCounter,
    refused: IntCounter,
    /// Whether the last spans were taken: what is lost is logged once, not for every request.
    answers: bool,
}

/// Why spans were not taken.
enum Failed {
    /// It may take them later.
    Away(String),
    /// It never will.
    Refused(String),
}

/// What a collector answers with where it took only some.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    partial_success: Partial,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Partial {
    /// By the protocol a text; some servers answer with a number.
    rejected_spans: Count,
    error_message: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Count {
    Text(String),
    Number(u64),
}

impl Default for Count {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Count {
    fn get(&self) -> u64 {
        match self {
            Self::Text(text) => text.parse().unwrap_or(0),
            Self::Number(number) => *number,
        }
    }
}

impl Exporter {
    pub(super) fn new(config: &TracesConfig, metrics: &Metrics) -> Result<Self, TracesError> {
        crate::tls::install();
        let wrong = || TracesError::Endpoint(config.otlp_endpoint.clone());
        let address = format!("{}/v1/traces", config.otlp_endpoint.trim_end_matches('/'));
        let url = Url::parse(&address).ok().filter(Url::has_host).ok_or_else(wrong)?;
        let dropped = metrics.counter_vec(&catalogue::TRACE_SPANS_DROPPED);
        Ok(Self {
            client: Client::builder().timeout(TIMEOUT).build().map_err(TracesError::Client)?,
            url,
            token: config.otlp_token.clone(),
            instance: std::env::var("HOSTNAME").unwrap_or_else(|_| std::process::id().to_string()),
            sent: metrics.counter(&catalogue::TRACE_SPANS_EXPORTED),
            away: dropped.with_label_values(&["away"]),
            refused: dropped.with_label_values(&["refused"]),
            answers: true,
        })
    }

    /// Sends until the last tracer is gone.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Told>) {
        let mut spans = Vec::new();
        while let Some(first) = queue.recv().await {
            let waiting = gather(first, &mut queue, &mut spans).await;
            if !spans.is_empty() {
                self.export(&spans).await;
                spans.clear();
            }
            if let Some(waiting) = waiting {
                // Who gave up waiting need not be told.
                let _ = waiting.send(());
            }
        }
    }

    async fn export(&mut self, spans: &[(&'static str, Box<Span>)]) {
        let body = otlp::request(spans.iter().map(|(part, span)| (*part, span.as_ref())), &self.instance).to_string();
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        let count = spans.len() as u64;
        loop {
            match self.post(&body).await {
                Ok(partial) => return self.taken(count, &partial),
                // A collector that has been away for long gets one try a request, so that a process can end.
                Err(Failed::Away(_)) if self.answers && backoff.attempts() + 1 < TRIES => {
                    tokio::time::sleep(backoff.next_delay()).await;
                }
                Err(Failed::Away(reason)) => {
                    self.away.inc_by(count);
                    return self.lost(&reason, "the collector does not answer; spans are dropped until it does");
                }
                Err(Failed::Refused(reason)) => {
                    self.refused.inc_by(count);
                    return self.lost(&reason, "the collector refuses spans (telemetry.otlp_endpoint, otlp_token)");
                }
            }
        }
    }

    fn taken(&mut self, count: u64, partial: &Partial) {
        let rejected = partial.rejected_spans.get().min(count);
        self.sent.inc_by(count - rejected);
        if rejected > 0 {
            self.refused.inc_by(rejected);
            return self.lost(&partial.error_message, "the collector refuses some spans");
        }
        if !std::mem::replace(&mut self.answers, true) {
            tracing::info!(endpoint = %self.url, "the collector takes spans again");
        }
    }

    fn lost(&mut self, reason: &str, what: &'static str) {
        if std::mem::replace(&mut self.answers, false) {
            tracing::warn!(endpoint = %self.url, reason, "{what}");
        }
    }

    async fn post(&self, body: &str) -> Result<Partial, Failed> {
        let away = |error: reqwest::Error| Failed::Away(error.without_url().to_string());
        let request = self.client.post(self.url.clone()).header("content-type", "application/json");
        let request = if self.token.is_empty() { request } else { request.bearer_auth(self.token.expose()) };
        let response = request.body(body.to_owned()).send().await.map_err(away)?;
        let status = response.status();
        if status.is_success() {
            // Not every collector answers with a body; what it took is taken.
            return Ok(response.json::<Answer>().await.unwrap_or_default().partial_success);
        }
        let passing = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        Err(if passing { Failed::Away(status.to_string()) } else { Failed::Refused(status.to_string()) })
    }
}

/// Collects what is told until there is enough for a request, it has waited long enough, or somebody waits for it.
async fn gather(
    first: Told,
    queue: &mut mpsc::Receiver<Told>,
    spans: &mut Vec<(&'static str, Box<Span>)>,
) -> Option<oneshot::Sender<()>> {
    let until = tokio::time::sleep(GATHER);
    tokio::pin!(until);
    let mut told = first;
    loop {
        match told {
            Told::Flush(waiting) => return Some(waiting),
            Told::Ended(part, span) => spans.push((part, span)),
        }
        if spans.len() >= MOST {
            return None;
        }
        told = tokio::select! {
            next = queue.recv() => next?,
            () = &mut until => return None,
        };
    }
}
