//! When the time has come, without anybody asking.

use churn_store::{NewRequest, Store, StoreError};
use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};
use ulid::Ulid;

/// Tells the ids of scheduled requests from all others of the same millisecond: the same time is the same request, whoever asks.
const SCHEDULED: u128 = 0x5c4e_d01e;

/// Times at which a training is due.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schedule(Option<Crontab>);

impl Schedule {
    /// Reads a crontab's five fields; nothing is never.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(None));
        }
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let crontab = cronexpr::parse_crontab_with(text, options).map_err(|error| {
            format!("{text:?} is no crontab entry such as \"0 3 1 * *\": {}", error.to_string().replace('\n', " "))
        })?;
        Ok(Self(Some(crontab)))
    }

    /// The first due time after this one, epoch milliseconds.
    pub(crate) fn after(&self, ms: i64) -> Option<i64> {
        let after = MakeTimestamp::from_millisecond(ms).ok()?;
        let next = self.0.as_ref()?.find_next(after).ok()?;
        Some(next.timestamp().as_millisecond())
    }

    /// Asks for a training when one was due since the last scheduled one, or since `started_ms` where there never was one. However
    /// many were missed, it is one request.
    ///
    /// # Errors
    /// Postgres gives no answer.
    pub(crate) async fn ask(&self, store: &Store, started_ms: i64, now_ms: i64) -> Result<bool, StoreError> {
        if self.0.is_none() {
            return Ok(false);
        }
        let since = store.last_scheduled_ms().await?.unwrap_or(started_ms);
        match self.latest_due(since, now_ms) {
            Some(due) => store.record_request(&request(due)).await,
            None => Ok(false),
        }
    }

    /// The latest due time from after `since` up to now.
    fn latest_due(&self, since: i64, now_ms: i64) -> Option<i64> {
        let mut latest = self.after(since).filter(|due| *due <= now_ms)?;
        // A schedule of every minute and a year away: come near by halves, then step by step.
        let mut step = now_ms - latest;
        while step > 0 {
            if let Some(due) = self.after(now_ms - step).filter(|due| (latest..=now_ms).contains(due)) {
                latest = due;
            }
            step /= 2;
        }
        while let Some(due) = self.after(latest).filter(|due| *due <= now_ms) {
            latest = due;
        }
        Some(latest)
    }
}

fn request(due_ms: i64) -> NewRequest {
    NewRequest {
        id: uuid::Uuid::from_u128(Ulid::from_parts(due_ms.max(0).cast_unsigned(), SCHEDULED).0),
        requested_at_ms: due_ms,
        reason: "schedule".into(),
        requested_by: "schedule".into(),
        evidence: "{}".into(),
        champion_version: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-29 03:30 UTC.
    const NOW: i64 = 1_795_923_000_000;
    const DAY: i64 = 86_400_000;

    #[test]
    fn a_month_has_one_due_time_and_nothing_is_never() {
        let monthly = Schedule::parse("0 3 1 * *").unwrap();
        let next = monthly.after(NOW).unwrap();
        assert_eq!(next, NOW - 30 * 60_000 + 2 * DAY, "the first of December, three in the morning");
        assert_eq!(monthly.latest_due(NOW, NOW + DAY), None);
        assert_eq!(monthly.latest_due(NOW, NOW + 3 * DAY), Some(next));
        assert_eq!(Schedule::parse(" ").unwrap().after(NOW), None);
    }

    #[test]
    fn missed_times_are_one_request_for_the_latest_of_them() {
        let hourly = Schedule::parse("0 * * * *").unwrap();
        assert_eq!(hourly.latest_due(NOW - 100 * DAY, NOW), Some(NOW - 30 * 60_000));
        assert_eq!(request(NOW).id, request(NOW).id);
        assert_ne!(request(NOW).id, request(NOW + 1).id);
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_an_example() {
        for bad in ["monthly", "61 * * * *", "* * *", "0 3 1 * * Nowhere/AtAll"] {
            let problem = Schedule::parse(bad).unwrap_err();
            assert!(problem.contains("0 3 1 * *") && !problem.contains('\n'), "{problem}");
        }
        assert!(Schedule::parse("0 3 1 * * Europe/Berlin").is_ok());
    }
}
