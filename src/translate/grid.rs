//! Images beside their translations.

use std::collections::HashMap;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use image::{DynamicImage, GenericImageView, RgbImage, imageops};

use crate::data::channels::opaque;
use crate::data::crop::Crop;
use crate::data::dataset::Dataset;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::data::unreadable::Readable;
use crate::error::{Error, Result};
use crate::translate::images::{CHUNK, check_pixels, download, upload};
use crate::translate::painted::Painted;
use crate::translate::relabel::{DomainLabel, Relabelling, Translate};

/// Images and their translations. [`picture`](Self::picture) is what people look at.
#[derive(Clone, Debug)]
pub struct Grid {
    /// A row per image, without gaps: the image, then its translation to every target, on white
    /// where they are transparent; where they are in the styles of other images, these are a row
    /// above.
    pub image: RgbImage,
    /// What the columns show: `input`, then the targets' names, each before `mask` where masks are
    /// shown.
    pub columns: Vec<String>,
    /// Height and width of one image, in pixels.
    pub cell: [u32; 2],
}

/// An image to show in a grid.
#[derive(Clone, Debug)]
pub struct GridImage {
    /// The part of the image that is used, at its own size: cropped already
    /// ([`Dataset::load_cropped`](crate::Dataset::load_cropped)). Where it has another shape than
    /// the model's images, the largest centre part of theirs is shown.
    pub image: DynamicImage,
    /// Its own label, where it is known.
    pub label: Option<DomainLabel>,
}

impl GridImage {
    /// Up to `count` images of a dataset for a model of images of `size`, image `i` with the label
    /// `label(i)`: the first of each of the data's labels, then the second of each, and so on.
    /// Others take the places of those that can't be read and are left out.
    ///
    /// # Errors
    /// When an image can't be read and is not left out, or all are left out.
    pub fn across(
        readable: &mut Readable<'_>,
        size: ImageSize,
        count: usize,
        label: impl Fn(usize) -> DomainLabel,
    ) -> Result<Vec<Self>> {
        let mut images = Vec::new();
        for index in across_labels(readable.data()) {
            if images.len() == count {
                break;
            }
            if let Some(image) = readable.load_cropped(index, size)? {
                images.push(Self { image, label: Some(label(index)) });
            }
        }
        readable.check()?;
        Ok(images)
    }
}

/// The images of `data`, the first of every label before the second of any.
fn across_labels(data: &dyn Dataset) -> Vec<usize> {
    let mut seen: HashMap<Vec<u32>, usize> = HashMap::new();
    let place = |index| {
        let label = data.label(index).iter().map(|value| value.to_bits()).collect();
        let before = seen.entry(label).or_default();
        *before += 1;
        (*before, index)
    };
    let mut places: Vec<_> = (0..data.len()).map(place).collect();
    places.sort_unstable();
    places.into_iter().map(|(_, index)| index).collect()
}

impl Grid {
    /// Rows of equally large images; `columns` says what they show.
    ///
    /// # Panics
    /// When there is no image.
    pub fn new(rows: &[Vec<DynamicImage>], columns: Vec<String>) -> Self {
        let (width, height) = rows[0][0].dimensions();
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
        let mut image = RgbImage::new(width * longest, height * rows.len() as u32);
        for (y, row) in (0..).zip(rows) {
            for (x, cell) in (0..).zip(row) {
                let (x, y) = (x * i64::from(width), y * i64::from(height));
                imageops::replace(&mut image, &opaque(cell.clone()), x, y);
            }
        }
        Self { image, columns, cell: [height, width] }
    }

    /// Each of `images` followed by its translation to every target of every dataset
    /// ([`LabelSpace::targets`](crate::LabelSpace::targets)), in each of the
    /// [styles](Translate::styles) that the model has of it.
    ///
    /// # Errors
    /// [`Error::Label`] when there are no images, a label does not fit, or one is not known and the
    /// model can't read it; [`Error::Data`] when an image has no pixels.
    pub fn of_targets<B: Backend>(
        model: &(impl Translate<B> + ?Sized),
        images: &[GridImage],
    ) -> Result<Self> {
        Self::of_painted(model, images, |inputs, dataset, labels| {
            Painted::untouched(download(model.relabel(inputs, dataset, labels)))
        })
    }

