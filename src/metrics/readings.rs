//! What a judge read of images, beside what was expected.

use std::fmt;

use crate::labels::space::LabelSpace;

/// How often a judge read what was expected, by class or attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Readings {
    /// In label order.
    pub by_name: Vec<(String, Agreement)>,
}

/// Readings that were as expected, of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Those as expected.
    pub agreed: usize,
    /// All.
    pub n: usize,
}

impl Readings {
    pub(super) fn new(labels: &LabelSpace) -> Self {
        let none = |name: &String| (name.clone(), Agreement::default());
        Self { by_name: labels.names().iter().map(none).collect() }
    }

    pub(super) fn add(&mut self, name: usize, agreed: bool) {
        let agreement = &mut self.by_name[name].1;
        agreement.agreed += usize::from(agreed);
        agreement.n += 1;
    }

    /// All of them together.
    pub fn total(&self) -> Agreement {
        let of = |part: fn(&Agreement) -> usize| self.by_name.iter().map(|(_, a)| part(a)).sum();
        Agreement { agreed: of(|a| a.agreed), n: of(|a| a.n) }
    }
}

impl Agreement {
    /// The share that was not as expected, in `[0, 1]`: the classification error; none of nothing.
    pub fn error(self) -> Option<f64> {
        self.share().map(|share| 1.0 - share)
    }

    /// The share that was as expected, in `[0, 1]`; none of nothing.
    pub fn share(self) -> Option<f64> {
        (self.n > 0).then(|| self.agreed as f64 / self.n as f64)
    }
}

/// `94.4 % of 250`.
impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.share() {
            Some(share) => write!(f, "{:.1} % of {}", 100.0 * share, self.n),
            None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_what_was_read() {
        let mut readings = Readings::new(&LabelSpace::classes(["happy", "sad"]));
        for (name, agreed) in [(0, true), (0, false), (0, true), (1, true)] {
            readings.add(name, agreed);
        }
        assert_eq!(readings.total(), Agreement { agreed: 3, n: 4 });
        assert_eq!(readings.by_name[0].1.to_string(), "66.7 % of 3");
        assert_eq!(readings.by_name[1].1.error(), Some(0.0));
        assert_eq!(Agreement::default().share(), None);
    }
}
