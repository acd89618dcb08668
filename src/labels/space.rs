//! What one dataset's labels mean: binary attributes or exclusive classes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, did_you_mean};
use crate::labels::name::check_name;

/// How the entries of a label relate to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelKind {
    /// Independent binary attributes (CelebA); groups of them may be exclusive. Trained with binary
    /// cross-entropy.
    Attributes,
    /// Exactly one class at a time (RaFD, one folder per class). Trained with softmax
    /// cross-entropy.
    Classes,
}

/// The label space of one dataset.
///
/// A label is a slice of [`width`](Self::width) floats in the order of [`names`](Self::names): 0 or
/// 1 in data, anything finite in an edit. The constructors accept any names and
/// [`check`](Self::check) judges them; every other method expects a space that passes it.
///
/// ```
/// use stargan::LabelSpace;
///
/// # fn main() -> stargan::Result<()> {
/// let hair = ["Black_Hair", "Blond_Hair"];
/// let faces = LabelSpace::attributes(hair).with("Male").exclusive(hair)?;
/// let source = faces.from_names("Black_Hair, Male")?;
/// assert_eq!(source, [1.0, 0.0, 1.0]);
/// assert_eq!(faces.edit(&source, "Blond_Hair")?, [0.0, 1.0, 1.0]);
/// assert_eq!(faces.edit(&source, "-Male=0.5")?, [1.0, 0.0, 0.5]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSpace {
    kind: LabelKind,
    names: Vec<String>,
    exclusive: Vec<Vec<usize>>,
}

/// One column of a sample grid: a label reached from a source label.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The attribute or class that this target sets or toggles.
    pub name: String,
    /// The whole label, of the space's width.
    pub label: Vec<f32>,
}

impl LabelSpace {
    /// Binary attributes, in the order of `names`.
    pub fn attributes(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(LabelKind::Attributes, names)
    }

    /// Exclusive classes, in the order of `names`.
    pub fn classes(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(LabelKind::Classes, names)
    }

    fn new(kind: LabelKind, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { kind, names: names.into_iter().map(Into::into).collect(), exclusive: Vec::new() }
    }

