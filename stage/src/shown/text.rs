//! Running text without credentials, and names that may be secrets. Does no I/O.

use super::{MASK, url};

/// Names of fields and files are short; SSH keys and tokens are not.
const LONGEST_NAME: usize = 40;
/// This many hexadecimal digits in a row are a key, a UUID or a checksum, never a word.
const LONGEST_HEX: usize = 20;
/// Placeholders for a token's secret in our own messages.
const PLACEHOLDERS: [&str; 2] = ["secret", "uuid"];
/// Characters that end a secret word.
const ENDS: &str = " \t\r\n\"'`,;<>()[]{}";

/// The end of the lines above and below the base64 of a private key in PEM.
const FRAME: &str = "PRIVATE KEY-----";
/// The beginning of the base64 of OpenSSH private keys, for a key without those lines.
const OPENSSH: &str = "b3BlbnNzaC1rZXktdjE";

/// Returns the text without secrets: without the user, password, query and fragment of URLs, the
/// secret part of API tokens and password hashes, and private keys. Idempotent.
pub fn text(text: &str) -> String {
    // The fast path for most messages.
    let is_key = text.contains(FRAME) || text.contains(OPENSSH);
    if !is_key && !text.contains(['@', '?', '#', '$', ':']) {
        return text.to_owned();
    }
    let text = if is_key { private_keys(text) } else { text.to_owned() };
    hashes(&tokens(&logins(&url::in_text(&text))))
}

/// Returns a key or name for a message. An implausible name is masked, because it may be a secret: a
/// value in the place of its key, or a token in the place of its name.
pub fn name(name: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || "_-. /+@".contains(c);
    let hex = name.chars().filter(char::is_ascii_hexdigit).count();
    let all_hex = name.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let plausible = name.chars().count() <= LONGEST_NAME
        && name.chars().all(is_part)
        && !(all_hex && hex >= LONGEST_HEX);
    if plausible { name } else { MASK }
}

/// Returns the message of a library or program without its quotations, which may be secret values.
///
/// A quoted single character is kept: it is never a secret, and often the subject of the message.
pub fn foreign(said: &str) -> String {
    let mut out = String::with_capacity(said.len());
    let mut rest = said;
    while let Some(open) = rest.find(['"', '\'', '`']) {
        let (before, quoted) = rest.split_at(open);
        let (mark, inner) = quoted.split_at(1);
        out.push_str(before);
        out.push_str(mark);
        rest = inner;
        // An apostrophe inside a word is not a quote.
        if mark == "'" && before.ends_with(char::is_alphanumeric) {
            continue;
        }
        let Some(close) = closing(mark, inner) else { return text(&(out + MASK)) };
        let content = &inner[..close];
        out.push_str(if content.chars().count() <= 1 { content } else { MASK });
        out.push_str(&inner[close..=close]);
        rest = &inner[close + 1..];
    }
    text(&(out + rest))
}

/// Finds the end of a quotation. `x' is one too, and \" does not end one.
fn closing(mark: &str, inner: &str) -> Option<usize> {
    let ends = |c: char| mark.starts_with(c) || mark == "`" && c == '\'';
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        if ends(c) && !escaped {
            return Some(at);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// Masks `user:password` before an `@` in text that is not a URL with a scheme.
fn logins(text: &str) -> String {
    if !text.contains('@') {
        return text.to_owned();
    }
    let word = |whole: &str| {
        let word = whole.trim_end_matches(|c| ENDS.contains(c));
        let user = word.rfind('@').map_or("", |at| &word[..at]);
        // A task's UPID ends with the token that started it.
        let is_login = user.contains(':') && !user.contains("://") && !user.contains("UPID:");
        if is_login { url::address(word) + &whole[word.len()..] } else { whole.to_owned() }
    };
    text.split_inclusive(|c| ENDS.contains(c)).map(word).collect()
}

/// Masks the secret of `user@realm!name=secret`.
fn tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('!') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        rest = after;
        let user = before.rsplit(|c| ENDS.contains(c)).next().unwrap_or_default();
        let name = after.find(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c)));
        let Some(equals) = name.filter(|end| after[*end..].starts_with('=')) else { continue };
        let secret = after[equals + 1..].split(|c| ENDS.contains(c)).next().unwrap_or_default();
        if user.contains('@') && !PLACEHOLDERS.contains(&secret) {
            out.push_str(&after[..=equals]);
            out.push_str(MASK);
            rest = &after[equals + 1 + secret.len()..];
        }
    }
    out + rest
}

