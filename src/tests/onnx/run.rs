//! Runs a graph as ONNX's specification says, node by node: it knows nothing of the networks, nor
//! of their tables.

use std::collections::{BTreeMap, BTreeSet};

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData, activation};

use crate::files::onnx::message::{Attribute, DataType, Graph, Node, Tensor as Constant};
use crate::nn::ops::composed;

/// A value by its type and number of sides.
#[derive(Clone, Debug)]
enum Value {
    Images(Tensor<Flex, 4>),
    Rows(Tensor<Flex, 2>),
    Floats(Tensor<Flex, 1>),
    Integers(Vec<i64>),
}
use Value::{Floats, Images, Integers, Rows};

impl Value {
    fn new(data: TensorData) -> Self {
        let device = Default::default();
        match data.shape.num_dims() {
            4 => Images(Tensor::from_data(data, &device)),
            2 => Rows(Tensor::from_data(data, &device)),
            1 => Floats(Tensor::from_data(data, &device)),
            0 => Self::new(TensorData::new(data.iter::<f32>().collect(), [1])),
            other => panic!("{other} sides"),
        }
    }

    fn constant(of: &Constant) -> Self {
        let sides: Vec<usize> = of.dims.iter().map(|&side| side as usize).collect();
        let values =
            || of.raw_data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()));
        match of.data_type() {
            DataType::Float => {
                let bytes = of.raw_data.chunks_exact(4);
                let values = bytes.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
                Self::new(TensorData::new::<f32, _>(values, sides))
            }
            DataType::Int64 if sides == [values().len()] => Integers(values().collect()),
            other => panic!("{}: {other:?} {sides:?}", of.name),
        }
    }

    fn data(self) -> TensorData {
        match self {
            Images(tensor) => tensor.into_data(),
            Rows(tensor) => tensor.into_data(),
            other => panic!("expected images or rows, found {other:?}"),
        }
    }
}

fn attribute<'a>(node: &'a Node, name: &str) -> &'a Attribute {
    let found = node.attribute.iter().find(|attribute| attribute.name == name);
    found.unwrap_or_else(|| panic!("{} has no {name}", node.name))
}

/// The only value of several.
fn all_equal(node: &Node, name: &str, count: usize) -> usize {
    let ints = &attribute(node, name).ints;
    assert!(ints.len() == count && ints.iter().all(|int| *int == ints[0]), "{name} {ints:?}");
    ints[0] as usize
}

/// What a graph makes of its inputs, by name.
pub fn run(graph: &Graph, inputs: &BTreeMap<String, TensorData>) -> BTreeMap<String, TensorData> {
    let declared: BTreeSet<_> = graph.input.iter().map(|input| &input.name).collect();
    assert_eq!(declared, inputs.keys().collect());
    let mut values: BTreeMap<String, Value> =
        inputs.iter().map(|(name, data)| (name.clone(), Value::new(data.clone()))).collect();
    for constant in &graph.initializer {
        let known = values.insert(constant.name.clone(), Value::constant(constant));
        assert!(known.is_none(), "{} twice", constant.name);
    }
    let mut used = BTreeSet::new();
    for node in &graph.node {
        let taken = node.input.iter().filter(|name| !name.is_empty());
        let taken: Vec<Value> = taken
            .map(|name| {
                used.insert(name.clone());
                values.get(name).unwrap_or_else(|| panic!("{}: no {name} yet", node.name)).clone()
            })
            .collect();
        let made = compute(node, taken);
        assert_eq!(made.len(), node.output.len(), "{}", node.name);
        for (name, value) in node.output.iter().zip(made) {
            assert!(values.insert(name.clone(), value).is_none(), "{name} twice");
        }
    }
    let output = |name: &String| (name.clone(), values[name].clone().data());
    let outputs: BTreeMap<_, _> = graph.output.iter().map(|value| output(&value.name)).collect();
    let idle: Vec<_> =
        values.keys().filter(|&name| !used.contains(name) && !outputs.contains_key(name)).collect();
    assert!(idle.is_empty(), "made for nothing: {idle:?}");
    outputs
}

/// An attribute that isn't read below would be one that is forgotten.
fn check_attributes(node: &Node) {
    let read: &[&str] = match &*node.op_type {
        "Conv" | "ConvTranspose" => &["kernel_shape", "strides", "pads"],
        "InstanceNormalization" => &["epsilon"],
        "Resize" => &["mode", "coordinate_transformation_mode", "nearest_mode"],
        "LeakyRelu" => &["alpha"],
        "Split" | "Concat" | "Flatten" => &["axis"],
        "Shape" => &["start"],
        "Gemm" => &["transB"],
        "AveragePool" => &["kernel_shape", "strides"],
        _ => &[],
    };
    let found: Vec<&str> = node.attribute.iter().map(|attribute| &*attribute.name).collect();
    assert_eq!(found, read, "{}", node.name);
}

