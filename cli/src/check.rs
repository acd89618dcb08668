//! `check`: every image of training and test data is read once, and what is wrong is said.

use std::sync::Arc;

use clap::ArgMatches;
use stargan::data::{Summary, Survey};
use stargan::{Dataset, ImageSize, MissingPolicy, Sampling};

use crate::data::{DataArgs, FORMS, Opened, Source, Spec, open_like, warnings};
use crate::failure::{Failure, usage};
use crate::terminal::{result, tell};
use crate::train::{open, shown, spaces};

/// Of a kind of findings, no more are listed.
const LISTED: usize = 20;

/// Reads every image of data to train on once, and says what is wrong with them.
///
/// Says how many images there are of each label, of what sizes, which can't be read and why, which
/// listed ones are not there, which labels are the same of all or nearly all images, and which
/// images are there more than once, pixel by pixel, also among the test data. Exit code 1 when
/// images can't be read or listed ones are not there, unless with --missing skip.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Images to test with; repeat it for several datasets
    #[arg(long, value_name = FORMS)]
    test_data: Vec<Spec>,
    /// Size of the training images in pixels, a side or WIDTHxHEIGHT: says how many images are
    /// smaller
    #[arg(long, value_name = "PX|WxH")]
    size: Option<ImageSize>,
}

/// A set of images and what is found in it.
struct Set {
    name: String,
    data: Arc<dyn Dataset>,
    missing: Vec<String>,
    survey: Survey,
}

/// Checks what the command line names; `places` are where the flags stand.
pub fn run(args: &Args, places: &ArgMatches) -> Result<(), Failure> {
    let mut sources = args.data.bind(places)?;
    if sources.is_empty() {
        return usage("--data is required: celeba:DIR, celeba:IMAGES_DIR:ATTR_FILE or folder:DIR");
    }
    // They are to be counted.
    sources.iter_mut().for_each(|source| source.missing = MissingPolicy::Skip);
    let mut sets = Vec::new();
    for (name, opened) in opened(&sources, &args.test_data)? {
        let Opened { train, test, missing } = opened;
        let held = test.map(|test| (format!("{name}, held back"), test, Vec::new()));
        for (name, data, missing) in [(name, train, missing)].into_iter().chain(held) {
            tell!("reading the {} images of {name}", data.len());
            let survey = Survey::new(&*data);
            sets.push(Set { name, data, missing, survey });
        }
    }
    sets.iter().for_each(|set| set.tell(args.size));
    tell_same(&sets);

    let skipped = args.data.missing() == Some(MissingPolicy::Skip);
    let unreadable: usize = sets.iter().map(|set| set.survey.unreadable.len()).sum();
    let missing: usize = sets.iter().map(|set| set.missing.len()).sum();
    let broken = [
        (unreadable, "can't be read; in training, --on-unreadable skip leaves them out"),
        (
            if skipped { 0 } else { missing },
            "are listed but not there; --missing skip leaves them out",
        ),
    ];
    let broken = broken.iter().filter(|(images, _)| *images > 0);
    let broken: Vec<_> = broken.map(|(images, what)| format!("{images} images {what}")).collect();
    if broken.is_empty() { Ok(()) } else { Err(Failure::Failed(broken.join("\n"))) }
}

/// The data to train on and those to test with, each with what it is called.
fn opened(sources: &[Source], tests: &[Spec]) -> Result<Vec<(String, Opened)>, Failure> {
    let data = open(sources, None)?;
    let spaces = spaces(sources, &data, None)?;
    let crops: Vec<_> = data.iter().map(|data| data.train.crop()).collect();
    let name = |(dataset, opened)| (shown(&spaces, dataset).to_owned(), opened);
    let mut all: Vec<_> = data.into_iter().enumerate().map(name).collect();
    for spec in tests {
        let source = Source::new(spec.clone()).with_missing(MissingPolicy::Skip);
        let (_, opened) = open_like(&source, &spaces, &crops)?;
        all.push((format!("test {spec}"), opened));
    }
    Ok(all)
}

impl Set {
    /// Says what was found in this set alone.
    fn tell(&self, size: Option<ImageSize>) {
        let Self { name, data, missing, survey } = self;
        result!("{name}: {}", Summary::new(&**data));
        if let (Some(smallest), Some(largest)) = (survey.smallest, survey.largest) {
            let [smallest, largest] = [smallest, largest].map(|(w, h)| format!("{w} x {h}"));
            result!("  sizes: {smallest} to {largest} pixels");
        }
        if let Some(size) = size {
            let smaller = survey.smaller_than(size);
            result!("  smaller than {size} pixels, and enlarged in training: {smaller}");
        }
        for warning in warnings(&**data, Sampling::Uniform) {
            result!("  {warning}");
        }
        list("can't be read", survey.unreadable.iter().map(|image| image.reason.clone()));
        list("listed but not there", missing.iter().cloned());
    }
}

/// Says which images are there more than once.
fn tell_same(sets: &[Set]) {
    let surveys: Vec<_> = sets.iter().map(|set| &set.survey).collect();
    let same = Survey::same(&surveys);
    let across = same.iter().filter(|group| group.iter().any(|i| i.survey != group[0].survey));
    let across = across.count();
    let groups = same.iter().map(|group| {
        let images =
            group.iter().map(|image| format!("{} {}", sets[image.survey].name, image.name));
        images.collect::<Vec<_>>().join(" = ")
    });
    list("there more than once", groups);
    if across > 0 {
        result!("  of these in several of the sets: {across}; what is trained on tests nothing");
    }
}

/// Says how many findings there are, if any, and what the first of them are.
fn list(what: &str, findings: impl ExactSizeIterator<Item = String>) {
    let all = findings.len();
    if all == 0 {
        return;
    }
    result!("  {what}: {all}");
    for finding in findings.take(LISTED) {
        result!("    {finding}");
    }
    if all > LISTED {
        result!("    and {} more", all - LISTED);
    }
}
