//! One pass over labelled test images: what translations keep, and what a judge says of them.

use std::collections::BTreeMap;

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use crate::data::dataset::Dataset;
use crate::data::unreadable::{Readable, UnreadablePolicy};
use crate::error::Result;
use crate::labels::space::LabelKind;
use crate::metrics::asked::{Asked, asked_of, style_of};
use crate::metrics::domain::{Domain, DomainDistance, DomainSets};
use crate::metrics::evaluation::{DiversityScores, Evaluation, Judged, LpipsScores};
use crate::metrics::fid::{Fid, FidReference, Found};
use crate::metrics::inception::Inception;
use crate::metrics::judge::{Judge, Look};
use crate::metrics::loaded::{Loaded, load};
use crate::metrics::lpips::{Features, Lpips};
use crate::metrics::mean::Mean;
use crate::metrics::readings::Readings;
use crate::metrics::told::Told;
use crate::translate::images::{CHUNK, host, upload};
use crate::translate::relabel::{Relabelling, Translate};

/// Measures a model on labelled images that it was not trained on, with what they allow.
#[derive(Debug)]
pub struct Evaluator<'a, B: Backend> {
    model: &'a dyn Translate<B>,
    data: &'a dyn Dataset,
    dataset: usize,
    judge: Option<&'a Judge<B>>,
    reference: Option<&'a dyn Dataset>,
    inception: Option<&'a Inception<B>>,
    fid_reference: Option<&'a FidReference>,
    lpips: Option<&'a Lpips<B>>,
    on_unreadable: UnreadablePolicy,
    told: Told<'a>,
}

impl<'a, B: Backend> Evaluator<'a, B> {
    /// `data` are like the model's dataset number `dataset`, 0 where there is one.
    pub fn new(model: &'a dyn Translate<B>, data: &'a dyn Dataset, dataset: usize) -> Self {
        Self {
            model,
            data,
            dataset,
            judge: None,
            reference: None,
            inception: None,
            fid_reference: None,
            lpips: None,
            on_unreadable: UnreadablePolicy::Fail,
            told: Told::default(),
        }
    }

    /// Asks `judge` too, which was trained on other real images: for the domain classification
    /// error and for the features of the Frechet distance.
    pub fn with_judge(mut self, judge: &'a Judge<B>) -> Self {
        self.judge = Some(judge);
        self
    }

    /// Measures the FID of every domain, and KID, precision and recall, by `inception`.
    pub fn with_inception(mut self, inception: &'a Inception<B>) -> Self {
        self.inception = Some(inception);
        self
    }

    /// Measures FIDs from these real images' statistics instead of from the data's own, so that the
    /// data's own real images have a FID to compare with.
    pub fn with_fid_reference(mut self, reference: &'a FidReference) -> Self {
        self.fid_reference = Some(reference);
        self
    }

    /// Measures what translations keep by `lpips` too.
    pub fn with_lpips(mut self, lpips: &'a Lpips<B>) -> Self {
        self.lpips = Some(lpips);
        self
    }

    /// Tells `told` after each batch how many images of the data are done, of how many.
    pub fn with_progress(mut self, told: &'a (dyn Fn(usize, usize) + Send + Sync)) -> Self {
        self.told = Told(Some(told));
        self
    }

    /// Measures a judge's Frechet distances from the real images of `reference` instead of from
    /// those of the data, so that the data's own real images have a distance to compare with.
    pub fn with_reference(mut self, reference: &'a dyn Dataset) -> Self {
        self.reference = Some(reference);
        self
    }

    /// Sets what happens when an image of the data or the reference can't be read: an error, or it
    /// is left out and the [evaluation](Evaluation::unreadable) says so.
    pub fn with_on_unreadable(mut self, policy: UnreadablePolicy) -> Self {
        self.on_unreadable = policy;
        self
    }

