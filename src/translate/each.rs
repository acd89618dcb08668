//! Images that are each translated otherwise, together.

use burn::tensor::backend::Backend;
use image::DynamicImage;

use crate::error::Result;
use crate::translate::edits::Step;
use crate::translate::painted::Masks;
use crate::translate::translator::Translator;

/// An image and the translations that are left to be made of it.
struct Job {
    /// As the generator is given it first.
    seen: DynamicImage,
    image: DynamicImage,
    left: std::vec::IntoIter<Step>,
}

impl Job {
    fn next(&mut self) -> Option<(&mut DynamicImage, Step)> {
        Some((&mut self.image, self.left.next()?))
    }
}

impl<B: Backend> Translator<B> {
    /// Translates every image by its own edit, as [`translate`](Self::translate) does, all of them
    /// together: what waits in a service is one batch, whatever is asked for. One that is refused
    /// is no hindrance to the others.
    ///
    /// ```no_run
    /// # use stargan::burn::backend::Flex;
    /// # use stargan::{Translator, load_image};
    /// # fn main() -> stargan::Result<()> {
    /// let model = Translator::<Flex>::open("runs/celeba", &Default::default())?;
    /// let [one, other] = [load_image("one.jpg")?, load_image("other.jpg")?];
    /// let requests = [(&one, "Blond_Hair"), (&other, "Blond_Hair"), (&one, "-Young=0.5")];
    /// for translated in model.translate_each(&requests) {
    ///     println!("{:?}", translated?.color());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Each as [`translate`](Self::translate).
    pub fn translate_each(&self, requests: &[(&DynamicImage, &str)]) -> Vec<Result<DynamicImage>> {
        let begin = |(image, edit): &(&DynamicImage, &str)| {
            let seen = self.seen(image)?;
            Ok(Job { image: seen.clone(), seen, left: self.steps(None, edit)?.into_iter() })
        };
        let mut jobs: Vec<Result<Job>> = requests.iter().map(begin).collect();
        loop {
            let next = jobs.iter_mut().flatten().filter_map(Job::next);
            let (images, steps): (Vec<_>, Vec<_>) = next.unzip();
            if steps.is_empty() {
                let sized = |(job, (photo, _)): (Result<Job>, &(&DynamicImage, &str))| {
                    let Job { seen, image, .. } = job?;
                    Ok(self.sized(photo, &seen, image, None))
                };
                return jobs.into_iter().zip(requests).map(sized).collect();
            }
            let sources: Vec<DynamicImage> = images.iter().map(|image| (**image).clone()).collect();
            let conditions = self.conditions(&sources, &steps);
            let translated = self.generate(&sources, &conditions, Masks::Dropped).images;
            for (image, translated) in images.into_iter().zip(translated) {
                *image = translated;
            }
        }
    }

    /// What each step asks for of its prepared image.
    fn conditions(&self, images: &[DynamicImage], steps: &[Step]) -> Vec<Vec<f32>> {
        let mut sources: Vec<_> = steps.iter().map(|step| step.source.clone()).collect();
        for dataset in 0..self.spaces().len() {
            let is_unknown = |at: &usize| steps[*at].dataset == dataset && sources[*at].is_none();
            let unknown: Vec<usize> = (0..steps.len()).filter(is_unknown).collect();
            let images: Vec<_> = unknown.iter().map(|at| images[*at].clone()).collect();
            let labels = self.predict_prepared(&images, dataset);
            let labels = labels.expect("no step needs a label that the model can't read");
            unknown.into_iter().zip(labels).for_each(|(at, label)| sources[at] = Some(label));
        }
        let condition = |(step, source): (&Step, Option<Vec<f32>>)| {
            let source = source.expect("known, or read above");
            self.spaces().condition(step.dataset, &step.edit.apply(&source))
        };
        steps.iter().zip(sources).map(condition).collect()
    }
}
