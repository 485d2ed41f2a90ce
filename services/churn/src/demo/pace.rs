//! Settings for a run of seconds: what days of a real stream show is to be seen within one minute.

use churn_runtime::config::{HumanDuration, Loaded, Origin};

use crate::config::Config;

/// Quickens everything that nobody set.
pub(super) fn quicken(loaded: &mut Loaded<Config>) {
    let untouched = |key: &str| loaded.origin(key) == Some(&Origin::Default);
    let keys = [
        "monitor.reference_rows",
        "monitor.performance_block_rows",
        "scorer.model_poll",
        "trainer.schedule",
        "trainer.debounce",
        "trainer.cooldown",
        "trainer.window",
        "trainer.alarm_window",
        "trainer.max_rows",
        "trainer.budget",
        "trainer.gate_min_rows",
        "trainer.gate_min_slice_rows",
        "trainer.probation_rows",
        "trainer.probation_poll",
    ];
    let quicker: Vec<&str> = keys.into_iter().filter(|key| untouched(key)).collect();
    let Config { monitor, scorer, trainer, .. } = &mut loaded.config;
    let seconds = HumanDuration::from_secs;
    for key in quicker {
        match key {
            // At a thousand events a second: known after eight seconds, and noticed within two blocks.
            "monitor.reference_rows" => monitor.reference_rows = 8_000,
            "monitor.performance_block_rows" => monitor.performance_block_rows = 2_000,
            "scorer.model_poll" => scorer.model_poll = seconds(1),
            // Nobody's month ends in a demo.
            "trainer.schedule" => trainer.schedule = String::new(),
            // Long enough for the training to have seen some thousand customers of the new kind.
            "trainer.debounce" => trainer.debounce = seconds(4),
            "trainer.cooldown" => trainer.cooldown = seconds(20),
            "trainer.window" => trainer.window = seconds(60),
            "trainer.alarm_window" => trainer.alarm_window = seconds(9),
            "trainer.max_rows" => trainer.max_rows = 20_000,
            "trainer.budget" => trainer.budget = seconds(5),
            "trainer.gate_min_rows" => trainer.gate_min_rows = 200,
            "trainer.gate_min_slice_rows" => trainer.gate_min_slice_rows = 100,
            "trainer.probation_rows" => trainer.probation_rows = 2_000,
            "trainer.probation_poll" => trainer.probation_poll = seconds(2),
            _ => {}
        }
    }
}
