//! Waiting for something to become true, without sleeping for a fixed time.

use std::fmt::Display;
use std::panic::Location;
use std::time::Duration;

use tokio::time::Instant;

/// Long enough to leave the processor to the servers, short enough that no test waits for it.
const PAUSE: Duration = Duration::from_millis(20);

/// What a probe of [`poll_until`] may answer.
///
/// `bool` says yes or not yet; `Option<T>` gives the value once there is one; a `Result` of either
/// may fail for now, and its last error is told when the time is up.
pub trait Answer {
    /// What [`poll_until`] returns in the end.
    type Value;

    /// The value, or why there is none yet.
    fn settle(self) -> Result<Self::Value, String>;
}

impl Answer for bool {
    type Value = ();

    fn settle(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("not yet".to_owned()) }
    }
}

impl<T> Answer for Option<T> {
    type Value = T;

    fn settle(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing yet".to_owned())
    }
}

impl<A: Answer, E: Display> Answer for Result<A, E> {
    type Value = A::Value;

    fn settle(self) -> Result<A::Value, String> {
        // The alternate form prints the whole chain of an `anyhow::Error`.
        self.map_err(|error| format!("{error:#}")).and_then(A::settle)
    }
}

/// Asks `probe` again and again until it answers, for at most `timeout`.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn example() -> anyhow::Result<()> {
/// churn_testkit::poll_until(Duration::from_secs(10), || async {
///     Ok::<_, std::io::Error>(std::fs::metadata("/tmp/ready")?.len() > 0)
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the time is up: names the caller's line and the last answer. A probe that hangs is cut off.
#[track_caller]
pub fn poll_until<A, F, P>(timeout: Duration, mut probe: F) -> impl Future<Output = anyhow::Result<A::Value>>
where
    A: Answer,
    F: FnMut() -> P,
    P: Future<Output = A>,
{
    let caller = Location::caller();
    async move {
        let deadline = Instant::now() + timeout;
        let mut last = "the probe never answered".to_owned();
        while let Ok(answer) = tokio::time::timeout_at(deadline, probe()).await {
            match answer.settle() {
                Ok(value) => return Ok(value),
                Err(reason) => last = reason,
            }
            // A probe that answers at once is asked even after the deadline, so it cannot end the loop.
            if Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        anyhow::bail!("{caller}: gave up after {timeout:?}; last answer: {last}")
    }
}
