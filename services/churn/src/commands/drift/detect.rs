//! `churn drift detect`.

use std::io::{self, BufRead};

use anyhow::Context;
use churn_drift::detectors::{Adwin, Detector, Kind, Kswin, PageHinkley, Signal};
use churn_runtime::exit::Ending;
use serde::Serialize;

use super::args;
use crate::app::App;

#[derive(Debug, Serialize)]
struct Answer {
    detector: &'static str,
    values: u64,
    /// Places of the values, the first is 0.
    warnings: Vec<u64>,
    drifts: Vec<u64>,
}

pub(super) fn run(app: &App, args: &args::Detect) -> anyhow::Result<()> {
    let mut detector = detector(args)?;
    let mut answer = Answer { detector: args.detector.name(), values: 0, warnings: Vec::new(), drifts: Vec::new() };
    for (line, text) in io::stdin().lock().lines().enumerate() {
        let text = text.map_err(Ending::data).context("read standard input")?;
        // A spreadsheet begins its file with a byte order mark.
        let text = text.trim_start_matches('\u{feff}');
        for word in text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()) {
            let place = || format!("standard input, line {}: {word:?}", line + 1);
            let value: f64 = word.parse().map_err(Ending::data).with_context(place)?;
            match detector.update(value).map_err(Ending::data).with_context(place)? {
                Signal::Calm => {}
                Signal::Warning => answer.warnings.push(answer.values),
                Signal::Drift => answer.drifts.push(answer.values),
            }
            answer.values += 1;
        }
    }
    app.answer(&answer, |answer| {
        format!(
            "{} saw {} values: warnings at {}; drifts at {}",
            answer.detector,
            answer.values,
            places(&answer.warnings),
            places(&answer.drifts)
        )
    })
}

fn places(places: &[u64]) -> String {
    if places.is_empty() {
        return "none".into();
    }
    places.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

fn detector(args: &args::Detect) -> anyhow::Result<Detector> {
    let refuse = |flag: &str| anyhow::bail!(Ending::usage(format!("{flag} is nothing to {}", args.detector.name())));
    let takes = |flag: &str, given: bool, kinds: &[Kind]| {
        if given && !kinds.contains(&args.detector) { refuse(flag) } else { Ok(()) }
    };
    takes("--delta", args.delta.is_some(), &[Kind::Adwin, Kind::PageHinkley])?;
    takes("--threshold", args.threshold.is_some(), &[Kind::PageHinkley])?;
    takes("--alpha", args.alpha.is_some(), &[Kind::Kswin, Kind::PageHinkley])?;
    Ok(match args.detector {
        Kind::Adwin => Detector::Adwin(args.delta.map_or_else(Adwin::default, Adwin::new)),
        Kind::PageHinkley => Detector::PageHinkley(PageHinkley::new(
            args.delta.unwrap_or(0.005),
            args.threshold.unwrap_or(50.0),
            args.alpha.unwrap_or(1.0 - 0.0001),
        )),
        Kind::Kswin => Detector::Kswin(Box::new(Kswin::with_alpha(args.alpha.unwrap_or(0.005), args.seed))),
        Kind::Ddm => Kind::Ddm.detector(args.seed),
    })
}
