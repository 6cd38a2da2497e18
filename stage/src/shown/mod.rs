//! Which parts of a value or a line a message may show. Every message that quotes the user's input
//! passes through here. Does no I/O.
//!
//! * [`Exposure`] is how much of a field may be shown: a column of each table of fields.
//! * [`value`] shows a field's value accordingly, [`address`] a URL or path, [`name`] a key or name
//!   that may be a misplaced secret, [`foreign`] the message of a library or program.
//! * [`text`] is the last gate: `show` and `Console` pass all their output through it.
//! * [`Masked`] shows lines of YAML, even of files that cannot be parsed.

mod text;
mod url;
mod yaml;

pub use text::{foreign, name, text};
pub use url::{Address, address};
pub use yaml::{Masked, Outline};

/// Replaces whatever is not shown. Always the same, so that not even the length is revealed.
pub const MASK: &str = "…";

/// The maximum number of characters of a value that are shown.
const LONGEST_VALUE: usize = 200;

/// A longer word of a message is a value; the longest volume IDs and paths are shorter.
const LONGEST_WORD: usize = 500;

/// How much of a field's value a message may show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposure {
    /// Everything that [`text`] does not mask.
    #[default]
    Open,
    /// A URL or a path: without user, password, query and fragment.
    Address,
    /// Nothing: a secret, or text that may hold one, such as a script.
    Hidden,
}

/// Returns the part of a field's value that a message may show; `None` for nothing at all.
pub fn value(text: &str, exposure: Exposure) -> Option<String> {
    let shown = match exposure {
        Exposure::Open => self::text(text),
        Exposure::Address => self::text(&address(text)),
        Exposure::Hidden => return None,
    };
    Some(beginning(&shown))
}

/// Returns the beginning of a long text, which is enough to recognize it.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}{MASK}", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns a message with its long quotations and words cut: a name may be as long as a file.
pub fn shortened(message: &str) -> String {
    if message.len() <= LONGEST_VALUE {
        return message.to_owned();
    }
    let is_quoted = |index: usize| index % 2 == 1;
    let quotations = message.split('"').enumerate().map(|(index, part)| match is_quoted(index) {
        true => beginning(part),
        false => part.to_owned(),
    });
    let message = quotations.collect::<Vec<_>>().join("\"");
    let words = message.split(' ').map(|word| match word.chars().nth(LONGEST_WORD) {
        Some(_) => beginning(word),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Exposure, LONGEST_VALUE, value};

    #[test]
    fn a_long_value_is_shortened() {
        let long = "ä".repeat(LONGEST_VALUE);
        assert_eq!(value(&long, Exposure::Open), Some(long.clone()));
        assert_eq!(value(&format!("{long}ä"), Exposure::Open), Some(format!("{long}…")));
    }
}
