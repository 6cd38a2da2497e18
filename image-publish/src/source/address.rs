//! Addresses of web servers' files. Does no I/O.

use std::fmt;

use stage::shown;

/// The address of a file on a web server.
///
/// Displayed as by [`shown::address`], because the query of a URL may be a signature.
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

    /// Returns scheme, host and port, to compare servers. Never shown, because it may contain a user.
    pub(crate) fn server(&self) -> &str {
        let start = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0[start..].find(['/', '?', '#']).map_or(self.0.len(), |at| start + at);
        &self.0[..end]
    }

    /// Returns the address without the user, to compare files. Never shown.
    pub(crate) fn identity(&self) -> String {
        let server = self.server();
        let host = server.rsplit_once('@').map_or(server, |(_, host)| host);
        let host = host.rsplit_once('/').map_or(host, |(_, host)| host);
        let scheme = server.split("://").next().unwrap_or_default();
        format!("{scheme}://{host}{}", &self.0[server.len()..])
    }

    /// Returns the address with an extension appended.
    pub(crate) fn with_ending(&self, ending: &str) -> Self {
        Self(format!("{}{ending}", self.without_query()))
    }

    /// Returns the address of another file in the same directory.
    pub(crate) fn beside(&self, file: &str) -> Self {
        let path = self.without_query();
        let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
        Self(format!("{folder}/{file}"))
    }

    /// Returns whether the address contains a user or password.
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
        assert_eq!(address.server(), "https://u:p@x");
        assert_eq!(Address::parse("http://x:1").unwrap().server(), "http://x:1");
        assert_eq!(address.identity(), "https://x/d/a.img?sig=b/c");
        assert_eq!(Address::parse("http://x:1/a").unwrap().identity(), "http://x:1/a");
        assert_eq!(address.beside("SHA256SUMS").expose(), "https://u:p@x/d/SHA256SUMS");
        assert_eq!(format!("{address} {address:?}"), "https://…@x/d/a.img?… https://…@x/d/a.img?…");
        assert!(address.has_user() && !Address::parse("https://x/a@b").unwrap().has_user());
        assert_eq!(Address::parse("HTTPS://X/A").unwrap().expose(), "https://X/A");
        assert_eq!(Address::parse("images/a.img"), None);
    }
}
