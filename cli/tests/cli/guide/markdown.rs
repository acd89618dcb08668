//! The fenced blocks of a Markdown text.

/// A fenced block.
pub struct Block {
    /// The line of its fence, counted from 1.
    pub line: usize,
    /// What stands after the fence.
    pub language: String,
    /// Its lines, without the fences.
    pub text: String,
}

/// The fenced blocks of `markdown`, in order. Fences begin their line.
pub fn blocks(markdown: &str) -> impl Iterator<Item = Block> {
    let mut lines = markdown.lines().enumerate();
    std::iter::from_fn(move || {
        let (number, fence) = lines.find(|(_, line)| line.trim_start().starts_with("```"))?;
        assert!(fence.starts_with("```"), "guide.md:{}: an indented fence", number + 1);
        let mut text = String::new();
        loop {
            let (_, line) = lines.next().expect("a fence that ends");
            if line == "```" {
                break;
            }
            text += line;
            text.push('\n');
        }
        Some(Block { line: number + 1, language: fence[3..].to_owned(), text })
    })
}
