//! Curves as inline SVG.

use std::fmt::Write;

use crate::report::read::Series;
use crate::report::text::{escape, grouped, short};

/// The drawing in its own units, which the page scales.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 200.0;
/// Left, right, top, bottom.
const MARGINS: [f64; 4] = [52.0, 12.0, 10.0, 26.0];

/// Curves that have a colour of their own.
const COLOURS: usize = 6;

/// A curve of more points is thinned to the least and the greatest value of as many stretches.
const STRETCHES: usize = 300;

/// The share of a noisy curve's values at each end that may lie beyond the axis: the first
/// iterations' peaks would flatten all that follows.
const BEYOND: f64 = 0.01;

/// A plot with a note on it.
pub(super) struct Plot {
    pub svg: String,
    pub note: String,
}

/// Noisy curves with one axis, each as it is, thin, and its moving average, thick; below where each
/// ends, with its name if it has one.
pub(super) fn curves(title: &str, all: &[Series]) -> Plot {
    let points: Vec<_> = all.iter().flat_map(|series| series.points.iter().copied()).collect();
    let mut values = finite(&points).map(|point| point.1).collect::<Vec<_>>();
    values.sort_by(f64::total_cmp);
    let skipped = (values.len() as f64 * BEYOND) as usize;
    let kept = values.get(skipped..values.len() - skipped).unwrap_or_default();
    let span = (kept.first().copied(), kept.last().copied());
    let axes = Axes::new(&points, span.0.unwrap_or(0.0), span.1.unwrap_or(1.0));
    let beyond = values.iter().filter(|value| **value < axes.y[0] || **value > axes.y[1]).count();
    let (mut thin, mut thick, mut ends) = (String::new(), String::new(), Vec::new());
    let mut longest = 1;
    for (at, series) in all.iter().enumerate() {
        let class = class(at);
        let window = (series.points.len() / 20).max(1);
        let average = smoothed(&series.points, window);
        thin += &axes.line(&series.points, &format!("raw {class}"));
        thick += &axes.line(&average, &class);
        longest = longest.max(window);
        let end = match average.last() {
            Some(last) => format!("{} at the end", short(last.1)),
            None => "no finite values".to_owned(),
        };
        ends.push(match series.name.is_empty() {
            true => end,
            false => format!("{} {end}", key(&series.name, &class)),
        });
    }
    let mut note = ends.join(", ");
    if longest > 1 {
        let _ = write!(note, ", averaged over {longest} rows");
    }
    if beyond > 0 {
        let _ = write!(
            note,
            "; {beyond} of {} values lie beyond the axis, up to {} and down to {}",
            values.len(),
            short(values[values.len() - 1]),
            short(values[0])
        );
    }
    let unread = points.len() - values.len();
    if unread > 0 {
        let _ = write!(note, "; {unread} values are not finite");
    }
    Plot { svg: axes.svg(title, &(thin + &thick)), note }
}

/// The colour of curve `at`.
fn class(at: usize) -> String {
    format!("c{}", at % COLOURS)
}

/// A name beside the colour of its curve.
fn key(name: &str, class: &str) -> String {
    format!("<span class=\"key {class}\">{}</span>", escape(name))
}

/// Several curves with one axis, each with its name below.
pub(super) fn several(title: &str, all: &[Series]) -> Plot {
    let points: Vec<_> = all.iter().flat_map(|series| series.points.iter().copied()).collect();
    let values = || finite(&points).map(|point| point.1);
    let axes = Axes::new(
        &points,
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    );
    let mut lines = String::new();
    let mut note = String::new();
    for (at, series) in all.iter().enumerate() {
        let class = class(at);
        lines += &axes.line(&series.points, &class);
        if all.len() > 1 {
            note += &key(&series.name, &class);
            note.push(' ');
        }
    }
    Plot { svg: axes.svg(title, &lines), note }
}

fn finite(points: &[(f64, f64)]) -> impl Iterator<Item = &(f64, f64)> {
    points.iter().filter(|point| point.1.is_finite())
}

/// The exponential moving average of the finite values, whose weights reach back `window` points
/// and are even at the start.
fn smoothed(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let rate = 2.0 / (window as f64 + 1.0);
    let mut mean = 0.0;
    let average = |(at, point): (usize, &(f64, f64))| {
        mean += (point.1 - mean) * rate.max(1.0 / (at + 1) as f64);
        (point.0, mean)
    };
    finite(points).enumerate().map(average).collect()
}

/// At most two points of each of [`STRETCHES`] parts: the least and the greatest, in their order.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let finite: Vec<_> = finite(points).copied().collect();
    let length = finite.len().div_ceil(STRETCHES).max(1);
    if length <= 2 {
        return finite;
    }
    let ends = |stretch: &[(f64, f64)]| {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let mut ends: Vec<_> = stretch
            .iter()
            .min_by(by_value)
            .into_iter()
            .chain(stretch.iter().max_by(by_value))
            .copied()
            .collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        ends.dedup();
        ends
    };
    finite.chunks(length).flat_map(ends).collect()
}

