//! `Reader`: the block structure of YAML, read line by line. Does no I/O.

use super::super::{Exposure, MASK, name, value};
use super::{Outline, Piece};
use std::ops::Range;

/// Deeper nesting is hidden, so that no text can exhaust the stack.
pub(super) const MAX_DEPTH: usize = 60;

/// An open block collection.
struct Level<O> {
    /// The column of its keys or dashes; -1 for the document itself.
    indent: isize,
    is_list: bool,
    /// Its outline; `None` if it is hidden.
    node: Option<O>,
    /// The outline of the value of its last key or dash.
    child: Option<O>,
    /// Whether that value is still missing: it may follow on the next line.
    pending: bool,
}

impl<O: Outline> Level<O> {
    fn root(outline: Option<O>) -> Self {
        Self { indent: -1, is_list: false, node: None, child: outline, pending: true }
    }
}

pub(super) struct Reader<'t, O> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    pieces: Vec<Piece>,
    /// Never empty: the first one is the document.
    levels: Vec<Level<O>>,
}

impl<'t, O: Outline> Reader<'t, O> {
    /// Reads a whole text; returns the pieces to replace, in order.
    pub(super) fn read(text: &'t str, outline: Option<O>) -> Vec<Piece> {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let mut reader = Self { text, at, pieces: Vec::new(), levels: vec![Level::root(outline)] };
        while reader.at < text.len() {
            reader.block_line();
        }
        reader.pieces
    }

    pub(super) fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn line_end(&self) -> usize {
        self.rest().find('\n').map_or(self.text.len(), |end| self.at + end)
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r']).len();
    }

    pub(super) fn show_as(&mut self, at: Range<usize>, shown: &str) {
        if self.text.get(at.clone()).is_some_and(|given| !given.is_empty() && given != shown) {
            self.pieces.push(Piece { at, shown: shown.to_owned() });
        }
    }

    /// Shows a scalar as the table allows.
    pub(super) fn scalar(&mut self, at: Range<usize>, node: Option<O>, is_sound: bool) {
        let exposure = node.map_or(Exposure::Hidden, O::exposure);
        let shown = value(self.text.get(at.clone()).unwrap_or_default(), exposure);
        let shown = shown.filter(|_| is_sound).unwrap_or_else(|| MASK.to_owned());
        self.show_as(at, &shown);
    }

    /// Hides the rest of the line, except for blanks around it.
    pub(super) fn hide_line(&mut self) {
        self.skip_blanks();
        let end = self.line_end();
        let hidden = self.text[self.at..end].trim_end().len();
        self.show_as(self.at..self.at + hidden, MASK);
        self.at = end;
    }

    /// The text after a value: nothing, a comment, or something invalid.
    fn end_of_line(&mut self) {
        self.skip_blanks();
        if self.rest().starts_with('#') {
            self.at += 1;
        }
        self.hide_line();
        self.at = (self.at + 1).min(self.text.len());
    }

    fn block_line(&mut self) {
        let start = self.at;
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
        let indent = isize::try_from(self.at - start).unwrap_or(isize::MAX);
        let rest = self.rest();
        let marker = indent == 0 && (is_word(rest, "---") || is_word(rest, "..."));
        if marker {
            self.at += 3;
            self.levels.truncate(1);
            self.levels[0].pending = true;
            self.skip_blanks();
            return if self.is_line_over() { self.end_of_line() } else { self.bare(0) };
        }
        if rest.starts_with(['#', '\n', '\r']) || rest.is_empty() {
            return self.end_of_line();
        }
        if rest.starts_with(['\t', '%']) {
            return self.not_understood(indent);
        }
        self.content(indent, 0);
    }

    fn is_line_over(&self) -> bool {
        let rest = self.rest().trim_start_matches(['\r', ' ', '\t']);
        rest.is_empty() || rest.starts_with(['\n', '#'])
    }

