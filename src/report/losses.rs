//! The loss terms as plots: what belongs together in one, in words.

use std::collections::BTreeMap;

use crate::report::parts::{figure, section};
use crate::report::plot::curves;
use crate::report::read::Series;
use crate::report::text::escape;

/// What plots show: a title, and the terms in it with what each is called there.
const PLOTS: &[(&str, &[(&str, &str)])] = &[
    ("Discriminator: realness terms", &[("d/real", "real images"), ("d/fake", "translations")]),
    ("Discriminator: errors in labels of real images", &[("d/domain", "")]),
    ("Discriminator: errors in what translations were before", &[("d/fake-domain", "")]),
    ("Discriminator: gradient penalty", &[("d/penalty", "")]),
    ("Generator: realness of translations", &[("g/fake", "")]),
    ("Generator: errors in labels of translations", &[("g/domain", "")]),
    ("Generator: reconstruction error", &[("g/reconstruction", "")]),
    ("Generator: change to images that should stay", &[("g/identity", "")]),
    ("Generator: errors in the styles of translations", &[("g/style", "")]),
    ("Generator: difference of two styles, which is sought", &[("g/diversity", "")]),
    ("Generator: error of the way back", &[("g/cycle", "")]),
];

const NOTE: &str = "Every term before its weight, by iteration; all are wanted low but for what is \
                    sought. Thin as logged, thick a moving average.";

/// The section of all terms; each part of a run, such as a dataset, has its own.
pub(super) fn losses(terms: &[Series]) -> String {
    if terms.is_empty() {
        return section("Losses", "<p class=\"note\">None are logged yet.</p>");
    }
    let parts = parts(terms);
    let several = parts.len() > 1;
    let mut body = format!("<p class=\"note\">{NOTE}</p>\n");
    for (part, terms) in parts {
        if several {
            body += &format!("<h3>{}</h3>\n", escape(part));
        }
        body += &format!("<div class=\"plots\">\n{}</div>\n", plots(&terms));
    }
    section("Losses", &body)
}

/// The terms of every part of the run, by their names within it.
fn parts(terms: &[Series]) -> BTreeMap<&str, Vec<(&str, &Series)>> {
    let mut parts: BTreeMap<&str, Vec<(&str, &Series)>> = BTreeMap::new();
    for series in terms {
        let name = series.name.as_str();
        let (part, term) = name.split_once('/').unwrap_or(("", name));
        parts.entry(part).or_default().push((term, series));
    }
    parts
}

fn plots(terms: &[(&str, &Series)]) -> String {
    let mut plots = String::new();
    for (title, shown) in PLOTS {
        let named = shown.iter().filter_map(|(term, called)| {
            let series = terms.iter().find(|(name, _)| name == term)?.1;
            Some(Series { name: (*called).to_owned(), points: series.points.clone() })
        });
        let named: Vec<_> = named.collect();
        if !named.is_empty() {
            plots += &figure(title, &curves(title, &named));
        }
    }
    // Those of somebody else's recipe have their own names.
    let known =
        |term: &str| PLOTS.iter().any(|(_, shown)| shown.iter().any(|(name, _)| *name == term));
    for (term, series) in terms.iter().filter(|(term, _)| !known(term)) {
        let series = Series { name: String::new(), points: series.points.clone() };
        plots += &figure(term, &curves(term, &[series]));
    }
    plots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str) -> Series {
        Series { name: name.to_owned(), points: vec![(1.0, 0.5), (2.0, 0.25)] }
    }

    #[test]
    fn terms_that_belong_together_share_a_plot_and_others_keep_their_names() {
        let terms = ["data/d/real", "data/d/fake", "data/g/fake", "data/own"].map(series);
        let page = losses(&terms);
        assert_eq!(page.matches("<figure>").count(), 3);
        assert!(page.contains("real images</span>") && page.contains("translations</span>"));
        assert!(page.contains("<b>own</b>") && !page.contains("<h3>"), "{page}");
        let page = losses(&[series("data/d/fake-domain")]);
        assert!(page.contains("what translations were before") && !page.contains("fake-domain"));
    }

    #[test]
    fn every_part_of_a_run_has_its_own_plots() {
        let page = losses(&["faces/d/real", "a<b/d/real", "faces/d/fake"].map(series));
        assert!(page.contains("<h3>faces</h3>") && page.contains("<h3>a&lt;b</h3>"), "{page}");
        assert_eq!(page.matches("<figure>").count(), 2);
    }
}
