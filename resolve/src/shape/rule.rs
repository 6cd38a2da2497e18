//! `Rule`: what a text must be. Does no I/O.

use std::net::{IpAddr, Ipv4Addr};

/// A rule for a text.
pub(crate) struct Rule {
    /// Completes "must be …".
    pub must: &'static str,
    /// Judges a text.
    pub test: fn(&str) -> bool,
    /// The same for editors, as a regular expression that is never stricter than `test`.
    pub pattern: Option<&'static str>,
    /// The texts there are, when they are few.
    pub one_of: &'static [&'static str],
}

impl Rule {
    const fn new(must: &'static str, test: fn(&str) -> bool, pattern: &'static str) -> Self {
        Self { must, test, pattern: Some(pattern), one_of: &[] }
    }

    const fn one_of(must: &'static str, one_of: &'static [&'static str]) -> Self {
        Self { must, test: |_| true, pattern: None, one_of }
    }

    /// Says whether a text keeps the rule.
    pub(crate) fn accepts(&self, text: &str) -> bool {
        (self.test)(text) && (self.one_of.is_empty() || self.one_of.contains(&text))
    }
}

/// Any text.
pub(super) const ANY: Rule = Rule { must: "text", test: |_| true, pattern: None, one_of: &[] };

/// The stem of a file, or a key elsewhere.
pub(super) const NAME: Rule =
    Rule::new("a name: no /, no leading dot, not empty", is_name, "^[^./][^/]*$");

/// What PVE and DNS both take for a VM.
pub(super) const HOST_NAME: Rule = Rule::new(
    "a host name: lower-case letters, digits and hyphens, a letter first, no hyphen last, at most 63",
    is_host_name,
    "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
);

/// A Linux user.
pub(super) const USER: Rule = Rule::new(
    "a user name: lower-case letters, digits, - and _, at most 32",
    is_user,
    "^[a-z_][a-z0-9_-]{0,31}$",
);

/// `dhcp` or an address with its prefix length.
pub(super) const IP: Rule = Rule::new(
    "\"dhcp\" or an address in CIDR notation such as 10.0.12.124/24 or fd00::7c/64",
    |s| s == "dhcp" || s.parse::<ipnet::IpNet>().is_ok(),
    "^(dhcp|[0-9A-Fa-f:.]+/[0-9]{1,3})$",
);

/// An address without prefix length.
pub(super) const ADDRESS: Rule = Rule::new(
    "an IP address such as 10.0.12.1 or fd00::1",
    |s| s.parse::<IpAddr>().is_ok(),
    "^[0-9A-Fa-f:.]+$",
);

/// An address, with or without prefix length.
pub(super) const NODE_IP: Rule = Rule::new(
    "an IP address such as 10.0.12.1",
    |s| s.parse::<IpAddr>().is_ok() || s.parse::<ipnet::IpNet>().is_ok(),
    "^[0-9A-Fa-f:./]+$",
);

/// A unicast MAC address.
pub(super) const MAC: Rule = Rule::new(
    "a unicast MAC address such as 02:00:5e:10:00:01",
    is_mac,
    "^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$",
);

/// An interface name, as PVE limits it.
pub(super) const BRIDGE: Rule = Rule::new(
    "a bridge such as vmbr0: a letter first, at most 15 letters, digits, _, . and -",
    |s| is_word(s, 15, "_.-") && s.starts_with(|c: char| c.is_ascii_alphabetic()),
    "^[A-Za-z][A-Za-z0-9_.-]{0,14}$",
);

/// A PVE storage.
pub(super) const STORAGE: Rule = Rule::new(
    "a storage such as local-lvm: a letter first, then letters, digits, -, _ and ., no punctuation last",
    is_storage,
    "^[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]$",
);

/// A PVE node.
pub(super) const NODE: Rule = Rule::new(
    "a node name: letters, digits and hyphens, no hyphen first or last",
    |s| is_word(s, 63, "-") && !s.starts_with('-') && !s.ends_with('-'),
    "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$",
);

/// A PVE tag. PVE: a tag begins with a letter, a digit or `_`, then also `+`, `.` and `-`.
pub(super) const TAG: Rule = Rule::new(
    "a tag: lower-case letters, digits, _, -, + and ., not beginning with punctuation",
    is_tag,
    "^[a-z0-9_][a-z0-9_.+-]*$",
);

/// PVE's `startup`. PVE: pve-common, JSONSchema.pm, pve_parse_startup_order.
pub(super) const STARTUP: Rule = Rule::new(
    "a start order such as order=3,up=30,down=60, each part once",
    is_startup,
    "^((order=)?[0-9]+|(up|down)=[0-9]+)(,((order=)?[0-9]+|(up|down)=[0-9]+))*$",
);

/// A package of a distribution.
pub(super) const PACKAGE: Rule = Rule::new(
    "a package name",
    |s| {
        !s.is_empty()
            && !s.starts_with('-')
            && !s.contains(|c: char| c.is_whitespace() || c.is_control())
    },
    "^[^\\s-]\\S*$",
);

/// An address of a web server.
pub(crate) const URL: Rule = Rule::new(
    "a URL that begins with https:// or http://",
    is_url,
    "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s/?#]+",
);

/// A URL, or empty for none.
pub(super) const URL_OR_EMPTY: Rule = Rule::new(
    "a URL that begins with https:// or http://",
    |s| s.is_empty() || is_url(s),
    "^([Hh][Tt][Tt][Pp][Ss]?://[^\\s/?#]+.*)?$",
);

/// A sum of a file.
pub(super) const CHECKSUM: Rule = Rule::new(
    "sha256: and 64, or sha512: and 128 hexadecimal digits",
    is_checksum,
    "^(sha256:[0-9A-Fa-f]{64}|sha512:[0-9A-Fa-f]{128})$",
);

/// A token of the PVE API.
pub(super) const API_TOKEN: Rule = Rule::new(
    "user@realm!id=uuid",
    is_api_token,
    "^[^@!=\\s]+@[^@!=\\s]+![^@!=\\s]+=[0-9A-Fa-f-]{36}$",
);

/// What `/etc/shadow` holds.
pub(super) const CRYPT_HASH: Rule = Rule::new(
    "a crypt hash that begins with $, as `openssl passwd -6` makes it, or empty",
    |s| s.is_empty() || (s.starts_with('$') && s.len() > 12 && !s.contains(char::is_whitespace)),
    "^(\\$\\S{12,})?$",
);

/// The key that signs provisioning tokens.
pub(super) const SIGNING_KEY: Rule = Rule::new(
    "64 hexadecimal digits",
    |s| s.len() == 64 && s.bytes().all(|b| b.is_ascii_hexdigit()),
    "^[0-9A-Fa-f]{64}$",
);

/// A line of `authorized_keys`.
pub(super) const SSH_KEY: Rule = Rule::new(
    "a public key in one line, such as ssh-ed25519 AAAA… user@host",
    is_ssh_key,
    "^\\s*\\S+\\s+\\S[^\\n]*\\s*$",
);

/// `type` of a manifest's node.
pub(super) const NODE_TYPE: Rule = Rule::one_of("vm, pve or ct", &["vm", "pve", "ct"]);

/// `pattern` of a manifest.
pub(super) const PATTERN: Rule = Rule::one_of("flat or tiered", &["flat", "tiered"]);

/// How a VM gets its configuration.
pub(super) const MODE: Rule = Rule::one_of("push or pull", &["push", "pull"]);

/// What happens at an error.
pub(super) const ON_ERROR: Rule =
    Rule::one_of("stop, rollback or continue", &["stop", "rollback", "continue"]);

/// `mode` of an image.
pub(super) const FETCH: Rule =
    Rule::one_of("auto, download-url or upload", &["auto", "download-url", "upload"]);

/// `auth.method` of a posture.
pub(super) const AUTH: Rule =
    Rule::one_of("network, site_token or node_token", &["network", "site_token", "node_token"]);

/// `profile_mode` of cloud-init.
pub(crate) const PROFILE_MODE: Rule =
    Rule::one_of("\"0600\", \"0640\" or \"0644\"", &["0600", "0640", "0644"]);

/// The mode of a file.
pub(super) const PERMISSIONS: Rule = Rule::new(
    "a file mode in octal and in quotes, such as \"0644\"",
    |s| (3..=4).contains(&s.len()) && s.bytes().all(|b| (b'0'..=b'7').contains(&b)),
    "^[0-7]{3,4}$",
);

fn is_name(s: &str) -> bool {
    !s.is_empty() && !s.starts_with('.') && !s.contains(['/', '\0', '\n'])
}

fn is_host_name(s: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&s.len())
        && s.starts_with(|c: char| c.is_ascii_lowercase())
        && !s.ends_with('-')
        && s.bytes().all(inner)
}

