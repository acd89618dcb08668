//! What a file says of a StarGAN v2 model.

use serde::{Deserialize, Serialize};

use crate::data::transform::Transform;
use crate::labels::spaces::LabelSpaces;
use crate::nn::style::config::StyleConfig;

/// What a file says of a StarGAN v2 model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StyleModel {
    /// The domains, as one label space.
    #[serde(rename = "domains")]
    pub spaces: LabelSpaces,
    /// What is done to an image before the networks see it.
    pub transform: Transform,
    /// The sizes of the networks.
    pub networks: StyleConfig,
}
