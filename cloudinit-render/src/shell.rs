//! Quoting for a POSIX shell. Does no I/O.

/// Returns the text as one word of a shell, whatever is in it.
///
/// Between single quotes nothing has a meaning but the quote itself.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_word() {
        for (text, expected) in [
            ("", "''"),
            ("a b", "'a b'"),
            ("$(reboot)`x`\\\"", "'$(reboot)`x`\\\"'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(super::quoted(text), expected);
        }
    }
}
