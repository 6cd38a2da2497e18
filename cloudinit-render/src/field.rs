//! Reads fields whose strings must follow a rule. Does no I/O.

use stage::guest::Rule;
use stage::{Fields, shown};

/// Reads a string and checks it against a rule.
pub(crate) fn single(f: &mut Fields<'_>, key: &str, rule: fn(&str) -> Rule) -> Option<String> {
    let text = f.text(key)?;
    if let Err(fact) = rule(&text) {
        f.problem("invalid-value", key, fact);
    }
    Some(text)
}

/// Reads a list of strings and checks each against a rule.
pub(crate) fn list(f: &mut Fields<'_>, key: &str, rule: fn(&str) -> Rule) -> Vec<String> {
    let texts = f.texts(key);
    for (index, text) in texts.iter().enumerate() {
        if let Err(fact) = rule(text) {
            f.problem("invalid-value", &format!("{key}[{index}]"), format!("\"{text}\" {fact}"));
        }
    }
    texts
}

/// Reports each key that is not `known`.
pub(crate) fn unknown_keys(f: &mut Fields<'_>, known: &[&str]) {
    for key in f.json().keys().filter(|key| !known.contains(&key.as_str())) {
        // A user who mixes up key and value has written a secret here.
        let fact = format!("unknown key; known keys: {}", known.join(", "));
        f.problem("invalid-value", shown::name(key), fact);
    }
}