/// Masks private keys: between the lines of PEM, and base64 that begins like OpenSSH's.
fn private_keys(text: &str) -> String {
    let frame = text.find(FRAME).map(|start| (start + FRAME.len(), text.rfind(FRAME)));
    let framed = match frame {
        Some((start, Some(end))) if end > start => text[..start].to_owned() + MASK + &text[end..],
        Some((start, _)) => text[..start].to_owned() + MASK,
        None => text.to_owned(),
    };
    let mut out = String::with_capacity(framed.len());
    let mut rest = framed.as_str();
    while let Some(at) = rest.find(OPENSSH) {
        let (before, key) = rest.split_at(at);
        out.push_str(before);
        out.push_str(MASK);
        rest = &key[key.find(|c| ENDS.contains(c)).unwrap_or(key.len())..];
    }
    out + rest
}

/// Masks a crypt hash after its method: `$6$salt$…`.
fn hashes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        rest = after;
        let method = after.find('$').filter(|end| (1..=3).contains(end));
        let Some(method) = method else { continue };
        let is_method = after[..method].bytes().all(|b| b.is_ascii_alphanumeric());
        let hash = after[method + 1..].find(|c| ENDS.contains(c));
        let hash = hash.unwrap_or(after.len() - method - 1);
        if is_method && hash > MASK.len() {
            out.push_str(&format!("{}{MASK}", &after[..=method]));
            rest = &after[method + 1 + hash..];
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_text() {
        for (given, expected) in [
            ("API token \"a@pve!b=1-2\" is", "API token \"a@pve!b=…\" is"),
            ("PVEAPIToken=a@pve!b=1-2, c", "PVEAPIToken=a@pve!b=…, c"),
            ("`user@realm!name=secret`", "`user@realm!name=secret`"),
            (
                "task UPID:pve1:0003A1F2:01C9D0E4:68FF2B10:qmcreate:100:a@pve!b:",
                "task UPID:pve1:0003A1F2:01C9D0E4:68FF2B10:qmcreate:100:a@pve!b:",
            ),
            ("\"me:pass@pve1:8006/?x\" is", "\"…@pve1:8006/?…\" is"),
            ("https:/me:pass@x, b@c: d", "…@x, b@c: d"),
            ("in/alice@laptop.yaml:3:7: x", "in/alice@laptop.yaml:3:7: x"),
            ("no! a=b", "no! a=b"),
            ("hash $6$salt$abcdef.", "hash $6$…"),
            ("$PVE_API_TOKEN and $HOME", "$PVE_API_TOKEN and $HOME"),
            ("https://u:p@x/?a=b", "https://…@x/?…"),
            ("plain", "plain"),
            (
                "- \"-----BEGIN X PRIVATE KEY-----\\nMIIE\\nab=\\n-----END X PRIVATE KEY-----\" it",
                "- \"-----BEGIN X PRIVATE KEY-----…PRIVATE KEY-----\" it",
            ),
            ("-----BEGIN PRIVATE KEY-----\nMIIE\n", "-----BEGIN PRIVATE KEY-----…"),
            ("a [b3BlbnNzaC1rZXktdjEAAAAA, b] c", "a […, b] c"),
        ] {
            assert_eq!(text(given), expected);
            assert_eq!(text(expected), expected, "twice is once");
        }
    }

    #[test]
    fn names_and_what_only_looks_like_one() {
        for plausible in ["memory", "debian-12", "vms[0]".trim_end_matches("[0]"), "größe", ""] {
            assert_eq!(name(plausible), plausible);
        }
        for secret in [
            "a@pve!b=00000000-0000-4000-8000-000000000001",
            "00000000-0000-4000-8000-000000000001",
            &"ab".repeat(32),
            "https://x",
            "hunter2!",
            &"long".repeat(11),
        ] {
            assert_eq!(name(secret), MASK, "{secret}");
        }
    }

    #[test]
    fn what_others_say_is_shown_without_what_they_quote() {
        for (said, expected) in [
            (
                "invalid type: string \"hunter2\", expected a map",
                "invalid type: string \"…\", expected a map",
            ),
            ("did not find expected ',' or '}'", "did not find expected ',' or '}'"),
            ("unexpected character: `x'", "unexpected character: `x'"),
            ("unknown field `hunter2`", "unknown field `…`"),
            ("the handle wasn't declared", "the handle wasn't declared"),
            ("string \"hunter2 has no end", "string \"…"),
            ("it isn't \"hun\\\"ter2\" here", "it isn't \"…\" here"),
            ("says https://u:p@x/", "says https://…@x/"),
        ] {
            assert_eq!(foreign(said), expected);
        }
    }
}
