//! Datasets on the command line.

mod args;
mod labelled;
mod rare;
mod source;
mod spec;

pub use args::DataArgs;
pub use labelled::{Pairs, open_like};
pub use rare::warnings;
pub use source::{Opened, Source, Split};
pub use spec::{Place, Spec};

/// How `--data` and its like are written.
pub const FORMS: &str = "[NAME=]celeba:DIR|[NAME=]celeba:IMAGES_DIR:ATTR_FILE|[NAME=]folder:DIR";

/// The attributes that are trained by default, those of the paper.
pub const ATTRIBUTES: [&str; 5] = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"];

/// In the place of attributes: all that the list has.
const ALL: &str = "all";

/// The attributes that exclude each other by default.
const HAIR: [&str; 4] = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"];

/// The hair colours among attributes.
pub fn hair_of(names: &[String]) -> Vec<String> {
    names.iter().filter(|name| HAIR.contains(&name.as_str())).cloned().collect()
}
