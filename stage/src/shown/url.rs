//! URLs with their secret parts masked: user, password, query and fragment. Does no I/O.

use super::MASK;

/// Characters that end a URL in running text.
const ENDS: [char; 8] = [' ', '\t', '\n', '\r', '"', '\'', '`', '<'];

/// A URL, split into secret and public parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// Before `://`.
    scheme: &'a str,
    /// After the user and the password, up to the query.
    rest: &'a str,
    /// The first character of a query or fragment.
    more: Option<char>,
    /// Whether there is a user or a password.
    has_user: bool,
}

impl<'a> Address<'a> {
    /// Splits a URL; `None` if the text has no scheme.
    pub fn read(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let user = user_end(rest);
        let rest = &rest[user.unwrap_or(0)..];
        let end = rest.find(['?', '#']);
        let more = end.and_then(|end| rest[end..].chars().next());
        let rest = &rest[..end.unwrap_or(rest.len())];
        Some(Self { scheme, rest, more, has_user: user.is_some() })
    }

    /// Returns whether the URL contains a user or password.
    pub fn has_user(&self) -> bool {
        self.has_user
    }

    /// Returns the URL with its user and query masked. An invalid host may be part of a password, so it
    /// is masked too.
    fn shown(&self) -> String {
        let (host, path) = self.rest.split_at(self.rest.find('/').unwrap_or(self.rest.len()));
        let (host, path) = if is_host(host) { (host, path) } else { (MASK, "") };
        let more = self.more.map(|sign| format!("{sign}{MASK}")).unwrap_or_default();
        let user = if self.has_user { format!("{MASK}@") } else { String::new() };
        format!("{}://{user}{host}{path}{more}", self.scheme)
    }
}

/// Returns a URL or path for a message.
///
/// The text is meant as an address, so if it does not look like one, as little as possible is shown:
/// `root:hunter2@pve1` and `https:/root:hunter2@pve1` lose everything before the `@`.
pub fn address(text: &str) -> String {
    let is_scheme = |scheme: &str| scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+');
    if let Some(url) = Address::read(text).filter(|url| is_scheme(url.scheme)) {
        let blank = url.rest.contains(|c: char| c.is_whitespace() || c.is_control());
        // A blank ends the URL for a parser, but not the password that the user typed.
        return if blank { format!("{}://{MASK}", url.scheme) } else { url.shown() };
    }
    let is_torn = text.contains("//") || text.contains(":/");
    let (user, rest) = match text.rfind('@') {
        // A directory name may contain an @, as in `alice@laptop`; a password follows a colon.
        Some(at) if is_torn || text[..at].contains(':') => (MASK, &text[at..]),
        _ => ("", text),
    };
    match rest.find(|c| c == '?' || is_torn && c == '#') {
        Some(end) => format!("{user}{}{MASK}", &rest[..=end]),
        None => format!("{user}{rest}"),
    }
}

/// Returns running text with the secret parts of each URL masked.
pub(super) fn in_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let start = rest[..at].rfind(|c: char| !c.is_ascii_alphanumeric() && c != '+');
        let start = start.map_or(0, |i| i + rest[i..].chars().next().map_or(1, char::len_utf8));
        let length = rest[start..].find(ENDS).unwrap_or(rest.len() - start);
        // A comma or full stop after a URL belongs to the sentence.
        let url = rest[start..start + length].trim_end_matches([',', ';', '.', ':', ')']);
        let after = &rest[start + url.len()..];
        out.push_str(&rest[..start]);
        match Address::read(url) {
            Some(url) if is_torn(after, &url) => {
                let host = &after[after.rfind('@').map_or(after.len(), |at| at + 1)..];
                return out + &in_text(&format!("{}://{MASK}@{host}", url.scheme));
            }
            Some(url) => out.push_str(&url.shown()),
            None => out.push_str(url),
        }
        rest = after;
    }
    out + rest
}

/// Returns whether a blank or quote in its password has cut off a URL.
fn is_torn(after: &str, url: &Address<'_>) -> bool {
    let host = url.rest.split('/').next().unwrap_or_default();
    !url.has_user && !host.is_empty() && host != MASK && !is_host(host) && after.contains('@')
}

/// Returns whether a text is `HOST` or `HOST:PORT`, not part of a password.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let is_name = |c: char| c.is_alphanumeric() || ".-_%:[]*".contains(c);
    port.bytes().all(|b| b.is_ascii_digit()) && host.chars().all(is_name)
        // The placeholder in our own messages: `https://HOST:PORT`.
        || text == "HOST:PORT"
}

/// Returns the end of `user:password@` in the text after `://`.
fn user_end(rest: &str) -> Option<usize> {
    let authority = rest.split(['/', '?', '#']).next()?;
    // In `user:pass/word@host`, the text after the colon is not a port, so it belongs to a password.
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let is_torn = !port.ends_with(']') && !port.bytes().all(|b| b.is_ascii_digit());
    let until = if is_torn { rest } else { authority };
    until.rfind('@').map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_text() {
        for (text, expected) in [
            ("https://me:pass@x:1/a.img?sig=a/b#c", "https://…@x:1/a.img?…"),
            ("https://x/a.img#token=1", "https://x/a.img#…"),
            ("https://p@ss@x/a@b.img", "https://…@x/a@b.img"),
            ("https://x:8/a@b.img https://[::1]/a@b", "https://x:8/a@b.img https://[::1]/a@b"),
            ("https://me:pa/s?s@x/a.img", "https://…@x/a.img"),
            (
                "downloading https://u:p@x/a?t=1 to /b and http://y/c",
                "downloading https://…@x/a?… to /b and http://y/c",
            ),
            ("ftp://me:pass@x", "ftp://…@x"),
            ("Location: \"https://x/?k\" [following]", "Location: \"https://x/?…\" [following]"),
            ("https://me:pass word@x/a?b", "https://…@x/a?…"),
            ("https://me:pa\"ss\"@x/a, then", "https://…@x/a, then"),
            ("https://me:pass", "https://…"),
            ("http://HOST:PORT, or https://HOST:8006.", "http://HOST:PORT, or https://HOST:8006."),
            ("no address at all: / @ ?", "no address at all: / @ ?"),
            ("://", "://"),
        ] {
            assert_eq!(in_text(text), expected, "{text}");
            assert_eq!(in_text(expected), expected, "{text}");
        }
    }

    #[test]
    fn what_should_be_an_address() {
        for (text, expected) in [
            ("https://me:pass@x:1/a.img?sig=a/b", "https://…@x:1/a.img?…"),
            ("https://token@x", "https://…@x"),
            ("https://me:pass word@x/a b", "https://…"),
            ("https//me:pass@x/a", "…@x/a"),
            ("me:pass@pve1:8006", "…@pve1:8006"),
            ("https:/token@x/a#b", "…@x/a#…"),
            ("images/debian.qcow2", "images/debian.qcow2"),
            ("/home/alice@laptop/a#1", "/home/alice@laptop/a#1"),
            ("images/debian.qcow2?sig=x", "images/debian.qcow2?…"),
            ("https://pve1:8006", "https://pve1:8006"),
            ("", ""),
        ] {
            assert_eq!(address(text), expected, "{text}");
        }
    }
}
