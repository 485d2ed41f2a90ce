//! The `trainer` section of the configuration.

use churn_learn::compare::Gate;
use churn_runtime::config::{Fault, HumanDuration, Validate};
use serde::{Deserialize, Serialize};

use crate::schedule::Schedule;

/// When a new model is trained, on what, and what it has to show.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainerConfig {
    /// Consumer group of the trainer.
    pub group: String,
    /// When to train without being asked, as in a crontab: minute, hour, day of month, month, day of week, in UTC unless a time zone
    /// follows. Empty: only when asked.
    pub schedule: String,
    /// Requests that come within this time of each other are answered by one training.
    pub debounce: HumanDuration,
    /// Shortest time between the end of one training and the next, unless a person asks.
    pub cooldown: HumanDuration,
    /// Labelled events of this time, up to now, are trained on.
    pub window: HumanDuration,
    /// The same for a training that an alarm asked for: what has changed is recent.
    pub alarm_window: HumanDuration,
    /// How many times a row's chance to be trained on halves over the window: the newest rows always are, the oldest with a chance
    /// of 2 to the minus this. The shipped rows count as twice as old as the window is long. 0: all alike.
    pub half_lives: f64,
    /// Most labelled events that are read, evenly over the window, about 1 kB each.
    pub max_rows: usize,
    /// The shipped rows fill up to this many rows, however old they count, so that a young stream has enough to learn from.
    pub min_rows: usize,
    /// Time for one search, the last fit among it.
    pub budget: HumanDuration,
    /// Threads of a training: few, because a scorer may run beside it.
    pub threads: usize,
    /// How far a training steps back behind everything else that runs on the machine, from 0 (not at all) to 19.
    pub nice: u8,
    /// Seed of the search.
    pub seed: u64,
    /// How often a training is begun again after the trainer was lost in it.
    pub max_attempts: u32,
    /// How long a trainer that died keeps its successor waiting.
    pub lease: HumanDuration,
    /// How often the queue is looked at.
    pub poll: HumanDuration,
    /// Held-out customers that there must be to compare models; with fewer from the stream, the shipped ones join them.
    pub gate_min_rows: usize,
    /// Largest p-value of "no better in log-loss" (paired bootstrap) that lets a challenger pass.
    pub gate_max_p_value: f64,
    /// One-sided p-value (DeLong) below which the challenger's AUC is the worse one.
    pub gate_worse_auc_p_value: f64,
    /// Most by which the challenger's calibration error may be above the champion's.
    pub gate_max_ece_increase: f64,
    /// Most by which its log-loss may be above the champion's on any slice, in nats.
    pub gate_max_slice_increase: f64,
    /// Customers that a slice must have to be looked at.
    pub gate_min_slice_rows: usize,
    /// Longest time that scoring one customer may take.
    pub gate_max_latency: HumanDuration,
    /// How long after a promotion the predecessor is held against the champion on new labelled events. 0s: never.
    pub probation: HumanDuration,
    /// Labelled events at which they are compared for the first time; then at twice, four and eight times as many.
    pub probation_rows: usize,
    /// How often the labelled events since a promotion are counted.
    pub probation_poll: HumanDuration,
    /// Program to run after a change of the champion, with its arguments, such as `dbt,build`. It is told of the change by
    /// CHURN_MODEL_VERSION, CHURN_PREVIOUS_VERSION and CHURN_REASON, and runs once the one before has ended. Empty: none.
    pub after_promotion: Vec<String>,
    /// How long that program may take before it is killed.
    pub after_promotion_timeout: HumanDuration,
}

