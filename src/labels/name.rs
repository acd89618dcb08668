//! What the name of a label or a dataset may be.

use crate::error::shown::is_control;
use crate::error::{Error, Result};

/// The most bytes of a name, which are those of a folder's name, as classes may have them.
const MOST_BYTES: usize = 255;

/// Refuses a name that is empty, that an edit could not spell, or that would not be seen as it is.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    let problem = if name.is_empty() {
        "is empty"
    } else if name.len() > MOST_BYTES {
        "is longer than 255 bytes"
    } else if name.contains(is_control) {
        "contains a control character"
    } else if name.trim() != name {
        "starts or ends with a space"
    } else if name.contains([',', ':', '=']) {
        "contains ',', ':' or '=', which edits use"
    } else if name.starts_with(['+', '-']) {
        "starts with '+' or '-', which edits use"
    } else {
        return Ok(());
    };
    Err(Error::Label(format!("{what} name {name:?} {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_edits_can_spell_and_people_can_read() {
        for name in
            ["Male", "5_o_Clock-Shadow", "e\u{301}tude", "مو\u{200c}بور", "❤\u{fe0f}", "a b"]
        {
            check_name("label", name).unwrap();
        }
        check_name("label", &"x".repeat(255)).unwrap();
        for (name, expected) in [
            ("", r#"label name "" is empty"#),
            (" Male", "starts or ends with a space"),
            ("a,b", r#""a,b" contains"#),
            ("a:b", r#""a:b" contains"#),
            ("a=b", r#""a=b" contains"#),
            ("-a", r#""-a" starts with"#),
            ("+a", r#""+a" starts with"#),
            ("a\u{1b}[2Jb", r#""a\u{1b}[2Jb" contains a control character"#),
            ("a\nb", r#""a\nb" contains a control character"#),
            ("a\r", "contains a control character"),
            ("a\0", "contains a control character"),
            ("a\u{9b}2Jb", "contains a control character"),
            ("a\u{7f}", "contains a control character"),
            ("a\u{202e}gpj", r#""a\u{202e}gpj" contains a control character"#),
            ("a\u{2067}b", "contains a control character"),
            ("a\u{2028}b", "contains a control character"),
            (&"é".repeat(128), "is longer than 255 bytes"),
        ] {
            let error = check_name("label", name).unwrap_err().to_string();
            assert!(error.contains(expected), "{name:?}: {error}");
        }
    }
}
