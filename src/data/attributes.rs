//! CelebA's attribute list: a count, the attribute names, then an image name and 1 or -1 per line.

use std::{
    collections::HashSet,
    path::{Component, Path},
};

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

/// Reads the attributes in `labels` out of `text`, which came from `path`.
pub(super) fn parse<'a>(path: &Path, text: &'a str, labels: &LabelSpace) -> Result<Vec<Row<'a>>> {
    if text.trim().is_empty() {
        return Err(Error::data(path, None, "expected an attribute list, found an empty file"));
    }
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let (_, first) = lines.next().unwrap_or_default();
    let count: usize = first.parse().map_err(|_| {
        Error::data(path, 1, format!("expected the number of images, found {first:?}"))
    })?;
    let (_, second) = lines.next().unwrap_or_default();
    let attributes: Vec<_> = second.split_whitespace().collect();
    let columns = columns_of(path, &attributes, labels)?;

    let mut rows = Vec::new();
    for (line, text) in lines.filter(|(_, text)| !text.is_empty()) {
        let mut fields = text.split_whitespace();
        let image = fields.next().unwrap_or_default();
        if !is_file_name(image) {
            let message = format!("expected a plain file name, found {image:?}");
            return Err(Error::data(path, line, message));
        }
        let values = fields
            .map(|field| match field {
                "1" => Ok(1.0),
                "-1" => Ok(0.0),
                _ => Err(Error::data(path, line, format!("expected 1 or -1, found {field:?}"))),
            })
            .collect::<Result<Vec<f32>>>()?;
        if values.len() != attributes.len() {
            let (expected, found) = (attributes.len(), values.len());
            let message = format!("expected {expected} attribute values, found {found}");
            return Err(Error::data(path, line, message));
        }
        let label = columns.iter().map(|&column| values[column]).collect();
        rows.push(Row { line, image, label });
    }
    if rows.len() != count {
        let message = format!("the count says {count} images, found {}", rows.len());
        return Err(Error::data(path, 1, message));
    }
    Ok(rows)
}

/// Where each of `labels` is in the header.
fn columns_of(path: &Path, attributes: &[&str], labels: &LabelSpace) -> Result<Vec<usize>> {
    let mut seen = HashSet::new();
    if let Some(name) = attributes.iter().find(|name| !seen.insert(**name)) {
        return Err(Error::data(path, 2, format!("attribute {name:?} is there twice")));
    }
    let column = |wanted: &String| {
        attributes.iter().position(|known| known == wanted).ok_or_else(|| {
            let suggestion = did_you_mean(wanted, attributes.iter().copied());
            let known = attributes.join(", ");
            let message = format!("unknown attribute {wanted:?}{suggestion} (known: {known})");
            Error::data(path, 2, message)
        })
    };
    labels.names().iter().map(column).collect()
}

/// Whether joining `name` to a folder names a file in that folder, on every platform.
fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let plain = matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none();
    plain && !name.contains(['/', '\\', ':'])
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
            ("Male\na 1", "list_attr.txt:1: expected the number of images, found \"Male\""),
            ("1\nMale Young\na 1", "list_attr.txt:3: expected 2 attribute values, found 1"),
            ("1\nMale\na 1 1", "list_attr.txt:3: expected 1 attribute values, found 2"),
            ("1\nMale\n\na 0", "list_attr.txt:4: expected 1 or -1, found \"0\""),
            ("1\nMale\na +1", "list_attr.txt:3: expected 1 or -1, found \"+1\""),
            ("3\nMale\na 1\nb 1", "list_attr.txt:1: the count says 3 images, found 2"),
            ("1\nMale Male\na 1 1", "list_attr.txt:2: attribute \"Male\" is there twice"),
            ("1", "list_attr.txt:2: unknown attribute \"Male\" (known: )"),
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
        for name in ["../a.jpg", "/a.jpg", "b/a.jpg", "..", ".", "b\\a.jpg", "C:a.jpg", "a.jpg/"] {
            let expected = format!("list_attr.txt:3: expected a plain file name, found {name:?}");
            assert_eq!(message(&format!("1\nMale\n{name} 1")), expected);
        }
    }
}
