//! Characters that look like a space, and those that YAML 1.1 reads differently. Does no I/O.
//!
//! PyYAML (`scanner.py`): only spaces separate tokens, and U+0085, U+2028 and U+2029 end a line.

use crate::source::{FileId, Sources, Span};
use stage::Entry;
use std::ops::Range;

/// Returns whether a character looks like a space, but is not one in YAML.
pub(super) fn is_false_space(c: char) -> bool {
    (c.is_whitespace() && !c.is_ascii() && !is_line_end(c))
        || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}')
}

/// Returns whether a text begins with a character that was meant as indentation or as the space
/// after a colon. A value may begin with a wide space, as Japanese paragraphs do.
pub(super) fn begins_with_false_space(text: &str, is_key: bool) -> bool {
    text.starts_with(|c| is_false_space(c) && (is_key || c != '\u{3000}'))
}

/// Returns the error about such a character.
pub(super) fn false_space(sources: &Sources, at: Span, c: char) -> Entry {
    let name = match c {
        '\u{a0}' | '\u{202f}' => "a no-break space",
        '\u{200b}' | '\u{2060}' | '\u{feff}' => "an invisible character",
        _ => "a special space",
    };
    let fact = format!("{name} (U+{:04X}) is not a space in YAML", u32::from(c));
    let at = Span { width: 1, ..at };
    sources.error("not-a-space", at, fact).hint("replace it with a space")
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Returns whether a text may have such characters: most files have none.
pub(super) fn may_differ(text: &str) -> bool {
    text.bytes().any(|b| b >= 0x80 || b == b'\t')
}

/// Returns a warning for each kind of character that YAML 1.1 reads differently, at the first one.
/// `literal` are the byte ranges of quoted and block scalars, in order.
pub(super) fn check(
    sources: &Sources,
    file: FileId,
    text: &str,
    literal: &[Range<usize>],
) -> Vec<Entry> {
    let mut found: [(Option<Span>, usize); 2] = [(None, 0); 2];
    let (mut line, mut column, mut is_comment, mut before) = (1, 1, false, '\n');
    let mut literal = literal.iter().peekable();
    for (index, c) in text.char_indices() {
        while literal.peek().is_some_and(|range| range.end <= index) {
            literal.next();
        }
        let is_literal = literal.peek().is_some_and(|range| range.contains(&index));
        is_comment |= c == '#' && !is_literal && before.is_whitespace();
        let kind = match c {
            '\t' if !is_literal && !is_comment => Some(0),
            c if is_line_end(c) => Some(1),
            _ => None,
        };
        if let Some((first, count)) = kind.and_then(|kind| found.get_mut(kind)) {
            first.get_or_insert(Span { file, line, column, width: 1 });
            *count += 1;
        }
        (before, column) = (c, column + 1);
        if c == '\n' {
            (line, column, is_comment) = (line + 1, 1, false);
        }
    }
    let facts = [
        ("tabs between values are not allowed in YAML 1.1", "use spaces"),
        ("this character ends a line in YAML 1.1", "write it as an escape in double quotes"),
    ];
    let entry = |((first, count), (fact, hint)): ((Option<Span>, usize), (&str, &str))| {
        let entry = sources.warning("yaml-1-1-syntax", first?, fact).hint(hint);
        Some(if count > 1 { entry.note(format!("the file has {count} of them")) } else { entry })
    };
    found.into_iter().zip(facts).filter_map(entry).collect()
}
