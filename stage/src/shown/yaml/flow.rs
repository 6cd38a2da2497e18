//! Flow collections: `{a: b}` and `[a, b]`, which may span lines. Does no I/O.

use super::super::MASK;
use super::Outline;
use super::reader::{MAX_DEPTH, Reader, quoted_end};

impl<O: Outline> Reader<'_, O> {
    /// Reads a flow collection to its end, or to the end of the text.
    pub(super) fn flow(&mut self, node: Option<O>, depth: usize) {
        if depth > MAX_DEPTH {
            return self.hide_all();
        }
        let is_map = self.rest().starts_with('{');
        self.at += 1;
        loop {
            self.skip_flow_blanks();
            match self.rest().chars().next() {
                None => return,
                Some('}' | ']') => {
                    self.at += 1;
                    return;
                }
                Some(',') => self.at += 1,
                Some(_) if is_map => self.flow_pair(node, depth),
                Some(_) => {
                    self.flow_value(node.and_then(O::item), depth);
                    self.flow_rest();
                }
            }
        }
    }

    fn flow_pair(&mut self, node: Option<O>, depth: usize) {
        let at = if self.rest().starts_with(['"', '\'']) {
            let length = quoted_end(self.rest()).unwrap_or(self.rest().len());
            let at = self.at..(self.at + length + 1).min(self.text.len());
            self.at = at.end;
            at
        } else {
            let at = self.at..self.at + flow_plain(self.rest());
            self.at = at.end;
            at
        };
        let key = self.text[at.clone()].trim_matches(['"', '\'']).trim_end().to_owned();
        let end = at.start + self.text[at.clone()].trim_end().len();
        let child = self.key(at.start..end, &key, node);
        self.skip_flow_blanks();
        if self.rest().starts_with(':') {
            self.at += 1;
            self.skip_flow_blanks();
            if !self.rest().starts_with([',', '}', ']']) && !self.rest().is_empty() {
                self.flow_value(child, depth);
            }
        }
        self.flow_rest();
    }

    fn flow_value(&mut self, node: Option<O>, depth: usize) {
        self.properties(node);
        match self.rest().chars().next() {
            Some('"' | '\'') => _ = self.quoted(node),
            Some('{' | '[') => self.flow(node, depth + 1),
            _ => {
                let length = flow_plain(self.rest());
                let plain = self.rest()[..length].trim_end().len();
                self.scalar(self.at..self.at + plain, node, true);
                self.at += length;
            }
        }
    }

    /// Hides the text between a value and the next comma or bracket.
    fn flow_rest(&mut self) {
        self.skip_flow_blanks();
        let end = self.rest().find([',', ']', '}']).unwrap_or(self.rest().len());
        let hidden = self.rest()[..end].trim_end().len();
        self.show_as(self.at..self.at + hidden, MASK);
        self.at += end;
    }

    fn skip_flow_blanks(&mut self) {
        loop {
            self.at += self.rest().len() - self.rest().trim_start().len();
            if !self.rest().starts_with('#') {
                return;
            }
            self.at += 1;
            self.hide_line();
        }
    }

    fn hide_all(&mut self) {
        self.show_as(self.at..self.text.len(), MASK);
        self.at = self.text.len();
    }
}

/// Returns the length of a plain scalar in a flow collection.
fn flow_plain(text: &str) -> usize {
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let ends = match c {
            ',' | ']' | '}' | '\n' => true,
            ':' => text[at + 1..].chars().next().is_none_or(|c| " \t\r\n,]}".contains(c)),
            '#' => before.is_whitespace() && at > 0,
            _ => false,
        };
        if ends {
            return at;
        }
        before = c;
    }
    text.len()
}
