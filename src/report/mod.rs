//! A run on one page: settings, losses, samples and scores as a single HTML file.

mod contents;
mod document;
mod images;
mod losses;
mod page;
mod parts;
mod plot;
mod read;
mod samples;
mod scores;
mod settings;
mod text;
mod trained;
mod verdict;

pub use document::Report;
