//! A set in a file, whose arrays are 32-bit floats: vectors as they are, sums as two numbers each,
//! of which the second is what the first leaves.

use burn::tensor::TensorData;
use nalgebra::{DMatrix, DVector};

use crate::metrics::feature_set::{FeatureSet, Sums};
use crate::nn::weights::Weights;

impl FeatureSet {
    /// The arrays that hold it, all of it summed up, under `prefix.`.
    ///
    /// # Panics
    /// Before it is [settled](Self::settle).
    pub fn arrays(&self, prefix: &str) -> Weights {
        assert!(self.waiting.is_empty(), "something waits to be summed up");
        let mut arrays = Weights::new();
        if !self.sample.is_empty() {
            let shape = [self.sample.len() / self.width, self.width];
            let vectors = TensorData::new::<f32, _>(self.sample.clone(), shape);
            arrays.insert(format!("{prefix}.vectors"), vectors);
        }
        if let Some(Sums { origin, sum, products }) = &self.sums {
            let width = self.width;
            for (name, values, shape) in [
                ("origin", origin.as_slice(), vec![width]),
                ("sum", sum.as_slice(), vec![width]),
                ("products", products.as_slice(), vec![width, width]),
            ] {
                let high: Vec<f32> = values.iter().map(|&value| value as f32).collect();
                let rest = values.iter().zip(&high);
                let low: Vec<f32> = rest.map(|(v, high)| (v - f64::from(*high)) as f32).collect();
                for (half, values) in [("high", high), ("low", low)] {
                    let data = TensorData::new::<f32, _>(values, shape.clone());
                    arrays.insert(format!("{prefix}.{name}.{half}"), data);
                }
            }
        }
        arrays
    }

    /// Those of `n` vectors that [`arrays`](Self::arrays) gave, taken out of `arrays`.
    ///
    /// # Errors
    /// When an array is missing or has another shape.
    pub fn from_arrays(
        width: usize,
        n: usize,
        prefix: &str,
        arrays: &mut Weights,
    ) -> Result<Self, String> {
        let mut take = |name: &str, shape: &[usize]| -> Result<Vec<f32>, String> {
            let name = format!("{prefix}.{name}");
            match arrays.remove(&name) {
                Some(data) if data.shape.as_slice() == shape => Ok(data.iter::<f32>().collect()),
                Some(data) => Err(format!(
                    "{name}: expected shape {shape:?}, found {:?}",
                    data.shape.as_slice()
                )),
                None => Err(format!("{name} {shape:?} is missing")),
            }
        };
        let mut set = Self { n, ..Self::new(width) };
        if n > 0 {
            set.sample = take("vectors", &[n.min(width), width])?;
        }
        if n <= width {
            return Ok(set);
        }
        let mut both = |name: &str, shape: &[usize]| -> Result<Vec<f64>, String> {
            let [high, low] = ["high", "low"].map(|half| take(&format!("{name}.{half}"), shape));
            let halves = high?.into_iter().zip(low?);
            Ok(halves.map(|(high, low)| f64::from(high) + f64::from(low)).collect())
        };
        set.sums = Some(Sums {
            origin: DVector::from_vec(both("origin", &[width])?),
            sum: DVector::from_vec(both("sum", &[width])?),
            products: DMatrix::from_vec(width, width, both("products", &[width, width])?),
        });
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        for n in [0, 1, 3, 4, 700] {
            let mut set = FeatureSet::new(3);
            for i in 0..n {
                set.add(&[i as f32 * 0.1, (i * i % 7) as f32, 1e3 / (i as f32 + 0.3)]);
            }
            set.settle();
            let mut arrays = set.arrays("a");
            let back = FeatureSet::from_arrays(3, n, "a", &mut arrays).unwrap();
            assert!(arrays.is_empty());
            assert_eq!((&back.sample, back.n), (&set.sample, n));
            match (&set.sums, &back.sums) {
                (Some(sums), Some(found)) => {
                    let error = (&sums.products - &found.products).amax();
                    // 48 bits of products, of 53.
                    assert!(error <= 1e-13 * sums.products.amax(), "{n}: {error:e}");
                }
                sums => assert_eq!(sums, (&None, &None)),
            }
        }
        let error = FeatureSet::from_arrays(3, 2, "a", &mut Weights::new()).unwrap_err();
        assert_eq!(error, "a.vectors [2, 3] is missing");
    }
}
