//! A module's parameters as named host arrays, as files hold them.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

/// Parameters by their path in a module, such as `blocks.0.first.conv.weight`.
pub type Weights = BTreeMap<String, TensorData>;

/// The path and the shape of every parameter of `module`, in visiting order.
pub(crate) fn paths<B: Backend, M: Module<B>>(module: &M) -> Vec<(String, Vec<usize>)> {
    struct Lister {
        path: Vec<String>,
        found: Vec<(String, Vec<usize>)>,
    }
    impl<B: Backend> ModuleVisitor<B> for Lister {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            self.found.push((self.path.join("."), param.lazy_shape().as_slice().to_vec()));
        }
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
    }
    let mut lister = Lister { path: Vec::new(), found: Vec::new() };
    module.visit(&mut lister);
    lister.found
}

/// The names of the parameters of `module` under `prefix.`, in visiting order.
fn names<B: Backend, M: Module<B>>(module: &M, prefix: &str) -> Vec<String> {
    paths(module).iter().map(|(path, _)| format!("{prefix}.{path}")).collect()
}

/// Every parameter of `module`, under `prefix.`.
pub(crate) fn collect<B: Backend, M: Module<B>>(module: &M, prefix: &str) -> Weights {
    struct Collector(Vec<TensorData>);
    impl<B: Backend> ModuleVisitor<B> for Collector {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            // Files hold 32-bit floats whatever the backend computes in.
            self.0.push(param.val().into_data().convert::<f32>());
        }
    }
    let mut collector = Collector(Vec::new());
    module.visit(&mut collector);
    names(module, prefix).into_iter().zip(collector.0).collect()
}

/// Checks that there are as many weights as networks of `params` parameters need, before memory is
/// taken for the networks.
///
/// # Errors
/// Both numbers, when there are fewer.
pub(crate) fn check_enough(weights: &Weights, params: u64) -> Result<(), String> {
    let values: usize = weights.values().map(|data| data.num_elements()).sum();
    if (values as u64) < params {
        return Err(format!(
            "its networks are described with {params} parameters, it holds {values} values"
        ));
    }
    Ok(())
}

/// The first value that is not finite, and the name of its array.
///
/// # Panics
/// When an array holds others than 32-bit floats.
pub(crate) fn non_finite(weights: &Weights) -> Option<(String, f32)> {
    // No slice is made of an array without values: its bytes may lie anywhere.
    let mut arrays = weights.iter().filter(|(_, data)| !data.bytes.is_empty());
    arrays.find_map(|(name, data)| {
        let values = data.as_slice::<f32>().expect("weights are 32-bit floats");
        Some((name.clone(), *values.iter().find(|value| !value.is_finite())?))
    })
}

/// Checks that the weights of a file are numbers, before they are used.
///
/// # Errors
/// The first value that is not finite, with the name of its array.
///
/// # Panics
/// When an array holds others than 32-bit floats.
pub(crate) fn check_finite(weights: &Weights) -> Result<(), String> {
    match non_finite(weights) {
        None => Ok(()),
        Some((name, value)) => Err(format!(
            "{name}: expected finite 32-bit floats, found {value}: a model that has diverged \
             translates nothing; take an earlier one"
        )),
    }
}

/// Sets every parameter of `module` from its entry under `prefix.`, taking it out of `weights`.
///
/// # Errors
/// Every parameter that is missing, mis-shaped or beyond all that computes, by name.
pub(crate) fn apply<B: Backend, M: Module<B>>(
    module: M,
    prefix: &str,
    weights: &mut Weights,
) -> Result<M, String> {
    struct Applier<'a> {
        names: std::vec::IntoIter<String>,
        weights: &'a mut Weights,
        problems: Vec<String>,
    }
    impl<B: Backend> ModuleMapper<B> for Applier<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            let name = self.names.next().expect("a name for every parameter");
            let expected = param.lazy_shape();
            match self.weights.remove(&name) {
                None => {
                    self.problems.push(format!("{name} {:?} is missing", expected.as_slice()));
                    param
                }
                Some(data) if data.shape != expected => {
                    self.problems.push(format!(
                        "{name}: expected shape {:?}, found {:?}",
                        expected.as_slice(),
                        data.shape.as_slice()
                    ));
                    param
                }
                Some(data) if largest(&data) > MOST => {
                    self.problems.push(format!(
                        "{name}: expected weights of at most {MOST:e}, found {:e}: a model that \
                         has diverged translates nothing; take an earlier one",
                        largest(&data)
                    ));
                    param
                }
                Some(data) => {
                    let device = param.lazy_device();
                    param.map(|old| {
                        let tracked = old.is_require_grad();
                        Tensor::from_data(data, &device).set_require_grad(tracked)
                    })
                }
            }
        }
    }
    let names = names(&module, prefix).into_iter();
    let mut applier = Applier { names, weights, problems: Vec::new() };
    let module = module.map(&mut applier);
    if applier.problems.is_empty() { Ok(module) } else { Err(applier.problems.join("; ")) }
}

