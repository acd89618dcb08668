//! Model files: weights and everything needed to use them in one `.safetensors`.
//!
//! The header's metadata holds, as JSON, the format version and a typed description; a checksum of
//! both makes any damage an error. Files are written whole: under a temporary name, synced,
//! then renamed.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};

use crate::data::transform::Transform;
use crate::data::whole::regular_length;
use crate::error::{Error, Result};
use crate::files::replace::replace_with;
use crate::labels::spaces::LabelSpaces;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::nn::weights::{Weights, check_finite};

/// The version of the file format and of the architectures it names.
const VERSION: u32 = 1;

/// The most bytes of a description, of which a StarGAN's has some thousands.
const MOST_DESCRIPTION: usize = 4 << 20;

/// What a trained model is: the labels it knows, the images it takes and its networks' shapes.
/// What is read from a file has been [checked](Self::check).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelConfig {
    /// The label spaces that it was trained on.
    #[serde(rename = "domains")]
    pub spaces: LabelSpaces,
    /// What is done to an image before the generator sees it.
    pub transform: Transform,
    /// The generator's architecture.
    pub generator: GeneratorConfig,
    /// The discriminator's architecture, where the model has one.
    pub discriminator: Option<DiscriminatorConfig>,
}

impl<'de> Deserialize<'de> for ModelConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Unchecked {
            #[serde(rename = "domains")]
            spaces: LabelSpaces,
            transform: Transform,
            generator: GeneratorConfig,
            discriminator: Option<DiscriminatorConfig>,
        }
        let Unchecked { spaces, transform, generator, discriminator } =
            Unchecked::deserialize(deserializer)?;
        let config = Self { spaces, transform, generator, discriminator };
        config.check().map_err(D::Error::custom)?;
        Ok(config)
    }
}

impl ModelConfig {
    /// Checks that each part can work, in the memory of a usual machine, and that they fit
    /// together.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Label`] for the first that does not.
    pub fn check(&self) -> Result<()> {
        self.spaces.check()?;
        self.transform.check()?;
        let size = self.transform.size;
        self.generator.check_image_size(size)?;
        let mut widths = vec![(
            "generator's condition",
            self.generator.condition_width,
            self.spaces.condition_width(),
        )];
        if let Some(discriminator) = &self.discriminator {
            discriminator.check()?;
            widths.push((
                "discriminator's label",
                discriminator.label_width,
                self.spaces.label_width(),
            ));
            if discriminator.image_size != size {
                return Err(Error::Config(format!(
                    "the discriminator takes {} pixel images, the transform makes {size} pixel \
                     ones",
                    discriminator.image_size
                )));
            }
        }
        let channels = self.transform.channels;
        let mut networks = vec![("generator", self.generator.image_channels)];
        networks.extend(self.discriminator.iter().map(|d| ("discriminator", d.image_channels)));
        if let Some((network, found)) = networks.iter().find(|(_, n)| *n != channels.count()) {
            return Err(Error::Config(format!(
                "the {network} takes images of {found} channels, the model's have {channels}"
            )));
        }
        for (what, found, expected) in widths {
            if found != expected {
                return Err(Error::Config(format!(
                    "the {what} width is {found}, the labels need {expected}"
                )));
            }
        }
        Ok(())
    }
}

/// The description in a file's metadata.
#[derive(Serialize, Deserialize)]
struct Header<T> {
    version: u32,
    #[serde(flatten)]
    description: T,
}

const DESCRIPTION_KEY: &str = "stargan";
const CHECKSUM_KEY: &str = "crc32";

/// Writes `weights` and `description` to `path`, whole or not at all.
///
/// # Errors
/// [`Error::Io`] when the file can't be written; an earlier file at `path` is then untouched.
pub(crate) fn write(path: &Path, description: &impl Serialize, weights: &Weights) -> Result<()> {
    let metadata =
        metadata(description, weights).map_err(|problem| Error::checkpoint(path, problem))?;
    write_tensors(path, Some(metadata), weights)
}

/// The bytes of the file that [`write`] writes.
///
/// # Errors
/// Why there can't be any.
pub(crate) fn encode(description: &impl Serialize, weights: &Weights) -> Result<Vec<u8>, String> {
    safetensors::serialize(views(weights)?, Some(metadata(description, weights)?))
        .map_err(|error| format!("can't be written: {error}"))
}

