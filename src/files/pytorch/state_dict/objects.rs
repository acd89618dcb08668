//! What a pickle may hold: dicts, lists, tuples, strings, numbers, storages and tensors.
//!
//! Objects live in flat tables and refer to each other by index, so that neither deep nesting nor
//! cycles can overflow the program's stack when they are dropped.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::shown::quoted;
use crate::files::pytorch::state_dict::dtype::Dtype;

/// Values one pickle may make. A convolution's weight takes 46, so a state_dict may have 20,000 of
/// them; a hostile file stays under 200 MB.
const MAX_VALUES: usize = 1 << 20;

/// A value on the pickle's stack; containers are indices into [`Objects`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// Little-endian two's complement of more than 8 bytes.
    Long(&'a [u8]),
    Float,
    Str(&'a str),
    Tuple(usize),
    List(usize),
    Dict(usize),
    Global(Global),
    Storage(usize),
    Tensor(usize),
}

impl Value<'_> {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> String {
        let kind = match self {
            Self::None => "None",
            Self::Bool(_) => "a bool",
            Self::Int(value) => return format!("the int {value}"),
            Self::Long(_) => "a long int",
            Self::Float => "a float",
            Self::Str(text) => return format!("the string {}", quoted(text)),
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::Global(global) => return global.to_string(),
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        };
        kind.to_string()
    }
}

/// The only names a pickle may refer to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Global {
    OrderedDict,
    Size,
    RebuildTensor,
    RebuildTensorV2,
    RebuildParameter,
    StorageClass(Dtype),
}

impl Global {
    /// # Errors
    /// If `module.name` is not among them.
    pub(super) fn find(module: &str, name: &str) -> Result<Self, String> {
        let found = match (module, name) {
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("torch", "Size") => Some(Self::Size),
            ("torch._utils", "_rebuild_tensor") => Some(Self::RebuildTensor),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Self::RebuildTensorV2),
            ("torch._utils", "_rebuild_parameter") => Some(Self::RebuildParameter),
            // The GPU that a storage was on is of no matter here.
            ("torch" | "torch.cuda", _) => Dtype::of_storage_class(name).map(Self::StorageClass),
            _ => None,
        };
        found.ok_or_else(|| {
            format!(
                "expected only what a state_dict of plain tensors is made of, found {} \
                 (nothing was run)",
                quoted(format!("{module}.{name}"))
            )
        })
    }
}

impl fmt::Display for Global {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::OrderedDict => f.write_str("collections.OrderedDict"),
            Self::Size => f.write_str("torch.Size"),
            Self::RebuildTensor => f.write_str("torch._utils._rebuild_tensor"),
            Self::RebuildTensorV2 => f.write_str("torch._utils._rebuild_tensor_v2"),
            Self::RebuildParameter => f.write_str("torch._utils._rebuild_parameter"),
            Self::StorageClass(dtype) => write!(f, "the storage class of {}", dtype.name()),
        }
    }
}

/// A storage as the pickle declares it; its values are elsewhere in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage<'a> {
    pub(super) key: &'a str,
    pub(super) dtype: Dtype,
    /// Elements.
    pub(super) count: usize,
    /// Offset and count of the elements this one shows of the storage `key` (before PyTorch 0.4).
    pub(super) view: Option<(usize, usize)>,
}

impl Storage<'_> {
    /// Bytes of all elements, if that number fits.
    pub(super) fn bytes(&self) -> Option<usize> {
        self.dtype.bytes(self.count)
    }
}

/// A tensor as the pickle declares it: unchecked against its storage.
#[derive(Debug)]
pub(super) struct Tensor {
    /// Index of the storage.
    pub(super) storage: usize,
    /// First element.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// Elements from one index to the next, per dimension.
    pub(super) strides: Vec<usize>,
}

/// Everything a pickle has built.
#[derive(Default)]
pub(super) struct Objects<'a> {
    /// Tuples and lists.
    pub(super) sequences: Vec<Vec<Value<'a>>>,
    pub(super) dicts: Vec<Vec<(Value<'a>, Value<'a>)>>,
    pub(super) storages: Vec<Storage<'a>>,
    pub(super) tensors: Vec<Tensor>,
    made: usize,
}

/// A finished pickle.
pub(super) struct Pickle<'a> {
    pub(super) objects: Objects<'a>,
    pub(super) root: Value<'a>,
}

impl<'a> Pickle<'a> {
    /// The value of `key`, if the root is a dict that has it.
    pub(super) fn item(&self, key: &str) -> Option<Value<'a>> {
        let Value::Dict(dict) = self.root else { return None };
        let mut pairs = self.objects.dicts[dict].iter();
        pairs.find(|(name, _)| matches!(name, Value::Str(name) if *name == key)).map(|pair| pair.1)
    }

    /// The items, if the root is a list.
    pub(super) fn list(&self) -> Option<&[Value<'a>]> {
        let Value::List(list) = self.root else { return None };
        Some(&self.objects.sequences[list])
    }

    /// The storages by key.
    ///
    /// # Errors
    /// If two declarations of one key differ.
    pub(super) fn declared(&self) -> Result<BTreeMap<&'a str, Storage<'a>>, String> {
        let mut declared = BTreeMap::new();
        for storage in &self.objects.storages {
            let first = declared.entry(storage.key).or_insert(*storage);
            if (first.dtype, first.count) != (storage.dtype, storage.count) {
                return Err(format!(
                    "storage {}: expected {} elements of {} as before, found {} of {}",
                    quoted(storage.key),
                    first.count,
                    first.dtype.name(),
                    storage.count,
                    storage.dtype.name()
                ));
            }
        }
        Ok(declared)
    }
}

impl<'a> Objects<'a> {
    /// Counts `values` more; called before making them.
    ///
    /// # Errors
    /// If a pickle makes more than a state_dict could need.
    pub(super) fn count(&mut self, values: usize) -> Result<(), String> {
        self.made = self.made.saturating_add(values);
        if self.made > MAX_VALUES {
            return Err(format!("expected at most {MAX_VALUES} values in a pickle, found more"));
        }
        Ok(())
    }

    /// A new tuple or list, by index.
    pub(super) fn sequence(&mut self, items: Vec<Value<'a>>) -> usize {
        self.sequences.push(items);
        self.sequences.len() - 1
    }

    pub(super) fn dict(&mut self, pairs: Vec<(Value<'a>, Value<'a>)>) -> Value<'a> {
        self.dicts.push(pairs);
        Value::Dict(self.dicts.len() - 1)
    }
}
