//! `Masked`: the lines of a YAML file without secrets. Does no I/O.
//!
//! A tolerant parser of YAML's structure, which also handles invalid lines: it knows the key and the
//! mapping of each scalar, and hides what the file's table does not allow.
//! It hides everything that it does not understand: the value of an unknown key, a comment, a line
//! without a key, everything after an unclosed bracket or quote.

mod flow;
mod reader;
#[cfg(test)]
mod tests;

use super::Exposure;
use crate::report::Excerpt;
use reader::Reader;
use std::ops::Range;

/// A position in the structure of a file, with what may be shown there.
pub trait Outline: Copy {
    /// Whether a mapping is expected here. The keys of an unexpected mapping are hidden too.
    fn is_mapping(self) -> bool;
    /// The value of a key of the mapping here; `None` for an unknown key, whose value is hidden.
    fn entry(self, key: &str) -> Option<Self>;
    /// An item of the list here; `None` if no list is expected.
    fn item(self) -> Option<Self>;
    /// How much may be shown of a scalar here.
    fn exposure(self) -> Exposure;
}

/// The parts of a text that are replaced when shown.
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
    /// Reads a text whose root is `outline`; without one, all of it is hidden.
    pub fn of(text: &str, outline: Option<impl Outline>) -> Self {
        Self { pieces: Reader::read(text, outline) }
    }

    /// Returns whether the text at this byte is shown unchanged.
    pub fn is_open(&self, byte: usize) -> bool {
        let piece = &self.pieces[..self.pieces.partition_point(|piece| piece.at.start <= byte)];
        piece.last().is_none_or(|piece| !piece.at.contains(&byte))
    }

    /// Returns the line at `line` (in bytes) of the text, with carets under `width` characters from
    /// `column` on, which stay under the same words, or under their mask.
    pub fn excerpt(&self, text: &str, line: Range<usize>, column: usize, width: usize) -> Excerpt {
        let first = self.pieces.partition_point(|piece| piece.at.end <= line.start);
        let mut pieces = self.pieces[first..].iter().take_while(|p| p.at.start < line.end);
        let mut piece = pieces.next();
        let (mut shown, mut count) = (String::new(), 0);
        // The shown column of each character of the line.
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
