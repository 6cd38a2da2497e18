//! What the YAML library refuses, in our words and at the place of the cause. Does no I/O.

use super::{MAX_DEPTH, characters};
use crate::source::{FileId, Sources, Span};
use granit_parser::{ErrorKind, ScanError};
use stage::{Entry, shown};
use std::net::Ipv6Addr;

/// Returns the error at a place; `text` is the file without its byte order mark.
pub(super) fn entry(sources: &Sources, at: Span, text: &str, error: &ScanError) -> Entry {
    let lines = Lines { file: at.file, text };
    if let Some((at, c)) = lines.false_space(at.line) {
        return characters::false_space(sources, at, c);
    }
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => {
            let fact = format!("is nested more than {MAX_DEPTH} levels deep");
            return sources.error("nested-too-deep", at, fact);
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => {
            return tab(sources, lines.first(at.line, '\t').unwrap_or(at));
        }
        // `{packages:[a]}`.
        ErrorKind::FlowMappingValueAdjacentCollection => return missing_space(sources, at),
        ErrorKind::UnexpectedCharacter { character: c } if c.is_control() => {
            let at = lines.first(at.line, *c).unwrap_or(at);
            let fact = format!("is not valid YAML: control character U+{:04X}", u32::from(*c));
            return sources.error("not-yaml", at, fact).hint("remove it");
        }
        _ => {}
    }
    if let Some(at) = lines.indented_by_tab(at.line) {
        return tab(sources, at);
    }
    if let Some(at) = lines.colon(at.line) {
        return missing_space(sources, at);
    }
    // The library's message may quote the text, which may be a secret.
    if sources.file(at.file).is_some_and(|f| f.secret) {
        return sources.error("not-yaml", at, "is not valid YAML from here on");
    }
    sources.error("not-yaml", at, format!("is not valid YAML: {}", shown::foreign(&error.info())))
}

fn tab(sources: &Sources, at: Span) -> Entry {
    let fact = "is not valid YAML: a tab is not allowed here";
    sources.error("not-yaml", at, fact).hint("use spaces")
}

/// Returns the error about `name:value`, at the colon.
pub(super) fn missing_space(sources: &Sources, at: Span) -> Entry {
    sources.error("missing-space", at, "a space must follow the colon")
}

/// Returns the character offset of a colon that a space must follow, as in `name:a`, but not in
/// `https://x` or `fd00::1`.
pub(crate) fn colon_without_space(text: &str) -> Option<usize> {
    let (key, value) = text.split_once(':')?;
    let is_key = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    let is_value = !value.is_empty() && !value.starts_with([' ', '\t', '\r', ':', '/']);
    (is_key && is_value && !is_address(text)).then_some(key.len())
}

/// Returns whether a text is an IPv6 address, with or without a prefix, or a MAC address.
fn is_address(text: &str) -> bool {
    let address = text.split_once('/').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok() || stage::guest::mac(text).is_ok()
}

/// The lines around an error.
struct Lines<'t> {
    file: FileId,
    text: &'t str,
}

impl<'t> Lines<'t> {
    /// Returns the lines from a number on.
    fn from(&self, number: u32) -> impl Iterator<Item = (u32, &'t str)> + use<'t> {
        let skipped = number.saturating_sub(1);
        (skipped + 1..).zip(self.text.split('\n').skip(skipped as usize))
    }

    fn span(&self, line: u32, text: &str, end: usize) -> Span {
        let column = text.get(..end).map_or(0, |before| before.chars().count());
        let column = u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1);
        Span { file: self.file, line, column, width: 1 }
    }

    /// Returns the first such character from a line on.
    fn first(&self, number: u32, c: char) -> Option<Span> {
        let (line, text) = self.from(number).find(|(_, text)| text.contains(c))?;
        Some(self.span(line, text, text.find(c)?))
    }

    /// Returns the first tab in the indentation of a line.
    fn indented_by_tab(&self, number: u32) -> Option<Span> {
        let (line, text) = self.from(number).next()?;
        let spaces = text.len() - text.trim_start_matches(' ').len();
        text[spaces..].starts_with('\t').then(|| self.span(line, text, spaces))
    }

    /// Returns what looks like a space in the indentation of a line or after a colon or dash.
    fn false_space(&self, number: u32) -> Option<(Span, char)> {
        let (line, text) = self.from(number).next()?;
        let is_place = |(at, _): &(usize, char)| {
            let before =
                text[..*at].trim_end_matches(|c| c == ' ' || characters::is_false_space(c));
            before.is_empty() || before.ends_with([':', '-'])
        };
        let (at, c) =
            text.char_indices().filter(|(_, c)| characters::is_false_space(*c)).find(is_place)?;
        Some((self.span(line, text, at), c))
    }

    /// Returns the colon of `name:value` in a line, or in the line before it.
    fn colon(&self, number: u32) -> Option<Span> {
        let lines = self.from(number.saturating_sub(1).max(1));
        let mut near: Vec<_> = lines.take_while(|(line, _)| *line <= number).collect();
        near.reverse();
        near.into_iter().find_map(|(line, text)| {
            let bare = text.trim_start_matches([' ', '-']);
            let start = text.len() - bare.len();
            Some(self.span(line, text, start + colon_without_space(bare)?))
        })
    }
}
