//! StarGAN v2's networks of the public PyTorch code: opened, and named as there.

use std::path::Path;

use crate::error::{Error, Result};
use crate::files::pytorch::keys::{export, generator_keys, import_all};
use crate::files::pytorch::model::bytes_of;
use crate::files::pytorch::read::{read, read_networks};
use crate::files::pytorch::style_infer;
use crate::files::pytorch::style_keys::{NETWORKS, OURS, networks};
use crate::nn::generator::GeneratorConfig;
use crate::nn::style::config::StyleConfig;
use crate::nn::weights::Weights;

/// StarGAN v2's networks in a file of the public PyTorch code, such as `100000_nets_ema.ckpt`:
/// generator, mapping network and style encoder.
///
/// The sizes are inferred from the shapes; the file does not hold the domains' names. It is refused
/// unless every array of the three fits.
#[derive(Clone, Debug)]
pub struct PublicStyleModel {
    networks: StyleConfig,
    weights: Weights,
}

impl PublicStyleModel {
    /// Reads a PyTorch checkpoint, zip or legacy, of a dict with the state dicts `generator`,
    /// `mapping_network` and `style_encoder`, or safetensors whose keys begin with these names and
    /// a dot, in floats of 16, 32 or 64 bits. The keys of a network may begin with `module.` or
    /// `_orig_mod.`. Other networks in the file are passed over. A pickle is read as data; nothing
    /// in it can run.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be read; [`Error::Checkpoint`] when it is damaged or of
    /// another kind, a network is missing, a value is not finite, the generator has high-pass skips
    /// (`w_hpf` above 0), and for every key that is missing, unexpected or has another shape than
    /// its network's, naming it; [`Error::Config`] when the networks are none of StarGAN v2's.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = bytes_of(path)?;
        let take = || -> Result<Self, String> {
            let public = read_networks(&bytes, &NETWORKS)?;
            let config = style_infer::config(&public)?;
            let prefixes = NETWORKS.map(|network| format!("{network}."));
            let names = prefixes.iter().map(String::as_str).zip(OURS);
            let networks = networks(&config).into_iter().zip(names);
            let networks = networks.map(|(keys, (public, ours))| (keys, public, ours));
            let weights = import_all(networks, public)?;
            Ok(Self { networks: config, weights })
        };
        let model = take().map_err(|problem| {
            let problem = if is_first_stargan(&bytes) {
                "this is one network of the first StarGAN: PublicModel reads it, import \
                 --generator in the program"
                    .to_owned()
            } else {
                problem
            };
            Error::checkpoint(path, problem)
        })?;
        model.networks.check()?;
        Ok(model)
    }

    /// The sizes of the networks.
    pub fn networks(&self) -> &StyleConfig {
        &self.networks
    }

    /// The sizes, and the weights by our names.
    pub(crate) fn into_parts(self) -> (StyleConfig, Weights) {
        (self.networks, self.weights)
    }
}

/// Whether `bytes` are of a network as [`PublicModel`](super::model::PublicModel) reads them: both
/// of them begin alike.
fn is_first_stargan(bytes: &[u8]) -> bool {
    let keys = generator_keys(&GeneratorConfig::new(1));
    read(bytes).is_ok_and(|weights| weights.contains_key(&keys[0].public))
}

/// The weights of generator, mapping network and style encoder by the names of the public code,
/// each behind its network's, in place of ours.
///
/// # Errors
/// [`Error::Config`] naming the first that is missing.
pub(crate) fn public_networks(config: &StyleConfig, weights: [Weights; 3]) -> Result<Weights> {
    let mut public = Weights::new();
    let names = NETWORKS.into_iter().zip(OURS);
    for ((keys, weights), (theirs, ours)) in networks(config).iter().zip(weights).zip(names) {
        let named = export(keys, weights, ours, &format!("{theirs}."));
        public.extend(named.map_err(Error::Config)?);
    }
    Ok(public)
}
