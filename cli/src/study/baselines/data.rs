//! The images of the comparison: three hair colours, and who is seen by whom.

use std::sync::Arc;

use stargan::Subset;
use stargan::metrics::Counterfactuals;
use stargan::{CelebA, Dataset, LabelSpace};

use crate::bundled;
use crate::failure::Failure;

/// People whose true pairs pix2pix learns from; the others are measured on.
pub const PAIRED_PEOPLE: usize = 70;

/// The ordered pairs of hair colours.
pub fn directions() -> impl Iterator<Item = (usize, usize)> {
    let colours = bundled::HAIR.len();
    (0..colours)
        .flat_map(move |from| (0..colours).map(move |to| (from, to)))
        .filter(|(a, b)| a != b)
}

pub struct Data {
    pub train: Arc<dyn Dataset>,
    pub test: Arc<dyn Dataset>,
    /// Of every test person, the image with each hair colour.
    pub people: Vec<[usize; 3]>,
}

impl Data {
    pub fn open() -> Result<Self, Failure> {
        let labels = LabelSpace::attributes(bundled::HAIR).exclusive(bundled::HAIR)?;
        let open = |part: &str| CelebA::open(bundled::faces_folder(part), &labels);
        let (train, test) = (open("train")?, open("test")?);
        let mut people = Vec::new();
        for person in 0.. {
            let Some(own) = test.find(&format!("{person:05}.png")) else { break };
            let mut images = [own; 3];
            for (colour, image) in images.iter_mut().enumerate() {
                if test.label(own)[colour] != 1.0 {
                    let hair = bundled::HAIR[colour].trim_end_matches("_Hair");
                    let name = format!("{person:05}_hair_{hair}.png");
                    let missing = || Failure::Failed(format!("the test faces lack {name}"));
                    *image = test.find(&name).ok_or_else(missing)?;
                }
            }
            people.push(images);
        }
        Ok(Self { train: Arc::new(train), test: Arc::new(test), people })
    }

    /// The training faces with a hair colour.
    pub fn with_hair(&self, colour: usize) -> Result<Subset, Failure> {
        Ok(Subset::labelled(self.train.clone(), bundled::HAIR[colour])?)
    }

    /// The people that pix2pix learns from, with a hair colour.
    pub fn paired(&self, colour: usize) -> Result<Subset, Failure> {
        let images = self.people[..PAIRED_PEOPLE].iter().map(|person| person[colour]);
        Ok(Subset::new(self.test.clone(), images)?)
    }

    /// The people measured on, in all hair colours.
    pub fn measured(&self) -> Result<Subset, Failure> {
        let images = self.people[PAIRED_PEOPLE..].iter().flatten().copied();
        Ok(Subset::new(self.test.clone(), images)?)
    }

    pub fn counterfactuals(&self) -> Result<Counterfactuals, Failure> {
        let change = |(from, to)| format!("{} to {}", bundled::HAIR[from], bundled::HAIR[to]);
        let people = self.people[PAIRED_PEOPLE..].iter();
        let pairs = people.flat_map(|person| {
            directions().map(|(from, to)| (person[from], person[to], change((from, to))))
        });
        Ok(Counterfactuals::new(self.test.clone(), 0, pairs)?)
    }
}
