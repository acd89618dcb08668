//! Matrix products on tensor cores, by the fastest of a few of burn's kernels.
//!
//! burn itself tries twenty for every kind of product, and compiling them takes ten minutes and
//! more. On an H200, with 52 kinds of product of the networks of 128 pixels and less, the best of
//! these few is 8 % slower than the best of all.

use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl::tune::{LocalTuner, Tunable, TunableSet, TuneGroup, local_tuner};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeRuntime, CubeTuneId};
use cubek::matmul::components::tile::TileMatmulKind;
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::matmul::launch::{MatmulAutotuneKey, Strategy, launch_ref};
use cubek::matmul::routines::BlueprintStrategy;
use cubek::matmul::routines::simple::SimpleArgs;
use cubek::std::InputBinding;

use crate::nn::kernels::gpu::kernel::{Kernel, empty};
use crate::nn::kernels::gpu::product::{Product, multiply};

/// As [`Product`].
#[derive(Clone, Debug)]
pub(super) struct TensorCoreProduct;

/// The factors and the memory of the product.
type Inputs<R> = (CubeTensor<R>, CubeTensor<R>, CubeTensor<R>);

impl Kernel for TensorCoreProduct {
    const NAME: &'static str = "tensor core product";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        Product.outputs(inputs)
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        static TUNER: LocalTuner<MatmulAutotuneKey, CubeTuneId> = local_tuner!();
        let given: Vec<_> =
            inputs.iter().map(|input| (input.meta.shape().clone(), input.dtype)).collect();
        let product = empty(&inputs[0], self.outputs(&given).remove(0));
        let [left, right] = <[_; 2]>::try_from(inputs).expect("two inputs");
        let client = left.client.clone();
        let id = CubeTuneId::new(&client, &left.device);
        TUNER.execute(&id, &client, TUNER.init(candidates::<R>), (left, right, product.clone()));
        vec![product]
    }
}

/// The first one is taken where no other one can be.
fn candidates<R: CubeRuntime>() -> TunableSet<MatmulAutotuneKey, Inputs<R>, ()> {
    let simple = |multi_rows| SimpleArgs { multi_rows, tile_matmul: TileMatmulKind::Mma };
    let ours = Tunable::new("product", |(left, right, product): Inputs<R>| {
        multiply(left, right, product);
        Ok::<(), String>(())
    });
    let set =
        TunableSet::new(key::<R>, |_: &MatmulAutotuneKey, (left, right, product): &Inputs<R>| {
            (left.clone(), right.clone(), product.copy())
        });
    // burn's condition: copies by TMA need rows that begin at multiples of 16 bytes.
    let aligned = TuneGroup::new("tma", |key: &MatmulAutotuneKey| {
        let factors = [key.definition.lhs_stride_factor, key.definition.rhs_stride_factor];
        if factors.iter().all(|factor| *factor >= 4) { 1 } else { -1 }
    });
    let set = [
        Strategy::SpecializedTmaMma(BlueprintStrategy::Inferred(().into())),
        Strategy::SimpleTmaMma(BlueprintStrategy::Inferred(simple(true))),
    ]
    .into_iter()
    .fold(set.with(ours), |set, strategy| set.with(candidate(strategy).group(&aligned, |_| 1)));
    [
        Strategy::SimpleCyclicMma(BlueprintStrategy::Inferred(simple(false))),
        Strategy::SimpleCyclicMma(BlueprintStrategy::Inferred(simple(true))),
    ]
    .into_iter()
    .fold(set, |set, strategy| set.with(candidate(strategy)))
}

fn candidate<R: CubeRuntime>(strategy: Strategy) -> Tunable<MatmulAutotuneKey, Inputs<R>, ()> {
    Tunable::new(&strategy.to_string(), move |inputs: Inputs<R>| launch(&strategy, inputs))
}

fn launch<R: CubeRuntime>(
    strategy: &Strategy,
    (left, right, product): Inputs<R>,
) -> Result<(), String> {
    let (client, dtype) = (left.client.clone(), left.dtype);
    let mut types = MatmulElems::from_globals(&MatmulGlobalElems {
        lhs: dtype.into(),
        rhs: dtype.into(),
        out: dtype.into(),
    });
    let bound = |factor: CubeTensor<R>| InputBinding::new(factor.binding(), dtype.into());
    launch_ref(strategy, &client, bound(left), bound(right), product.binding(), &mut types)
        .map_err(|error| format!("{error:?}"))
}

/// What products have in common that one choice is made for.
fn key<R: CubeRuntime>((left, right, product): &Inputs<R>) -> MatmulAutotuneKey {
    MatmulAutotuneKey::generate(
        &left.client,
        left.meta.shape(),
        right.meta.shape(),
        left.meta.strides(),
        right.meta.strides(),
        left.dtype.into(),
        right.dtype.into(),
        product.dtype.into(),
        None,
        None,
    )
}

#[cfg(all(test, feature = "wgpu", feature = "flex"))]
mod tests {
    use super::*;
    use crate::nn::kernels::gpu::product::tests::compare;

    /// Without tensor cores no other candidate can be, which the tuner must pass over.
    #[test]
    fn without_tensor_cores_it_is_the_product_in_tiles() {
        compare(&TensorCoreProduct, &[[2, 17, 9, 5]]);
    }
}
