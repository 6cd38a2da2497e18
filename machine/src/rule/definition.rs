//! `Rule`: validates a text. Does no I/O.

/// Describes what is wrong with a value, to follow its name.
type Fault = fn(&str) -> stage::guest::Rule;

/// A rule for a text.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Completes "must be …".
    pub must: &'static str,
    /// Returns whether a text is valid.
    pub test: fn(&str) -> bool,
    /// A regular expression for editors, which is never stricter than `test`.
    pub pattern: Option<&'static str>,
    /// Describes what is wrong with a text, if `must` is not precise enough.
    pub fault: Option<Fault>,
    /// How to get a valid text.
    pub hint: Option<&'static str>,
    /// Returns the one spelling of a valid text, if several mean the same.
    pub spelling: Option<fn(&str) -> String>,
}

impl Rule {
    /// Creates a rule with a pattern for editors.
    pub const fn new(must: &'static str, test: fn(&str) -> bool, pattern: &'static str) -> Self {
        Self { must, test, pattern: Some(pattern), fault: None, hint: None, spelling: None }
    }

    /// Adds a function that describes what is wrong with a text.
    pub const fn with_fault(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    /// Adds a hint.
    pub const fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Adds a function that returns the one spelling of a valid text.
    pub const fn with_spelling(self, spelling: fn(&str) -> String) -> Self {
        Self { spelling: Some(spelling), ..self }
    }

    /// Returns the one spelling of a text, if it follows the rule.
    pub fn normal(&self, text: &str) -> Option<String> {
        let spelled = || self.spelling.map_or_else(|| text.to_owned(), |spelling| spelling(text));
        self.accepts(text).then(spelled)
    }

    /// Returns whether a text follows the rule.
    pub fn accepts(&self, text: &str) -> bool {
        (self.test)(text)
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.must)
    }
}

/// Returns whether a text has only letters, digits and the given characters.
pub(super) fn is_word(s: &str, longest: usize, also: &str) -> bool {
    (1..=longest).contains(&s.len())
        && s.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}
