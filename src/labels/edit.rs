//! Edits: what to change about a label, written as text.

use crate::error::{Error, Result};
use crate::labels::space::{LabelKind, LabelSpace};

/// A parsed edit of one label space: which entries of a label move, where to and how far.
///
/// An edit is written as terms separated by commas; spaces around a term do not matter, and no
/// term at all means no change (the generator then reconstructs).
///
/// | term | meaning |
/// |---|---|
/// | `Male`, `+Male` | set the attribute to 1; the others of its exclusive group go to 0 |
/// | `-Young` | clear the attribute to 0 |
/// | `Male=0.5`, `-Young=0.5` | go half of the way from the source's value |
/// | `happy` | the one-hot label of that class |
/// | `happy=0.5` | half of the way from the source's label to that one |
///
/// At strength `s` every entry concerned becomes `(1 - s) * source + s * target`. `s` lies in `[0,
/// 2]`: 0 changes nothing, 1 is the plain term, and above 1 the label leaves `[0, 1]`, which
/// exaggerates the change beyond what training showed the generator. Naming an attribute twice, or
/// setting two that exclude each other, is an error; clearing a rival with its own strength is not.
///
/// ```
/// use stargan::LabelSpace;
///
/// # fn main() -> stargan::Result<()> {
/// let moods = LabelSpace::classes(["angry", "happy"]);
/// let edit = moods.parse_edit("happy=0.75")?;
/// assert_eq!(edit.apply(&[1.0, 0.0]), [0.25, 0.75]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    shifts: Vec<Option<Shift>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Shift {
    toward: f32,
    strength: f32,
}

impl Edit {
    /// The edit that changes nothing about labels of `width` entries.
    pub fn none(width: usize) -> Self {
        Self { shifts: vec![None; width] }
    }

    /// Whether the edit names nothing to change.
    pub fn is_none(&self) -> bool {
        self.shifts.iter().all(Option::is_none)
    }

    /// Whether the edited label is the same whatever the source's is, as for a class at full
    /// strength.
    pub fn is_whole(&self) -> bool {
        self.shifts.iter().all(|shift| shift.is_some_and(|shift| shift.strength == 1.0))
    }

    /// The edited label, of the same width as `source`.
    ///
    /// # Panics
    /// When `source` has another width than the label space the edit was parsed for.
    pub fn apply(&self, source: &[f32]) -> Vec<f32> {
        assert_eq!(source.len(), self.shifts.len(), "the source label has another width");
        let shifted = |(&value, shift): (&f32, &Option<Shift>)| match shift {
            Some(Shift { toward, strength }) => (1.0 - strength) * value + strength * toward,
            None => value,
        };
        source.iter().zip(&self.shifts).map(shifted).collect()
    }

    fn shift(&mut self, index: usize, toward: f32, strength: f32) {
        self.shifts[index] = Some(Shift { toward, strength });
    }
}

impl LabelSpace {
    /// A label from the names that are set, such as `"Black_Hair, Male"`; the others are 0.
    ///
    /// # Errors
    /// When a name is unknown or repeated, carries a `-` or a strength, or excludes another one;
    /// for classes also when there is not exactly one.
    pub fn from_names(&self, names: &str) -> Result<Vec<f32>> {
        self.label_of(&Term::parse_bare(names)?)
    }

