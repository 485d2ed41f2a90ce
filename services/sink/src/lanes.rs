//! Lanes: several members of the group in one process, each with its own partitions, connection and transactions.
//!
//! Postgres works on one core a connection and waits for its disk at every commit, and a member reads and decodes only between
//! its commits. Lanes fill both gaps. They share nothing that delivery rests on: to Postgres and Kafka, two lanes are two sinks.

use std::future::Future;

use anyhow::Context;
use churn_runtime::CancellationToken;
use tokio::task::JoinSet;
use tracing::Instrument;

/// Runs all lanes until asked to stop. A lane that ends with an error stops the others, which finish and commit what they have.
///
/// # Errors
/// That of the first lane that failed.
pub(crate) async fn run<F>(
    lanes: impl IntoIterator<Item = impl FnOnce(CancellationToken) -> F>,
    stop: &CancellationToken,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let all = stop.child_token();
    let mut running = JoinSet::new();
    for (number, lane) in lanes.into_iter().enumerate() {
        running.spawn(lane(all.clone()).instrument(tracing::info_span!("lane", number)));
    }
    let mut first = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended = ended.context("a lane of the sink broke down").flatten();
        all.cancel();
        match (&first, ended) {
            (Ok(()), ended) => first = ended,
            (Err(_), Err(error)) => tracing::warn!(error = format!("{error:#}"), "another lane failed"),
            (Err(_), Ok(())) => {}
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use churn_runtime::exit::{Ending, Exit, exit_of};

    use super::*;

    type Lane = Box<dyn FnOnce(CancellationToken) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>>;

    /// Works until asked to stop, and counts that it finished.
    fn sound(finished: &Arc<AtomicUsize>) -> Lane {
        let finished = Arc::clone(finished);
        Box::new(|stop| {
            Box::pin(async move {
                stop.cancelled().await;
                finished.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
        })
    }

    fn failing() -> Lane {
        let error = || anyhow::Error::new(Ending::external(std::io::Error::other("postgres is away")));
        Box::new(move |_| Box::pin(async move { Err(error()) }))
    }

    #[tokio::test]
    async fn a_lane_that_fails_ends_all_with_its_error_and_the_others_finish() {
        let (finished, stop) = (Arc::default(), CancellationToken::new());
        let error = run([sound(&finished), failing(), sound(&finished)], &stop).await.unwrap_err();
        assert_eq!((exit_of(error.as_ref()), error.to_string().as_str()), (Exit::Unavailable, "postgres is away"));
        assert_eq!(finished.load(Ordering::SeqCst), 2);
        assert!(!stop.is_cancelled(), "what else the process does is the caller's to stop");
    }

    #[tokio::test]
    async fn a_stop_reaches_every_lane() {
        let (finished, stop) = (Arc::default(), CancellationToken::new());
        stop.cancel();
        run([sound(&finished), sound(&finished)], &stop).await.unwrap();
        assert_eq!(finished.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_lane_that_panics_is_an_error() {
        let panics: Lane = Box::new(|_| Box::pin(async { panic!("a bug") }));
        let error = run([panics], &CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().contains("broke down"), "{error:#}");
    }
}
