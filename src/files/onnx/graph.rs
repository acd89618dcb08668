//! A graph that is made layer by layer, of a network's table.

use crate::files::onnx::message::{Attribute, Graph, Node, Tensor, Value};
use crate::nn::architecture::{NORM_EPSILON, Operation, Sequence, Window};
use crate::nn::weights::Weights;

/// A graph in the making: nodes and the constants that they take. A value has the name of the node
/// that makes it, which is that of its layer in our files or, without parameters, of the value
/// before it and what is done to it.
#[derive(Debug, Default)]
pub(super) struct Builder {
    graph: Graph,
    weights: Weights,
    /// What the weights' names begin with, in front of a layer's path.
    prefix: &'static str,
    /// The values that a mask mixes with.
    image: String,
}

impl Builder {
    /// A graph whose layers take their weights, named `prefix` and their path, out of `weights`;
    /// `image` is the network's input.
    pub fn new(weights: Weights, prefix: &'static str, image: &str) -> Self {
        Self { graph: Graph::default(), weights, prefix, image: image.to_owned() }
    }

    /// Adds a node: the name of what it makes, which is its own.
    pub fn node<const N: usize>(
        &mut self,
        op_type: &str,
        name: impl Into<String>,
        inputs: [&str; N],
        attribute: Vec<Attribute>,
    ) -> String {
        let name = name.into();
        self.push(op_type, &name, &inputs, &[&name], attribute);
        name
    }

    fn push(
        &mut self,
        op_type: &str,
        name: &str,
        inputs: &[&str],
        outputs: &[&str],
        attribute: Vec<Attribute>,
    ) {
        let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.graph.node.push(Node {
            input: named(inputs),
            output: named(outputs),
            name: name.to_owned(),
            op_type: op_type.to_owned(),
            attribute,
        });
    }

    /// Adds a vector of integers: its name.
    pub fn integers(&mut self, name: impl Into<String>, values: &[i64]) -> String {
        let name = name.into();
        self.graph.initializer.push(Tensor::integers(name.clone(), values));
        name
    }

    /// Takes a layer's parameter, whose name it gives.
    ///
    /// # Panics
    /// When the weights are those of another network.
    fn parameter(&mut self, path: &str, parameter: &str) -> String {
        let name = format!("{path}.{parameter}");
        let data = self.weights.remove(&format!("{}.{name}", self.prefix));
        let data = data.unwrap_or_else(|| panic!("the network has no {name}"));
        let tensor = Tensor::floats(name.clone(), data.shape.as_slice(), data.iter::<f32>());
        self.graph.initializer.push(tensor);
        name
    }

    /// Adds what `sequence`, whose paths begin with `path`, makes of the value `x`: its name.
    ///
    /// # Panics
    /// When the weights are those of another network.
    pub fn sequence(&mut self, sequence: &Sequence, path: &str, x: String) -> String {
        sequence
            .layers()
            .iter()
            .fold(x, |x, layer| self.layer(&layer.operation, format!("{path}{}", layer.path), &x))
    }

    fn layer(&mut self, operation: &Operation, path: String, x: &str) -> String {
        match operation {
            Operation::Convolution(size) => {
                let weight = self.parameter(&path, "weight");
                self.node("Conv", path, [x, &weight], window(size.window))
            }
            Operation::BiasedConvolution(size) => {
                let [weight, bias] = ["weight", "bias"].map(|name| self.parameter(&path, name));
                self.node("Conv", path, [x, &weight, &bias], window(size.window))
            }
            Operation::TransposedConvolution(size) => {
                let weight = self.parameter(&path, "weight");
                self.node("ConvTranspose", path, [x, &weight], window(size.window))
            }
            Operation::ResizeConvolution(size) => {
                let weight = self.parameter(&path, "weight");
                let factors = format!("{path}.factors");
                let twice = [1.0, 1.0, 2.0, 2.0].into_iter();
                self.graph.initializer.push(Tensor::floats(factors.clone(), &[4], twice));
                // Copy i is of pixel floor(i / 2).
                let attributes = vec![
                    Attribute::string("mode", "nearest"),
                    Attribute::string("coordinate_transformation_mode", "asymmetric"),
                    Attribute::string("nearest_mode", "floor"),
                ];
                let name = format!("{path}.resize");
                let x = self.node("Resize", name, [x, "", &factors], attributes);
                self.node("Conv", path, [&x, &weight], window(size.window))
            }
            Operation::InstanceNorm { .. } => {
                let [weight, bias] = ["weight", "bias"].map(|name| self.parameter(&path, name));
                let epsilon = vec![Attribute::float("epsilon", NORM_EPSILON as f32)];
                self.node("InstanceNormalization", path, [x, &weight, &bias], epsilon)
            }
            Operation::Relu => self.node("Relu", format!("{x}.relu"), [x], Vec::new()),
            Operation::LeakyRelu { slope } => {
                let slope = vec![Attribute::float("alpha", *slope as f32)];
                self.node("LeakyRelu", format!("{x}.relu"), [x], slope)
            }
            Operation::Tanh => self.node("Tanh", TRANSLATED, [x], Vec::new()),
            Operation::Mask { channels } => self.mask(*channels, x),
            Operation::AdaptiveNorm { .. }
            | Operation::Linear { .. }
            | Operation::MeanPool
            | Operation::NearestUp
            | Operation::Block { .. } => {
                unreachable!("no network that is exported has a layer like {path}")
            }
            Operation::Residual { times, layers } => (0..*times).fold(x.to_owned(), |x, i| {
                let path = format!("{path}.{i}");
                let change = self.sequence(layers, &format!("{path}."), x.clone());
                self.node("Add", path, [&x, &change], Vec::new())
            }),
        }
    }

    /// The image and what is painted, mixed as [`Head::Mask`](crate::nn::head::Head::Mask) does.
    fn mask(&mut self, channels: usize, x: &str) -> String {
        let sizes = self.integers("parts", &[channels as i64, 1]);
        let axis = vec![Attribute::int("axis", 1)];
        self.push("Split", "split", &[x, &sizes], &["split.painted", "split.mask"], axis);
        let painted = self.node("Tanh", "painted", ["split.painted"], Vec::new());
        let mask = self.node("Sigmoid", MASK, ["split.mask"], Vec::new());
        let image = self.image.clone();
        let change = self.node("Sub", "change", [&painted, &image], Vec::new());
        let masked = self.node("Mul", "change.masked", [&mask, &change], Vec::new());
        self.node("Add", TRANSLATED, [&image, &masked], Vec::new())
    }

    /// The graph.
    ///
    /// # Panics
    /// When weights are left, which then are those of another network.
    pub fn finish(self, name: &str, input: Vec<Value>, output: Vec<Value>) -> Graph {
        assert!(self.weights.is_empty(), "weights of another network: {:?}", self.weights.keys());
        Graph { name: name.to_owned(), input, output, ..self.graph }
    }
}

/// What a generator's table makes in the end.
pub(super) const TRANSLATED: &str = "translated";

/// The mask of a table that has one.
pub(super) const MASK: &str = "mask";

fn window(Window { kernel, stride, padding }: Window) -> Vec<Attribute> {
    vec![
        Attribute::ints("kernel_shape", kernel),
        Attribute::ints("strides", [stride; 2]),
        Attribute::ints("pads", [padding; 4]),
    ]
}
