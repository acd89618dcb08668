//! The Python calls that a pickle may ask for, done on data: dicts, storages and tensors.

use crate::files::pytorch::state_dict::objects::{Global, Objects, Storage, Tensor, Value};

/// Dimensions a tensor may have; no layer of PyTorch has weights of more than 5.
const MAX_DIMENSIONS: usize = 8;

impl<'a> Objects<'a> {
    /// What calling `global` with `arguments` returns in Python.
    ///
    /// # Errors
    /// If the arguments are not those that PyTorch writes.
    pub(super) fn call(
        &mut self,
        global: Value<'a>,
        arguments: Value<'a>,
    ) -> Result<Value<'a>, String> {
        let (Value::Global(global), Value::Tuple(arguments)) = (global, arguments) else {
            let (callee, given) = (global.kind(), arguments.kind());
            return Err(format!(
                "expected a name and a tuple to call it with, found {callee} and {given}"
            ));
        };
        match (global, self.sequences[arguments].as_slice()) {
            (Global::OrderedDict, []) => Ok(self.dict(Vec::new())),
            // Python 2 gives the items as an argument.
            (Global::OrderedDict, &[Value::List(items)]) => self.ordered(items),
            (Global::Size, &[sizes @ Value::Tuple(_)]) => Ok(sizes),
            (Global::RebuildTensor, &[storage, offset, shape, strides]) => {
                self.tensor(storage, offset, shape, strides)
            }
            (
                Global::RebuildTensorV2,
                &[storage, offset, shape, strides, Value::Bool(_), hooks]
                // Marks of lazy conjugation or negation, which would change the values, are last.
                | &[storage, offset, shape, strides, Value::Bool(_), hooks, Value::None],
            ) if self.is_empty(hooks) => self.tensor(storage, offset, shape, strides),
            (
                Global::RebuildTensorV2,
                &[storage, offset, shape, strides, Value::Bool(_), hooks, marks],
            ) if self.is_empty(hooks) && self.is_empty(marks) => {
                self.tensor(storage, offset, shape, strides)
            }
            (Global::RebuildParameter, &[tensor @ Value::Tensor(_), Value::Bool(_), hooks])
                if self.is_empty(hooks) =>
            {
                Ok(tensor)
            }
            (_, arguments) => {
                let kinds: Vec<_> = arguments.iter().take(8).map(Value::kind).collect();
                let kinds = kinds.join(", ");
                Err(format!("expected the arguments that PyTorch gives {global}, found ({kinds})"))
            }
        }
    }

    fn is_empty(&self, dict: Value) -> bool {
        matches!(dict, Value::Dict(dict) if self.dicts[dict].is_empty())
    }

    fn ordered(&mut self, items: usize) -> Result<Value<'a>, String> {
        self.count(self.sequences[items].len())?;
        let mut pairs = Vec::with_capacity(self.sequences[items].len());
        for item in &self.sequences[items] {
            let (Value::List(pair) | Value::Tuple(pair)) = *item else {
                return Err(format!("expected pairs in an OrderedDict, found {}", item.kind()));
            };
            let &[key, value] = self.sequences[pair].as_slice() else {
                let found = self.sequences[pair].len();
                return Err(format!("expected pairs in an OrderedDict, found {found} values"));
            };
            pairs.push((key, value));
        }
        Ok(self.dict(pairs))
    }

    fn tensor(
        &mut self,
        storage: Value<'a>,
        offset: Value<'a>,
        shape: Value<'a>,
        strides: Value<'a>,
    ) -> Result<Value<'a>, String> {
        let Value::Storage(storage) = storage else {
            return Err(format!("expected a tensor's storage, found {}", storage.kind()));
        };
        let offset = natural(offset, "a tensor's offset")?;
        let shape = self.naturals(shape, "a tensor's shape")?;
        let strides = self.naturals(strides, "a tensor's strides")?;
        if shape.len() != strides.len() {
            let (shape, strides) = (shape.len(), strides.len());
            return Err(format!(
                "expected {shape} strides for {shape} dimensions, found {strides}"
            ));
        }
        self.tensors.push(Tensor { storage, offset, shape, strides });
        Ok(Value::Tensor(self.tensors.len() - 1))
    }

    fn naturals(&mut self, tuple: Value<'a>, what: &str) -> Result<Vec<usize>, String> {
        let Value::Tuple(tuple) = tuple else {
            return Err(format!("expected a tuple as {what}, found {}", tuple.kind()));
        };
        let length = self.sequences[tuple].len();
        if length > MAX_DIMENSIONS {
            return Err(format!(
                "expected at most {MAX_DIMENSIONS} numbers in {what}, found {length}"
            ));
        }
        self.count(length)?;
        self.sequences[tuple].iter().map(|&value| natural(value, what)).collect()
    }

    /// The storage that a persistent id stands for:
    /// `("storage", class, key, location, elements)`, in the older format with a view or `None`.
    ///
    /// # Errors
    /// If `id` is not that.
    pub(super) fn persistent(&mut self, id: Value<'a>) -> Result<Value<'a>, String> {
        let fields = match id {
            Value::Tuple(id) => self.sequences[id].as_slice(),
            _ => &[],
        };
        let (&[
            Value::Str("storage"),
            Value::Global(Global::StorageClass(dtype)),
            Value::Str(key),
            Value::Str(_),
            count,
        ]
        | &[
            Value::Str("storage"),
            Value::Global(Global::StorageClass(dtype)),
            Value::Str(key),
            Value::Str(_),
            count,
            _,
        ]) = fields
        else {
            let kinds: Vec<_> = fields.iter().take(8).map(Value::kind).collect();
            return Err(format!(
                "expected a storage's persistent id, found {} ({})",
                id.kind(),
                kinds.join(", ")
            ));
        };
        let view = match fields.get(5) {
            None | Some(Value::None) => None,
            Some(&Value::Tuple(view)) => match self.sequences[view].as_slice() {
                &[Value::Str(_), offset, count] => {
                    Some((natural(offset, "a view's offset")?, natural(count, "a view's size")?))
                }
                _ => return Err("expected a view's key, offset and size".to_string()),
            },
            Some(other) => {
                return Err(format!("expected a storage's view, found {}", other.kind()));
            }
        };
        let count = natural(count, "a storage's size")?;
        self.storages.push(Storage { key, dtype, count, view });
        Ok(Value::Storage(self.storages.len() - 1))
    }
}

fn natural(value: Value, what: &str) -> Result<usize, String> {
    let number = match value {
        Value::Int(number) => usize::try_from(number).ok(),
        _ => None,
    };
    number.ok_or_else(|| format!("expected {what} to be at least 0, found {}", value.kind()))
}
