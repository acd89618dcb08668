//! Safetensors files taken apart, changed, and put together again with a checksum that is right.

use std::collections::{BTreeMap, HashMap};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

/// Type, shape and bytes.
pub type Tensor = (Dtype, Vec<usize>, Vec<u8>);

/// What a model file holds.
#[derive(Clone)]
pub struct File {
    pub description: Value,
    pub tensors: BTreeMap<String, Tensor>,
}

impl File {
    pub fn of(bytes: &[u8]) -> Self {
        let (_, header) = SafeTensors::read_metadata(bytes).unwrap();
        let description = header.metadata().as_ref().map(|metadata| &metadata["stargan"]);
        let description = description.map_or(Value::Null, |d| serde_json::from_str(d).unwrap());
        let tensors = SafeTensors::deserialize(bytes).unwrap();
        let tensor = |(name, view): (String, TensorView<'_>)| {
            (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        };
        Self { description, tensors: tensors.tensors().into_iter().map(tensor).collect() }
    }

    /// The bytes of a model file.
    pub fn model(&self) -> Vec<u8> {
        self.described(&self.description.to_string())
    }

    /// The same with another text in the place of the description.
    pub fn described(&self, description: &str) -> Vec<u8> {
        let tensors = self.tensors.iter().map(|(name, (_, _, data))| (name.as_str(), &data[..]));
        let metadata = HashMap::from([
            ("stargan".to_owned(), description.to_owned()),
            ("crc32".to_owned(), checksum(description, tensors)),
        ]);
        self.serialized(Some(metadata))
    }

    /// The bytes of a file of the tensors alone.
    pub fn foreign(&self) -> Vec<u8> {
        self.serialized(None)
    }

    fn serialized(&self, metadata: Option<HashMap<String, String>>) -> Vec<u8> {
        let views = self.tensors.iter().map(|(name, (dtype, shape, data))| {
            (name, TensorView::new(*dtype, shape.clone(), data).unwrap())
        });
        safetensors::serialize(views, metadata).unwrap()
    }
}

/// The CRC-32 of the description and of every name and value, in the order of the names
/// (docs/checkpoints.md).
pub fn checksum<'a>(
    description: &str,
    tensors: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> String {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(description.as_bytes());
    for (name, data) in tensors {
        hasher.update(name.as_bytes());
        hasher.update(data);
    }
    format!("{:08x}", hasher.finalize())
}