    /// Translates every image to its own label, and to every target that a sample grid shows of it
    /// ([`LabelSpace::targets`](crate::LabelSpace::targets)) in every
    /// [style](Translate::styles), and back from the first.
    ///
    /// # Errors
    /// When the labels of data, reference, judge and model differ, the judge takes images of
    /// another size than the model makes, or an image can't be read and is not left out.
    pub fn measure(&self) -> Result<Evaluation> {
        let space = self.data.labels();
        self.model.spaces().check_space(self.dataset, space)?;
        if let Some(judge) = self.judge {
            judge.labels().check_same(space)?;
            judge.check_model(self.model)?;
        }
        let mut identity = Kept::default();
        let mut reconstruction = vec![Kept::default(); space.width()];
        let mut seen = self.judge.map(|judge| Seen::new(judge, self.data));
        let transform = self.model.transform();
        let fid = |inception| Fid::new(inception, self.data, self.fid_reference, transform);
        let mut fid = self.inception.map(fid).transpose()?;
        let has_styles = self.model.styles() > 1;
        if has_styles {
            fid = fid.map(Fid::with_pairs);
        }
        let mut diversity = Kept::default();
        let mut readable = Readable::new(self.data, self.on_unreadable);
        let images: Vec<usize> = (0..self.data.len()).collect();
        for (at, chunk) in images.chunks(CHUNK).enumerate() {
            let done = at * CHUNK + chunk.len();
            let Loaded { images: chunk, pixels: real } = load(&mut readable, chunk, transform)?;
            if chunk.is_empty() {
                continue;
            }
            let features = fid.as_mut().map(|fid| fid.real(&chunk, &real));
            let position = |asked: &Asked| {
                let position = chunk.iter().position(|&image| image == asked.image);
                position.expect("an image of this chunk is asked for")
            };
            let sources = self.look(upload(&real, self.model.device()));
            let looks = self.real(&chunk, &sources, &mut identity, &mut seen);
            let asked: Vec<Asked> =
                chunk.iter().flat_map(|&image| asked_of(self.data, image)).collect();
            for asked in asked.chunks(CHUNK) {
                let sources = sources.select(asked.iter().map(position));
                let mut styles = Vec::new();
                for style in 0..self.model.styles() {
                    let there = self.there(asked, sources.images.clone(), style);
                    if style == 0 {
                        let back = self.look(self.back(asked, there.clone()));
                        let errors = self.errors(&back, &sources);
                        for (asked, errors) in asked.iter().zip(errors) {
                            reconstruction[asked.name].add(errors);
                        }
                    }
                    if let (Some(fid), Some(features)) = (&mut fid, &features) {
                        fid.translated(asked, there.clone(), position, features);
                    }
                    if let (Some(seen), Some(looks)) = (&mut seen, &looks) {
                        seen.translated(asked, there.clone(), position, looks);
                    }
                    if has_styles {
                        // Looked at once, for all that it is compared with.
                        let there = self.look(there);
                        let differences = styles.iter().map(|other| self.errors(&there, other));
                        differences.flatten().for_each(|errors| diversity.add(errors));
                        styles.push(there);
                    }
                }
            }
            self.told.tell(done, images.len());
        }
        readable.check()?;
        let mut unreadable = readable.unreadable().clone();
        let judged = match seen {
            Some(mut seen) => {
                if let Some(reference) = self.reference {
                    unreadable.extend(seen.reference(reference, self.on_unreadable)?);
                }
                Some(seen.finish(self.reference.is_some()))
            }
            None => None,
        };
        if let (Some(_), Some(reference)) = (&fid, self.fid_reference) {
            unreadable.extend(reference.unreadable().clone());
        }
        let Found { distances: fid, samples: inception_samples, pairs: fid_pairs } =
            fid.map(Fid::finish).unwrap_or_default();
        let lpips = self.lpips.map(|_| {
            let mut all = Mean::default();
            reconstruction.iter().for_each(|kept| all.merge(kept.lpips));
            LpipsScores { identity: identity.lpips.into(), reconstruction: all.into() }
        });
        let reconstruction: Vec<Mean> = reconstruction.iter().map(|kept| kept.l1).collect();
        let evaluation = Evaluation::new(space.names(), identity.l1, &reconstruction, judged);
        let diversity = has_styles.then(|| DiversityScores {
            styles: self.model.styles(),
            l1: diversity.l1.into(),
            lpips: self.lpips.map(|_| diversity.lpips.into()),
        });
        Ok(Evaluation {
            unreadable,
            fid,
            fid_pairs,
            inception_samples,
            lpips,
            diversity,
            ..evaluation
        })
    }

    /// Real images, and what the model makes of them under their own labels.
    fn real(
        &self,
        images: &[usize],
        real: &Looked<B>,
        identity: &mut Kept,
        seen: &mut Option<Seen<'_, B>>,
    ) -> Option<Look> {
        let own = |&image: &usize| {
            let own = self.data.label(image);
            Relabelling::new(own, own).with_style(self.style(image, 0))
        };
        let own: Vec<_> = images.iter().map(own).collect();
        let same = self.look(self.model.relabel(real.images.clone(), self.dataset, &own));
        self.errors(&same, real).into_iter().for_each(|errors| identity.add(errors));
        seen.as_mut().map(|seen| seen.real(images, real.images.clone()))
    }

    /// The number of an image's style `at`.
    fn style(&self, image: usize, at: u64) -> u64 {
        style_of(image, self.model.styles(), at)
    }

    /// `G(x, c)` of every image asked for, in its style `at`.
    fn there(&self, asked: &[Asked], sources: Tensor<B, 4>, at: u64) -> Tensor<B, 4> {
        let style = |asked: &Asked| self.style(asked.image, at);
        let labels: Vec<_> =
            asked.iter().map(|asked| asked.there(self.data, style(asked))).collect();
        self.model.relabel(sources, self.dataset, &labels)
    }

    /// `G(G(x, c), c')` of what was asked for.
    fn back(&self, asked: &[Asked], there: Tensor<B, 4>) -> Tensor<B, 4> {
        let style = |asked: &Asked| self.style(asked.image, 0);
        let labels: Vec<_> =
            asked.iter().map(|asked| asked.back(self.data, style(asked))).collect();
        self.model.relabel(there, self.dataset, &labels)
    }

