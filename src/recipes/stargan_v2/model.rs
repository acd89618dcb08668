//! What a file says of a StarGAN v2 model.

use serde::{Deserialize, Serialize};

use crate::data::transform::Transform;
use crate::error::{Error, Result};
use crate::labels::spaces::LabelSpaces;
use crate::nn::style::config::StyleConfig;
use crate::recipes::stargan_v2::config::check_networks;

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

impl StyleModel {
    /// Checks that each part can work, and that they fit together.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Label`] for the first that does not.
    pub fn check(&self) -> Result<()> {
        check_networks(&self.spaces, &self.networks)?;
        self.transform.check()?;
        let Transform { size, channels, .. } = self.transform;
        let expected = (self.networks.size(), self.networks.image_channels);
        if (size, channels.count()) != expected {
            return Err(Error::Config(format!(
                "the networks take images of {} pixels and {} channels, the transform makes {size} \
                 and {}",
                expected.0,
                expected.1,
                channels.count()
            )));
        }
        Ok(())
    }
}
