//! A run on one page: settings, losses, samples and scores as a single HTML file.

mod contents;
mod document;
mod images;
mod page;
mod plot;
mod read;
mod samples;
mod settings;
mod text;
mod trained;

pub use document::Report;
