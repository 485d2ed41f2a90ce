//! A server that does not answer is left alone for a while: each question to it holds up the reading until it times out.

use std::time::Duration;

use churn_runtime::clock::Stopwatch;
use churn_runtime::retry::Backoff;

const MIN: Duration = Duration::from_secs(1);
/// What the server's return adds to a restart's reading; a question may take `postgres.connect_timeout`, a third of that.
const MAX: Duration = Duration::from_secs(30);

/// Whether to ask a server now.
#[derive(Debug)]
pub(crate) struct Respite {
    backoff: Backoff,
    rest: Option<(Stopwatch, Duration)>,
}

impl Respite {
    pub(crate) fn new() -> Self {
        Self { backoff: Backoff::new(MIN, MAX), rest: None }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.rest.as_ref().is_none_or(|(since, pause)| since.elapsed() >= *pause)
    }

    /// The server has answered.
    pub(crate) fn end(&mut self) {
        self.backoff.reset();
        self.rest = None;
    }

    /// It has not: how long it is left alone.
    pub(crate) fn begin(&mut self) -> Duration {
        let pause = self.backoff.next_delay();
        self.rest = Some((Stopwatch::start(), pause));
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_an_answer_comes() {
        let mut respite = Respite::new();
        assert!(respite.is_over());
        let first = respite.begin();
        assert!(!respite.is_over() && first <= MIN);
        let later = (0..10).map(|_| respite.begin()).last().unwrap();
        assert!(later >= MAX / 2 && later <= MAX);
        respite.end();
        assert!(respite.is_over() && respite.begin() <= MIN);
    }
}
