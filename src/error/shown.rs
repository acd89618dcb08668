//! What messages show of text from files and users: not all of 20 MB, and nothing that a terminal
//! obeys.

use std::fmt::{self, Display, Formatter, Write};

/// The most characters that a message shows at its beginning, and at its end.
const MOST: [usize; 2] = [1500, 500];

/// The most bytes of one text that a message quotes.
const MOST_QUOTED: usize = 80;

/// Whether a terminal obeys `c` where it should show it: control characters, line and paragraph
/// separators, and what changes the direction of text (Unicode's `Bidi_Control`).
pub(crate) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// Text from a file in a message: escaped and cut to a readable length.
pub(crate) fn quoted(text: impl AsRef<[u8]>) -> String {
    let text = text.as_ref();
    let more = if text.len() > MOST_QUOTED { "..." } else { "" };
    format!("`{}{more}`", text[..text.len().min(MOST_QUOTED)].escape_ascii())
}

/// A number as people write it: the largest and smallest without hundreds of digits.
pub(crate) fn number(value: f64) -> String {
    let (plain, scientific) = (value.to_string(), format!("{value:e}"));
    if plain.len() <= scientific.len().max(10) { plain } else { scientific }
}

/// A message, or a part of one, as people see it: without its middle where it is very long, and
/// with controls other than the end of a line escaped.
pub(crate) struct Shown<T>(pub T);

impl<T: Display> Display for Shown<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let [first, last] = MOST;
        let left_out = text.chars().count().saturating_sub(first + last);
        let mut shown = text.chars();
        if left_out > 0 {
            shown.by_ref().take(first).try_for_each(|c| show(c, f))?;
            write!(f, " [... {left_out} more characters ...] ")?;
            shown.nth(left_out - 1);
        }
        shown.try_for_each(|c| show(c, f))
    }
}

fn show(c: char, f: &mut Formatter<'_>) -> fmt::Result {
    if is_control(c) && c != '\n' { write!(f, "{}", c.escape_default()) } else { f.write_char(c) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_loses_its_middle_and_says_how_much() {
        let whole = "é".repeat(MOST[0] + MOST[1]);
        assert_eq!(Shown(&whole).to_string(), whole);
        let long = format!("where: {} what to do", "é".repeat(20_000_000));
        let shown = Shown(&long).to_string();
        assert!(shown.starts_with("where: éé") && shown.ends_with("éé what to do"), "{shown}");
        assert!(shown.contains(" [... 19998018 more characters ...] "), "{shown}");
        assert!(shown.chars().count() < 2100);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_shown() {
        let text = "a\u{1b}[2Jb\rc\u{9b}d\u{202e}e\u{2066}f\u{7f}\ng";
        let expected = "a\\u{1b}[2Jb\\rc\\u{9b}d\\u{202e}e\\u{2066}f\\u{7f}\ng";
        assert_eq!(Shown(text).to_string(), expected);
        // Of scripts that are written from right to left, or join letters, nothing is lost.
        for name in ["مو\u{200c}بور", "किताब\u{200d}", "שיער", "e\u{301}"] {
            assert_eq!(Shown(name).to_string(), name);
        }
    }

    #[test]
    fn a_number_is_short() {
        for (value, expected) in [
            (0.0, "0"),
            (-1.0, "-1"),
            (0.999_999_9, "0.9999999"),
            (1e-38, "1e-38"),
            (1e300, "1e300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn a_quotation_is_short() {
        assert_eq!(quoted("a\u{1b}b"), "`a\\x1bb`");
        assert_eq!(quoted([b'x'; 81]), format!("`{}...`", "x".repeat(80)));
    }
}
