//! What every method is measured with, and a picture of their translations.

use image::DynamicImage;
use stargan::burn::tensor::backend::Backend;
use stargan::burn::tensor::{Tensor, TensorData};
use stargan::data::{to_image, to_network};
use stargan::metrics::{Agreement, Counterfactuals, Judge, Measures};
use stargan::recipes::Pairwise;
use stargan::{Dataset, Grid, Relabelling, Subset, Transform, Translate, Translator};

use super::data::{Data, PAIRED_PEOPLE};
use crate::bundled;
use crate::failure::Failure;

/// What every method is measured with.
pub struct Measure<B: Backend> {
    pub counterfactuals: Counterfactuals,
    pub images: Subset,
    pub judge: Judge<B>,
    pub transform: Transform,
}

/// A translator of every method.
pub struct Methods<B: Backend> {
    pub stargan: Translator<B>,
    pub cyclegan: Pairwise<B>,
    pub pix2pix: Pairwise<B>,
}

impl<B: Backend> Measure<B> {
    pub fn new(data: &Data, judge: Judge<B>) -> Result<Self, Failure> {
        let (counterfactuals, images) = (data.counterfactuals()?, data.measured()?);
        let transform = Transform::new(images.crop(), judge.image_size());
        Ok(Self { counterfactuals, images, judge, transform })
    }

    /// The cells of a table's row.
    pub fn of(&self, model: &dyn Translate<B>) -> Result<String, Failure> {
        let scores = self.counterfactuals.measure(model)?.total.translated;
        let read = self.judge.measure(model, &self.images, 0)?.total();
        Ok(cells(&scores, read))
    }

    /// The same of doing nothing with images as `model` takes them.
    pub fn nothing(&self, model: &dyn Translate<B>) -> Result<String, Failure> {
        let device = model.device().clone();
        // No direction leads anywhere, so all images stay.
        let nothing = Pairwise::new(model.spaces().clone(), model.transform(), device);
        self.of(&nothing)
    }
}

fn cells(scores: &Measures, read: Agreement) -> String {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    let [inside, outside] = ["inside", "outside"].map(|name| number(scores.get(name)));
    let error = read.error().map_or("-".to_owned(), |error| format!("{:.1} %", 100.0 * error));
    format!(" {inside} | {outside} | {error} |")
}

/// Four rows, the truth and what StarGAN, CycleGAN and pix2pix make of an image, for some of the
/// people measured on side by side.
pub fn grid<B: Backend>(
    data: &Data,
    methods: &Methods<B>,
    measure: &Measure<B>,
) -> Result<Grid, Failure> {
    let (transform, device) = (measure.transform, measure.judge.device());
    let [height, width] = transform.size.sides();
    let mut lines = vec![Vec::new(); 4];
    let mut columns = Vec::new();
    for (person, images) in data.people[PAIRED_PEOPLE..].iter().take(6).enumerate() {
        let truth = images
            .iter()
            .map(|&image| Ok(transform.resize(&data.test.load_cropped(image, transform.size)?)))
            .collect::<Result<Vec<DynamicImage>, Failure>>()?;
        let own = person % truth.len();
        let others: Vec<usize> = (0..truth.len()).filter(|&colour| colour != own).collect();
        let label = |colour: usize| data.test.label(images[colour]);
        let relabelling = |&other: &usize| Relabelling::new(label(own), label(other));
        let labels: Vec<_> = others.iter().map(relabelling).collect();
        let input = to_network(&truth[own]).repeat(others.len());
        let shape = [others.len(), transform.channels.count(), height, width];
        let input = TensorData::new(input, shape);
        let input: Tensor<B, 4> = Tensor::from_data(input, device);
        columns.push(format!("{} as it is", bundled::HAIR[own]));
        columns.extend(others.iter().map(|&other| bundled::HAIR[other].to_owned()));
        lines[0].extend([own].iter().chain(&others).map(|&colour| truth[colour].clone()));
        let translated = [
            methods.stargan.relabel(input.clone(), 0, &labels),
            methods.cyclegan.relabel(input.clone(), 0, &labels),
            methods.pix2pix.relabel(input, 0, &labels),
        ];
        for (line, translated) in lines[1..].iter_mut().zip(translated) {
            let values: Vec<f32> = translated.into_data().iter().collect();
            let images = values.chunks_exact(values.len() / others.len());
            let images = images
                .map(|image| to_image(image, transform.channels, width as u32, height as u32));
            line.extend(std::iter::once(truth[own].clone()).chain(images));
        }
    }
    Ok(Grid::new(&lines, columns))
}
