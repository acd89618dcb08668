//! Labelled images: the datasets, what is done to an image before a network sees it, and the loader
//! that turns them into batches.

mod image;
mod transform;

pub use self::{
    image::{MAX_IMAGE_SIDE, decode_image, load_image},
    transform::{Crop, Transform, to_network, to_rgb_image},
};
