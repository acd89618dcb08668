//! A mean in the making.

/// The sum of some values and how many they are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Mean {
    pub sum: f64,
    pub count: usize,
}

impl Mean {
    /// Of one value.
    pub fn of_one(value: f64) -> Self {
        Self { sum: value, count: 1 }
    }

    /// Adds one value.
    pub fn add(&mut self, value: f64) {
        self.merge(Self::of_one(value));
    }

    /// Adds the values of another mean.
    pub fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    /// The mean; none of no values.
    pub fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

impl FromIterator<f64> for Mean {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut mean = Self::default();
        values.into_iter().for_each(|value| mean.add(value));
        mean
    }
}
