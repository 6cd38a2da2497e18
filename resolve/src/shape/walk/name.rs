//! How messages name a value. Does no I/O.

use std::fmt::Display;

/// The name of a value in messages.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    /// The file itself.
    File,
    /// The value of a key, and its description.
    Key(&'a str, &'static str),
    /// An option of a config key, and its description.
    Option(&'a str, &'a str, &'static str),
    /// An entry of a mapping of names.
    Entry(&'a str, &'a str),
    /// An item of a list.
    Item(&'a str, usize),
    /// Something below a key of any type.
    Inside(&'a str),
}

impl Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Key(key, _) => write!(f, "`{key}`"),
            Self::Option(of, key, _) | Self::Entry(of, key) => write!(f, "`{of}.{key}`"),
            Self::Item(of, index) => write!(f, "`{of}[{index}]`"),
            Self::Inside(of) => write!(f, "a value in `{of}`"),
        }
    }
}

impl<'a> Name<'a> {
    /// Returns the key that is named last.
    pub(super) fn key(self) -> &'a str {
        match self {
            Self::File => "",
            Self::Key(key, _) | Self::Option(_, key, _) | Self::Entry(_, key) => key,
            Self::Item(key, _) | Self::Inside(key) => key,
        }
    }
}

impl Name<'_> {
    /// Returns the description of the value; empty if it has none of its own.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Key(_, help) | Self::Option(_, _, help) => help,
            Self::File | Self::Entry(..) | Self::Item(..) | Self::Inside(_) => "",
        }
    }

    /// Returns the name without backquotes.
    pub(super) fn path(self) -> String {
        self.to_string().trim_matches('`').to_owned()
    }
}