    /// As [`of_targets`](Self::of_targets), of what `paint` makes of images `[N, C, H, W]` of one
    /// dataset, each to be relabelled so; masks are beside their images.
    pub(crate) fn of_painted<B: Backend>(
        model: &(impl Translate<B> + ?Sized),
        images: &[GridImage],
        paint: impl Fn(Tensor<B, 4>, usize, &[Relabelling<'_>]) -> Painted,
    ) -> Result<Self> {
        if images.is_empty() {
            return Err(no_images());
        }
        let spaces = model.spaces();
        let transform = Transform { crop: Crop::Square, ..model.transform() };
        let mut columns = Vec::new();
        let mut rows = Vec::new();
        for GridImage { image, label } in images {
            check_pixels(image)?;
            let prepared = transform.crop_and_resize(image);
            columns = vec!["input".to_owned()];
            let mut row = vec![prepared.clone()];
            for dataset in 0..spaces.len() {
                let known = label.as_ref().filter(|known| known.dataset == dataset);
                let source = match known {
                    Some(known) => {
                        spaces.space(dataset).check_label(&known.label)?;
                        known.label.clone()
                    }
                    None => {
                        let image = upload(std::slice::from_ref(&prepared), model.device());
                        model.read_labels(image, dataset)?.remove(0)
                    }
                };
                let targets = spaces.targets(dataset, &source);
                let styles = 0..model.styles();
                let in_styles = targets.iter().flat_map(|target| {
                    let label = Relabelling::new(&source, &target.label);
                    styles.clone().map(move |style| (&target.name, label.with_style(style)))
                });
                let asked: Vec<_> = in_styles.collect();
                for asked in asked.chunks(CHUNK) {
                    let labels: Vec<_> = asked.iter().map(|(_, label)| *label).collect();
                    let inputs = vec![prepared.clone(); asked.len()];
                    let made = paint(upload(&inputs, model.device()), dataset, &labels);
                    for ((name, label), made) in asked.iter().zip(made.each()) {
                        let name = match styles.end {
                            1 => (*name).clone(),
                            _ => format!("{name} {}", label.style),
                        };
                        for (name, cells) in made.columns(&name) {
                            columns.push(name);
                            row.extend(cells);
                        }
                    }
                }
            }
            rows.push(row);
        }
        Ok(Self::new(&rows, columns))
    }
}

pub(crate) fn no_images() -> Error {
    Error::Label("a grid needs at least one image".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::folder::Folder;
    use crate::data::unreadable::UnreadablePolicy;
    use crate::tests::broken::Broken;

    /// The positions of the images that a grid of `count` shows.
    fn shown(data: &dyn Dataset, count: usize, policy: UnreadablePolicy) -> Result<Vec<f32>> {
        let label = |index| DomainLabel { dataset: 0, label: vec![index as f32] };
        let images = GridImage::across(&mut Readable::new(data, policy), 64.into(), count, label)?;
        Ok(images.into_iter().map(|image| image.label.unwrap().label[0]).collect())
    }

    #[test]
    fn rows_are_of_every_class_whatever_their_order_and_others_take_the_places_of_bad_ones() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/expressions/test");
        let data = Folder::open(root).unwrap();
        let fail = UnreadablePolicy::Fail;
        // Five classes of fifty images.
        let eight = [0.0, 50.0, 100.0, 150.0, 200.0, 1.0, 51.0, 101.0];
        assert_eq!(shown(&data, 8, fail).unwrap(), eight);
        assert_eq!(shown(&data, 3, fail).unwrap(), eight[..3]);
        assert_eq!(shown(&data, 1_000, fail).unwrap().len(), 250);

        let broken = Broken { data: data.clone(), broken: vec![0, 50, 51] };
        let error = shown(&broken, 8, fail).unwrap_err().to_string();
        assert_eq!(error, "angry/0000.png: broken");
        let found = shown(&broken, 8, UnreadablePolicy::Skip).unwrap();
        assert_eq!(found, [100.0, 150.0, 200.0, 1.0, 101.0, 151.0, 201.0, 2.0]);
        let gone = Broken { data, broken: (0..250).collect() };
        shown(&gone, 8, UnreadablePolicy::Skip).unwrap_err();
    }
}
