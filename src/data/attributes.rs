//! Lists of binary attributes: CelebA's own, and the CSV that it is passed on as.
//!
//! CelebA's has a count, the attribute names, then an image name and 1 or -1 per line. The CSV has
//! one header, whose first column is the image, and no count. Either may write 0 in place of -1.

use std::collections::HashSet;
use std::path::Path;

use crate::error::{Error, Result, did_you_mean};
use crate::labels::space::LabelSpace;

/// One image of the list.
#[derive(Debug, PartialEq)]
pub(super) struct Row<'a> {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) image: &'a str,
    /// The wanted attributes, 0 or 1.
    pub(super) label: Vec<f32>,
}

/// How the fields of a line are told apart.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// By blanks and tabs.
    Blanks,
    /// By commas.
    Csv,
}

impl Form {
    fn fields(self, line: &str) -> Vec<&str> {
        match self {
            Self::Blanks => line.split_whitespace().collect(),
            Self::Csv => line.split(',').map(str::trim).collect(),
        }
    }
}

/// What stands above the images of a list.
struct Header<'a> {
    form: Form,
    attributes: Vec<&'a str>,
    /// The line that has the attributes, which is the last of the header.
    line: usize,
    /// How many images the list says it has.
    count: Option<usize>,
}

impl<'a> Header<'a> {
    fn parse(path: &Path, text: &'a str) -> Result<Self> {
        if text.trim().is_empty() {
            return Err(Error::data(path, None, "expected an attribute list, found an empty file"));
        }
        let mut lines = text.lines().map(str::trim);
        let first = lines.next().unwrap_or_default();
        let header = if first.contains(',') {
            let attributes = Form::Csv.fields(first).split_off(1);
            Self { form: Form::Csv, attributes, line: 1, count: None }
        } else {
            let count = first.parse().map_err(|_| {
                let expected = "expected the number of images, or a header of a CSV file such as \
                                image_id,Male,Young";
                Error::data(path, 1, format!("{expected}, found {first:?}"))
            })?;
            let attributes = Form::Blanks.fields(lines.next().unwrap_or_default());
            Self { form: Form::Blanks, attributes, line: 2, count: Some(count) }
        };
        let mut seen = HashSet::new();
        if let Some(name) = header.attributes.iter().find(|name| !seen.insert(**name)) {
            let message = format!("attribute {name:?} is there twice");
            return Err(Error::data(path, header.line, message));
        }
        Ok(header)
    }

    /// Where each of `labels` is in a row.
    fn columns(&self, path: &Path, labels: &LabelSpace) -> Result<Vec<usize>> {
        let attributes = &self.attributes;
        let column = |wanted: &String| {
            attributes.iter().position(|known| known == wanted).ok_or_else(|| {
                let suggestion = did_you_mean(wanted, attributes.iter().copied());
                let known = attributes.join(", ");
                let message = format!("unknown attribute {wanted:?}{suggestion} (known: {known})");
                Error::data(path, self.line, message)
            })
        };
        labels.names().iter().map(column).collect()
    }
}

/// The attributes of the list `text`, which came from `path`, in its order.
pub(super) fn attribute_names<'a>(path: &Path, text: &'a str) -> Result<Vec<&'a str>> {
    Ok(Header::parse(path, text)?.attributes)
}

/// Reads the attributes in `labels` out of `text`, which came from `path`.
pub(super) fn parse<'a>(path: &Path, text: &'a str, labels: &LabelSpace) -> Result<Vec<Row<'a>>> {
    let header = Header::parse(path, text)?;
    let columns = header.columns(path, labels)?;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    // How the list writes that an attribute is absent.
    let mut absent = None;
    let mut rows = Vec::new();
    for (line, text) in lines.skip(header.line).filter(|(_, text)| !text.is_empty()) {
        let fields = header.form.fields(text);
        let Some((image, values)) = fields.split_first() else { continue };
        if !is_below(image) {
            let message = format!("expected a name below the image folder, found {image:?}");
            return Err(Error::data(path, line, message));
        }
        let values = values.iter().map(|field| value(field, &mut absent));
        let values = values.collect::<std::result::Result<Vec<f32>, _>>();
        let values = values.map_err(|message| Error::data(path, line, message))?;
        if values.len() != header.attributes.len() {
            let (expected, found) = (header.attributes.len(), values.len());
            let message = format!("expected {expected} attribute values, found {found}");
            return Err(Error::data(path, line, message));
        }
        let label = columns.iter().map(|&column| values[column]).collect();
        rows.push(Row { line, image, label });
    }
    if let Some(count) = header.count.filter(|count| *count != rows.len()) {
        let message = format!("the count says {count} images, found {}", rows.len());
        return Err(Error::data(path, 1, message));
    }
    Ok(rows)
}

/// The value of a field in a list that has written `absent` for "no" so far.
fn value<'a>(field: &'a str, absent: &mut Option<&'a str>) -> std::result::Result<f32, String> {
    match (field, *absent) {
        ("1", _) => Ok(1.0),
        // One of the two would mean "unknown".
        ("0" | "-1", Some(other)) if other != field => {
            Err(format!("expected 1 or {other}, as above, found {field:?}"))
        }
        ("0" | "-1", _) => {
            *absent = Some(field);
            Ok(0.0)
        }
        _ => Err(format!("expected 1, -1 or 0, found {field:?}")),
    }
}