    /// Adds one more name at the end.
    pub fn with(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Declares attributes of which an edit sets exactly one, such as hair colours: setting one
    /// clears the others.
    ///
    /// # Errors
    /// When the space holds classes (they are exclusive already), a name is unknown, repeated or
    /// in another group, or there are fewer than two names.
    pub fn exclusive(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self> {
        let group = names
            .into_iter()
            .map(|name| self.index_of(name.as_ref()))
            .collect::<Result<Vec<usize>>>()?;
        self.check_group(&group, &mut self.exclusive.iter().flatten().copied().collect())?;
        self.exclusive.push(group);
        Ok(self)
    }

    /// Attributes or classes.
    pub fn kind(&self) -> LabelKind {
        self.kind
    }

    /// The names, in label order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of entries of a label.
    pub fn width(&self) -> usize {
        self.names.len()
    }

    /// The exclusive groups of attributes, as positions in a label; none for classes.
    pub fn exclusive_groups(&self) -> &[Vec<usize>] {
        &self.exclusive
    }

    /// The position of `name` in a label.
    ///
    /// # Errors
    /// When the name is unknown; the nearest known one is suggested.
    pub fn index_of(&self, name: &str) -> Result<usize> {
        self.names.iter().position(|known| known == name).ok_or_else(|| {
            let suggestion = did_you_mean(name, self.names.iter().map(String::as_str));
            Error::Label(format!(
                "unknown label {name:?}{suggestion} (known: {})",
                self.names.join(", ")
            ))
        })
    }

    /// Checks what the constructors and a configuration file leave unchecked.
    ///
    /// # Errors
    /// When there is no name, or one class only; when a name is empty, repeated, surrounded by
    /// spaces, longer than 255 bytes, holds control characters or would not survive in an edit (it
    /// holds `,` `:` `=` or starts with `+` or `-`); when an exclusive group could not have been
    /// made by [`exclusive`](Self::exclusive).
    pub fn check(&self) -> Result<()> {
        match (self.kind, self.names.as_slice()) {
            (_, []) => return Err(Error::Label("a label space needs names, found none".into())),
            (LabelKind::Classes, [only]) => {
                return Err(Error::Label(format!(
                    "one class only: {only:?}; translation needs at least two"
                )));
            }
            _ => {}
        }
        // Of any number of names that a file may hold, none is compared with all others.
        let mut known = BTreeSet::new();
        for name in &self.names {
            check_name("label", name)?;
            if !known.insert(name) {
                return Err(Error::Label(format!("label {name:?} appears twice")));
            }
        }
        let mut grouped = BTreeSet::new();
        self.exclusive.iter().try_for_each(|group| self.check_group(group, &mut grouped))
    }

    /// Checks a group, whose members join those of `others`.
    fn check_group(&self, group: &[usize], others: &mut BTreeSet<usize>) -> Result<()> {
        if self.kind == LabelKind::Classes {
            return Err(Error::Label(
                "classes exclude each other already: exclusive groups are for attributes".into(),
            ));
        }
        if group.len() < 2 {
            return Err(Error::Label(format!(
                "an exclusive group needs at least two attributes, found {}",
                group.len()
            )));
        }
        let mut own = BTreeSet::new();
        for &index in group {
            let Some(name) = self.names.get(index) else {
                return Err(Error::Label(format!(
                    "an exclusive group names attribute number {index}, but there are {} (from 0)",
                    self.width()
                )));
            };
            if !own.insert(index) {
                return Err(Error::Label(format!("{name:?} appears twice in one exclusive group")));
            }
            if others.contains(&index) {
                return Err(Error::Label(format!("{name:?} is in two exclusive groups")));
            }
        }
        others.extend(own);
        Ok(())
    }

    /// Checks that `found` means the same labels, as data for a model must.
    ///
    /// # Errors
    /// When it does not, saying what differs.
    pub fn check_same(&self, found: &Self) -> Result<()> {
        let groups = |space: &Self| {
            let group = |group: &Vec<usize>| {
                let names: Vec<_> =
                    group.iter().map(|&index| space.names[index].as_str()).collect();
                names.join("+")
            };
            match &space.exclusive[..] {
                [] => "none".to_owned(),
                groups => groups.iter().map(group).collect::<Vec<_>>().join(", "),
            }
        };
        let kind = |space: &Self| match space.kind {
            LabelKind::Attributes => "attributes",
            LabelKind::Classes => "classes",
        };
        let (what, expected, found) = if self.kind != found.kind {
            ("kind of labels", kind(self).to_owned(), kind(found).to_owned())
        } else if self.names != found.names {
            ("labels, in this order,", self.names.join(", "), found.names.join(", "))
        } else if self.exclusive != found.exclusive {
            ("exclusive groups", groups(self), groups(found))
        } else {
            return Ok(());
        };
        Err(Error::Label(format!("expected the {what} {expected}, found {found}")))
    }

    /// Checks a label given as numbers.
    ///
    /// # Errors
    /// When it has not [`width`](Self::width) entries or one of them is not finite.
    pub fn check_label(&self, label: &[f32]) -> Result<()> {
        if label.len() != self.width() {
            return Err(Error::Label(format!(
                "expected a label of {} entries ({}), found {}",
                self.width(),
                self.names.join(", "),
                label.len()
            )));
        }
        match self.names.iter().zip(label).find(|(_, value)| !value.is_finite()) {
            Some((name, value)) => {
                Err(Error::Label(format!("expected a finite number for {name:?}, found {value}")))
            }
            None => Ok(()),
        }
    }

    /// Whether an image has one entry at most: a class, or an attribute of one group of all.
    pub(crate) fn is_exclusive(&self) -> bool {
        match self.kind {
            LabelKind::Classes => true,
            LabelKind::Attributes => {
                matches!(&self.exclusive[..], [group] if group.len() == self.width())
            }
        }
    }

    /// The entries that are cleared when `index` is set.
    pub(crate) fn rivals(&self, index: usize) -> Vec<usize> {
        let group: Vec<usize> = match self.kind {
            LabelKind::Classes => (0..self.width()).collect(),
            LabelKind::Attributes => self
                .exclusive
                .iter()
                .find(|group| group.contains(&index))
                .cloned()
                .unwrap_or_default(),
        };
        group.into_iter().filter(|&other| other != index).collect()
    }

    /// What a sample grid shows of an image labelled `source`: one target per name, in order.
    ///
    /// A class or a member of an exclusive group is set and its rivals cleared; a free attribute is
    /// toggled.
    ///
    /// # Panics
    /// When `source` has not [`width`](Self::width) entries.
    pub fn targets(&self, source: &[f32]) -> Vec<Target> {
        assert_eq!(source.len(), self.width(), "the source label has another width");
        let target = |(index, name): (usize, &String)| {
            let rivals = self.rivals(index);
            let mut label = source.to_vec();
            label[index] = f32::from(!rivals.is_empty() || source[index] <= 0.5);
            rivals.into_iter().for_each(|rival| label[rival] = 0.0);
            Target { name: name.clone(), label }
        };
        self.names.iter().enumerate().map(target).collect()
    }

    /// The label, of zeros and ones, that the discriminator's domain `logits` speak for.
    ///
    /// An attribute is set when its logit is positive; of an exclusive group, and of classes,
    /// exactly the one with the largest logit (the first, among equals) is set.
    ///
    /// # Panics
    /// When there are not [`width`](Self::width) logits.
    pub fn predict(&self, logits: &[f32]) -> Vec<f32> {
        assert_eq!(logits.len(), self.width(), "the logits have another width");
        let wins = |index: usize| {
            let rivals = self.rivals(index);
            if rivals.is_empty() {
                return logits[index] > 0.0;
            }
            rivals.into_iter().all(|rival| {
                logits[index].total_cmp(&logits[rival]).then(rival.cmp(&index)).is_gt()
            })
        };
        (0..self.width()).map(|index| f32::from(wins(index))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAIR: [&str; 3] = ["Black_Hair", "Blond_Hair", "Brown_Hair"];

    fn faces() -> LabelSpace {
        LabelSpace::attributes(HAIR).with("Male").with("Young").exclusive(HAIR).unwrap()
    }

    fn moods() -> LabelSpace {
        LabelSpace::classes(["angry", "happy", "sad"])
    }

    #[test]
    fn spaces_that_differ_say_how() {
        let hair = ["black", "blond"];
        let space = || LabelSpace::attributes(hair).with("Male");
        let grouped = space().exclusive(hair).unwrap();
        grouped.check_same(&grouped.clone()).unwrap();
        for (found, expected) in [
            (space(), "expected the exclusive groups black+blond, found none"),
            (
                LabelSpace::attributes(hair),
                "expected the labels, in this order, black, blond, Male, found black, blond",
            ),
            (LabelSpace::classes(hair), "expected the kind of labels attributes, found classes"),
        ] {
            assert_eq!(grouped.check_same(&found).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn exclusive_groups_are_positions_and_refuse_nonsense() {
        assert_eq!(faces().exclusive_groups(), [[0, 1, 2]]);
        let cases: [(LabelSpace, &[&str], &str); 5] = [
            (faces(), &["Male", "Yuong"], "did you mean \"Young\""),
            (faces(), &["Male"], "at least two attributes, found 1"),
            (faces(), &["Male", "Male"], "\"Male\" appears twice"),
            (faces(), &["Male", "Blond_Hair"], "\"Blond_Hair\" is in two exclusive groups"),
            (moods(), &["angry", "sad"], "exclude each other already"),
        ];
        for (space, names, expected) in cases {
            let error = space.exclusive(names).unwrap_err().to_string();
            assert!(error.contains(expected), "{names:?}: {error}");
        }
    }

    #[test]
    fn validation_says_what_is_wrong() {
        for space in [faces(), moods(), LabelSpace::attributes(["5_o_Clock-Shadow"])] {
            space.check().unwrap();
        }
        let attributes = |names: &[&str]| LabelSpace::attributes(names.iter().copied());
        let grouped = |groups: &[&[usize]]| LabelSpace {
            exclusive: groups.iter().map(|group| group.to_vec()).collect(),
            ..faces()
        };
        let cases = [
            (attributes(&[]), "needs names, found none"),
            (LabelSpace::classes(["happy"]), "one class only: \"happy\""),
            (attributes(&["Male", ""]), "label name \"\" is empty"),
            (attributes(&["Male", "Male"]), "\"Male\" appears twice"),
            (grouped(&[&[0, 5]]), "attribute number 5, but there are 5"),
            (grouped(&[&[0]]), "at least two"),
            (grouped(&[&[0, 0]]), "appears twice"),
            (grouped(&[&[0, 1], &[2, 1]]), "two exclusive groups"),
            (LabelSpace { exclusive: vec![vec![0, 1]], ..moods() }, "already"),
        ];
        for (space, expected) in cases {
            let error = space.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{space:?}: {error}");
        }
    }

    #[test]
    fn many_names_and_groups_are_checked_at_once() {
        let names = (0..200_000).map(|number| number.to_string());
        let groups = (0..100_000).map(|number| vec![2 * number, 2 * number + 1]);
        let space = LabelSpace { exclusive: groups.collect(), ..LabelSpace::attributes(names) };
        let began = std::time::Instant::now();
        space.check().unwrap();
        let error = space.with("7").check().unwrap_err().to_string();
        assert_eq!(error, "label \"7\" appears twice");
        // Each name compared with all others would take minutes.
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }

    #[test]
    fn labels_need_the_width_and_finite_numbers() {
        assert!(moods().check_label(&[0.0, -1.0, 1.5]).is_ok());
        let error = moods().check_label(&[0.0]).unwrap_err().to_string();
        assert_eq!(error, "expected a label of 3 entries (angry, happy, sad), found 1");
        let error = moods().check_label(&[0.0, f32::NAN, 0.0]).unwrap_err().to_string();
        assert_eq!(error, "expected a finite number for \"happy\", found NaN");
    }

    #[test]
    fn targets_set_rivals_and_toggle_free_attributes() {
        let table = |space: LabelSpace, source: &[f32]| {
            space.targets(source).into_iter().map(|t| (t.name, t.label)).collect::<Vec<_>>()
        };
        let row = |name: &str, label: &[f32]| (name.to_owned(), label.to_vec());
        assert_eq!(
            table(faces(), &[1.0, 0.0, 0.0, 0.0, 1.0]),
            [
                row("Black_Hair", &[1.0, 0.0, 0.0, 0.0, 1.0]),
                row("Blond_Hair", &[0.0, 1.0, 0.0, 0.0, 1.0]),
                row("Brown_Hair", &[0.0, 0.0, 1.0, 0.0, 1.0]),
                row("Male", &[1.0, 0.0, 0.0, 1.0, 1.0]),
                row("Young", &[1.0, 0.0, 0.0, 0.0, 0.0]),
            ]
        );
        assert_eq!(table(moods(), &[0.0, 0.0, 1.0])[1], row("happy", &[0.0, 1.0, 0.0]));
    }

    #[test]
    fn predictions_respect_exclusive_groups() {
        let cases: [(LabelSpace, &[f32], &[f32]); 4] = [
            (faces(), &[-3.0, -1.0, -2.0, 0.1, -0.1], &[0.0, 1.0, 0.0, 1.0, 0.0]),
            (faces(), &[2.0, 1.0, 2.0, 0.0, 5.0], &[1.0, 0.0, 0.0, 0.0, 1.0]),
            (moods(), &[-2.0, -1.0, -3.0], &[0.0, 1.0, 0.0]),
            (moods(), &[0.0, 0.0, 0.0], &[1.0, 0.0, 0.0]),
        ];
        for (space, logits, expected) in cases {
            assert_eq!(space.predict(logits), expected, "{logits:?}");
        }
    }

    #[test]
    fn a_space_survives_json() {
        let json = serde_json::to_string(&faces()).unwrap();
        assert_eq!(serde_json::from_str::<LabelSpace>(&json).unwrap(), faces());
    }
}
