//! What the demo shows while it runs: a table that redraws itself on a terminal, plain lines elsewhere.

use std::io::{self, Write};
use std::time::Duration;

use churn_runtime::progress::{Progress, StageSnapshot};
use crossterm::{cursor, execute, terminal};

use super::report::LiveModel;
use crate::say;

/// Time between two looks at a terminal, and between two plain lines.
const ON_TERMINAL: Duration = Duration::from_millis(500);
const IN_LOG: Duration = Duration::from_secs(5);

/// Draws the state of a run.
#[derive(Debug)]
pub(crate) struct Live {
    on_terminal: bool,
    drawn: u16,
    last: Vec<StageSnapshot>,
    last_at: f64,
}

/// What is not in the progress of the stages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    pub(crate) model: LiveModel,
    pub(crate) drifted: Vec<String>,
    pub(crate) resident_bytes: Option<u64>,
}

impl Live {
    pub(crate) fn new(on_terminal: bool) -> Self {
        Self { on_terminal, drawn: 0, last: Vec::new(), last_at: 0.0 }
    }

    /// How often to draw.
    pub(crate) fn interval(&self) -> Duration {
        if self.on_terminal { ON_TERMINAL } else { IN_LOG }
    }

    /// Draws the state at `seconds` since streaming began, and says whether there is still somebody to draw for.
    ///
    /// # Errors
    /// It cannot be written for another reason than that the reader went away.
    pub(crate) fn draw(&mut self, seconds: f64, progress: &Progress, watched: &Watched) -> io::Result<bool> {
        let stages = progress.snapshot();
        let elapsed = (seconds - self.last_at).max(1e-3);
        let rates: Vec<f64> =
            stages.iter().map(|stage| (stage.durable - self.before(stage)) as f64 / elapsed).collect();
        let text = if self.on_terminal {
            table(seconds, &stages, &rates, watched)
        } else {
            line(seconds, &stages, &rates, watched)
        };
        (self.last, self.last_at) = (stages, seconds);
        say::reader(self.print(&text))
    }

    /// Says something once, above whatever is drawn; as [`Self::draw`].
    ///
    /// # Errors
    /// As [`Self::draw`].
    pub(crate) fn note(&mut self, text: &str) -> io::Result<bool> {
        let mut out = io::stdout().lock();
        let said = (|| {
            if self.drawn > 0 {
                execute!(
                    out,
                    cursor::MoveToPreviousLine(self.drawn),
                    terminal::Clear(terminal::ClearType::FromCursorDown)
                )?;
                self.drawn = 0;
            }
            writeln!(out, "{text}")?;
            out.flush()
        })();
        say::reader(said)
    }

    fn before(&self, stage: &StageSnapshot) -> u64 {
        self.last.iter().find(|last| last.stage == stage.stage).map_or(0, |last| last.durable)
    }

    fn print(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.on_terminal {
            if self.drawn > 0 {
                execute!(
                    out,
                    cursor::MoveToPreviousLine(self.drawn),
                    terminal::Clear(terminal::ClearType::FromCursorDown)
                )?;
            }
            self.drawn = u16::try_from(text.lines().count()).unwrap_or(u16::MAX);
            // A line that wraps would stand on two rows and spoil the next redraw.
            let width = terminal::size().map_or(80, |(columns, _)| usize::from(columns));
            for line in text.lines() {
                writeln!(out, "{}", line.chars().take(width).collect::<String>())?;
            }
        } else {
            writeln!(out, "{text}")?;
        }
        out.flush()
    }
}

fn table(seconds: f64, stages: &[StageSnapshot], rates: &[f64], watched: &Watched) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["stage", "rows/s", "rows", "backlog", "dead letters"]);
    for (stage, rate) in stages.iter().zip(rates) {
        table.add_row([
            stage.stage.clone(),
            format!("{rate:.0}"),
            stage.durable.to_string(),
            stage.lag.to_string(),
            stage.dead_lettered.to_string(),
        ]);
    }
    for column in 1..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    format!("{table}\n {}", facts(seconds, stages, watched).join("\n "))
}

fn line(seconds: f64, stages: &[StageSnapshot], rates: &[f64], watched: &Watched) -> String {
    let rates: Vec<String> = stages
        .iter()
        .zip(rates)
        .map(|(stage, rate)| format!("{} {rate:.0}/s (behind {})", stage.stage, stage.lag))
        .collect();
    format!("{} | {}", facts(seconds, stages, watched).join(" | "), rates.join(", "))
}

/// What is true of the whole stream: time and memory, latency, model, drift.
fn facts(seconds: f64, stages: &[StageSnapshot], watched: &Watched) -> [String; 4] {
    let latency = stages.iter().find(|stage| stage.stage == "sink").map(|stage| stage.recent_latency);
    let latency = latency
        .filter(|latency| latency.count > 0)
        .map_or_else(|| "none yet".to_owned(), |latency| format!("p50 {} ms, p99 {} ms", latency.p50, latency.p99));
    let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let (auc, log_loss) = (figure(watched.model.auc), figure(watched.model.log_loss));
    let drifted = if watched.drifted.is_empty() { "none".to_owned() } else { watched.drifted.join(", ") };
    let memory = watched.resident_bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
    [
        format!("{seconds:.1} s, memory {memory}"),
        format!("latency {latency}"),
        format!("model {} AUC {auc}, log-loss {log_loss}", watched.model.version),
        format!("drifted features {drifted}"),
    ]
}
