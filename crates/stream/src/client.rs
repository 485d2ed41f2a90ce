//! What every librdkafka client of this crate shares: where its log lines go, and why it failed last.
//!
//! librdkafka's calls answer "transport failure" and say the reason only in their log and error callbacks, so the last reason is
//! kept and put into our own error.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Keeps the last reason a client gave, and passes its log lines on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reasons(Arc<Kept>);

#[derive(Debug, Default)]
struct Kept {
    last: Mutex<Option<String>>,
    denied: AtomicBool,
}

impl Reasons {
    pub(crate) fn take(&self) -> Option<String> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A broker answered and refused the log-in: waiting will not help.
    pub(crate) fn denied(&self) -> bool {
        self.0.denied.load(Ordering::Relaxed)
    }

    pub(crate) fn on_log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                self.keep(without_thread(line));
                tracing::warn!(target: "librdkafka", facility, line, "client library reports an error");
            }
            RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
                tracing::info!(target: "librdkafka", facility, line, "client library reports");
            }
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", facility, line, "client library reports");
            }
        }
    }

    pub(crate) fn on_error(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        if matches!(code, Some(RDKafkaErrorCode::PartitionEOF)) {
            return;
        }
        if matches!(code, Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed)) {
            self.0.denied.store(true, Ordering::Relaxed);
        }
        // "all brokers down" only counts what the log line before it explains.
        if !matches!(code, Some(RDKafkaErrorCode::AllBrokersDown)) {
            self.keep(reason);
        }
        tracing::debug!(target: "librdkafka", %error, reason, "client library reports an error");
    }

    fn keep(&self, reason: &str) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
    }
}

/// Log lines begin with `[thrd:name]: `, which tells an operator nothing.
fn without_thread(line: &str) -> &str {
    line.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")).map_or(line, |(_, rest)| rest)
}

/// Context of clients that only ask questions (metadata, watermarks, topic administration).
#[derive(Debug, Clone, Default)]
pub(crate) struct AskContext {
    pub(crate) reasons: Reasons,
}

impl ClientContext for AskContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.reasons.on_log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reasons.on_error(&error, reason);
    }
}

impl ConsumerContext for AskContext {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_log_line_without_its_thread() {
        let reasons = Reasons::default();
        reasons.on_log(
            RDKafkaLogLevel::Error,
            "FAIL",
            "[thrd:a:1/bootstrap]: a:1/bootstrap: Connect failed: Connection refused",
        );
        reasons.on_error(&KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(reasons.take().as_deref(), Some("a:1/bootstrap: Connect failed: Connection refused"));
    }
}
