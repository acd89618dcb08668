//! What a run was trained and tested on, in numbers.

use std::collections::BTreeMap;

use crate::data::summary::{Summary, list};
use crate::report::text::{escape, grouped};
use crate::translate::caption::words;

/// The file in a run folder: a summary of every dataset by name.
pub(super) const IMAGES: &str = "images.json";

/// A row for every dataset.
pub(super) fn table(datasets: &BTreeMap<String, Summary>) -> String {
    let row = |(name, summary): (&String, &Summary)| {
        let labels: Vec<_> = summary
            .labels
            .iter()
            .map(|(label, images)| format!("{} {}", words(label), grouped(*images as u64)))
            .collect();
        let cells = [
            name.clone(),
            grouped(summary.images as u64),
            labels.join(", "),
            list(&summary.endings),
            list(&summary.left_out),
        ];
        let cells = cells.map(|cell| format!("<td>{}</td>", escape(&cell)));
        format!("<tr>{}</tr>\n", cells.concat())
    };
    let titles = ["", "images", "with each label", "files used", "files left out"];
    let titles = titles.map(|title| format!("<th>{title}</th>")).concat();
    let rows: String = datasets.iter().map(row).collect();
    format!(
        "<div class=\"scroll\"><table class=\"settings\">\n<tr>{titles}</tr>\n{rows}</table></div>"
    )
}
