//! Mean and covariance in a file, whose arrays are 32-bit floats: vectors as they are, sums as two
//! numbers each, of which the second is what the first leaves.

use burn::tensor::TensorData;
use nalgebra::{DMatrix, DVector};

use crate::metrics::frechet::{Moments, Sums};
use crate::nn::weights::Weights;

impl Moments {
    /// The arrays that hold them, under `prefix.`.
    pub fn arrays(&self, prefix: &str) -> Weights {
        let mut arrays = Weights::new();
        if !self.rows.is_empty() {
            let shape = [self.rows.len() / self.width, self.width];
            arrays.insert(
                format!("{prefix}.vectors"),
                TensorData::new::<f32, _>(self.rows.clone(), shape),
            );
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
        let mut moments = Self { n, ..Self::new(width) };
        if n <= width {
            if n > 0 {
                moments.rows = take("vectors", &[n, width])?;
            }
            return Ok(moments);
        }
        let mut both = |name: &str, shape: &[usize]| -> Result<Vec<f64>, String> {
            let [high, low] = ["high", "low"].map(|half| take(&format!("{name}.{half}"), shape));
            let halves = high?.into_iter().zip(low?);
            Ok(halves.map(|(high, low)| f64::from(high) + f64::from(low)).collect())
        };
        moments.sums = Some(Sums {
            origin: DVector::from_vec(both("origin", &[width])?),
            sum: DVector::from_vec(both("sum", &[width])?),
            products: DMatrix::from_vec(width, width, both("products", &[width, width])?),
        });
        Ok(moments)
    }

    /// Sums up what waits, where there are sums at all: what is kept is either vectors or sums.
    pub fn settle(&mut self) {
        if self.sums.is_some() && !self.rows.is_empty() {
            self.sum_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        for n in [0, 1, 3, 4, 700] {
            let mut moments = Moments::new(3);
            for i in 0..n {
                moments.add(&[i as f32 * 0.1, (i * i % 7) as f32, 1e3 / (i as f32 + 0.3)]);
            }
            moments.settle();
            let mut arrays = moments.arrays("a");
            let back = Moments::from_arrays(3, n, "a", &mut arrays).unwrap();
            assert!(arrays.is_empty());
            assert_eq!((&back.rows, back.n), (&moments.rows, n));
            let mut other = Moments::new(3);
            [[1.0, 2.0, 3.0], [4.0, 3.0, 1.0]].iter().for_each(|vector| other.add(vector));
            let [a, b] = [&moments, &back].map(|moments| moments.distance(&other));
            match (a, b) {
                // 48 bits of products, of 53.
                (Some(a), Some(b)) => assert!((a - b).abs() < 1e-10 * a, "{n}: {a}, {b}"),
                none => assert_eq!(none, (None, None)),
            }
        }
        let error = Moments::from_arrays(3, 2, "a", &mut Weights::new()).unwrap_err();
        assert_eq!(error, "a.vectors [2, 3] is missing");
    }
}
