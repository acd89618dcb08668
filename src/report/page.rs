//! The page itself: HTML around plots, pictures and tables.

use crate::report::contents::Contents;
use crate::report::images;
use crate::report::losses::losses;
use crate::report::parts::{figure, section};
use crate::report::plot::several;
use crate::report::read::Series;
use crate::report::samples::Picture;
use crate::report::scores;
use crate::report::settings;
use crate::report::text::{escape, grouped, short, time};
use crate::report::trained;
use crate::report::verdict::verdict;
use crate::translate::caption::words;

const STYLE: &str = include_str!("style.css");

pub(super) fn html(run: &Contents) -> String {
    let name = escape(&run.name);
    let title = escape(&run.title);
    let sections = [
        summary(run),
        samples(run),
        scores::table(run),
        losses(&run.losses),
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
         <header>\n<h1>{name}</h1>\n<p>{}</p>\n</header>\n<main>\n<p class=\"verdict\">{}</p>\n\
         {}</main>\n</body>\n</html>\n",
        escape(&subtitle(run)),
        escape(&verdict(run)),
        sections.concat()
    )
}

/// The training and the labels that the sample grids show.
fn subtitle(run: &Contents) -> String {
    match &run.samples.labels()[..] {
        [] => run.title.clone(),
        labels => format!("{}: {}", run.title, labels.join(", ")),
    }
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
    if let Some([height, width]) = grid.map(|grid| grid.layout.cell) {
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

fn samples(run: &Contents) -> String {
    let samples = &run.samples;
    let columns = samples.grid.as_ref().map_or(&[][..], |grid| &grid.columns);
    let narrow = samples.grid.as_ref().is_some_and(|grid| grid.layout.cell[1] <= 64);
    let small = if narrow { " small" } else { "" };
    let names = columns.iter().map(|name| format!("<span>{}</span>", escape(&words(name))));
    let captions = match columns.is_empty() {
        true => String::new(),
        false => format!("<div class=\"columns\">{}</div>", names.collect::<String>()),
    };
    // As wide as its columns need to be read; a narrow screen scrolls.
    let wide = columns.len().max(1);
    let picture = |picture: &Picture, what: &str| {
        format!(
            "<div class=\"over\"><div class=\"grid{small}\" style=\"--columns:{wide}\">{captions}\
             <img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"{what}\"></div></div>\
             <figcaption>iteration {}</figcaption>",
            picture.source,
            picture.width,
            picture.height,
            grouped(picture.iteration)
        )
    };
    let mut figures: String = samples
        .unreadable
        .iter()
        .map(|reason| format!("<p class=\"note\">Can't be read: {}</p>\n", escape(reason)))
        .collect();
    if let Some(newest) = &samples.newest {
        let newest = picture(newest, "images and their translations");
        figures += &format!("<figure>{newest}</figure>\n");
    }
    if samples.history.len() > 1 {
        let earlier = |at| picture(at, "some of the images at another time of the run");
        let parts = samples.history.iter().map(|at| format!("<figure>{}</figure>\n", earlier(at)));
        let class = if wide > 6 { "history wide" } else { "history" };
        let parts: String = parts.collect();
        figures += &format!("<h3>How they became so</h3>\n<div class=\"{class}\">\n{parts}</div>");
    }
    if figures.is_empty() {
        return figures;
    }
    section("Samples", &figures)
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
                Some(dataset) => format!("{}: {}", words(&dataset), metric.plot),
                None => metric.plot.to_owned(),
            };
            let named = changes.iter().map(|Series { name, points }| {
                let change = name.rsplit_once('/').map_or(&name[..], |(_, change)| change);
                Series { name: words(change), points: points.clone() }
            });
            plots += &figure(&title, &several(&title, &named.collect::<Vec<_>>()));
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