    /// Images `[N, C, H, W]` in `[-1, 1]`, to be compared.
    fn look(&self, images: Tensor<B, 4>) -> Looked<B> {
        let lpips = self.lpips.and_then(|lpips| lpips.look(images.clone()));
        Looked { images, lpips }
    }

    /// How far every image is from its truth.
    fn errors(&self, images: &Looked<B>, truth: &Looked<B>) -> Vec<Errors> {
        let compared =
            |lpips: &Lpips<B>| Some(lpips.compare(images.lpips.as_ref()?, truth.lpips.as_ref()?));
        let lpips = self.lpips.and_then(compared);
        let difference = images.images.clone() - truth.images.clone();
        let means = difference.abs().flatten::<2>(1, 3).mean_dim(1);
        let l1 = host(means.into_data()).into_iter().map(|mean| f64::from(mean) / 2.0);
        let lpips_of = |at: usize| lpips.as_ref().map(|distances| distances[at]);
        l1.enumerate().map(|(at, l1)| Errors { l1, lpips: lpips_of(at) }).collect()
    }
}

/// Images, and what LPIPS compares of them, where it is asked for and they are large enough.
struct Looked<B: Backend> {
    images: Tensor<B, 4>,
    lpips: Option<Features<B>>,
}

impl<B: Backend> Looked<B> {
    /// The images at these places.
    fn select(&self, places: impl Iterator<Item = usize>) -> Self {
        let places: Vec<i64> = places.map(|place| place as i64).collect();
        let places = Tensor::<B, 1, Int>::from_data(places.as_slice(), &self.images.device());
        Self {
            images: self.images.clone().select(0, places.clone()),
            lpips: self.lpips.as_ref().map(|features| features.select(places)),
        }
    }
}

/// How far an image is from its truth.
struct Errors {
    /// In `[0, 1]`.
    l1: f64,
    /// Where it is asked for, and the image is large enough.
    lpips: Option<f64>,
}

/// How far images are from their truths.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    l1: Mean,
    lpips: Mean,
}

impl Kept {
    fn add(&mut self, errors: Errors) {
        self.l1.add(errors.l1);
        errors.lpips.into_iter().for_each(|lpips| self.lpips.add(lpips));
    }
}

/// What a judge has seen.
struct Seen<'a, B: Backend> {
    judge: &'a Judge<B>,
    data: &'a dyn Dataset,
    real: Readings,
    translated: Readings,
    nothing: Readings,
    sets: DomainSets,
}

impl<'a, B: Backend> Seen<'a, B> {
    fn new(judge: &'a Judge<B>, data: &'a dyn Dataset) -> Self {
        let none = || Readings::new(judge.labels());
        let sets = DomainSets::new(Domain::all(judge.labels()), judge.feature_width());
        Self { judge, data, real: none(), translated: none(), nothing: none(), sets }
    }

    fn real(&mut self, images: &[usize], real: Tensor<B, 4>) -> Look {
        let look = self.judge.look(real);
        let attributes = self.judge.labels().kind() == LabelKind::Attributes;
        for ((&image, read), features) in images.iter().zip(&look.labels).zip(&look.features) {
            let own = self.data.label(image);
            for name in (0..own.len()).filter(|&name| attributes || own[name] == 1.0) {
                self.real.add(name, read[name] == own[name]);
            }
            self.sets.add_real(own, features);
        }
        look
    }

    /// Translations and the looks at their sources, which are at `position`.
    fn translated(
        &mut self,
        asked: &[Asked],
        images: Tensor<B, 4>,
        position: impl Fn(&Asked) -> usize,
        sources: &Look,
    ) {
        let look = self.judge.look(images);
        for ((asked, read), features) in asked.iter().zip(&look.labels).zip(&look.features) {
            let Asked { name, label, .. } = asked;
            let source = position(asked);
            self.translated.add(*name, read[*name] == label[*name]);
            self.nothing.add(*name, sources.labels[source][*name] == label[*name]);
            self.sets.add_translated(*name, label[*name], features, &sources.features[source]);
        }
    }

    /// Real images to measure distances from; gives back those that can't be read and why.
    fn reference(
        &mut self,
        data: &dyn Dataset,
        policy: UnreadablePolicy,
    ) -> Result<BTreeMap<String, String>> {
        self.judge.labels().check_same(data.labels())?;
        let transform = self.judge.transform(data);
        let mut readable = Readable::new(data, policy);
        let images: Vec<usize> = (0..data.len()).collect();
        for chunk in images.chunks(CHUNK) {
            let Loaded { images, pixels } = load(&mut readable, chunk, transform)?;
            if images.is_empty() {
                continue;
            }
            let look = self.judge.look(upload(&pixels, self.judge.device()));
            for (&index, features) in images.iter().zip(&look.features) {
                self.sets.add_reference(data.label(index), features);
            }
        }
        readable.check()?;
        Ok(readable.unreadable().clone())
    }

    fn finish(self, from_reference: bool) -> Judged {
        let frechet: Vec<DomainDistance> = self.sets.distances(from_reference);
        let Self { real, translated, nothing, .. } = self;
        Judged { real, translated, nothing, frechet }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests;
