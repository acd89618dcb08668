//! Text of a file in error messages.

/// Text from the file for an error message: escaped and cut to a readable length.
pub(super) fn quoted(text: impl AsRef<[u8]>) -> String {
    const SHOWN: usize = 80;
    let text = text.as_ref();
    let more = if text.len() > SHOWN { "..." } else { "" };
    format!("`{}{more}`", text[..text.len().min(SHOWN)].escape_ascii())
}
