//! A program of the operator's that is run when the champion has changed.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::metrics::TrainerMetrics;

/// Most of the program's last words, on either of its outputs, that are kept and logged.
const LAST_WORDS: usize = 2_000;

/// A change of the champion, as the program is told of it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) version: String,
    pub(crate) previous: String,
    pub(crate) reason: &'static str,
}

/// The programs that run beside the trainer: one at a time, in the order of the changes, since each works on the same champion.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    started: JoinSet<()>,
    /// Closes when the last one has ended.
    last: Option<oneshot::Receiver<()>>,
}

impl Programs {
    /// Runs the program when those before it have ended; they are killed when this is dropped.
    pub(crate) fn start(&mut self, words: Vec<String>, timeout: Duration, change: Change, metrics: TrainerMetrics) {
        while self.started.try_join_next().is_some() {}
        let (running, ended) = oneshot::channel();
        let before = self.last.replace(ended);
        self.started.spawn(async move {
            if let Some(before) = before {
                // Nothing is ever sent: what comes is the end.
                let _ = before.await;
            }
            run(words, timeout, change, metrics).await;
            drop(running);
        });
    }

    #[cfg(test)]
    async fn end(mut self) {
        while self.started.join_next().await.is_some() {}
    }
}

/// Runs the program, if there is one. How it ends is counted and logged; the promotion stands whatever it says.
async fn run(words: Vec<String>, timeout: Duration, change: Change, metrics: TrainerMetrics) {
    let Some((program, arguments)) = words.split_first() else { return };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("CHURN_MODEL_VERSION", &change.version)
        .env("CHURN_PREVIOUS_VERSION", &change.previous)
        .env("CHURN_REASON", change.reason);
    let result = match tokio::time::timeout(timeout, ended(command)).await {
        Ok(Ok((status, _))) if status.success() => {
            tracing::info!(program, "the program after the promotion is done");
            "ok"
        }
        Ok(Ok((status, said))) => {
            let said = String::from_utf8_lossy(&said);
            tracing::error!(program, %status, %said, "the program after the promotion failed");
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

/// How a program ends, and its last words.
async fn ended(mut command: Command) -> io::Result<(ExitStatus, Vec<u8>)> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (said, complained, status) = tokio::try_join!(last_words(out), last_words(err), child.wait())?;
    Ok((status, [said, complained].concat()))
}

/// The end of what is said. The rest is read and forgotten, so that a program that talks for long neither waits nor fills the memory.
async fn last_words(output: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let (mut kept, mut read) = (Vec::new(), [0; 4_096]);
    let Some(mut output) = output else { return Ok(kept) };
    loop {
        match output.read(&mut read).await? {
            0 => return Ok(kept),
            count => kept.extend_from_slice(&read[..count]),
        }
        kept.drain(..kept.len().saturating_sub(LAST_WORDS));
    }
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
    async fn of_a_program_that_talks_for_long_the_end_is_kept() {
        let long = tokio::io::repeat(b'a').take(1 << 24).chain(&b"the end"[..]);
        let kept = last_words(Some(long)).await.unwrap();
        assert!(kept.len() == LAST_WORDS && kept.ends_with(b"aathe end") && kept.capacity() < 1 << 16);
        let mut talks = Command::new("sh");
        talks.args(["-c", "head -c 1000000 /dev/zero; echo no >&2; exit 3"]);
        let (status, said) = ended(talks).await.unwrap();
        assert!(status.code() == Some(3) && said.len() == LAST_WORDS + 3 && said.ends_with(b"no\n"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn programs_run_one_at_a_time_in_the_order_of_the_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (log, metrics) = (folder.path().join("log"), TrainerMetrics::new(&Metrics::new()));
        let script = "echo begin $CHURN_MODEL_VERSION >> $0; sleep 0.1; echo end $CHURN_MODEL_VERSION >> $0";
        let words = ["sh", "-c", script, log.to_str().unwrap()].map(str::to_owned);
        let mut programs = Programs::default();
        for version in ["v2", "v3", "v4"] {
            let change = Change { version: version.into(), previous: "v1".into(), reason: "promotion" };
            programs.start(words.to_vec(), Duration::from_secs(60), change, metrics.clone());
        }
        programs.end().await;
        let wanted = "begin v2\nend v2\nbegin v3\nend v3\nbegin v4\nend v4\n";
        assert_eq!(std::fs::read_to_string(log).unwrap(), wanted);
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
