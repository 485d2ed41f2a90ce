//! Faults in words, for the run's account.

use std::fmt;

use super::{Fault, Server, Target};

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Synthesizer => "synthesizer",
            Self::Scorer(_) => "scorer",
            Self::Sink(_) => "sink",
            Self::Monitor => "monitor",
            Self::Trainer => "trainer",
            Self::Api => "api",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(target) => write!(f, "kill -9 {target}"),
            Self::Restart(target) => write!(f, "restart {target}"),
            Self::Pause(target, time) => write!(f, "pause {target} for {:.1} s", time.as_secs_f64()),
            Self::Add(target) => write!(f, "add a {target}"),
            Self::Remove(target) => write!(f, "remove a {target}"),
            Self::KillServer(Server::Kafka, time) => write!(f, "kill -9 kafka for {:.1} s", time.as_secs_f64()),
            Self::KillServer(Server::Postgres, time) => write!(f, "kill -9 postgres for {:.1} s", time.as_secs_f64()),
            Self::StallBroker(time) => write!(f, "pause kafka for {:.1} s", time.as_secs_f64()),
            Self::EndBackends => f.write_str("end all database connections"),
            Self::FullQueue(time) => write!(f, "pause all sinks for {:.1} s", time.as_secs_f64()),
            Self::Poison(topic, records) => write!(f, "{records} records of nonsense into {topic:?}"),
            Self::Promote => f.write_str("promote another model"),
        }
    }
}
