//! A path or a name as a word of a shell command, for hints that people copy. Does no I/O.

/// Returns the text as one word of a POSIX shell: as it is, or in single quotes.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    // zsh replaces `=NAME` by the path of a command.
    if !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('=') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn only_what_a_shell_would_split_or_expand_is_quoted() {
        for (text, expected) in [
            ("in/secrets.yaml", "in/secrets.yaml"),
            ("/srv/büro/a+b,c@d", "/srv/büro/a+b,c@d"),
            ("my site/secrets.yaml", "'my site/secrets.yaml'"),
            ("~/x", "'~/x'"),
            ("a$b`c`", "'a$b`c`'"),
            ("it's", r"'it'\''s'"),
            ("=ls", "'=ls'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(text), expected);
        }
    }
}
