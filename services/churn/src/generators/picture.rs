//! Pictures of a report, as SVG.

use std::fmt::Write as _;

use churn_synth::quality::{MarginalPair, QualityReport};

/// Text made safe for HTML and SVG.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 110.0;

/// The column's bars, real and synthetic side by side.
pub(super) fn marginal(pair: &MarginalPair, score: Option<f64>) -> String {
    let most = pair.bars.iter().map(|bar| bar.real.max(bar.synthetic)).fold(f64::MIN_POSITIVE, f64::max);
    let step = WIDTH / pair.bars.len().max(1) as f64;
    let mut svg = format!(
        "<figure><figcaption>{} <b>{}</b></figcaption><svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" \
         aria-label=\"{} of real and synthetic customers\">",
        escape(pair.column),
        number(score),
        HEIGHT + 16.0,
        escape(pair.column)
    );
    for (at, bar) in pair.bars.iter().enumerate() {
        let left = step * at as f64;
        for (class, share, shift) in [("real", bar.real, 0.08), ("made", bar.synthetic, 0.5)] {
            let tall = HEIGHT * share / most;
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\"><title>{}: {:.2} % \
                 ({class})</title></rect>",
                left + shift * step,
                HEIGHT - tall,
                0.42 * step,
                escape(&bar.value),
                100.0 * share
            );
        }
        // A number's bars are many: only every sixth is named.
        if !pair.is_number || at % 6 == 0 {
            let word: String = bar.value.chars().take(if pair.bars.len() > 4 { 6 } else { 16 }).collect();
            let _ =
                write!(svg, "<text x=\"{:.1}\" y=\"{}\">{}</text>", left + 0.08 * step, HEIGHT + 12.0, escape(&word));
        }
    }
    svg + "</svg></figure>"
}

const CELL: f64 = 22.0;
const MARGIN: f64 = 120.0;

/// All pairs of columns; the warmer, the less alike.
pub(super) fn heat_map(quality: &QualityReport) -> String {
    let names: Vec<&str> = quality.columns.iter().map(|column| column.column).collect();
    let side = MARGIN + CELL * names.len() as f64;
    let mut svg = format!("<svg class=\"heat\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"pair trends\">");
    for (at, name) in names.iter().enumerate() {
        let middle = MARGIN + CELL * (at as f64 + 0.65);
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{name}</text><text transform=\"translate({middle},{}) \
             rotate(-60)\">{name}</text>",
            MARGIN - 4.0,
            MARGIN - 4.0
        );
    }
    for pair in &quality.pairs {
        let place = |name: &str| names.iter().position(|other| *other == name).unwrap_or_default();
        let (row, column) = (place(pair.columns.1), place(pair.columns.0));
        let _ = write!(
            svg,
            "<rect x=\"{}\" y=\"{}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"{}\" class=\"{}\"><title>{} and {}: \
             {}</title></rect>",
            MARGIN + CELL * column as f64,
            MARGIN + CELL * row as f64,
            colour(pair.score),
            if pair.counts { "counts" } else { "weak" },
            pair.columns.0,
            pair.columns.1,
            number(pair.score)
        );
    }
    svg + "</svg>"
}

/// From green at 1 to red at 0.8 and below; grey where there is no score.
fn colour(score: Option<f64>) -> String {
    let Some(score) = score else { return "#9994".into() };
    let hue = 130.0 * ((score - 0.8) / 0.2).clamp(0.0, 1.0);
    format!("hsl({hue:.0} 65% 45%)")
}

pub(super) fn number(score: Option<f64>) -> String {
    score.map_or_else(|| "–".into(), |score| format!("{score:.4}"))
}
