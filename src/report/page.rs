//! The page itself: HTML around plots, pictures and tables.

use std::fmt::Write;

use serde_json::Value;

use crate::metrics::scores::Scores;
use crate::report::Report;
use crate::report::plot::{Plot, noisy, several, short};
use crate::report::read::Series;
use crate::report::samples::Picture;

const STYLE: &str = include_str!("style.css");

/// `text` as it may stand in HTML, attributes included.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            other => escaped.push(other),
        }
    }
    escaped
}

/// `200,000`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 h 02 min`, `3 min 04 s`, `5 s`.
fn time(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{} h {minutes:02} min", grouped(hours)),
    }
}

pub(super) fn html(report: &Report) -> String {
    let run = std::path::absolute(&report.run).unwrap_or_else(|_| report.run.clone());
    let name = run.file_name().unwrap_or(run.as_os_str()).to_string_lossy();
    let name = escape(&name);
    let sections = [
        summary(report),
        scores(report),
        samples(report),
        losses(report),
        measured(report),
        pace(report),
        settings(report),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name} - StarGAN training</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{name}</h1>\n<p>{}</p>\n</header>\n<main>\n{}</main>\n</body>\n</html>\n",
        escape(&subtitle(report)),
        sections.concat()
    )
}

fn subtitle(report: &Report) -> String {
    let spaces = &report.config.spaces;
    let of = |dataset: usize| {
        let labels = spaces.space(dataset).names().join(", ");
        if spaces.len() > 1 { format!("{}: {labels}", spaces.name(dataset)) } else { labels }
    };
    let datasets: Vec<_> = (0..spaces.len()).map(of).collect();
    format!("StarGAN training. {}", datasets.join("; "))
}

fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{body}\n</section>\n", escape(title))
}

fn summary(report: &Report) -> String {
    let config = &report.config;
    let done = report.iteration();
    let of = match config.iterations.max(done) {
        total if total > done => format!(" of {}", grouped(total)),
        _ => String::new(),
    };
    let datasets = config.spaces.len() as u64;
    let images = done.saturating_mul(config.batch_size as u64).saturating_mul(datasets);
    let mut cards = vec![
        ("iterations", grouped(done) + &of),
        ("images seen", grouped(images)),
        ("image size", format!("{0} x {0}", config.image_size)),
        ("batch", config.batch_size.to_string()),
    ];
    if let Some(seconds) = report.seconds {
        cards.push(("training time", time(seconds)));
        cards.push(("images per second", short(images as f64 / seconds.max(1e-9))));
    }
    let last = report.losses.iter().find(|series| series.name.ends_with("g/reconstruction"));
    if let Some(point) = last.and_then(|series| series.points.last()) {
        cards.push(("reconstruction loss", short(point.1)));
    }
    let card = |(title, value): &(&str, String)| {
        format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(title), escape(value))
    };
    let cards: String = cards.iter().map(card).collect();
    format!("<dl class=\"cards\">\n{cards}</dl>\n")
}

fn scores(report: &Report) -> String {
    let Some(scores) = &report.scores else { return String::new() };
    let cell = |value: Option<f64>, nothing: Option<f64>, digits: usize| {
        let text = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.digits$}"));
        format!("<td>{} <small>({})</small></td>", text(value), text(nothing))
    };
    let row = |(change, scores): (String, &Scores)| {
        format!(
            "<tr><td>{}</td><td>{}</td>{}{}{}{}</tr>\n",
            escape(&change),
            scores.n,
            cell(scores.inside, scores.inside_nothing, 3),
            cell(scores.outside, scores.outside_nothing, 3),
            cell(scores.psnr, scores.psnr_nothing, 1),
            cell(scores.ssim, scores.ssim_nothing, 3)
        )
    };
    let rows: String = scores.rows().into_iter().map(row).collect();
    let note = "Against the same images, really changed: L1 error in [0, 1] inside the changed region and \
                outside it, and the likeness of whole images. In brackets what doing nothing scores.";
    let body = format!(
        "<div class=\"scroll\"><table>\n<tr><th>change</th><th>pairs</th><th>inside</th>\
         <th>outside</th><th>PSNR dB</th><th>SSIM</th></tr>\n{rows}</table></div>\n\
         <p class=\"note\">{note}</p>"
    );
    section("Against the truth", &body)
}

