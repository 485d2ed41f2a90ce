//! The proof of the delivery guarantees: breaks the whole stack on purpose and compares what is stored with what was emitted.
//!
//! A run starts every part as a process of its own on a private Kafka and Postgres ([`Stack`]), draws faults from a seed
//! ([`Plan`]), carries them out while events flow ([`run`]), lets the stream drain, reads back everything that was ever committed
//! ([`History`]) and judges it ([`judge`]).
//!
//! Guarantees: the same seed and number draw the same faults in the same order (their effect depends on the machine's timing); the
//! oracle takes nothing from the parts' own counters; a run that cannot be judged is an error and never a pass. The oracle is
//! pure and is itself tested on broken histories.
//!
//! The same servers and processes show what the parts hold in memory ([`soak`]).
//!
//! Refuses to know: how the parts work. It sees topics, tables, the registry and processes. Development only.

// Faults happen in real time.
#![allow(clippy::disallowed_methods)]

mod collect;
mod flow;
mod history;
mod models;
mod oracle;
mod outage;
mod part;
mod plan;
mod run;
mod soak;
mod stack;
mod topics;
mod watch;

pub use flow::{FaultId, Flow, Look, Positions, RESUME_WITHIN, Resumption};
pub use history::{EventFact, History, LetterFact, OutcomeFact, Place, ScoreFact, Truth};
pub use oracle::{Verdict, judge};
pub use outage::{Findings, Kind as OutageKind, Memory, Outage, outage};
pub use plan::{Fault, Plan, PoisonedTopic, Server, Step, Target};
pub use run::{Options, Report, run};
pub use soak::{Judgement, Limits, SoakOptions, SoakReport, soak};
