//! `Rule`: what a text must be. Does no I/O.
//!
//! What a later stage would refuse is refused here, where the file and the line are known.

mod address;
mod guest;

pub(crate) use address::{
    ADDRESS, ENDPOINT, ENDPOINT_OR_EMPTY, IP, MAC, NODE_IP, SERVER_OR_EMPTY, URL, is_local,
};
pub(crate) use guest::{
    CERTIFICATE, COMMAND, CRYPT_HASH, DOMAIN, DOMAIN_OR_EMPTY, ENCODING, FINGERPRINT, OWNER,
    PACKAGE, PATH, PERMISSIONS, PROFILE_MODE, SSH_KEY, TIMEZONE, USER, VM_USER,
};

use stage::identity::{self, VmidRange};

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
pub(super) const ANY: Rule = Rule::one_of("text", &[]);

/// The stem of a file, or a key elsewhere.
pub(super) const NAME: Rule =
    Rule::new("a name: no /, no leading dot, not empty", is_name, "^[^./][^/]*$");

/// The name of an API token. Whoever writes the token itself has put a secret there.
pub(crate) const TOKEN_NAME: Rule = Rule::new(
    "the name of a token in secrets.yaml, not the token itself",
    |s| is_name(s) && !(s.contains('!') && s.contains('=')),
    "^[^./][^/]*$",
);

/// What a VM's mark can hold: docs/decisions/0006.
pub(crate) const DEPLOYMENT: Rule = Rule::new(
    identity::DEPLOYMENT_NAME,
    identity::is_deployment_name,
    "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$",
);

/// What a VM's mark can hold too.
pub(super) const SITE: Rule =
    Rule::new(identity::SITE_NAME, identity::is_site_name, "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$");

/// The vmids that VMs without a vmid get.
pub(super) const VMID_RANGE: Rule = Rule::new(
    VmidRange::FORM,
    |s| VmidRange::parse(s).is_some(),
    "^[1-9][0-9]{2,8}-[1-9][0-9]{2,8}$",
);

/// An image. PVE: pve-storage, Plugin.pm: names of content `import` hold only these characters.
pub(super) const IMAGE: Rule = Rule::new(
    "an image's name: letters, digits, ., +, =, _ and -, a letter or digit first",
    |s| is_word(s, 200, ".+=_-") && s.starts_with(|c: char| c.is_ascii_alphanumeric()),
    "^[A-Za-z0-9][A-Za-z0-9.+=_-]*$",
);

/// What PVE and DNS both take for a VM.
pub(super) const HOST_NAME: Rule = Rule::new(
    "a host name other than localhost: lower-case letters, digits and hyphens, a letter first, no hyphen last, at most 63",
    is_host_name,
    "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
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
pub(crate) const NODE: Rule = Rule::new(
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

/// The key that signs provisioning tokens.
pub(super) const SIGNING_KEY: Rule = Rule::new(
    "64 hexadecimal digits",
    |s| s.len() == 64 && s.bytes().all(|b| b.is_ascii_hexdigit()),
    "^[0-9A-Fa-f]{64}$",
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

fn is_name(s: &str) -> bool {
    !s.is_empty() && !s.starts_with('.') && !s.contains(['/', '\0', '\n'])
}

fn is_host_name(s: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&s.len())
        && s.starts_with(|c: char| c.is_ascii_lowercase())
        && !s.ends_with('-')
        && s.bytes().all(inner)
        && s != "localhost"
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

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn check(rule: &Rule, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(rule.accepts(text), "{text:?} is {}", rule.must);
        }
        for text in bad {
            assert!(!rule.accepts(text), "{text:?} is not {}", rule.must);
        }
    }

    #[test]
    fn names() {
        check(
            &HOST_NAME,
            &["a", "web-1", &"a".repeat(63)],
            &["", "-a", "a-", "A", "1a", &"a".repeat(64)],
        );
        check(&TAG, &["web", "a+b", "_x"], &["", "Web", "-x", "a;b"]);
        check(
            &STARTUP,
            &["order=3,up=30,down=60", "3", "up=5", "down=1,order=2"],
            &["", "first", "order=", "order=+1", "order=-1", "order=1,2", "up=1,up=2", "order=1,"],
        );
        check(&STORAGE, &["local", "local-lvm"], &["l", "1st", "local-"]);
    }

    #[test]
    fn secrets() {
        check(
            &API_TOKEN,
            &["a@pve!b=00000000-0000-4000-8000-000000000001"],
            &["a@pve", "a@pve!b=1", "a!b=00000000-0000-4000-8000-000000000001"],
        );
        check(&CHECKSUM, &[&format!("sha256:{}", "aF".repeat(32))], &["sha256:00", "md5:00", ""]);
    }
}