fn is_user(s: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    (1..=32).contains(&s.len())
        && s.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && s.bytes().all(inner)
}

fn is_word(s: &str, longest: usize, also: &str) -> bool {
    (1..=longest).contains(&s.len())
        && s.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}

fn is_storage(s: &str) -> bool {
    s.len() >= 2
        && is_word(s, 100, "-_.")
        && s.starts_with(|c: char| c.is_ascii_alphabetic())
        && s.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_tag(s: &str) -> bool {
    let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    s.starts_with(first) && s.chars().all(|c| first(c) || "-+.".contains(c))
}

fn is_startup(s: &str) -> bool {
    let mut seen = Vec::new();
    s.split(',').all(|part| {
        let (key, number) = part.split_once('=').unwrap_or(("order", part));
        let new = ["order", "up", "down"].contains(&key) && !seen.contains(&key);
        seen.push(key);
        new && number.bytes().all(|b| b.is_ascii_digit()) && number.parse::<u32>().is_ok()
    })
}

fn is_mac(s: &str) -> bool {
    let mut parts = s.split(':');
    let hex = |p: &str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
    let unicast = parts
        .next()
        .is_some_and(|p| hex(p) && u8::from_str_radix(p, 16).is_ok_and(|first| first & 1 == 0));
    unicast && parts.clone().count() == 5 && parts.all(hex) && s != "00:00:00:00:00:00"
}

fn is_url(s: &str) -> bool {
    host(s).is_some_and(|h| !h.is_empty())
        && !s.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// The host of a web URL, without user, port and brackets.
pub(super) fn host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    match address.strip_prefix('[') {
        Some(v6) => v6.split_once(']').map(|(host, _)| host),
        None => Some(address.split_once(':').map_or(address, |(host, _)| host)),
    }
}

/// Says whether a URL leads to the machine itself.
pub(crate) fn is_local(url: &str) -> bool {
    let Some(host) = host(url) else { return false };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_checksum(s: &str) -> bool {
    let hex =
        |digits: &str, n: usize| digits.len() == n && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match s.split_once(':') {
        Some(("sha256", digits)) => hex(digits, 64),
        Some(("sha512", digits)) => hex(digits, 128),
        _ => false,
    }
}

fn is_api_token(s: &str) -> bool {
    let word =
        |w: &str| !w.is_empty() && !w.contains(|c: char| "@!=".contains(c) || c.is_whitespace());
    let Some((user, rest)) = s.split_once('@') else { return false };
    let Some((realm, rest)) = rest.split_once('!') else { return false };
    let Some((id, uuid)) = rest.split_once('=') else { return false };
    let hex = uuid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    word(user) && word(realm) && word(id) && uuid.len() == 36 && hex
}

fn is_ssh_key(s: &str) -> bool {
    let line = s.trim();
    !line.contains(['\n', '\r']) && line.split_whitespace().count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: &Rule, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(rule.accepts(text), "{text:?} is {}", rule.must);
        }
        for text in bad {
            assert!(!rule.accepts(text), "{text:?} is not {}", rule.must);
        }
    }

    #[test]
    fn names_and_addresses() {
        check(
            &HOST_NAME,
            &["a", "web-1", &"a".repeat(63)],
            &["", "-a", "a-", "A", "1a", &"a".repeat(64)],
        );
        check(
            &IP,
            &["dhcp", "10.0.0.5/24", "fd00::5/64"],
            &["10.0.0.5", "10.0.0.5/33", "256.0.0.1/8", "DHCP"],
        );
        check(
            &MAC,
            &["02:00:5e:10:00:01", "BC:24:11:AB:cd:ef"],
            &["01:00:5e:00:00:01", "02:00", "00:00:00:00:00:00"],
        );
        check(&TAG, &["web", "a+b", "_x"], &["", "Web", "-x", "a;b"]);
        check(
            &STARTUP,
            &["order=3,up=30,down=60", "3", "up=5", "down=1,order=2"],
            &["", "first", "order=", "order=+1", "order=-1", "order=1,2", "up=1,up=2", "order=1,"],
        );
        check(&STORAGE, &["local", "local-lvm"], &["l", "1st", "local-"]);
        check(
            &URL,
            &["https://pve:8006", "http://[::1]/x"],
            &["pve:8006", "https://", "ftp://x", "https://a b"],
        );
    }

    #[test]
    fn secrets() {
        check(
            &API_TOKEN,
            &["a@pve!b=00000000-0000-4000-8000-000000000001"],
            &["a@pve", "a@pve!b=1", "a!b=00000000-0000-4000-8000-000000000001"],
        );
        check(&CRYPT_HASH, &["", "$6$salt$0123456789"], &["hunter2", "$6$"]);
        check(&CHECKSUM, &[&format!("sha256:{}", "aF".repeat(32))], &["sha256:00", "md5:00", ""]);
    }

    #[test]
    fn this_machine_is_judged_by_the_host() {
        for (url, local) in [
            ("https://localhost:8006", true),
            ("https://LOCALHOST", true),
            ("https://127.0.0.1:8006/x", true),
            ("https://user@127.3.2.1", true),
            ("https://[::1]:8006", true),
            ("https://localhost.example.net:8006", false),
            ("https://pve/127.0.0.1", false),
            ("https://pve?localhost", false),
            ("localhost", false),
        ] {
            assert_eq!(is_local(url), local, "{url}");
        }
    }
}
