//! `Masked`: what may be shown of the lines of a YAML file. Does no I/O.
//!
//! A tolerant reader of YAML's structure, for lines with a typo too: it knows for each scalar which
//! key of which mapping it belongs to, and leaves out what the table of that file does not allow.
//! Whatever it does not understand, it hides: a value of an unknown key, a comment, a line without
//! a key, all that follows a bracket or a quote that is never closed.

mod flow;
mod reader;
#[cfg(test)]
mod tests;

use super::Exposure;
use crate::report::Excerpt;
use reader::Reader;
use std::ops::Range;

/// What a file may hold, as far as showing it goes: one place of it.
pub trait Outline: Copy {
    /// Whether a mapping belongs here: of any other the keys are hidden too.
    fn is_mapping(self) -> bool;
    /// The value of a key of the mapping here; `None` for an unknown key, whose value is hidden.
    fn entry(self, key: &str) -> Option<Self>;
    /// An item of the list here; `None` when there is no list.
    fn item(self) -> Option<Self>;
    /// How much may be shown of a scalar here.
    fn exposure(self) -> Exposure;
}

/// The parts of a text that are shown as something else.
#[derive(Debug, Default)]
pub struct Masked {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    /// In bytes of the text.
    at: Range<usize>,
    shown: String,
}

impl Masked {
    /// Reads a text whose root is `outline`; with none, all of it is hidden.
    pub fn of(text: &str, outline: Option<impl Outline>) -> Self {
        Self { pieces: Reader::read(text, outline) }
    }

    /// Returns whether the text at this byte is shown as it is.
    pub fn is_open(&self, byte: usize) -> bool {
        let piece = &self.pieces[..self.pieces.partition_point(|piece| piece.at.start <= byte)];
        piece.last().is_none_or(|piece| !piece.at.contains(&byte))
    }

    /// Returns the line at `line` (in bytes) of the text, with carets under `width` characters from
    /// `column` on: they stay under the same words, or under the mask that stands for them.
    pub fn excerpt(&self, text: &str, line: Range<usize>, column: usize, width: usize) -> Excerpt {
        let first = self.pieces.partition_point(|piece| piece.at.end <= line.start);
        let mut pieces = self.pieces[first..].iter().take_while(|p| p.at.start < line.end);
        let mut piece = pieces.next();
        let (mut shown, mut count) = (String::new(), 0);
        // Where each character of the line stands in what is shown.
        let mut columns = Vec::new();
        let mut masked = 0;
        for (offset, c) in text.get(line.clone()).unwrap_or_default().char_indices() {
            let byte = line.start + offset;
            while piece.is_some_and(|piece| piece.at.end <= byte) {
                piece = pieces.next();
            }
            let Some(piece) = piece.filter(|piece| piece.at.contains(&byte)) else {
                columns.push(count);
                shown.push(c);
                count += 1;
                continue;
            };
            if byte == piece.at.start.max(line.start) {
                masked = count;
                shown.push_str(&piece.shown);
                count += piece.shown.chars().count();
            }
            columns.push(masked);
        }
        let place = |column: usize| columns.get(column.saturating_sub(1)).copied().unwrap_or(count);
        let (start, end) = (place(column), place(column.saturating_add(width)));
        Excerpt { text: shown, column: start + 1, width: end.saturating_sub(start).max(1) }
    }
}