    /// A dash, a key, or a value alone on its line.
    fn content(&mut self, indent: isize, depth: usize) {
        if depth > MAX_DEPTH {
            return self.not_understood(indent);
        }
        if is_word(self.rest(), "-") {
            self.open_item(indent);
            let from = self.at;
            self.at += 1;
            self.skip_blanks();
            if self.is_line_over() {
                return self.end_of_line();
            }
            let deeper = indent.saturating_add_unsigned(self.at - from);
            return self.content(deeper, depth + 1);
        }
        match key_of(self.rest()) {
            Some(key) => self.pair(indent, &key),
            None => self.bare(indent),
        }
    }

    fn pair(&mut self, indent: isize, key: &Key) {
        let text = self.text[self.at + key.inner.start..self.at + key.inner.end].to_owned();
        let container = self.open_mapping(indent);
        let child = self.key(self.at..self.at + key.whole, &text, container);
        self.at += key.colon + 1;
        if let Some(level) = self.levels.last_mut() {
            (level.child, level.pending) = (child, true);
        }
        self.block_value(indent, child);
    }

    /// Shows a key as its mapping allows; returns the outline of its value.
    pub(super) fn key(&mut self, at: Range<usize>, key: &str, container: Option<O>) -> Option<O> {
        let container = container.filter(|node| node.is_mapping());
        let child = match container {
            // A merge contains keys of this mapping.
            Some(node) if key == "<<" => Some(node),
            Some(node) => node.entry(key),
            None => None,
        };
        let shown = if container.is_none() { MASK } else { name(key) };
        if child.is_none() && shown != key {
            self.show_as(at, shown);
        }
        child
    }

    /// Finds or opens the mapping whose keys are at this column.
    fn open_mapping(&mut self, indent: isize) -> Option<O> {
        while self
            .levels
            .last()
            .is_some_and(|l| l.indent > indent || l.indent == indent && l.is_list)
        {
            self.levels.pop();
        }
        let top = self.levels.last()?;
        if top.indent == indent {
            return top.node;
        }
        // A key that already has a value cannot have a nested block.
        let node = top.child.filter(|_| top.pending);
        self.levels.push(Level { indent, is_list: false, node, child: None, pending: false });
        node
    }

    fn open_item(&mut self, indent: isize) {
        while self.levels.last().is_some_and(|level| level.indent > indent) {
            self.levels.pop();
        }
        if let Some(top) = self.levels.last_mut().filter(|top| top.indent == indent && top.is_list)
        {
            top.child = top.node.and_then(O::item);
            top.pending = true;
            return;
        }
        let node = self.levels.last().and_then(|top| top.child.filter(|_| top.pending));
        let child = node.and_then(O::item);
        self.levels.push(Level { indent, is_list: true, node, child, pending: true });
    }

    /// A value on its own line; if none is expected, it continues something else.
    fn bare(&mut self, indent: isize) {
        while self.levels.last().is_some_and(|level| level.indent > indent) {
            self.levels.pop();
        }
        let top = self.levels.last_mut();
        let node = top.filter(|top| top.pending && (top.indent < indent || top.is_list));
        let parent = node.as_ref().map_or(indent, |top| top.indent);
        let node = node.and_then(|top| {
            top.pending = top.indent < 0;
            top.child
        });
        self.value(parent, node);
        self.hide_deeper(indent);
    }

    /// Deeper lines belong to a line without a key; lines at its own column do not.
    fn hide_deeper(&mut self, indent: isize) {
        let indent = indent.saturating_add(1);
        self.levels.push(Level { indent, is_list: false, node: None, child: None, pending: false });
    }

    fn not_understood(&mut self, indent: isize) {
        self.hide_deeper(indent);
        self.hide_line();
        self.end_of_line();
    }

    fn block_value(&mut self, indent: isize, node: Option<O>) {
        self.skip_blanks();
        if self.is_line_over() {
            return self.end_of_line();
        }
        if let Some(top) = self.levels.last_mut() {
            top.pending = false;
        }
        self.value(indent, node);
    }

