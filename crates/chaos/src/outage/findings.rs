//! What came out of an outage, and whether it is what is promised (docs/guarantees.md).

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::Kind;
use crate::soak::Limits;

/// One part's memory in MB of 1,000,000 bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Memory {
    /// The part.
    pub part: String,
    /// Just before the outage.
    pub before: f64,
    /// The most during the outage and the catching up.
    pub most: f64,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct Findings {
    /// What went wrong.
    pub kind: Kind,
    /// For how long, from the moment that no row was stored any more, seconds.
    pub seconds: f64,
    /// Events a second.
    pub rate: u32,
    /// Resident memory by part.
    pub memory: Vec<Memory>,
    /// What the sinks' readiness said meanwhile; empty when they never said that they were not ready.
    pub said: String,
    /// Parts that ended by themselves.
    pub endings: usize,
    /// Rows and outcomes that came late.
    pub late: i64,
    /// Seconds from the end of the outage until everything emitted until then was stored.
    pub caught_up_seconds: f64,
    /// Everything emitted is stored once.
    pub complete: bool,
}

impl Findings {
    /// What is wrong, if anything is.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.complete {
            faults.push("what is stored is not what was emitted".to_owned());
        }
        if self.endings > 0 {
            faults.push(format!("{} times a part ended by itself", self.endings));
        }
        let limit = Limits::default().load;
        // Not a number is no pass.
        for Memory { part, most, .. } in self.memory.iter().filter(|memory| memory.most.is_nan() || memory.most > limit)
        {
            faults.push(format!("{part} held {most:.0} MB, at most {limit:.0}"));
        }
        if self.memory.is_empty() {
            faults.push("nobody looked at the memory".to_owned());
        }
        if !blames_postgres(&self.said) {
            faults.push("no sink's readiness gave a reason for Postgres".to_owned());
        }
        faults
    }
}

/// Whether a part's `/readyz` says that Postgres is why it cannot work, and what is wrong with it.
pub(super) fn blames_postgres(said: &str) -> bool {
    let Ok(said) = serde_json::from_str::<Value>(said) else { return false };
    let postgres = &said["components"]["postgres"];
    postgres["up"] == false && postgres["reason"].as_str().is_some_and(|reason| !reason.is_empty())
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Away => "postgres away",
            Kind::DiskFull => "disk full",
        };
        let faults = self.faults();
        writeln!(
            f,
            "{}: {what} for {:.0} s at {} events/s: {} rows late, caught up in {:.1} s, {} parts ended",
            if faults.is_empty() { "as promised" } else { "NOT AS PROMISED" },
            self.seconds,
            self.rate,
            self.late,
            self.caught_up_seconds,
            self.endings
        )?;
        faults.iter().try_for_each(|fault| writeln!(f, "  wrong: {fault}"))?;
        for Memory { part, before, most } in &self.memory {
            writeln!(f, "  {part}: {before:.0} MB before, {most:.0} MB at most")?;
        }
        write!(f, "  a sink's readiness: {}", if self.said.is_empty() { "never said no" } else { &self.said })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READYZ: &str =
        r#"{"ready":false,"components":{"kafka":{"up":true},"postgres":{"up":false,"reason":"connection refused"}}}"#;

    fn good() -> Findings {
        let memory = |part: &str, most| Memory { part: part.into(), before: 40.0, most };
        Findings {
            kind: Kind::Away,
            seconds: 120.0,
            rate: 2_000,
            memory: vec![memory("sink-0", 80.0), memory("scorer-2", 199.9)],
            said: READYZ.into(),
            endings: 0,
            late: 480_000,
            caught_up_seconds: 20.0,
            complete: true,
        }
    }

    /// The one fault of findings that were broken in one way.
    fn fault(break_it: impl FnOnce(&mut Findings)) -> String {
        let mut findings = good();
        break_it(&mut findings);
        let mut faults = findings.faults();
        assert_eq!(faults.len(), 1, "{faults:?}");
        let said = findings.to_string();
        assert!(said.starts_with("NOT AS PROMISED") && said.contains(&faults[0]), "{said}");
        faults.remove(0)
    }

    #[test]
    fn an_outage_that_went_as_promised_passes() {
        assert_eq!(good().faults(), Vec::<String>::new());
        assert!(good().to_string().starts_with("as promised"), "{}", good());
    }

    #[test]
    fn each_promise_that_is_broken_is_named() {
        assert!(fault(|f| f.complete = false).contains("not what was emitted"));
        assert!(fault(|f| f.endings = 2).contains("2 times a part ended"));
        assert_eq!(fault(|f| f.memory[1].most = 200.6), "scorer-2 held 201 MB, at most 200");
        assert!(fault(|f| f.memory[0].most = f64::NAN).contains("sink-0"));
        assert!(fault(|f| f.memory.clear()).contains("nobody looked"));
        assert!(fault(|f| f.said.clear()).contains("readiness"));
        // Another reason, and none.
        assert!(fault(|f| f.said = READYZ.replace("postgres", "model")).contains("readiness"));
        assert!(fault(|f| f.said = READYZ.replace("connection refused", "")).contains("readiness"));
    }
}
