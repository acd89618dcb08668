//! A graph that is made layer by layer, of a network's table.

use std::f32::consts::FRAC_1_SQRT_2;

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

    /// Adds an array of floats: its name.
    pub fn floats(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        values: impl IntoIterator<Item = f32>,
    ) -> String {
        let name = name.into();
        self.graph.initializer.push(Tensor::floats(name.clone(), shape, values.into_iter()));
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
                let x = self.doubled(format!("{path}.resize"), x);
                self.node("Conv", path, [&x, &weight], window(size.window))
            }
            Operation::InstanceNorm { .. } => {
                let [weight, bias] = ["weight", "bias"].map(|name| self.parameter(&path, name));
                self.normed(path, [x, &weight, &bias])
            }
            Operation::AdaptiveNorm { channels, .. } => self.styled(&path, *channels, x),
            Operation::Linear { .. } => self.linear(path, x),
            Operation::MeanPool => {
                let two = |name| Attribute::ints(name, [2; 2]);
                let halved = vec![two("kernel_shape"), two("strides")];
                self.node("AveragePool", format!("{x}.pool"), [x], halved)
            }
            Operation::NearestUp => self.doubled(format!("{x}.up"), x),
            Operation::Relu => self.node("Relu", format!("{x}.relu"), [x], Vec::new()),
            Operation::LeakyRelu { slope } => {
                let slope = vec![Attribute::float("alpha", *slope as f32)];
                self.node("LeakyRelu", format!("{x}.relu"), [x], slope)
            }
            Operation::Tanh => self.node("Tanh", TRANSLATED, [x], Vec::new()),
            Operation::Mask { channels } => self.mask(*channels, x),
            Operation::Residual { times, layers } => (0..*times).fold(x.to_owned(), |x, i| {
                let path = format!("{path}.{i}");
                let change = self.sequence(layers, &format!("{path}."), x.clone());
                self.node("Add", path, [&x, &change], Vec::new())
            }),
            Operation::Block { layers, shortcut } => {
                let within = format!("{path}.");
                let [change, short] =
                    [layers, shortcut].map(|side| self.sequence(side, &within, x.to_owned()));
                let sum = self.node("Add", format!("{path}.sum"), [&short, &change], Vec::new());
                let half = self.floats(format!("{path}.factor"), &[1; 4], [FRAC_1_SQRT_2]);
                self.node("Mul", path, [&sum, &half], Vec::new())
            }
        }
    }

    /// Every pixel of `x` four times.
    fn doubled(&mut self, name: String, x: &str) -> String {
        let factors = self.floats(format!("{name}.factors"), &[4], [1.0, 1.0, 2.0, 2.0]);
        // Copy i is of pixel floor(i / 2).
        let attributes = vec![
            Attribute::string("mode", "nearest"),
            Attribute::string("coordinate_transformation_mode", "asymmetric"),
            Attribute::string("nearest_mode", "floor"),
        ];
        self.node("Resize", name, [x, "", &factors], attributes)
    }

    fn normed(&mut self, name: String, inputs: [&str; 3]) -> String {
        let epsilon = vec![Attribute::float("epsilon", NORM_EPSILON as f32)];
        self.node("InstanceNormalization", name, inputs, epsilon)
    }

    /// `x` by its own statistics, then `(1 + gamma) x + beta`, which a linear layer makes of the
    /// style.
    fn styled(&mut self, path: &str, channels: usize, x: &str) -> String {
        let named = |name: &str| format!("{path}.{name}");
        let ones = self.floats(named("ones"), &[channels], vec![1.0; channels]);
        let zeros = self.floats(named("zeros"), &[channels], vec![0.0; channels]);
        let x = self.normed(named("norm"), [x, &ones, &zeros]);

        let affine = self.linear(named("fc"), STYLE);
        let axes = self.integers(named("axes"), &[2, 3]);
        let affine = self.node("Unsqueeze", named("affine"), [&affine, &axes], Vec::new());
        let sizes = self.integers(named("parts"), &[channels as i64; 2]);
        let [gamma, beta] = ["gamma", "beta"].map(named);
        self.split(&named("split"), [&affine, &sizes], &[&gamma, &beta]);
        let one = self.floats(named("one"), &[1; 4], [1.0]);
        let scale = self.node("Add", named("scale"), [&gamma, &one], Vec::new());
        let scaled = self.node("Mul", named("scaled"), [&x, &scale], Vec::new());
        self.node("Add", path, [&scaled, &beta], Vec::new())
    }

    /// The linear layer at `path` of the rows `x`.
    fn linear(&mut self, path: String, x: &str) -> String {
        let [weight, bias] = ["weight", "bias"].map(|name| self.parameter(&path, name));
        self.node("Gemm", path, [x, &weight, &bias], vec![Attribute::int("transB", 1)])
    }

    /// Of `rows`, values of which one is for each domain, every image's own: named `name`, given a
    /// 1 for its domain and else 0 in the value `domain`.
    pub fn of_domain(&mut self, name: &str, domain: &str, rows: &[String]) -> String {
        let sizes = self.integers("domain.parts", &vec![1; rows.len()]);
        let shares: Vec<_> = (0..rows.len()).map(|i| format!("domain.{i}")).collect();
        let parts: Vec<&str> = shares.iter().map(String::as_str).collect();
        self.split("domain.split", [domain, &sizes], &parts);
        let own = |builder: &mut Self, (share, row): (&String, &String)| {
            builder.node("Mul", format!("{share}.style"), [share, row], Vec::new())
        };
        let own: Vec<_> = shares.iter().zip(rows).map(|pair| own(self, pair)).collect();
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        self.push("Sum", name, &own, &[name], Vec::new());
        name.to_owned()
    }

    fn split(&mut self, name: &str, inputs: [&str; 2], parts: &[&str]) {
        let axis = vec![Attribute::int("axis", 1)];
        self.push("Split", name, &inputs, parts, axis);
    }

    /// The image and what is painted, mixed as [`Head::Mask`](crate::nn::head::Head::Mask) does.
    fn mask(&mut self, channels: usize, x: &str) -> String {
        let sizes = self.integers("parts", &[channels as i64, 1]);
        self.split("split", [x, &sizes], &["split.painted", "split.mask"]);
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

/// The input that adaptive norms take.
pub(super) const STYLE: &str = "style";

/// The mask of a table that has one.
pub(super) const MASK: &str = "mask";

fn window(Window { kernel, stride, padding }: Window) -> Vec<Attribute> {
    vec![
        Attribute::ints("kernel_shape", kernel),
        Attribute::ints("strides", [stride; 2]),
        Attribute::ints("pads", [padding; 4]),
    ]
}
