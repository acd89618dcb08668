//! What the sections of a page are made of.

use crate::report::plot::Plot;
use crate::report::text::escape;

/// A section under its title, which is plain text; `body` is HTML.
pub(super) fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{body}\n</section>\n", escape(title))
}

/// A plot under its title.
pub(super) fn figure(title: &str, plot: &Plot) -> String {
    format!(
        "<figure><b>{}</b>{}<figcaption>{}</figcaption></figure>\n",
        escape(title),
        plot.svg,
        plot.note
    )
}
