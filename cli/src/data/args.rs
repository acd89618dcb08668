//! The flags that describe training data, and which `--data` each belongs to.

use clap::{ArgMatches, Args};
use stargan::{Crop, MissingPolicy};

use super::{ALL, FORMS, Source, Spec};
use crate::crop::parse_crop;
use crate::failure::{Failure, usage};
use crate::named::names;

/// The flags that describe training data. Labels, exclusive groups, crop and split belong to the
/// `--data` before them.
#[derive(Args, Clone, Debug)]
pub struct DataArgs {
    /// Training data; repeat it to train on several datasets jointly. Several datasets are named
    /// after their folders, or by NAME=
    #[arg(long, value_name = FORMS)]
    data: Vec<Spec>,
    /// Attributes to train, of the --data before (celeba), or "all" for every one of the list
    /// [default: Black_Hair,Blond_Hair,Brown_Hair,Male,Young]
    #[arg(long, value_name = "A,B,C|all")]
    labels: Vec<String>,
    /// Attributes that exclude each other, of the --data before; repeat it for several groups, or
    /// say "none" [default: those of the four hair colours that are trained]
    #[arg(long, value_name = "A,B,C")]
    exclusive: Vec<String>,
    /// Side of the centre square that is used of an image of the --data before, in pixels, or
    /// "square" for the largest one, which is CelebA's 178 (with a --size that is no square, of the
    /// centre part of that shape, the shorter side); the model keeps it, and --test-data like these
    /// have it too [default: square]
    #[arg(long, value_name = "PX|square")]
    crop: Vec<String>,
    /// Images held back for testing, of the --data before: "public" for the split of the public
    /// code, "official" for the list_eval_partition.txt (or .csv) beside the attributes, such a
    /// file elsewhere, or "none" [default: none]
    #[arg(long, value_name = "public|official|FILE|none")]
    split: Vec<String>,
    /// What to do about listed images that are not there, of all celeba data: end with an error, or
    /// leave them out and say how many [default: stop]
    #[arg(long, value_name = "NAME", value_parser = names(MissingPolicy::ALL))]
    missing: Option<MissingPolicy>,
}

impl DataArgs {
    /// What to do about listed images that are not there, where the command line says it.
    pub fn missing(&self) -> Option<MissingPolicy> {
        self.missing
    }

    /// Every `--data` with the flags that follow it.
    pub fn bind(&self, matches: &ArgMatches) -> Result<Vec<Source>, Failure> {
        let at = |id: &str| -> Vec<usize> {
            matches.indices_of(id).map(Iterator::collect).unwrap_or_default()
        };
        let starts = at("data");
        let missing = self.missing.unwrap_or_default();
        let source = |spec| Source::new(spec).with_missing(missing);
        let mut sources: Vec<_> = self.data.iter().cloned().map(source).collect();
        let owner = |flag: &str, index: usize| match starts.iter().rposition(|s| *s < index) {
            Some(owner) => Ok(owner),
            None => usage(format!("--{flag} belongs to the --data before it, and there is none")),
        };
        let list = |text: &str| text.split(',').map(|name| name.trim().to_owned()).collect();
        let mut given = Vec::new();
        for (flag, values) in [
            ("labels", &self.labels),
            ("exclusive", &self.exclusive),
            ("crop", &self.crop),
            ("split", &self.split),
        ] {
            for (index, value) in at(flag).into_iter().zip(values) {
                let owner = owner(flag, index)?;
                let source = &mut sources[owner];
                if flag != "exclusive" && given.contains(&(flag, owner)) {
                    return usage(format!("--{flag} is given twice for --data {}", source.spec));
                }
                given.push((flag, owner));
                // All classes are what class folders have anyway.
                let of_both = flag == "crop" || (flag == "labels" && value == ALL);
                if !of_both && source.spec.place.has_classes() {
                    return usage(format!(
                        "--{flag} is for celeba data, not for {}: the folders say the classes",
                        source.spec
                    ));
                }
                match flag {
                    "labels" => source.labels = Some(list(value)),
                    "exclusive" => source.exclusive.push(list(value)),
                    "crop" => source.crop = Some(crop(value)?),
                    _ => source.split = value.as_str().into(),
                }
            }
        }
        Ok(sources)
    }
}

fn crop(text: &str) -> Result<Crop, Failure> {
    parse_crop(text).or_else(|problem| usage(format!("--crop: {problem}")))
}
