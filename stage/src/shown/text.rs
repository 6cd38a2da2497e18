//! Running text without credentials, and names that may be secrets. Does no I/O.

use super::{MASK, url};

/// A name of a field, a key or a file is short; a key or a token is not.
const LONGEST_NAME: usize = 40;
/// So many hexadecimal digits in a row are a key, a UUID or a sum, never a word.
const LONGEST_HEX: usize = 20;
/// What our own messages write for a token's secret.
const PLACEHOLDERS: [&str; 2] = ["secret", "uuid"];
/// What ends a word that is a secret.
const ENDS: &str = " \t\r\n\"'`,;<>()[]{}";

/// How the frame of a private key in PEM ends, above its base64 and below it.
const FRAME: &str = "PRIVATE KEY-----";
/// How the base64 of OpenSSH's private keys begins, for a key without its frame.
const OPENSSH: &str = "b3BlbnNzaC1rZXktdjE";

/// Returns text as it may be printed: URLs without user, password, query and fragment, API tokens
/// and password hashes without what makes them secret, and no private key. Applying it twice
/// changes nothing.
pub fn text(text: &str) -> String {
    // Most messages have none of these.
    let is_key = text.contains(FRAME) || text.contains(OPENSSH);
    if !is_key && !text.contains(['@', '?', '#', '$', ':']) {
        return text.to_owned();
    }
    let text = if is_key { private_keys(text) } else { text.to_owned() };
    hashes(&tokens(&logins(&url::in_text(&text))))
}

/// Returns a key or a name as a message may show it: what is no plausible name is masked, because
/// whoever mixes up key and value, or pastes a token in the place of its name, has put a secret there.
pub fn name(name: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || "_-. /+@".contains(c);
    let hex = name.chars().filter(char::is_ascii_hexdigit).count();
    let all_hex = name.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let plausible = name.chars().count() <= LONGEST_NAME
        && name.chars().all(is_part)
        && !(all_hex && hex >= LONGEST_HEX);
    if plausible { name } else { MASK }
}

/// Returns what a library or a program says, without what it quotes: that may be a value.
///
/// A single character is never a secret, and often what the message is about.
pub fn foreign(said: &str) -> String {
    let mut out = String::with_capacity(said.len());
    let mut rest = said;
    while let Some(open) = rest.find(['"', '\'', '`']) {
        let (before, quoted) = rest.split_at(open);
        let (mark, inner) = quoted.split_at(1);
        out.push_str(before);
        out.push_str(mark);
        rest = inner;
        // An apostrophe inside a word opens nothing.
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

/// Finds the end of a quotation: `x' is one too, and \" ends none.
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

/// Masks `user:password` before an `@` where no scheme says that it is a URL.
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

/// Masks private keys: what stands between the frames of PEM, and what begins as OpenSSH's do.
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

/// Masks what follows the method of a crypt hash: `$6$salt$…`.
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
