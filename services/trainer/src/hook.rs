//! A program of the operator's that is run when the champion has changed.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::metrics::TrainerMetrics;

/// Most of the program's last words that are logged.
const LAST_WORDS: usize = 2_000;

/// A change of the champion, as the program is told of it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) version: String,
    pub(crate) previous: String,
    pub(crate) reason: &'static str,
}

/// Runs the program, if there is one. How it ends is counted and logged; the promotion stands whatever it says.
pub(crate) async fn run(words: Vec<String>, timeout: Duration, change: Change, metrics: TrainerMetrics) {
    let Some((program, arguments)) = words.split_first() else { return };
    let child = Command::new(program)
        .args(arguments)
        .env("CHURN_MODEL_VERSION", &change.version)
        .env("CHURN_PREVIOUS_VERSION", &change.previous)
        .env("CHURN_REASON", change.reason)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let result = match tokio::time::timeout(timeout, child).await {
        Ok(Ok(output)) if output.status.success() => {
            tracing::info!(program, "the program after the promotion is done");
            "ok"
        }
        Ok(Ok(output)) => {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            let from = said.len().saturating_sub(LAST_WORDS);
            let from = (from..=said.len()).find(|at| said.is_char_boundary(*at)).unwrap_or(0);
            tracing::error!(program, status = %output.status, said = &said[from..], "the program after the promotion failed");
            "failed"
        }
        Ok(Err(error)) => {
            tracing::error!(program, %error, "the program after the promotion cannot be started (trainer.after_promotion)");
            "failed"
        }
        Err(_) => {
            tracing::error!(program, timeout_s = timeout.as_secs(), "the program after the promotion was killed");
            "timeout"
        }
    };
    metrics.program(result);
}

#[cfg(test)]
mod tests {
    use churn_runtime::metrics::Metrics;

    use super::*;

    async fn counted(words: &[&str], timeout: Duration) -> String {
        let metrics = Metrics::new();
        let change = Change { version: "v2".into(), previous: "v1".into(), reason: "promotion" };
        let words = words.iter().map(|&word| word.to_owned()).collect();
        run(words, timeout, change, TrainerMetrics::new(&metrics)).await;
        metrics.render().lines().filter(|line| line.starts_with("churn_trainer_after_promotion_total{")).collect()
    }

    #[tokio::test]
    async fn the_program_is_told_of_the_change_and_its_end_is_counted() {
        let minute = Duration::from_secs(60);
        let script = "test $CHURN_MODEL_VERSION-$CHURN_PREVIOUS_VERSION-$CHURN_REASON = v2-v1-promotion";
        assert!(counted(&["sh", "-c", script], minute).await.contains("\"ok\"} 1"));
        assert!(counted(&["sh", "-c", "echo no; exit 3"], minute).await.contains("\"failed\"} 1"));
        assert!(counted(&["/no/such/program"], minute).await.contains("\"failed\"} 1"));
        assert!(counted(&["sleep", "600"], Duration::from_millis(50)).await.contains("\"timeout\"} 1"));
        assert_eq!(counted(&[], minute).await, "");
    }
}