/// Whether joining `name` to a folder names a file in it or in a folder below it, on every
/// platform.
fn is_below(name: &str) -> bool {
    let leaves = |part: &str| matches!(part, "" | "." | "..");
    !name.contains(['\\', ':']) && !name.split('/').any(leaves)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "2\nMale Young Beard\na.jpg -1  1 1\nb.jpg  1 -1 -1\n";

    fn rows<'a>(text: &'a str, attributes: &[&str]) -> Result<Vec<Row<'a>>> {
        let labels = LabelSpace::attributes(attributes.iter().copied());
        parse(Path::new("list_attr.txt"), text, &labels)
    }

    fn message(text: &str) -> String {
        rows(text, &["Male"]).unwrap_err().to_string()
    }

    #[test]
    fn attributes_come_in_the_order_asked_for() {
        let expected = vec![
            Row { line: 3, image: "a.jpg", label: vec![1.0, 0.0] },
            Row { line: 4, image: "b.jpg", label: vec![0.0, 1.0] },
        ];
        assert_eq!(rows(LIST, &["Young", "Male"]).unwrap(), expected);
    }

    #[test]
    fn windows_line_ends_tabs_and_blank_lines_are_accepted() {
        let text = LIST.replace('\n', " \r\n").replace("  ", "\t") + "\r\n\r\n";
        assert_eq!(rows(&text, &["Male"]).unwrap(), rows(LIST, &["Male"]).unwrap());
    }

    #[test]
    fn errors_say_where_what_was_expected_and_what_was_found() {
        let cases = [
            ("", "list_attr.txt: expected an attribute list, found an empty file"),
            (
                "Male\na 1",
                "list_attr.txt:1: expected the number of images, or a header of a CSV file such \
                 as image_id,Male,Young, found \"Male\"",
            ),
            ("1\nMale Young\na 1", "list_attr.txt:3: expected 2 attribute values, found 1"),
            ("1\nMale\na 1 1", "list_attr.txt:3: expected 1 attribute values, found 2"),
            ("1\nMale\n\na 2", "list_attr.txt:4: expected 1, -1 or 0, found \"2\""),
            ("1\nMale\na +1", "list_attr.txt:3: expected 1, -1 or 0, found \"+1\""),
            ("2\nMale\na 0\nb -1", "list_attr.txt:4: expected 1 or 0, as above, found \"-1\""),
            ("3\nMale\na 1\nb 1", "list_attr.txt:1: the count says 3 images, found 2"),
            ("1\nMale Male\na 1 1", "list_attr.txt:2: attribute \"Male\" is there twice"),
            ("1", "list_attr.txt:2: unknown attribute \"Male\" (known: )"),
            ("id,Male,Male\na,1,1", "list_attr.txt:1: attribute \"Male\" is there twice"),
            ("id,Male,Young\n\na,1", "list_attr.txt:3: expected 2 attribute values, found 1"),
            ("id,Young\na,1", "list_attr.txt:1: unknown attribute \"Male\" (known: Young)"),
            ("id,Male\na,", "list_attr.txt:2: expected 1, -1 or 0, found \"\""),
        ];
        for (text, expected) in cases {
            assert_eq!(message(text), expected);
        }
    }

    #[test]
    fn an_unknown_attribute_is_answered_with_the_nearest_and_all() {
        let message = rows(LIST, &["male"]).unwrap_err().to_string();
        let expected = "list_attr.txt:2: unknown attribute \"male\", did you mean \"Male\"? \
                        (known: Male, Young, Beard)";
        assert_eq!(message, expected);
    }

    #[test]
    fn names_that_leave_the_image_folder_are_refused() {
        let up = ["../a.jpg", "b/../../a.jpg", "..", "b/..", ".", "./a.jpg"];
        let elsewhere = ["/a.jpg", "b\\a.jpg", "C:a.jpg", "a.jpg/", "b//a.jpg"];
        for name in up.into_iter().chain(elsewhere) {
            let expected = "list_attr.txt:3: expected a name below the image folder, found";
            let expected = format!("{expected} {name:?}");
            assert_eq!(message(&format!("1\nMale\n{name} 1")), expected);
        }
        assert_eq!(rows("1\nMale\nb/c/a.jpg 1", &["Male"]).unwrap()[0].image, "b/c/a.jpg");
    }

    #[test]
    fn a_csv_file_has_the_same_rows() {
        let csv = "image_id,Male,Young,Beard\na.jpg,-1,1,1\n b.jpg, 1,-1,-1 \r\n\n";
        let expected = |wanted| {
            let rows = rows(LIST, wanted).unwrap();
            rows.into_iter().map(|row| Row { line: row.line - 1, ..row }).collect::<Vec<_>>()
        };
        for wanted in [&["Young", "Male"][..], &["Beard"]] {
            assert_eq!(rows(csv, wanted).unwrap(), expected(wanted));
            assert_eq!(rows(&csv.replace("-1", "0"), wanted).unwrap(), expected(wanted));
        }
        for text in [LIST, csv] {
            let names = attribute_names(Path::new("list"), text).unwrap();
            assert_eq!(names, ["Male", "Young", "Beard"]);
        }
    }
}
