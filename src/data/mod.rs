//! Labelled images: the datasets, what is done to an image before a network sees it, and the loader
//! that turns them into batches.
//!
//! `docs/data-formats.md` describes the formats.

pub(crate) mod animation;
pub(crate) mod attributes;
#[cfg(feature = "train")]
pub(crate) mod augment;
pub(crate) mod balance;
pub(crate) mod celeba;
pub(crate) mod celeba_files;
pub(crate) mod channels;
pub(crate) mod crop;
pub(crate) mod dataset;
pub(crate) mod datasets;
pub(crate) mod folder;
pub(crate) mod image;
pub(crate) mod image_files;
pub(crate) mod listing;
#[cfg(feature = "train")]
pub(crate) mod loader;
#[cfg(feature = "train")]
pub(crate) mod loader_config;
pub(crate) mod network;
pub(crate) mod presence;
pub(crate) mod python_random;
#[cfg(feature = "train")]
pub(crate) mod references;
mod resized;
#[cfg(feature = "train")]
pub(crate) mod sampler;
pub(crate) mod size;
pub(crate) mod splits;
pub(crate) mod subset;
pub(crate) mod summary;
pub(crate) mod survey;
pub(crate) mod transform;
pub(crate) mod unreadable;
pub(crate) mod whole;

pub use self::animation::MAX_FRAMES;
pub use self::crop::Region;
pub use self::image::{MAX_IMAGE_BYTES, MAX_IMAGE_SIDE, image_size};
pub use self::image_files::{ImageFiles, image_files};
#[cfg(feature = "train")]
pub use self::loader::{Batch, Loader, References, Unreadable};
#[cfg(feature = "train")]
pub use self::loader_config::{LoaderConfig, Share};
pub use self::network::{to_image, to_network};
pub use self::summary::Summary;
pub use self::survey::{SameImage, Survey, UnreadableImage};
pub use self::unreadable::Readable;
pub use self::whole::{MAX_FILE_BYTES, read_bytes, read_text};
