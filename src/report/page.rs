//! The page itself: HTML around plots, pictures and tables.

use crate::metrics::pixel::PIXEL_METRICS;
use crate::metrics::scores::{Score, Scores};
use crate::report::contents::Contents;
use crate::report::images;
use crate::report::plot::{Plot, noisy, several};
use crate::report::read::Series;
use crate::report::samples::Picture;
use crate::report::settings;
use crate::report::text::{escape, grouped, short, time};
use crate::report::trained;

const STYLE: &str = include_str!("style.css");

pub(super) fn html(run: &Contents) -> String {
    let name = escape(&run.name);
    let title = escape(&run.title);
    let sections = [
        summary(run),
        scores(run),
        samples(run),
        losses(run),
        measured(run),
        pace(run),
        images(run),
        section("Settings", &settings::tables(&run.settings)),
        changes(run),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name} - {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{name}</h1>\n<p>{}</p>\n</header>\n<main>\n{}</main>\n</body>\n</html>\n",
        escape(&subtitle(run)),
        sections.concat()
    )
}

/// The training and the labels that the sample grids show.
fn subtitle(run: &Contents) -> String {
    match &run.samples.labels()[..] {
        [] => run.title.clone(),
        labels => format!("{}. {}", run.title, labels.join(", ")),
    }
}

fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{body}\n</section>\n", escape(title))
}

fn summary(run: &Contents) -> String {
    let done = run.iteration();
    let of = match run.iterations.max(done) {
        total if total > done => format!(" of {}", grouped(total)),
        _ => String::new(),
    };
    let mut cards = vec![("iterations", grouped(done) + &of)];
    let grid = run.samples.grid.as_ref();
    let images = grid.map(|grid| done.saturating_mul(run.batch).saturating_mul(grid.datasets));
    if let Some(images) = images {
        cards.push(("images seen", grouped(images)));
    }
    if let Some([height, width]) = grid.map(|grid| grid.cell) {
        cards.push(("image size", format!("{width} x {height}")));
    }
    cards.push(("batch", run.batch.to_string()));
    if let Some(seconds) = run.seconds {
        cards.push(("training time", time(seconds)));
        if let Some(images) = images {
            cards.push(("images per second", short(images as f64 / seconds.max(1e-9))));
        }
    }
    let last = run.losses.iter().find(|series| series.name.ends_with("g/reconstruction"));
    if let Some(point) = last.and_then(|series| series.points.last()) {
        cards.push(("reconstruction loss", short(point.1)));
    }
    let card = |(title, value): &(&str, String)| {
        format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(title), escape(value))
    };
    let cards: String = cards.iter().map(card).collect();
    format!("<dl class=\"cards\">\n{cards}</dl>\n")
}

fn changes(run: &Contents) -> String {
    match run.changes.is_empty() {
        true => String::new(),
        false => section("Settings that have changed", &trained::table(&run.changes)),
    }
}

fn images(run: &Contents) -> String {
    match run.images.is_empty() {
        true => String::new(),
        false => section("Images", &images::table(&run.images)),
    }
}

fn scores(run: &Contents) -> String {
    let Some(scores) = &run.scores else { return String::new() };
    let cell = |Score { metric, translated, nothing }: Score| {
        format!("<td>{} <small>({})</small></td>", metric.text(translated), metric.text(nothing))
    };
    let row = |(change, scores): (String, &Scores)| {
        let cells: String = scores.iter().map(cell).collect();
        format!("<tr><td>{}</td><td>{}</td>{cells}</tr>\n", escape(&change), scores.n)
    };
    let rows: String = scores.rows().into_iter().map(row).collect();
    let titles = PIXEL_METRICS.iter().map(|metric| format!("<th>{}</th>", escape(metric.title)));
    let titles: String = titles.collect();
    let at = run.measured_at.map(|at| format!(" Measured at iteration {}.", grouped(at)));
    let note = "Against the same images, really changed: L1 error in [0, 1] inside the changed \
                region and outside it, and the likeness of whole images. In brackets what doing \
                nothing scores.";
    let body = format!(
        "<div class=\"scroll\"><table>\n<tr><th>change</th><th>pairs</th>{titles}</tr>\n\
         {rows}</table></div>\n<p class=\"note\">{note}{}</p>",
        at.unwrap_or_default()
    );
    section("Against the truth", &body)
}

fn samples(run: &Contents) -> String {
    let samples = &run.samples;
    let narrow = samples.grid.as_ref().is_some_and(|grid| grid.cell[1] <= 64);
    let small = if narrow { " small" } else { "" };
    let columns = samples.grid.as_ref().map_or(&[][..], |grid| &grid.columns);
    let upright = if columns.len() > 8 { " upright" } else { "" };
    let columns: String = columns
        .iter()
        .map(|name| format!("<span>{}</span>", escape(&name.replace('_', " "))))
        .collect();
    let columns = match columns.is_empty() {
        true => columns,
        false => format!("<div class=\"columns{upright}\">{columns}</div>"),
    };
    let image = |picture: &Picture, what: &str| {
        format!(
            "<img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"{what}\">",
            picture.source, picture.width, picture.height
        )
    };
    let iteration = |picture: &Picture| format!("iteration {}", grouped(picture.iteration));
    let mut figures: String = samples
        .unreadable
        .iter()
        .map(|reason| format!("<p class=\"note\">Can't be read: {}</p>\n", escape(reason)))
        .collect();
    if let Some(newest) = &samples.newest {
        figures += &format!(
            "<figure class=\"grid{small}\">{columns}{}<figcaption>{}</figcaption></figure>\n",
            image(newest, "images and their translations"),
            iteration(newest)
        );
    }
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
    if figures.is_empty() {
        return figures;
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

fn losses(run: &Contents) -> String {
    if run.losses.is_empty() {
        return section("Losses", "<p class=\"note\">None are logged yet.</p>");
    }
    let plot = |series: &Series| figure(&series.name, &noisy(series));
    let plots: String = run.losses.iter().map(plot).collect();
    let note = "Every term before its weight, by iteration: d is the discriminator, g the \
                generator. Thin as logged, thick a moving average.";
    section(
        "Losses",
        &format!("<p class=\"note\">{note}</p>\n<div class=\"plots\">\n{plots}</div>"),
    )
}

fn measured(run: &Contents) -> String {
    if run.measured.is_empty() {
        return String::new();
    }
    let mut plots = String::new();
    for (metric, changes) in &run.measured {
        // Those of one dataset, `faces/hair` and `faces/total`, stand together.
        let dataset =
            |series: &Series| series.name.rsplit_once('/').map(|(name, _)| name.to_owned());
        for changes in changes.chunk_by(|a, b| dataset(a) == dataset(b)) {
            let title = match dataset(&changes[0]) {
                Some(dataset) => format!("{dataset}: {}", metric.plot),
                None => metric.plot.to_owned(),
            };
            plots += &figure(&title, &several(&title, changes));
        }
    }
    section("Against the truth, over time", &format!("<div class=\"plots\">\n{plots}</div>"))
}

fn pace(run: &Contents) -> String {
    let rate = &run.learning_rate;
    let plots: String = [rate, &run.speed]
        .into_iter()
        .filter(|series| !series.points.is_empty())
        .map(|series| figure(&series.name, &several(&series.name, std::slice::from_ref(series))))
        .collect();
    if plots.is_empty() {
        return plots;
    }
    section("Pace", &format!("<div class=\"plots\">\n{plots}</div>"))
}