/// The largest weight of a network. Ten thousand times its square, as instance normalisation has
/// it, is still a 32-bit float.
const MOST: f32 = 1e12;

fn largest(data: &TensorData) -> f32 {
    data.iter::<f32>().map(f32::abs).fold(0.0, f32::max)
}

/// Checks that the modules took all weights.
///
/// # Errors
/// The names of those that are left.
pub(crate) fn check_empty(weights: &Weights) -> Result<(), String> {
    if weights.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = weights.keys().take(5).map(String::as_str).collect();
    Err(format!("{} unexpected tensor(s): {}", weights.len(), names.join(", ")))
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::backend::{Autodiff, Flex};

    use super::*;
    use crate::nn::discriminator::DiscriminatorConfig;
    use crate::random::{Purpose, stream};

    fn discriminator(seed: u64) -> crate::nn::discriminator::Discriminator<Autodiff<Flex>> {
        let config = DiscriminatorConfig::new(4, 2).with_base_channels(1).with_downsamplings(1);
        let mut rng = stream(seed, Purpose::Discriminator, 0, 0);
        config.init(&mut rng, &Default::default()).unwrap()
    }

    #[test]
    fn a_module_takes_what_another_gave_and_is_still_trained() {
        let given = collect(&discriminator(1), "d");
        let names: Vec<&str> = given.keys().map(String::as_str).collect();
        let expected =
            ["d.domain.weight", "d.realness.weight", "d.trunk.0.bias", "d.trunk.0.weight"];
        assert_eq!(names, expected);
        let mut left = given.clone();
        left.insert("other".to_owned(), TensorData::from([1.0_f32]));
        let taken = apply(discriminator(2), "d", &mut left).unwrap();
        assert_eq!(collect(&taken, "d"), given);
        let error = check_empty(&left).unwrap_err();
        assert_eq!(error, "1 unexpected tensor(s): other");

        let images = Tensor::ones([1, 3, 4, 4], &Default::default());
        let gradients = taken.forward(images).realness.sum().backward();
        assert_eq!(
            crate::tests::gradients(&taken, &gradients, "d").len(),
            3,
            "all but the domain head"
        );
    }

    #[test]
    fn the_first_value_that_is_not_finite_is_named() {
        let mut weights = collect(&discriminator(1), "d");
        check_finite(&weights).unwrap();
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            weights.insert("d.trunk.0.bias".to_owned(), TensorData::from([0.0, f32::MAX, value]));
            let error = check_finite(&weights).unwrap_err();
            let expected = format!("d.trunk.0.bias: expected finite 32-bit floats, found {value}:");
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn every_missing_or_misshaped_parameter_is_named() {
        let mut weights = collect(&discriminator(1), "d");
        weights.remove("d.trunk.0.bias");
        weights.insert("d.realness.weight".to_owned(), TensorData::from([1.0_f32, 2.0]));
        let error = apply(discriminator(2), "d", &mut weights).unwrap_err();
        assert!(error.contains("d.trunk.0.bias [1] is missing"), "{error}");
        assert!(
            error.contains("d.realness.weight: expected shape [1, 1, 3, 3], found [2]"),
            "{error}"
        );
        let mut weights = collect(&discriminator(1), "d");
        weights.insert("d.trunk.0.bias".to_owned(), TensorData::from([-3e38_f32]));
        let error = apply(discriminator(2), "d", &mut weights).unwrap_err();
        let expected = "d.trunk.0.bias: expected weights of at most 1e12, found 3e38";
        assert!(error.starts_with(expected), "{error}");
    }
}
