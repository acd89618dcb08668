//! The history of translations that CycleGAN shows its discriminators (section 4; Shrivastava et
//! al., 2017).

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use rand::RngCore;

use crate::random::below;

/// What the discriminator is shown in place of `fake` `[N, C, H, W]`, given the `history` of at
/// most `size` images.
///
/// Until the history is full, an image is shown and kept; then with probability 1/2 it takes the
/// place of an earlier one, which is shown instead. A history of size 0 shows `fake`.
pub(crate) fn draw<B: Backend>(
    history: &mut Vec<Tensor<B, 4>>,
    size: usize,
    fake: Tensor<B, 4>,
    rng: &mut impl RngCore,
) -> Tensor<B, 4> {
    if size == 0 {
        return fake;
    }
    let shown = fake.split(1, 0).into_iter().map(|image| {
        if history.len() < size {
            history.push(image.clone());
            image
        } else if below(2, &mut *rng) == 1 {
            let earlier = below(history.len(), &mut *rng);
            std::mem::replace(&mut history[earlier], image)
        } else {
            image
        }
    });
    Tensor::cat(shown.collect(), 0)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::backend::Flex;

    use super::*;
    use crate::random::{Purpose, stream};

    fn images(values: std::ops::Range<i64>) -> Tensor<Flex, 4> {
        let count = values.clone().count();
        Tensor::<Flex, 1, burn::tensor::Int>::arange(values, &Default::default())
            .float()
            .reshape([count, 1, 1, 1])
    }

    fn numbers(images: &Tensor<Flex, 4>) -> Vec<f32> {
        images.to_data().iter().collect()
    }

    #[test]
    fn a_full_history_gives_earlier_images_for_half_of_the_new_ones() {
        let mut rng = stream(0, Purpose::Pool, 0, 1);
        let mut history = Vec::new();
        let first = draw(&mut history, 50, images(0..50), &mut rng);
        assert_eq!(numbers(&first), numbers(&images(0..50)), "shown as they come");
        assert_eq!(history.len(), 50);
        let shown = numbers(&draw(&mut history, 50, images(100..1100), &mut rng));
        assert_eq!((shown.len(), history.len()), (1000, 50));
        let new = shown.iter().zip(100..).filter(|(shown, new)| **shown == *new as f32).count();
        // Six standard deviations of a fair coin.
        assert!((405..=595).contains(&new), "{new}");
        // Nothing is lost or doubled: what was kept and what came is shown or kept.
        let kept = history.iter().flat_map(numbers);
        let mut found: Vec<i64> = shown.into_iter().chain(kept).map(|image| image as i64).collect();
        found.sort_unstable();
        assert_eq!(found, (0..50).chain(100..1100).collect::<Vec<i64>>());
    }

    #[test]
    fn no_history_shows_what_comes() {
        let mut history = Vec::new();
        let mut rng = stream(0, Purpose::Pool, 0, 1);
        let shown = draw(&mut history, 0, images(0..4), &mut rng);
        assert_eq!((numbers(&shown), history.len()), (numbers(&images(0..4)), 0));
    }
}
