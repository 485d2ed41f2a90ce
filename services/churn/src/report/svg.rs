//! Pictures as SVG, drawn for a page that needs nothing else.

use std::fmt::Write as _;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 40.0;
const TOP: f64 = 10.0;
const RIGHT: f64 = 14.0;

/// A curve or some points in a plane.
#[derive(Debug)]
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    pub(super) points: &'a [(f64, f64)],
    /// Whether the points are shown beside the line.
    pub(super) marks: bool,
    /// A straight line to compare with, from here to there.
    pub(super) compare: Option<[(f64, f64); 2]>,
    /// Both axes go from 0 to 1.
    pub(super) unit: bool,
}

/// Draws a curve.
pub(super) fn plot(plot: &Plot<'_>) -> String {
    let shown = || plot.points.iter().chain(plot.compare.iter().flatten());
    let (x, y) = if plot.unit {
        (Axis { low: 0.0, high: 1.0 }, Axis { low: 0.0, high: 1.0 })
    } else {
        (Axis::around(shown().map(|point| point.0)), Axis::around(shown().map(|point| point.1)))
    };
    let place = |&(px, py): &(f64, f64)| {
        (LEFT + x.share(px) * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y.share(py) * (HEIGHT - BOTTOM - TOP))
    };
    let line = |points: &[(f64, f64)]| {
        let places = points.iter().map(&place).map(|(x, y)| format!("{x:.1},{y:.1}"));
        places.collect::<Vec<_>>().join(" ")
    };
    let mut svg = open(plot.title);
    for tick in x.ticks() {
        let (at, _) = place(&(tick, y.low));
        let _ = write!(
            svg,
            r#"<line x1="{at:.1}" y1="{TOP}" x2="{at:.1}" y2="{:.1}" class="grid"/><text x="{at:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 14.0,
            number(tick)
        );
    }
    for tick in y.ticks() {
        let (_, at) = place(&(x.low, tick));
        let _ = write!(
            svg,
            r#"<line x1="{LEFT}" y1="{at:.1}" x2="{:.1}" y2="{at:.1}" class="grid"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            WIDTH - RIGHT,
            LEFT - 5.0,
            at + 4.0,
            number(tick)
        );
    }
    if let Some(compare) = &plot.compare {
        let _ = write!(svg, r#"<polyline points="{}" class="compare"/>"#, line(compare));
    }
    let _ = write!(svg, r#"<polyline points="{}" class="curve"/>"#, line(plot.points));
    if plot.marks {
        for (x, y) in plot.points.iter().map(place) {
            let _ = write!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" class="mark"/>"#);
        }
    }
    let _ = write!(
        svg,
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text><text transform="translate(12 {:.1}) rotate(-90)" text-anchor="middle">{}</text></svg>"#,
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 8.0,
        escape(plot.x),
        (TOP + HEIGHT - BOTTOM) / 2.0,
        escape(plot.y)
    );
    svg
}

/// Draws bars with their names beside them, from 0 to the largest.
pub(super) fn bars(title: &str, rows: &[(String, f64)]) -> String {
    const BAR: f64 = 18.0;
    const NAMES: f64 = 190.0;
    let most = rows.iter().map(|(_, value)| value.abs()).fold(f64::MIN_POSITIVE, f64::max);
    let height = BAR * rows.len() as f64 + 8.0;
    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-label="{0}"><title>{0}</title>"#,
        escape(title)
    );
    for (at, (name, value)) in rows.iter().enumerate() {
        let top = 4.0 + BAR * at as f64;
        let length = value.abs() / most * (WIDTH - NAMES - 60.0);
        let _ = write!(
            svg,
            r#"<text x="{:.0}" y="{:.1}" text-anchor="end">{}</text><rect x="{NAMES}" y="{top:.1}" width="{length:.1}" height="{:.0}" class="bar"/><text x="{:.1}" y="{:.1}">{}</text>"#,
            NAMES - 6.0,
            top + 13.0,
            escape(name),
            BAR - 4.0,
            NAMES + length + 5.0,
            top + 13.0,
            number(*value)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Draws shares then and now, two bars a row.
pub(super) fn pairs(title: &str, rows: &[(String, f64, f64)]) -> String {
    const BAR: f64 = 11.0;
    const NAMES: f64 = 150.0;
    let most = rows.iter().flat_map(|(_, then, now)| [*then, *now]).fold(f64::MIN_POSITIVE, f64::max);
    let height = 3.0 * BAR * rows.len() as f64 + 8.0;
    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-label="{0}"><title>{0}</title>"#,
        escape(title)
    );
    for (at, (name, then, now)) in rows.iter().enumerate() {
        let top = 4.0 + 3.0 * BAR * at as f64;
        let _ = write!(
            svg,
            r#"<text x="{:.0}" y="{:.1}" text-anchor="end">{}</text>"#,
            NAMES - 6.0,
            top + BAR + 4.0,
            escape(name)
        );
        for (row, (class, share)) in [("then", then), ("bar", now)].into_iter().enumerate() {
            let (length, top) = (share / most * (WIDTH - NAMES - 60.0), top + BAR * row as f64);
            let _ = write!(
                svg,
                r#"<rect x="{NAMES}" y="{top:.1}" width="{length:.1}" height="{:.0}" class="{class}"/><text x="{:.1}" y="{:.1}">{:.1} %</text>"#,
                BAR - 1.0,
                NAMES + length + 4.0,
                top + BAR - 2.0,
                100.0 * share
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Text that means nothing in HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

fn open(title: &str) -> String {
    format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{0}"><title>{0}</title>"#, escape(title))
}

/// Three digits that matter, and no more.
fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = if size >= 100.0 || value == 0.0 {
        0
    } else if size >= 10.0 {
        1
    } else if size >= 0.1 {
        2
    } else {
        4
    };
    format!("{value:.decimals$}")
}

#[derive(Clone, Copy, Debug)]
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn around(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low < high { Self { low, high } } else { Self { low: low.min(0.0), high: high.max(0.0) + 1.0 } }
    }

    fn share(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    fn ticks(self) -> impl Iterator<Item = f64> {
        (0..=4).map(move |part| self.low + (self.high - self.low) * f64::from(part) / 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_drawn_stays_on_the_picture_and_is_escaped() {
        for points in [&[][..], &[(3.0, 3.0)], &[(0.0, -5.0), (10.0, 80.0)]] {
            let drawn = plot(&Plot { title: "a <b>", x: "x", y: "y", points, marks: true, compare: None, unit: false });
            assert!(drawn.contains("a &lt;b&gt;") && !drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
        assert!(bars("none", &[]).ends_with("</svg>"));
    }
}
