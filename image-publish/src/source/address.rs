//! Addresses of web servers' files. Does no I/O.

use std::fmt;

use stage::shown;

/// The address of a file on a web server.
///
/// Shown as [`shown::address`] has it: the query signs the URLs of some servers.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

impl Address {
    /// Reads an `https://` or `http://` URL.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        ["https", "http"].contains(&scheme.as_str()).then(|| Self(format!("{scheme}://{rest}")))
    }

    /// Returns the whole address, for the request itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the address without query and fragment.
    pub(crate) fn without_query(&self) -> &str {
        self.0.split(['?', '#']).next().unwrap_or(&self.0)
    }

    /// Returns the last part of the path.
    pub(crate) fn file(&self) -> &str {
        let path = self.without_query();
        path.rsplit('/').next().unwrap_or(path)
    }

    /// Returns the address of a file whose name has this more at its end.
    pub(crate) fn with_ending(&self, ending: &str) -> Self {
        Self(format!("{}{ending}", self.without_query()))
    }

    /// Returns the address of another file in the same folder.
    pub(crate) fn beside(&self, file: &str) -> Self {
        let path = self.without_query();
        let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
        Self(format!("{folder}/{file}"))
    }

    /// Tells whether the address holds a user or password.
    pub(crate) fn has_user(&self) -> bool {
        shown::Address::read(&self.0).is_some_and(|url| url.has_user())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown::address(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours() {
        let address = Address::parse("https://u:p@x/d/a.img?sig=b/c").unwrap();
        assert_eq!(address.file(), "a.img");
        assert_eq!(address.with_ending(".sha256").expose(), "https://u:p@x/d/a.img.sha256");
        assert_eq!(address.beside("SHA256SUMS").expose(), "https://u:p@x/d/SHA256SUMS");
        assert_eq!(format!("{address} {address:?}"), "https://…@x/d/a.img?… https://…@x/d/a.img?…");
        assert!(address.has_user() && !Address::parse("https://x/a@b").unwrap().has_user());
        assert_eq!(Address::parse("HTTPS://X/A").unwrap().expose(), "https://X/A");
        assert_eq!(Address::parse("images/a.img"), None);
    }
}