fn compute(node: &Node, inputs: Vec<Value>) -> Vec<Value> {
    let op_type = &*node.op_type;
    check_attributes(node);
    let made = match (op_type, inputs.as_slice()) {
        ("Conv" | "ConvTranspose", [Images(x), Images(weight), bias @ ..]) => {
            let [stride, padding] =
                [("strides", 2), ("pads", 4)].map(|(name, count)| all_equal(node, name, count));
            let kernel: Vec<_> = weight.dims()[2..].iter().map(|&side| side as i64).collect();
            assert_eq!(attribute(node, "kernel_shape").ints, kernel);
            let (x, weight) = (x.clone(), weight.clone());
            match (op_type, bias) {
                ("Conv", []) => Images(composed::conv2d(x, weight, None, stride, padding)),
                ("Conv", [Floats(bias)]) => {
                    Images(composed::conv2d(x, weight, Some(bias.clone()), stride, padding))
                }
                ("ConvTranspose", []) => {
                    Images(composed::conv_transpose2d(x, weight, stride, padding))
                }
                _ => panic!("{}: {bias:?}", node.name),
            }
        }
        ("InstanceNormalization", [Images(x), Floats(scale), Floats(shift)]) => {
            assert_eq!(attribute(node, "epsilon").f, Some(1e-5));
            Images(composed::instance_norm(x.clone(), scale.clone(), shift.clone(), false))
        }
        ("Resize", [Images(x), Floats(factors)]) => {
            assert_eq!(factors.clone().into_data().to_vec::<f32>().unwrap(), [1.0, 1.0, 2.0, 2.0]);
            for (name, expected) in [
                ("mode", "nearest"),
                ("coordinate_transformation_mode", "asymmetric"),
                ("nearest_mode", "floor"),
            ] {
                assert_eq!(attribute(node, name).s.as_deref(), Some(expected.as_bytes()));
            }
            let [n, c, h, w] = x.dims();
            let each_twice = x.clone().reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]);
            Images(each_twice.reshape([n, c, 2 * h, 2 * w]))
        }
        ("AveragePool", [Images(x)]) => {
            for name in ["kernel_shape", "strides"] {
                assert_eq!(all_equal(node, name, 2), 2);
            }
            let [n, c, h, w] = x.dims();
            let each = x.clone().reshape([n, c, h / 2, 2, w / 2, 2]);
            Images(each.mean_dim(5).mean_dim(3).reshape([n, c, h / 2, w / 2]))
        }
        ("Gemm", [Rows(x), Rows(weight), Floats(bias)]) => {
            assert_eq!(attribute(node, "transB").i, Some(1));
            Rows(x.clone().matmul(weight.clone().transpose()) + bias.clone().unsqueeze())
        }
        ("Relu", [Images(x)]) => Images(activation::relu(x.clone())),
        ("Relu", [Rows(x)]) => Rows(activation::relu(x.clone())),
        ("Clip", [Images(x), Floats(least), Floats(most)]) => {
            Images(x.clone().clamp(least.clone().into_scalar(), most.clone().into_scalar()))
        }
        ("LeakyRelu", [Images(x)]) => {
            let slope = attribute(node, "alpha").f.unwrap();
            Images(activation::leaky_relu(x.clone(), slope.into()))
        }
        ("Tanh", [Images(x)]) => Images(x.clone().tanh()),
        ("Sigmoid", [Images(x)]) => Images(activation::sigmoid(x.clone())),
        ("Add", [Images(x), Images(y)]) => Images(x.clone() + y.clone()),
        ("Sub", [Images(x), Images(y)]) => Images(x.clone() - y.clone()),
        ("Mul", [Images(x), Images(y)]) => Images(x.clone() * y.clone()),
        ("Mul", [Rows(x), Rows(y)]) => Rows(x.clone() * y.clone()),
        ("Sum", [Rows(first), others @ ..]) => {
            Rows(others.iter().fold(first.clone(), |sum, other| match other {
                Rows(row) => sum + row.clone(),
                other => panic!("{}: {other:?}", node.name),
            }))
        }
        ("Split", [x @ (Images(_) | Rows(_)), Integers(sizes)]) => {
            assert_eq!(attribute(node, "axis").i, Some(1));
            let sizes = sizes.iter().map(|&size| size as usize).collect();
            return match x.clone() {
                Images(x) => x.split_with_sizes(sizes, 1).into_iter().map(Images).collect(),
                Rows(x) => x.split_with_sizes(sizes, 1).into_iter().map(Rows).collect(),
                other => panic!("{}: {other:?}", node.name),
            };
        }
        ("Shape", [Images(x)]) => {
            let start = attribute(node, "start").i.unwrap() as usize;
            Integers(x.dims()[start..].iter().map(|&side| side as i64).collect())
        }
        ("Concat", [Integers(first), Integers(second)]) => {
            assert_eq!(attribute(node, "axis").i, Some(0));
            Integers([&first[..], second].concat())
        }
        ("Concat", [Images(first), Images(second)]) => {
            assert_eq!(attribute(node, "axis").i, Some(1));
            Images(Tensor::cat(vec![first.clone(), second.clone()], 1))
        }
        ("Unsqueeze", [Rows(x), Integers(axes)]) => {
            assert_eq!(axes[..], [2, 3]);
            let [n, c] = x.dims();
            Images(x.clone().reshape([n, c, 1, 1]))
        }
        ("Expand", [Images(x), Integers(shape)]) => {
            let ([n, c, 1, 1], [1, 1, h, w]) = (x.dims(), &shape[..]) else {
                panic!("{:?} to {shape:?}", x.dims());
            };
            Images(x.clone().expand([n, c, *h as usize, *w as usize]))
        }
        ("Flatten", [Images(x)]) => {
            assert_eq!(attribute(node, "axis").i, Some(1));
            let [n, c, h, w] = x.dims();
            Rows(x.clone().reshape([n, c * h * w]))
        }
        (other, inputs) => panic!("{other} of {} inputs", inputs.len()),
    };
    vec![made]
}
