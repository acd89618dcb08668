//! The logs in a run folder as curves.

use std::path::Path;

use crate::data::whole::read_text;
use crate::error::{Error, Result};
use crate::metrics::pixel::PIXEL_METRICS;
use crate::metrics::pixel::metric::PixelMetric;

/// A curve: values by iteration.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// A CSV file's cells.
#[derive(Default)]
struct Table {
    header: Vec<String>,
    /// With their line numbers.
    rows: Vec<(usize, Vec<String>)>,
}

/// The cells of the CSV file at `path`; nothing where there is no file.
fn table(path: &Path) -> Result<Table> {
    if !path.exists() {
        return Ok(Table::default());
    }
    let text = read_text(path)?;
    let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, cells(line)));
    let header = lines.next().map(|(_, header)| header).unwrap_or_default();
    Ok(Table { header, rows: lines.filter(|(_, cells)| *cells != [""]).collect() })
}

fn number(path: &Path, line: usize, cells: &[String], column: usize) -> Result<f64> {
    let cell = cells.get(column).map(String::as_str).unwrap_or_default();
    cell.parse().map_err(|_| {
        let message = format!("expected a number in column {}, found {cell:?}", column + 1);
        Error::data(path, line, message)
    })
}

/// Adds a point to the curve of that name, at the end where there is none yet.
fn push(all: &mut Vec<Series>, name: &str, point: (f64, f64)) {
    match all.iter_mut().find(|series| series.name == name) {
        Some(series) => series.points.push(point),
        None => all.push(Series { name: name.to_owned(), points: vec![point] }),
    }
}

/// The learning rate and every loss term of `log.csv`.
pub(super) fn losses(path: &Path) -> Result<(Series, Vec<Series>)> {
    let mut rate = Series { name: "learning rate".to_owned(), points: Vec::new() };
    let mut losses = Vec::new();
    for (line, cells) in table(path)?.rows {
        let column = |column| number(path, line, &cells, column);
        let (iteration, value) = (column(0)?, column(3)?);
        if rate.points.last().is_none_or(|last| last.0 != iteration) {
            rate.points.push((iteration, column(1)?));
        }
        push(&mut losses, &cells[2], (iteration, value));
    }
    Ok((rate, losses))
}

/// Images per second by iteration and the seconds in all, of `timing.csv`.
pub(super) fn timing(path: &Path) -> Result<(Series, Option<f64>)> {
    let mut speed = Series { name: "images per second".to_owned(), points: Vec::new() };
    let mut seconds = None;
    for (line, cells) in table(path)?.rows {
        let column = |column| number(path, line, &cells, column);
        speed.points.push((column(0)?, column(2)?));
        seconds = Some(column(1)?);
    }
    Ok((speed, seconds))
}

/// The curves of every measure, one for each change.
type Curves = Vec<(&'static PixelMetric, Vec<Series>)>;

/// What `metrics.csv` has of every change, by measure, where it was measured more than once; and
/// the last iteration in it.
pub(super) fn measured(path: &Path) -> Result<(Curves, Option<u64>)> {
    let Table { header, rows } = table(path)?;
    let last = rows.last().map(|(line, cells)| number(path, *line, cells, 0)).transpose()?;
    let mut measured = Vec::new();
    for metric in PIXEL_METRICS {
        let column = header.iter().position(|name| name == metric.name);
        let Some(column) = column else { continue };
        let mut changes = Vec::new();
        for (line, cells) in &rows {
            // Empty where no pair has such pixels, or the file is of a version without the
            // measure.
            if cells.get(column).is_some_and(|cell| !cell.is_empty()) {
                let point = (number(path, *line, cells, 0)?, number(path, *line, cells, column)?);
                push(&mut changes, cells.get(1).map_or("", String::as_str), point);
            }
        }
        if changes.iter().any(|series| series.points.len() > 1) {
            measured.push((metric, changes));
        }
    }
    Ok((measured, last.map(|iteration| iteration as u64)))
}
