//! YAML text → [`Node`]. Reports syntax problems. Does no I/O.
//!
//! The only module that uses the YAML library. It reads events instead of values, because values
//! lose information: quotes (`"no"` is not `no`), duplicate keys, both ends of an alias. Events are
//! also three times as fast as a tree from serde.

mod build;
mod characters;
mod merge;
mod problem;
mod reading;
mod scalar;
mod tree;
mod whole;

pub(crate) use problem::colon_without_space;
pub(crate) use reading::Reading;
pub(crate) use scalar::Meaning;
pub(crate) use tree::{Key, Map, Node, NodeKind, Scalar};

use crate::source::{FileId, Sources, Span};
use build::Builder;
use granit_parser::{Event, Options, Parser, ScalarStyle, Span as Range, StructureStyle, Tag};
use stage::{Entry, Place, Report};

/// Deeper nesting is refused, so that code may recurse over trees.
const MAX_DEPTH: usize = 50;

/// Parses a file of the site and reports problems. Returns `None` if it cannot be parsed to its
/// end: then its content causes no further findings.
pub(crate) fn parse(sources: &Sources, file: FileId, report: &mut Report) -> Option<Node> {
    let source = sources.file(file)?;
    let text = match &source.text {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(unreadable) => {
            let (path, position) = (source.shown.clone(), unreadable.position);
            let place = Place::File { path, position, excerpt: None };
            let entry = Entry::error("unreadable", place, &unreadable.fact);
            report.push(match &unreadable.hint {
                Some(hint) => entry.hint(hint),
                None => entry,
            });
            return None;
        }
    };
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_anchor_events = true;
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut builder = Builder::new(sources);
    let may_differ = characters::may_differ(text);
    let mut literal = Vec::new();
    for event in Parser::new_from_str_with_options(text, options) {
        let stop = match event {
            Ok((event, range)) => {
                if may_differ && is_literal(&event) {
                    literal.extend(range.byte_range());
                }
                feed(&mut builder, event, range, file).err()
            }
            Err(error) => {
                let at = span(file, Range::empty(*error.marker()));
                Some(problem::entry(sources, at, text, &error))
            }
        };
        if let Some(entry) = stop {
            report.extend(builder.report);
            report.push(entry);
            return None;
        }
    }
    report.extend(std::mem::take(&mut builder.report));
    if may_differ {
        for entry in characters::check(sources, file, text, &literal) {
            report.push(entry);
        }
    }
    let root = builder.finish().filter(|node| !node.is_null());
    Some(root.unwrap_or_else(|| Node::empty(Span::start(file))))
}

/// Returns whether an event is a quoted or a block scalar.
fn is_literal(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(_, style, ..) if *style != ScalarStyle::Plain)
}

fn feed(b: &mut Builder<'_>, event: Event<'_>, range: Range, file: FileId) -> Result<(), Entry> {
    let at = span(file, range);
    let tag_at = range.tag_span().map_or(at, |range| span(file, range));
    match event {
        Event::Scalar(text, style, anchor, tag) => {
            // The library writes `~` for a value that is left out.
            let text = if range.is_empty() { "".into() } else { text };
            let tag = b.tag(tag_at, tag.as_deref().map(words));
            let plain = match tag {
                None => style == ScalarStyle::Plain,
                Some(tag) => b.scalar_tag((tag_at, tag), &text, at, style == ScalarStyle::Plain),
            };
            b.scalar(at, text, plain, anchor)
        }
        Event::SequenceStart(_, anchor, tag) => {
            let tag = b.tag(tag_at, tag.as_deref().map(words));
            b.collection_tag(tag_at, tag, "seq");
            b.open_list(at, anchor)
        }
        Event::MappingStart(style, anchor, tag) => {
            let tag = b.tag(tag_at, tag.as_deref().map(words));
            b.collection_tag(tag_at, tag, "map");
            b.open_map(at, anchor, style == StructureStyle::Flow)
        }
        Event::SequenceEnd | Event::MappingEnd => b.close(),
        Event::Alias(anchor) => b.alias(at, anchor),
        Event::Anchor(_, name) => {
            b.anchor(at, name);
            Ok(())
        }
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

#[cfg(test)]
mod tests;

#[cfg(test)]
mod pyyaml;