/// What the axes span.
struct Axes {
    x: [f64; 2],
    y: [f64; 2],
}

impl Axes {
    fn new(points: &[(f64, f64)], low: f64, high: f64) -> Self {
        let last = points.iter().map(|point| point.0).fold(0.0, f64::max);
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let room = match high - low {
            span if span > 0.0 => span * 0.06,
            _ => (high.abs() * 0.1).max(1e-9),
        };
        // Where all is above 0 the axis need not go below.
        let below = if low >= 0.0 { (low - room).max(0.0) } else { low - room };
        Self { x: [0.0, if last > 0.0 { last } else { 1.0 }], y: [below, high + room] }
    }

    fn place(&self, point: (f64, f64)) -> (f64, f64) {
        let share = |value: f64, [from, to]: [f64; 2]| (value - from) / (to - from);
        let [left, right, top, bottom] = MARGINS;
        let x = left + share(point.0, self.x) * (WIDTH - left - right);
        // What lies beyond leaves the frame, but not by numbers that a browser can't draw.
        let y = share(point.1, self.y).clamp(-2.0, 3.0);
        (x, HEIGHT - bottom - y * (HEIGHT - top - bottom))
    }

    fn line(&self, points: &[(f64, f64)], class: &str) -> String {
        let points = thinned(points);
        let places = points.iter().map(|point| self.place(*point));
        if let [point] = points[..] {
            let (x, y) = self.place(point);
            return format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"/>");
        }
        let text: Vec<_> = places.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        format!("<polyline class=\"{class}\" points=\"{}\"/>", text.join(" "))
    }

    fn svg(&self, title: &str, lines: &str) -> String {
        let [left, right, top, bottom] = MARGINS;
        let (inner, base) = (WIDTH - left - right, HEIGHT - bottom);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escape(title)
        );
        for value in ticks(self.y) {
            let (_, y) = self.place((0.0, value));
            let _ = write!(
                svg,
                "<line class=\"rule\" x1=\"{left}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left + inner,
                left - 6.0,
                y + 4.5,
                short(value)
            );
        }
        // Iterations are whole, even where an axis spans few of them.
        for value in ticks(self.x).into_iter().filter(|value| value.fract() == 0.0) {
            let (x, _) = self.place((value, self.y[0]));
            let anchor = if x > left + inner - 20.0 { "end" } else { "middle" };
            let _ = write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                base + 18.0,
                grouped(value as u64)
            );
        }
        // A nested drawing cuts off what lies beyond its frame.
        let height = base - top;
        let _ = write!(
            svg,
            "<svg x=\"{left}\" y=\"{top}\" width=\"{inner}\" height=\"{height}\" \
             viewBox=\"{left} {top} {inner} {height}\">{lines}</svg></svg>"
        );
        svg
    }
}

/// About four round values from one end to the other.
fn ticks([from, to]: [f64; 2]) -> Vec<f64> {
    let rough = (to - from) / 4.0;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * magnitude)
        .into_iter()
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(magnitude * 10.0);
    let first = (from / step).ceil() as i64;
    (first..).map(|at| at as f64 * step).take_while(|value| *value <= to).take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(ticks([0.0, 1.0]), [0.0, 0.5, 1.0]);
        assert_eq!(ticks([-3.0, 5.0]), [-2.0, 0.0, 2.0, 4.0]);
        assert_eq!(ticks([0.0, 2500.0]), [0.0, 1000.0, 2000.0]);
    }

    #[test]
    fn averages_start_evenly_and_long_curves_keep_their_peaks() {
        let points = [(1.0, 4.0), (2.0, f64::NAN), (3.0, 2.0), (4.0, 3.0)];
        assert_eq!(smoothed(&points, 100), [(1.0, 4.0), (3.0, 3.0), (4.0, 3.0)]);
        let long: Vec<_> = (0..100_000)
            .map(|i| (i as f64, if i == 77_777 { 9.0 } else { (i % 7) as f64 }))
            .collect();
        let thin = thinned(&long);
        assert!(thin.len() <= 2 * STRETCHES);
        assert!(thin.contains(&(77_777.0, 9.0)) && thin.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn a_plot_of_nothing_or_of_one_value_is_a_plot() {
        for points in
            [vec![], vec![(20.0, 1.0)], vec![(1.0, f64::NAN)], vec![(1.0, 2.0), (2.0, 2.0)]]
        {
            let plot = curves("t", &[Series { name: String::new(), points }]);
            assert!(plot.svg.starts_with("<svg") && !plot.svg.contains("NaN"), "{}", plot.svg);
        }
    }
}