    pub(crate) fn label_of(&self, terms: &[Term<'_>]) -> Result<Vec<f32>> {
        if let Some(term) = terms.iter().find(|term| !term.set || term.strength != 1.0) {
            return Err(Error::Label(format!(
                "{:?}: a label lists what is set, without sign or strength",
                term.text
            )));
        }
        if self.kind() == LabelKind::Classes && terms.len() != 1 {
            return Err(Error::Label(format!(
                "expected exactly one class of {}, found {}",
                self.names().join(", "),
                terms.len()
            )));
        }
        Ok(self.edit_of(terms)?.apply(&vec![0.0; self.width()]))
    }

    /// Parses an edit and applies it to a source label; the syntax is at [`Edit`].
    ///
    /// # Errors
    /// Those of [`check_label`](Self::check_label) and [`parse_edit`](Self::parse_edit).
    pub fn edit(&self, source: &[f32], edit: &str) -> Result<Vec<f32>> {
        self.check_label(source)?;
        Ok(self.parse_edit(edit)?.apply(source))
    }

    /// Parses an edit of this space; the syntax is at [`Edit`].
    ///
    /// # Errors
    /// When the text does not follow the syntax, a name is unknown, or two terms contradict each
    /// other.
    pub fn parse_edit(&self, edit: &str) -> Result<Edit> {
        self.edit_of(&Term::parse_bare(edit)?)
    }

    pub(crate) fn edit_of(&self, terms: &[Term<'_>]) -> Result<Edit> {
        let mut edit = Edit::none(self.width());
        let mut named = vec![None; self.width()];
        for term in terms {
            let index = self.index_of(term.name)?;
            if named[index].is_some() {
                return Err(Error::Label(format!("{:?} appears twice", term.name)));
            }
            if !term.set && self.kind() == LabelKind::Classes {
                return Err(Error::Label(format!(
                    "{:?}: a class cannot be cleared, name the class to change to",
                    term.text
                )));
            }
            named[index] = Some(term.set);
            if term.set {
                for rival in self.rivals(index) {
                    match named[rival] {
                        Some(true) => {
                            return Err(Error::Label(format!(
                                "{:?} and {:?} exclude each other, set one of them",
                                self.names()[rival],
                                term.name
                            )));
                        }
                        // What the user says about a rival wins over what the group implies.
                        Some(false) => {}
                        None => edit.shift(rival, 0.0, term.strength),
                    }
                }
            }
            edit.shift(index, f32::from(term.set), term.strength);
        }
        Ok(edit)
    }
}

/// One term of an edit, not yet looked up in a label space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Term<'a> {
    /// The term as written.
    pub text: &'a str,
    /// The dataset before the colon.
    pub dataset: Option<&'a str>,
    pub name: &'a str,
    /// Set, or clear.
    pub set: bool,
    /// In `[0, 2]`.
    pub strength: f32,
}

impl<'a> Term<'a> {
    /// The terms of `text`, none when it is blank.
    pub(crate) fn parse_all(text: &'a str) -> Result<Vec<Self>> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        text.split(',').map(|term| Self::parse(term.trim())).collect()
    }

    /// Like [`parse_all`](Self::parse_all), for a place where there is one label space only.
    fn parse_bare(text: &'a str) -> Result<Vec<Self>> {
        let terms = Self::parse_all(text)?;
        match terms.iter().find(|term| term.dataset.is_some()) {
            Some(term) => Err(Error::Label(format!(
                "{:?} names a dataset, but there is one label space here: write {:?} alone",
                term.text, term.name
            ))),
            None => Ok(terms),
        }
    }

