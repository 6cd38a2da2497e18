//! Addresses of web servers' files, and how they are shown. Does no I/O.

use std::fmt;

/// The address of a file on a web server.
///
/// Shown without what may be secret: `user:password@`, and the query, which signs the URLs of some servers.
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
        user_end(&self.0).is_some()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns a text in which each URL is shown without what may be secret.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(scheme) = rest.find("://") {
        let (before, url) = rest.split_at(scheme + 3);
        let end = url.find([' ', '\t', '\n', '"', '\'', '`']).unwrap_or(url.len());
        let (url, after) = url.split_at(end);
        out.push_str(before);
        let url = user_end(url).map_or(url, |end| &url[end..]);
        match url.split_once('?') {
            Some((path, _)) => out.push_str(&format!("{path}?…")),
            None => out.push_str(url),
        }
        rest = after;
    }
    out + rest
}

/// Returns where `user:password@` of an address ends.
fn user_end(url: &str) -> Option<usize> {
    let start = url.find("://").map_or(0, |at| at + 3);
    let authority = url[start..].split(['/', '?', '#']).next()?;
    // `user:pass/word@host` is no address, but what follows the colon is no port either.
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let is_torn = !port.ends_with(']') && !port.bytes().all(|b| b.is_ascii_digit());
    let until = if is_torn { &url[start..] } else { authority };
    until.rfind('@').map(|at| start + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(shown(text), expected);
    }

    #[test]
    fn no_secret_is_shown() {
        check("https://me:pass@x:1/a.img?sig=a/b#c", "https://x:1/a.img?…");
        check("https://p@ss@x/a@b.img", "https://x/a@b.img");
        check("https://x:8/a@b.img https://[::1]/a@b", "https://x:8/a@b.img https://[::1]/a@b");
        check("https://me:pa/s?s@x/a.img", "https://x/a.img");
        check(
            "downloading https://u:p@x/a?t=1 to /b and http://y/c",
            "downloading https://x/a?… to /b and http://y/c",
        );
        check("ftp://me:pass@x", "ftp://x");
        check("Location: \"https://x/?k\" [following]", "Location: \"https://x/?…\" [following]");
        check("no address at all: / @ ?", "no address at all: / @ ?");
        check("://", "://");
    }

    #[test]
    fn neighbours() {
        let address = Address::parse("https://u:p@x/d/a.img?sig=b/c").unwrap();
        assert_eq!(address.file(), "a.img");
        assert_eq!(address.with_ending(".sha256").expose(), "https://u:p@x/d/a.img.sha256");
        assert_eq!(address.beside("SHA256SUMS").expose(), "https://u:p@x/d/SHA256SUMS");
        assert_eq!(format!("{address} {address:?}"), "https://x/d/a.img?… https://x/d/a.img?…");
        assert!(address.has_user() && !Address::parse("https://x/a@b").unwrap().has_user());
        assert_eq!(Address::parse("HTTPS://X/A").unwrap().expose(), "https://X/A");
        assert_eq!(Address::parse("images/a.img"), None);
    }
}