    /// Reads a value to its end, and the rest of its line. A block scalar is deeper than the column
    /// `parent`.
    fn value(&mut self, parent: isize, node: Option<O>) {
        self.properties(node);
        match self.rest().chars().next() {
            Some('|' | '>') => self.block_scalar(parent),
            Some('"' | '\'') => {
                self.quoted(node);
                self.end_of_line();
            }
            Some('{' | '[') => {
                self.flow(node, 0);
                self.end_of_line();
            }
            _ => {
                let line = &self.text[self.at..self.line_end()];
                let end = line.find(" #").or_else(|| line.find("\t#")).unwrap_or(line.len());
                let plain = line[..end].trim_end();
                // A second colon is a mistake: the rest may belong to anything.
                let is_sound = !plain.contains(": ") && !plain.ends_with(':');
                let at = self.at..self.at + plain.len();
                self.at = at.end;
                self.scalar(at, node, is_sound);
                self.end_of_line();
            }
        }
    }

    /// Anchor, tag: a password may begin with `&` or `!`.
    pub(super) fn properties(&mut self, node: Option<O>) {
        while self.rest().starts_with(['&', '!']) {
            let end = self.rest().find([' ', '\t', '\r', '\n', ',', ']', '}']);
            let end = end.unwrap_or(self.rest().len());
            self.scalar(self.at..self.at + end, node, true);
            self.at += end;
            self.skip_blanks();
        }
    }

    fn block_scalar(&mut self, parent: isize) {
        // The indicator itself reveals nothing.
        self.at += self.rest().len() - self.rest().trim_start_matches(['|', '>', '+', '-']).len();
        self.at +=
            self.rest().len() - self.rest().trim_start_matches(|c: char| c.is_ascii_digit()).len();
        self.at += self.rest().len() - self.rest().trim_start_matches(['+', '-']).len();
        self.end_of_line();
        while self.at < self.text.len() {
            let end = self.line_end();
            let line = &self.text[self.at..end];
            let indent = line.len() - line.trim_start_matches(' ').len();
            let is_blank = line.trim().is_empty();
            if !is_blank && isize::try_from(indent).unwrap_or(isize::MAX) <= parent {
                return;
            }
            self.hide_line();
            self.at = (end + 1).min(self.text.len());
        }
    }

    /// Reads a quoted scalar, which may span lines.
    pub(super) fn quoted(&mut self, node: Option<O>) -> Range<usize> {
        let (start, inner) = (self.at, quoted_end(self.rest()));
        let is_closed = inner.is_some();
        let length = inner.unwrap_or(self.rest().len());
        let at = start + 1..(start + length).max(start + 1).min(self.text.len());
        let text = self.text.get(at.clone()).unwrap_or_default();
        // Escapes are not decoded.
        let is_sound = is_closed && !text.contains(['\\', '\n', '\'']);
        self.at = (at.end + usize::from(is_closed)).min(self.text.len());
        self.scalar(at.clone(), node, is_sound);
        at
    }
}

/// A key at the start of a text: its byte ranges with and without quotes, and its colon.
struct Key {
    whole: usize,
    inner: Range<usize>,
    colon: usize,
}

/// Finds the key at the start of a line.
fn key_of(rest: &str) -> Option<Key> {
    let line = rest.split('\n').next()?;
    if line.starts_with(['"', '\'']) {
        let end = quoted_end(line)?;
        let colon = end + 1 + line[end + 1..].len() - line[end + 1..].trim_start().len();
        return is_word(line.get(colon..)?, ":").then_some(Key {
            whole: end + 1,
            inner: 1..end,
            colon,
        });
    }
    if line.starts_with(['{', '[', '|', '>', '#', '?', '@', '`', '%']) {
        return None;
    }
    let colon = line.match_indices(':').map(|(at, _)| at).find(|at| is_word(&line[*at..], ":"))?;
    let whole = line[..colon].trim_end().len();
    // A comment before the colon: not a key.
    (!line[..colon].contains(" #")).then_some(Key { whole, inner: 0..whole, colon })
}

/// Returns whether a text begins with an indicator and a blank, or ends with it.
fn is_word(text: &str, indicator: &str) -> bool {
    text.strip_prefix(indicator)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Finds the closing quote of a quoted scalar.
pub(super) fn quoted_end(text: &str) -> Option<usize> {
    let quote = text.bytes().next()?;
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            byte if byte == quote && quote == b'\'' && bytes.get(at + 1) == Some(&quote) => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}