    fn parse(text: &'a str) -> Result<Self> {
        let error = |message: &str| Error::Label(format!("{text:?}: {message}"));
        let (body, strength) = match text.split_once('=') {
            None => (text, 1.0),
            Some((body, strength)) => match strength.trim().parse::<f32>() {
                Ok(strength) if (0.0..=2.0).contains(&strength) => (body.trim(), strength),
                _ => return Err(error("expected a strength from 0 to 2 after '='")),
            },
        };
        // The sign may stand before the dataset or before the name, whichever a user thinks of.
        let (outer, body) = split_sign(body);
        let (dataset, body) = match body.split_once(':') {
            Some((dataset, body)) => (Some(dataset.trim()), body.trim()),
            None => (None, body),
        };
        let (inner, name) = split_sign(body);
        if outer.is_some() && inner.is_some() {
            return Err(error("expected one sign, found two"));
        }
        if name.is_empty() {
            return Err(error("expected a label name, found nothing"));
        }
        Ok(Self { text, dataset, name, set: outer.or(inner).unwrap_or(true), strength })
    }
}

fn split_sign(text: &str) -> (Option<bool>, &str) {
    if let Some(rest) = text.strip_prefix('+') {
        (Some(true), rest.trim())
    } else if let Some(rest) = text.strip_prefix('-') {
        (Some(false), rest.trim())
    } else {
        (None, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faces() -> LabelSpace {
        let hair = ["Black", "Blond", "Brown"];
        LabelSpace::attributes(hair).with("Male").with("Young").exclusive(hair).unwrap()
    }

    fn moods() -> LabelSpace {
        LabelSpace::classes(["angry", "happy", "sad"])
    }

    #[test]
    fn attribute_edits() {
        let source = [1.0, 0.0, 0.0, 0.0, 1.0];
        let cases: [(&str, [f32; 5]); 14] = [
            ("", source),
            ("  ", source),
            ("Blond", [0.0, 1.0, 0.0, 0.0, 1.0]),
            ("+Blond", [0.0, 1.0, 0.0, 0.0, 1.0]),
            ("Black", source),
            ("-Black", [0.0, 0.0, 0.0, 0.0, 1.0]),
            ("-Young", [1.0, 0.0, 0.0, 0.0, 0.0]),
            ("-Young=0.5", [1.0, 0.0, 0.0, 0.0, 0.5]),
            ("Male=0.25", [1.0, 0.0, 0.0, 0.25, 1.0]),
            ("Male=0", source),
            ("Male=2", [1.0, 0.0, 0.0, 2.0, 1.0]),
            ("Brown=0.25", [0.75, 0.0, 0.25, 0.0, 1.0]),
            (" Blond , - Young = 1 ,Male", [0.0, 1.0, 0.0, 1.0, 0.0]),
            ("Blond=0.5,-Black", [0.0, 0.5, 0.0, 0.0, 1.0]),
        ];
        for (edit, expected) in cases {
            assert_eq!(faces().edit(&source, edit).unwrap(), expected, "{edit:?}");
        }
        let (one, other) = ("-Black=0.5,Blond", "Blond,-Black=0.5");
        assert_eq!(faces().parse_edit(one).unwrap(), faces().parse_edit(other).unwrap());
    }

    #[test]
    fn class_edits() {
        let source = [1.0, 0.0, 0.0];
        let cases: [(&str, [f32; 3]); 4] = [
            ("", source),
            ("happy", [0.0, 1.0, 0.0]),
            ("happy=0.5", [0.5, 0.5, 0.0]),
            ("happy=1.5", [-0.5, 1.5, 0.0]),
        ];
        for (edit, expected) in cases {
            assert_eq!(moods().edit(&source, edit).unwrap(), expected, "{edit:?}");
        }
        assert!(moods().parse_edit("").unwrap().is_none());
        assert!(!moods().parse_edit("happy").unwrap().is_none());
        assert!(moods().parse_edit("happy").unwrap().is_whole());
        assert!(!moods().parse_edit("happy=0.5").unwrap().is_whole());
        assert!(!faces().parse_edit("Male").unwrap().is_whole());
    }

    #[test]
    fn edits_that_make_no_sense() {
        let cases = [
            (faces(), "Yuong", "did you mean \"Young\""),
            (faces(), "male", "did you mean \"Male\""),
            (faces(), "Male,", "expected a label name"),
            (faces(), "-", "expected a label name"),
            (faces(), "=0.5", "expected a label name"),
            (faces(), "--Male", "expected one sign"),
            (faces(), "Male=", "strength from 0 to 2"),
            (faces(), "Male=x", "strength from 0 to 2"),
            (faces(), "Male=NaN", "strength from 0 to 2"),
            (faces(), "Male=inf", "strength from 0 to 2"),
            (faces(), "Male=-0.5", "strength from 0 to 2"),
            (faces(), "Male=2.1", "strength from 0 to 2"),
            (faces(), "Male,-Male", "\"Male\" appears twice"),
            (faces(), "Blond,Brown", "exclude each other"),
            (faces(), "celeba:Male", "write \"Male\" alone"),
            (moods(), "-happy", "a class cannot be cleared"),
            (moods(), "happy,sad=0.5", "exclude each other"),
        ];
        for (space, edit, expected) in cases {
            let error = space.parse_edit(edit).unwrap_err().to_string();
            assert!(error.contains(expected), "{edit:?}: {error}");
        }
        assert!(faces().edit(&[0.0; 4], "Male").is_err());
    }

    #[test]
    fn labels_from_names() {
        assert_eq!(faces().from_names("Male, Blond").unwrap(), [0.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(faces().from_names("").unwrap(), [0.0; 5]);
        assert_eq!(moods().from_names("sad").unwrap(), [0.0, 0.0, 1.0]);
        let cases = [
            (faces(), "-Male", "without sign or strength"),
            (faces(), "Male=0.5", "without sign or strength"),
            (faces(), "Male,Male", "appears twice"),
            (faces(), "Blond,Black", "exclude each other"),
            (moods(), "", "exactly one class of angry, happy, sad, found 0"),
            (moods(), "sad,happy", "found 2"),
        ];
        for (space, names, expected) in cases {
            let error = space.from_names(names).unwrap_err().to_string();
            assert!(error.contains(expected), "{names:?}: {error}");
        }
    }

    #[test]
    fn a_sign_may_stand_on_either_side_of_the_dataset() {
        for text in ["-faces:Young=0.5", "faces:-Young=0.5", " faces : - Young = 0.5 "] {
            let term = Term::parse_all(text).unwrap()[0];
            assert_eq!((term.dataset, term.name), (Some("faces"), "Young"));
            assert_eq!((term.set, term.strength), (false, 0.5));
        }
    }
}
