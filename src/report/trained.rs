//! What the newest checkpoint says was trained: `config.json` may say what comes next.

use std::path::Path;

use serde_json::Value;

use crate::engine::checkpoint::Change;
use crate::engine::difference::Difference;
use crate::files::describe::describe;
use crate::files::run::Checkpoints;
use crate::report::text::{escape, grouped};

/// The configuration that a run was trained with up to its newest checkpoint.
#[derive(Clone, Debug)]
pub(super) struct Trained {
    pub iteration: u64,
    pub config: Value,
    /// Oldest first.
    pub changes: Vec<Change>,
}

impl Trained {
    /// What the run in `run` was trained with; none before its first checkpoint, or where the
    /// newest can't be read.
    pub fn of_run(run: &Path) -> Option<Self> {
        let checkpoints = Checkpoints::of_run(run).ok()?;
        let mut description: Value = describe(checkpoints.newest().0?).ok()?;
        let mut training = description["training"].take();
        Some(Self {
            iteration: training["iteration"].as_u64()?,
            config: training["config"].take(),
            changes: serde_json::from_value(training["changes"].take()).unwrap_or_default(),
        })
    }
}

/// A row for every change.
pub(super) fn table(changes: &[Change]) -> String {
    let row = |Change { iteration, difference: Difference { setting, from, to } }: &Change| {
        let cells = [grouped(*iteration), setting.clone(), from.to_string(), to.to_string()];
        let cells = cells.map(|cell| format!("<td>{}</td>", escape(&cell)));
        format!("<tr>{}</tr>\n", cells.concat())
    };
    let titles = ["after iteration", "setting", "before", "since"];
    let titles = titles.map(|title| format!("<th>{title}</th>")).concat();
    let rows: String = changes.iter().map(row).collect();
    format!(
        "<div class=\"scroll\"><table class=\"settings\">\n<tr>{titles}</tr>\n{rows}</table></div>"
    )
}