impl Default for TrainerConfig {
    fn default() -> Self {
        let day = 86_400;
        Self {
            group: "churn-trainer".into(),
            schedule: "0 3 1 * *".into(),
            debounce: HumanDuration::from_secs(30),
            cooldown: HumanDuration::from_secs(3_600),
            window: HumanDuration::from_secs(90 * day),
            alarm_window: HumanDuration::from_secs(2 * day),
            half_lives: 3.0,
            max_rows: 100_000,
            min_rows: 2_000,
            budget: HumanDuration::from_secs(60),
            threads: 1,
            nice: 10,
            seed: 7,
            max_attempts: 3,
            lease: HumanDuration::from_secs(30),
            poll: HumanDuration::from_secs(1),
            gate_min_rows: 500,
            gate_max_p_value: 0.05,
            gate_worse_auc_p_value: 0.05,
            gate_max_ece_increase: 0.01,
            gate_max_slice_increase: 0.05,
            gate_min_slice_rows: 100,
            gate_max_latency: HumanDuration::from(std::time::Duration::from_micros(100)),
            probation: HumanDuration::from_secs(7 * day),
            probation_rows: 5_000,
            probation_poll: HumanDuration::from_secs(30),
            after_promotion: Vec::new(),
            after_promotion_timeout: HumanDuration::from_secs(1_800),
        }
    }
}

impl TrainerConfig {
    pub(crate) fn gate(&self) -> Gate {
        Gate {
            resamples: 2_000,
            seed: self.seed,
            max_p_value: self.gate_max_p_value,
            worse_auc_p_value: self.gate_worse_auc_p_value,
            max_ece_increase: self.gate_max_ece_increase,
            max_slice_increase: self.gate_max_slice_increase,
            min_slice_rows: self.gate_min_slice_rows,
            max_microseconds: self.gate_max_latency.get().as_secs_f64() * 1e6,
            min_rows: self.gate_min_rows,
            // A tenth of them: the shipped customers have more than a quarter of leavers.
            min_class_rows: (self.gate_min_rows / 10).max(2),
        }
    }
}

impl Validate for TrainerConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, key: &str, problem: &str| {
            if !holds {
                faults.push(Fault::new(key, problem));
            }
        };
        check(!self.group.is_empty(), "group", "must not be empty");
        check((0.0..=30.0).contains(&self.half_lives), "half_lives", "must be from 0 to 30");
        for (key, rows) in [("max_rows", self.max_rows), ("gate_min_rows", self.gate_min_rows)] {
            check((100..=10_000_000).contains(&rows), key, "must be from 100 to 10000000");
        }
        check(self.min_rows <= 10_000_000, "min_rows", "must be at most 10000000");
        check((1..=10_000_000).contains(&self.probation_rows), "probation_rows", "must be from 1 to 10000000");
        check(self.gate_min_slice_rows > 0, "gate_min_slice_rows", "must be at least 1");
        check((1..=256).contains(&self.threads), "threads", "must be from 1 to 256");
        check(self.nice <= 19, "nice", "must be from 0 to 19");
        check((1..=100).contains(&self.max_attempts), "max_attempts", "must be from 1 to 100");
        for (key, p) in
            [("gate_max_p_value", self.gate_max_p_value), ("gate_worse_auc_p_value", self.gate_worse_auc_p_value)]
        {
            check(p > 0.0 && p < 1.0, key, "must lie between 0 and 1");
        }
        for (key, increase) in [
            ("gate_max_ece_increase", self.gate_max_ece_increase),
            ("gate_max_slice_increase", self.gate_max_slice_increase),
        ] {
            check((0.0..=10.0).contains(&increase), key, "must be from 0 to 10");
        }
        for (key, span) in [
            ("window", self.window),
            ("alarm_window", self.alarm_window),
            ("budget", self.budget),
            ("poll", self.poll),
            ("probation_poll", self.probation_poll),
            ("gate_max_latency", self.gate_max_latency),
            ("after_promotion_timeout", self.after_promotion_timeout),
        ] {
            check(!span.get().is_zero(), key, "must be longer than 0");
        }
        check(self.lease.get().as_secs() >= 1, "lease", "must be at least 1s");
        let empty = self.after_promotion.first().is_some_and(String::is_empty);
        check(!empty, "after_promotion", "must begin with the name of a program");
        if let Err(problem) = Schedule::parse(&self.schedule) {
            check(false, "schedule", &problem);
        }
        faults
    }
}
