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

use crate::nn::kernels::gpu::kernel::Kernel;
use crate::nn::kernels::gpu::product::{Parts, Product, multiply, with_memory};

/// As [`Product`].
#[derive(Clone, Debug)]
pub(super) struct TensorCoreProduct;

impl Kernel for TensorCoreProduct {
    const NAME: &'static str = "tensor core product";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        Product.outputs(inputs)
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        static TUNER: LocalTuner<MatmulAutotuneKey, CubeTuneId> = local_tuner!();
        let parts = with_memory(inputs);
        let (client, product) = (parts.0.client.clone(), parts.2.clone());
        let id = CubeTuneId::new(&client, &parts.0.device);
        TUNER.execute(&id, &client, TUNER.init(candidates::<R>), parts);
        vec![product]
    }
}

/// The first one is taken where no other one can be.
fn candidates<R: CubeRuntime>() -> TunableSet<MatmulAutotuneKey, Parts<R>, ()> {
    let simple = |multi_rows| SimpleArgs { multi_rows, tile_matmul: TileMatmulKind::Mma };
    // burn's condition: copies by TMA need rows that begin at multiples of 16 bytes.
    let aligned = TuneGroup::new("tma", |key: &MatmulAutotuneKey| {
        let factors = [key.definition.lhs_stride_factor, key.definition.rhs_stride_factor];
        if factors.iter().all(|factor| *factor >= 4) { 1 } else { -1 }
    });
    let by_burn = |strategy: Strategy| {
        Tunable::new(&strategy.to_string(), move |parts: Parts<R>| launch(&strategy, parts))
    };
    let by_tma = |strategy| by_burn(strategy).group(&aligned, |_| 1);
    let input = |_: &MatmulAutotuneKey, (left, right, product): &Parts<R>| {
        (left.clone(), right.clone(), product.copy())
    };
    TunableSet::new(key::<R>, input)
        .with(Tunable::new("product", |parts: Parts<R>| {
            multiply(parts);
            Ok::<(), String>(())
        }))
        .with(by_tma(Strategy::SpecializedTmaMma(BlueprintStrategy::Inferred(().into()))))
        .with(by_tma(Strategy::SimpleTmaMma(BlueprintStrategy::Inferred(simple(true)))))
        .with(by_burn(Strategy::SimpleCyclicMma(BlueprintStrategy::Inferred(simple(false)))))
        .with(by_burn(Strategy::SimpleCyclicMma(BlueprintStrategy::Inferred(simple(true)))))
}

fn launch<R: CubeRuntime>(
    strategy: &Strategy,
    (left, right, product): Parts<R>,
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
fn key<R: CubeRuntime>((left, right, product): &Parts<R>) -> MatmulAutotuneKey {
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
