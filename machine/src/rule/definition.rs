//! `Rule`: what a text must be. Does no I/O.

/// Completes a value's name with what is wrong with it.
type Fault = fn(&str) -> stage::guest::Rule;

/// A rule for a text.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Completes "must be …".
    pub must: &'static str,
    /// Judges a text.
    pub test: fn(&str) -> bool,
    /// The same for editors, as a regular expression that is never stricter than `test`.
    pub pattern: Option<&'static str>,
    /// Completes the value's name with what is wrong with a text, where `must` says too little.
    pub fault: Option<Fault>,
    /// How to get a text that keeps the rule.
    pub hint: Option<&'static str>,
}

impl Rule {
    /// A rule with a pattern for editors.
    pub const fn new(must: &'static str, test: fn(&str) -> bool, pattern: &'static str) -> Self {
        Self { must, test, pattern: Some(pattern), fault: None, hint: None }
    }

    /// The same rule, which says what is wrong with a text that it refuses.
    pub const fn with_fault(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    /// The same rule with a hint.
    pub const fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
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
