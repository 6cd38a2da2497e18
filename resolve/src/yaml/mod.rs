//! YAML text → [`Node`]. Reports syntax problems. Does no I/O.
//!
//! The only module that uses the YAML library. It reads events instead of values, because values
//! lose information: quotes (`"no"` is not `no`), duplicate keys, both ends of an alias. Events are
//! also three times as fast as a tree from serde.

mod build;
mod scalar;
mod tree;

pub(crate) use scalar::Meaning;
pub(crate) use tree::{Key, Map, Node, NodeKind, Scalar};

use crate::source::{FileId, Sources, Span};
use build::Builder;
use granit_parser::{Event, Options, Parser, ScalarStyle, Span as Range, Tag};
use stage::{Entry, Report, shown};

/// Deeper nesting is refused, so that code may recurse over trees.
const MAX_DEPTH: usize = 50;

/// Parses a file of the site and reports problems. Returns `None` if it cannot be parsed to its
/// end: then its content causes no further findings.
pub(crate) fn parse(sources: &Sources, file: FileId, report: &mut Report) -> Option<Node> {
    let source = sources.file(file)?;
    let text = match &source.text {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(unreadable) => {
            let entry =
                Entry::error("unreadable", stage::Place::file(&source.shown), &unreadable.fact);
            report.push(match &unreadable.hint {
                Some(hint) => entry.hint(hint),
                None => entry,
            });
            return None;
        }
    };
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut builder = Builder::new(sources);
    for event in Parser::new_from_str_with_options(text, options) {
        let stop = match event {
            Ok((event, range)) => feed(&mut builder, event, range, file).err(),
            Err(error) => Some(scan_error(sources, file, &error)),
        };
        if let Some(entry) = stop {
            report.extend(builder.report);
            report.push(entry);
            return None;
        }
    }
    report.extend(std::mem::take(&mut builder.report));
    let root = builder.finish().filter(|node| !node.is_null());
    Some(root.unwrap_or_else(|| Node::empty(Span::start(file))))
}

fn feed(b: &mut Builder<'_>, event: Event<'_>, range: Range, file: FileId) -> Result<(), Entry> {
    let at = span(file, range);
    let tag_at = range.tag_span().map_or(at, |range| span(file, range));
    match event {
        Event::Scalar(text, style, anchor, tag) => {
            let plain = style == ScalarStyle::Plain && !b.tag(tag_at, tag.as_deref().map(words));
            b.scalar(at, text, plain, anchor)
        }
        Event::SequenceStart(_, anchor, tag) => {
            b.tag(tag_at, tag.as_deref().map(words));
            b.open_list(at, anchor)
        }
        Event::MappingStart(_, anchor, tag) => {
            b.tag(tag_at, tag.as_deref().map(words));
            b.open_map(at, anchor)
        }
        Event::SequenceEnd | Event::MappingEnd => b.close(),
        Event::Alias(anchor) => b.alias(at, anchor),
        Event::DocumentStart(..) => b.document(at),
        _ => Ok(()),
    }
}

fn words(tag: &Tag) -> (&str, &str) {
    (tag.handle(), tag.suffix())
}

fn span(file: FileId, range: Range) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (start, end) = (range.start, range.end);
    let width = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
    Span {
        file,
        line: number(start.line()).max(1),
        column: number(start.col()).saturating_add(1),
        width: number(width).max(1),
    }
}

fn scan_error(sources: &Sources, file: FileId, error: &granit_parser::ScanError) -> Entry {
    let mark = *error.marker();
    let at = span(file, Range::empty(mark));
    // The library's message may quote the text, which may be a secret.
    if sources.file(file).is_some_and(|f| f.secret) {
        return sources.error("not-yaml", at, "is not valid YAML from here on");
    }
    sources.error("not-yaml", at, format!("is not valid YAML: {}", shown::foreign(&error.info())))
}

#[cfg(test)]
mod tests;
