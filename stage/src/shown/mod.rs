//! What of a value or a line a message may show. Every message that repeats something of the
//! user's goes through here. Does no I/O.
//!
//! * [`Exposure`] is the verdict on a field: a column of each table that names fields.
//! * [`value`] shows a field's value by that verdict, [`address`] a URL or path, [`name`] a key or a
//!   name that may be a secret in the wrong place, [`foreign`] what a library or a program says.
//! * [`text`] is the last gate: `show` and `Console` pass everything through it that they print.
//! * [`Masked`] shows lines of YAML, of files that cannot be parsed too.

mod text;
mod url;
mod yaml;

pub use text::{foreign, name, text};
pub use url::{Address, address};
pub use yaml::{Masked, Outline};

/// What stands in the place of what is not shown: always the same, so that it does not even give
/// away a length.
pub const MASK: &str = "…";

/// So many characters of a value are shown.
const LONGEST_VALUE: usize = 200;

/// How much of a field's value a message may show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposure {
    /// All, as far as [`text`] lets it pass.
    #[default]
    Open,
    /// A URL or a path: without user, password, query and fragment.
    Address,
    /// Nothing: a secret, or text that may hold one, such as a script.
    Hidden,
}

/// Returns what a message may show of a field's value; `None` for nothing at all.
pub fn value(text: &str, exposure: Exposure) -> Option<String> {
    let shown = match exposure {
        Exposure::Open => self::text(text),
        Exposure::Address => self::text(&address(text)),
        Exposure::Hidden => return None,
    };
    // Whoever sees the beginning of a long text knows which one is meant.
    Some(match shown.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}{MASK}", &shown[..end]),
        None => shown,
    })
}

#[cfg(test)]
mod tests {
    use super::{Exposure, LONGEST_VALUE, value};

    #[test]
    fn of_a_long_value_the_beginning_is_shown() {
        let long = "ä".repeat(LONGEST_VALUE);
        assert_eq!(value(&long, Exposure::Open), Some(long.clone()));
        assert_eq!(value(&format!("{long}ä"), Exposure::Open), Some(format!("{long}…")));
    }
}