fn metadata(
    description: &impl Serialize,
    weights: &Weights,
) -> Result<HashMap<String, String>, String> {
    let header = Header { version: VERSION, description };
    let json =
        serde_json::to_string(&header).map_err(|error| format!("can't be described: {error}"))?;
    check_length(&json)?;
    Ok(in_order([(CHECKSUM_KEY, checksum(&json, weights)), (DESCRIPTION_KEY, json)]))
}

/// `entries` as a map whose own order is theirs. The crate of the format takes no other maps, and
/// writes them in their order, which is another for every map; a file of the same content should
/// have the same bytes.
fn in_order(entries: [(&str, String); 2]) -> HashMap<String, String> {
    loop {
        let map = HashMap::from(entries.clone().map(|(key, value)| (key.to_owned(), value)));
        if map.keys().eq(entries.iter().map(|(key, _)| key)) {
            return map;
        }
    }
}

/// Checks the length of a description, which takes more memory once it is read.
///
/// # Errors
/// When it is longer than any.
pub(super) fn check_length(description: &str) -> Result<(), String> {
    if description.len() > MOST_DESCRIPTION {
        let (found, most) = (description.len(), MOST_DESCRIPTION);
        return Err(format!("its description has {found} bytes, it may have {most}"));
    }
    Ok(())
}

fn views<'a>(weights: &'a Weights) -> Result<Vec<(&'a str, TensorView<'a>)>, String> {
    let view = |name: &'a str, data: &'a TensorData| {
        let dtype = if data.dtype == DType::I64 { Dtype::I64 } else { Dtype::F32 };
        TensorView::new(dtype, data.shape.as_slice().to_vec(), data.as_bytes())
            .map(|view| (name, view))
            .map_err(|error| format!("can't be written: {error}"))
    };
    weights.iter().map(|(name, data)| view(name, data)).collect()
}

/// Writes a safetensors file of 32-bit floats and 64-bit integers to `path`, whole or not at all.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_tensors(
    path: &Path,
    metadata: Option<HashMap<String, String>>,
    weights: &Weights,
) -> Result<()> {
    let views = views(weights).map_err(|problem| Error::checkpoint(path, problem))?;
    replace_with(path, |temporary| {
        safetensors::serialize_to_file(views, metadata, temporary).map_err(|error| match error {
            safetensors::SafeTensorError::IoError(source) => Error::io(path, source),
            other => Error::checkpoint(path, format!("can't be written: {other}")),
        })
    })
}

/// The bytes of a safetensors file as one.
///
/// # Errors
/// When they are none, or not a whole one.
pub(crate) fn tensors_of(bytes: &[u8]) -> Result<SafeTensors<'_>, String> {
    SafeTensors::deserialize(bytes)
        .map_err(|error| format!("not a whole safetensors file: {error}"))
}

/// Reads what [`write`] wrote.
///
/// # Errors
/// [`Error::Io`] when the file can't be read; [`Error::Checkpoint`] when it is not such a file, is
/// of another version or is damaged, or a value is not finite.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<(T, Weights)> {
    regular_length(path)?;
    let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
    decode(&bytes).map_err(|problem| Error::checkpoint(path, problem))
}

/// The description and the weights in the bytes of a file that [`write`] wrote.
///
/// # Errors
/// When they are not, are of another version or are damaged, or a value is not finite.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Weights), String> {
    let file = tensors_of(bytes)?;
    let (_, header) = SafeTensors::read_metadata(bytes)
        .map_err(|error| format!("not a whole safetensors file: {error}"))?;
    let metadata = header.metadata().as_ref();
    let entry = |key: &str| metadata.and_then(|metadata| metadata.get(key));
    let json = entry(DESCRIPTION_KEY)
        .ok_or("not a file of this crate: its metadata has no \"stargan\" entry")?;
    check_length(json)?;

    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let invalid = |error: serde_json::Error| format!("its description is invalid: {error}");
    let Version { version } = serde_json::from_str(json).map_err(invalid)?;
    if version != VERSION {
        return Err(format!("format version {version}, this crate reads version {VERSION}"));
    }
    let Header { description, .. } = serde_json::from_str::<Header<T>>(json).map_err(invalid)?;

    let mut weights = Weights::new();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(format!("{name}: expected F32 values, found {:?}", view.dtype()));
        }
        let (values, shape) = (view.data().to_vec(), view.shape().to_vec());
        weights.insert(name, TensorData::from_bytes_vec(values, shape, DType::F32));
    }
    let expected = entry(CHECKSUM_KEY).map(String::as_str).unwrap_or("none");
    let found = checksum(json, &weights);
    if expected != found {
        return Err(format!(
            "the file is damaged: its checksum is {found}, it should be {expected}"
        ));
    }
    check_finite(&weights)?;
    Ok((description, weights))
}

