//! `Rule`: what a text must be. Does no I/O.

/// A rule for a text.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Completes "must be …".
    pub must: &'static str,
    /// Judges a text.
    pub test: fn(&str) -> bool,
    /// The same for editors, as a regular expression that is never stricter than `test`.
    pub pattern: Option<&'static str>,
}

impl Rule {
    /// A rule with a pattern for editors.
    pub const fn new(must: &'static str, test: fn(&str) -> bool, pattern: &'static str) -> Self {
        Self { must, test, pattern: Some(pattern) }
    }

    /// Says whether a text keeps the rule.
    pub fn accepts(&self, text: &str) -> bool {
        (self.test)(text)
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.must)
    }
}

/// Returns whether a text holds only letters, digits and some other signs.
pub(super) fn is_word(s: &str, longest: usize, also: &str) -> bool {
    (1..=longest).contains(&s.len())
        && s.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}