fn samples(report: &Report) -> String {
    let samples = &report.samples;
    let Some(newest) = &samples.newest else { return String::new() };
    let small = if samples.side <= 64 { " small" } else { "" };
    let columns: String = samples
        .columns
        .iter()
        .map(|name| format!("<span>{}</span>", escape(&name.replace('_', " "))))
        .collect();
    let upright = if samples.columns.len() > 8 { " upright" } else { "" };
    let columns = format!("<div class=\"columns{upright}\">{columns}</div>");
    let image = |picture: &Picture, what: &str| {
        format!(
            "<img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"{what}\">",
            picture.source, picture.width, picture.height
        )
    };
    let iteration = |picture: &Picture| format!("iteration {}", grouped(picture.iteration));
    let mut figures = format!(
        "<figure class=\"grid{small}\">{columns}{}<figcaption>{}</figcaption></figure>\n",
        image(newest, "images and their translations"),
        iteration(newest)
    );
    if samples.history.len() > 1 {
        let parts: String = samples
            .history
            .iter()
            .map(|picture| {
                format!(
                    "<div class=\"part\">{}<figcaption>{}</figcaption></div>\n",
                    image(picture, "the same images earlier in the run"),
                    iteration(picture)
                )
            })
            .collect();
        figures += &format!("<figure class=\"grid{small}\">{columns}{parts}</figure>\n");
    }
    section("Samples", &format!("<div class=\"samples\">\n{figures}</div>"))
}

fn figure(title: &str, plot: &Plot) -> String {
    format!(
        "<figure><b>{}</b>{}<figcaption>{}</figcaption></figure>\n",
        escape(title),
        plot.svg,
        plot.note
    )
}

fn losses(report: &Report) -> String {
    if report.losses.is_empty() {
        return section("Losses", "<p class=\"note\">None are logged yet.</p>");
    }
    let plot = |series: &Series| figure(&series.name, &noisy(series));
    let plots: String = report.losses.iter().map(plot).collect();
    let note = "Every term before its weight, by iteration: d is the discriminator, g the generator. Thin as \
                logged, thick a moving average.";
    section(
        "Losses",
        &format!("<p class=\"note\">{note}</p>\n<div class=\"plots\">\n{plots}</div>"),
    )
}

fn measured(report: &Report) -> String {
    if report.measured.is_empty() {
        return String::new();
    }
    let mut plots = String::new();
    for (what, changes) in &report.measured {
        let title = match &what[..] {
            "inside" => "L1 inside the changed region",
            "outside" => "L1 outside the changed region",
            "psnr" => "PSNR, dB",
            _ => "SSIM",
        };
        // Those of one dataset, `faces/hair` and `faces/total`, stand together.
        let dataset =
            |series: &Series| series.name.rsplit_once('/').map(|(name, _)| name.to_owned());
        for changes in changes.chunk_by(|a, b| dataset(a) == dataset(b)) {
            let title = match dataset(&changes[0]) {
                Some(dataset) => format!("{dataset}: {title}"),
                None => title.to_owned(),
            };
            plots += &figure(&title, &several(&title, changes));
        }
    }
    section("Against the truth, over time", &format!("<div class=\"plots\">\n{plots}</div>"))
}

fn pace(report: &Report) -> String {
    let rate = &report.learning_rate;
    let plots: String = [rate, &report.speed]
        .into_iter()
        .filter(|series| !series.points.is_empty())
        .map(|series| figure(&series.name, &several(&series.name, std::slice::from_ref(series))))
        .collect();
    if plots.is_empty() {
        return plots;
    }
    section("Pace", &format!("<div class=\"plots\">\n{plots}</div>"))
}

fn settings(report: &Report) -> String {
    let table = |value: &Value| {
        let mut rows = String::new();
        flatten("", value, &mut rows);
        format!("<div class=\"scroll\"><table class=\"settings\">\n{rows}</table></div>")
    };
    let mut body = format!(
        "<details open>\n<summary>config.json</summary>\n{}\n</details>",
        table(&report.settings)
    );
    if let Some(command) = &report.command {
        body +=
            &format!("\n<details>\n<summary>data.json</summary>\n{}\n</details>", table(command));
    }
    section("Settings", &body)
}

/// A row for every value that is not an object, with its path.
fn flatten(path: &str, value: &Value, rows: &mut String) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, rows);
            }
        }
        Value::Array(values) if values.iter().any(Value::is_object) => {
            for (at, value) in values.iter().enumerate() {
                flatten(&format!("{path}[{at}]"), value, rows);
            }
        }
        other => {
            let text = match other {
                Value::String(text) => text.clone(),
                Value::Array(values) => {
                    let plain = |value: &Value| match value {
                        Value::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    values.iter().map(plain).collect::<Vec<_>>().join(", ")
                }
                other => other.to_string(),
            };
            let _ = writeln!(rows, "<tr><td>{}</td><td>{}</td></tr>", escape(path), escape(&text));
        }
    }
}