/// The CRC-32 of the description and of every name and value, in name order.
pub(crate) fn checksum(description: &str, weights: &Weights) -> String {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(description.as_bytes());
    for (name, data) in weights {
        hasher.update(name.as_bytes());
        hasher.update(data.as_bytes());
    }
    format!("{:08x}", hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::describe::describe;

    fn weights() -> Weights {
        let values = |range: std::ops::Range<u8>| -> Vec<f32> { range.map(f32::from).collect() };
        Weights::from([
            ("generator.a".to_owned(), TensorData::new(values(0..6), [2, 3])),
            ("generator.b".to_owned(), TensorData::new(values(6..10), [4])),
        ])
    }

    fn config() -> ModelConfig {
        ModelConfig {
            spaces: LabelSpaces::single(crate::labels::space::LabelSpace::attributes([
                "Male", "Young",
            ])),
            transform: Transform::new(crate::data::crop::Crop::Square, 16.into()),
            generator: GeneratorConfig::new(2),
            discriminator: Some(DiscriminatorConfig::new(16, 2).with_downsamplings(3)),
        }
    }

    #[test]
    fn a_file_reads_as_it_was_written_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        write(&path, &config(), &weights()).unwrap();
        assert_eq!(read::<ModelConfig>(&path).unwrap(), (config(), weights()));
        assert_eq!(describe::<ModelConfig>(&path).unwrap(), config());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn any_flipped_bit_and_any_missing_end_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        write(&path, &config(), &weights()).unwrap();
        let whole = fs::read(&path).unwrap();
        let refused = |bytes: &[u8], what: &str| {
            fs::write(&path, bytes).unwrap();
            let error = read::<ModelConfig>(&path).expect_err(what).to_string();
            assert!(error.contains("model.safetensors"), "{what}: {error}");
        };
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            refused(&damaged, &format!("bit {bit}"));
        }
        for length in 0..whole.len() {
            refused(&whole[..length], &format!("{length} bytes"));
        }
    }

    #[test]
    fn foreign_files_and_other_versions_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let weights = weights();
        let write = |metadata: Option<HashMap<String, String>>| {
            let views = weights.iter().map(|(name, data)| {
                let shape = data.shape.as_slice().to_vec();
                (name, TensorView::new(Dtype::F32, shape, data.as_bytes()).unwrap())
            });
            safetensors::serialize_to_file(views, metadata, &path).unwrap();
            read::<ModelConfig>(&path).unwrap_err().to_string()
        };
        let error = write(None);
        assert!(error.contains("not a file of this crate"), "{error}");
        let header = r#"{"version":2,"something":"new"}"#.to_owned();
        let error = write(Some(HashMap::from([(DESCRIPTION_KEY.to_owned(), header)])));
        assert!(error.contains("format version 2, this crate reads version 1"), "{error}");
        fs::write(&path, "not safetensors").unwrap();
        let error = read::<ModelConfig>(&path).unwrap_err().to_string();
        assert!(error.contains("not a whole safetensors file"), "{error}");
        fs::remove_file(&path).unwrap();
        let error = read::<ModelConfig>(&path).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }

    #[cfg(feature = "flex")]
    #[test]
    fn networks_larger_than_their_file_are_refused_before_memory_is_taken() {
        use crate::translate::translator::Translator;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        // 26 GiB of weights.
        let generator = GeneratorConfig::new(2).with_base_channels(1 << 11);
        write(&path, &ModelConfig { generator, ..config() }, &weights()).unwrap();
        let opened = Translator::<burn::backend::Flex>::open(&path, &Default::default());
        let error = opened.unwrap_err().to_string();
        assert!(error.contains("parameters, it holds 10 values"), "{error}");
    }

    #[test]
    fn parts_that_do_not_fit_together_are_refused() {
        config().check().unwrap();
        let with = |change: fn(&mut ModelConfig)| {
            let mut config = config();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        for (error, expected) in [
            (with(|c| c.generator.condition_width = 3), "condition width is 3, the labels need 2"),
            (
                with(|c| c.discriminator.as_mut().unwrap().label_width = 5),
                "label width is 5, the labels need 2",
            ),
            (
                with(|c| c.transform.size = 24.into()),
                "takes 16 pixel images, the transform makes 24",
            ),
            (with(|c| c.transform.size = 18.into()), "18 pixels is not divisible by 4"),
        ] {
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
