//! What of `onnx.proto` (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>) these networks
//! need, by field number.
//!
//! Declared here, so that nobody needs a protobuf compiler. What an attribute or a side of a shape
//! may be is a choice of fields, of which one is set.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Model {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(string, tag = "3")]
    pub producer_version: String,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSet {
    /// Empty for ONNX's own.
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Entry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Graph {
    /// Each after those whose outputs it takes.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<Value>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Node {
    /// Names of values; an empty one for an input that is left out.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Attribute {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub s: Option<Vec<u8>>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    /// Which of them is set.
    #[prost(enumeration = "AttributeType", tag = "20")]
    pub r#type: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum AttributeType {
    Undefined = 0,
    Float = 1,
    Int = 2,
    String = 3,
    Ints = 7,
}

impl Attribute {
    pub fn float(name: &str, f: f32) -> Self {
        let r#type = AttributeType::Float.into();
        Self { name: name.to_owned(), f: Some(f), r#type, ..Self::default() }
    }

    pub fn int(name: &str, i: i64) -> Self {
        let r#type = AttributeType::Int.into();
        Self { name: name.to_owned(), i: Some(i), r#type, ..Self::default() }
    }

    pub fn string(name: &str, s: &str) -> Self {
        let r#type = AttributeType::String.into();
        Self { name: name.to_owned(), s: Some(s.as_bytes().to_vec()), r#type, ..Self::default() }
    }

    pub fn ints(name: &str, ints: impl IntoIterator<Item = usize>) -> Self {
        let ints = ints.into_iter().map(|int| int as i64).collect();
        Self { name: name.to_owned(), ints, r#type: AttributeType::Ints.into(), ..Self::default() }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    #[prost(enumeration = "DataType", tag = "2")]
    pub data_type: i32,
    #[prost(string, tag = "8")]
    pub name: String,
    /// Little-endian, row-major.
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum DataType {
    Undefined = 0,
    Float = 1,
    Int64 = 7,
}

impl Tensor {
    pub fn floats(name: String, shape: &[usize], values: impl Iterator<Item = f32>) -> Self {
        let raw_data = values.flat_map(f32::to_le_bytes).collect();
        Self { dims: dims(shape), data_type: DataType::Float.into(), name, raw_data }
    }

    /// A vector.
    pub fn integers(name: String, values: &[i64]) -> Self {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { dims: dims(&[values.len()]), data_type: DataType::Int64.into(), name, raw_data }
    }
}

fn dims(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&side| side as i64).collect()
}

/// An input or output of a graph.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Value {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<Type>,
    #[prost(string, tag = "3")]
    pub doc_string: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Type {
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorType {
    #[prost(enumeration = "DataType", tag = "1")]
    pub elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub dim_value: Option<i64>,
    /// A name for what only a use of the graph says.
    #[prost(string, optional, tag = "2")]
    pub dim_param: Option<String>,
}

impl Dimension {
    pub fn fixed(side: usize) -> Self {
        Self { dim_value: Some(side as i64), dim_param: None }
    }

    pub fn named(name: &str) -> Self {
        Self { dim_value: None, dim_param: Some(name.to_owned()) }
    }
}

impl Value {
    /// A tensor of floats.
    pub fn floats(
        name: &str,
        shape: impl IntoIterator<Item = Dimension>,
        doc: impl Into<String>,
    ) -> Self {
        let shape = Some(Shape { dim: shape.into_iter().collect() });
        let tensor_type = Some(TensorType { elem_type: DataType::Float.into(), shape });
        Self { name: name.to_owned(), r#type: Some(Type { tensor_type }), doc_string: doc.into() }
    }
}
