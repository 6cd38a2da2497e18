//! `Rule`: validates texts. Does no I/O.
//!
//! Values that a later stage would refuse are refused here, where file and line are known.

mod address;
mod guest;

pub(crate) use address::{ADDRESS, CIDR, ENDPOINT, IP, NODE_IP, SERVER, URL, is_local};
pub(crate) use guest::{
    CERTIFICATE, COMMAND, CRYPT_HASH, DOMAIN, DOMAIN_OR_EMPTY, FINGERPRINT, OWNER, PACKAGE, PATH,
    PERMISSIONS, SSH_KEY, TIMEZONE, USER, VM_USER,
};

pub(crate) use machine::Rule;

use machine::{ConfigKey, Form};
use stage::api_token;
use stage::guest as guests;
use stage::identity::{self, VmidRange};
use stage::signing_key;

/// Any text.
pub(super) const ANY: Rule = Rule { pattern: None, ..Rule::new("text", |_| true, "") };

/// A path of a file, which no shell expands.
pub(super) const FILE: Rule = Rule::new("a path (`~` is not expanded)", is_file, "^[^~]");

/// The same, or a URL.
pub(super) const FILE_OR_URL: Rule =
    Rule::new("a URL or a path (`~` is not expanded)", is_file, "^[^~]");

fn is_file(s: &str) -> bool {
    !s.is_empty() && !s.starts_with('~')
}

/// The stem of a file, or a key.
pub(super) const NAME: Rule =
    Rule::new("a non-empty name without / or a leading dot", is_name, "^[^./][^/]*$");

/// The name of an API token. The token itself would be a secret in the wrong place.
pub(crate) const TOKEN_NAME: Rule = Rule::new(
    "the name of a token in secrets.yaml, not the token itself",
    |s| is_name(s) && !(s.contains('!') && s.contains('=')),
    "^[^./][^/]*$",
);

/// A deployment in a VM's mark: docs/decisions/0006.
pub(crate) const DEPLOYMENT: Rule = Rule::new(
    identity::DEPLOYMENT_NAME,
    identity::is_deployment_name,
    "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$",
);

/// A site in a VM's mark.
pub(super) const SITE: Rule =
    Rule::new(identity::SITE_NAME, identity::is_site_name, "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$");

/// The vmids for VMs without one.
pub(super) const VMID_RANGE: Rule = Rule::new(
    VmidRange::FORM,
    |s| VmidRange::parse(s).is_some(),
    "^[1-9][0-9]{2,8}-[1-9][0-9]{2,8}$",
);

/// A VM. PVE: pve-common, JSONSchema.pm, dns-name.
pub(super) const VM_NAME: Rule = Rule::new(
    "a host name other than localhost: labels of at most 63 letters, digits and hyphens, not starting or ending with a hyphen",
    |s| guests::host_name_of(s).is_ok(),
    "^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$",
);

/// A template in PVE, which may never have been a guest of ours. PVE: pve-common, JSONSchema.pm, dns-name.
pub(super) const TEMPLATE_NAME: Rule = Rule::new(
    "a name in PVE: labels of letters, digits and hyphens, separated by dots",
    |s| {
        s.split('.').all(|label| {
            is_word(label, usize::MAX, "-") && !label.starts_with('-') && !label.ends_with('-')
        })
    },
    "^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$",
);

/// The host name in a spec.
pub(super) const HOST_NAME: Rule = Rule::new(
    "a host name other than localhost: at most 63 lower-case letters, digits and hyphens, starting with a letter, not ending with a hyphen",
    is_host_name,
    "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
);

/// The slot of a disk that a VM can boot from.
pub(super) const BOOT_DISK: Rule = Rule::new(
    "a disk slot such as scsi0 or virtio0",
    |s| ConfigKey::find(s).is_some_and(|slot| is_disk(slot.key)),
    "^[a-z]+[0-9]+$",
);

/// A pool. PVE: pve-access-control, RPCEnvironment.pm, verify_poolname.
pub(super) const POOL: Rule = Rule::new(
    "a pool: up to three parts of letters, digits, ., _ and -, separated by /",
    |s| s.split('/').count() <= 3 && s.split('/').all(|part| is_word(part, 100, "._-")),
    "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,2}$",
);

/// The first three bytes of derived MACs.
pub(super) const MAC_PREFIX: Rule = Rule::new(
    "the first three bytes of unicast MAC addresses, such as BC:24:11",
    |s| guests::mac(&format!("{s}:00:00:01")).is_ok(),
    "^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){2}$",
);

/// A PVE node.
pub(crate) const NODE: Rule = Rule::new(
    "a node name: letters, digits and hyphens, not starting or ending with a hyphen",
    |s| is_word(s, 63, "-") && !s.starts_with('-') && !s.ends_with('-'),
    "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$",
);

/// Peers of a vxlan zone as text.
pub(super) const PEERS: Rule = Rule::new(
    "nodes, or IP addresses",
    |s| s == "nodes" || s.split([',', ' ']).all(|s| s.is_empty() || ADDRESS.accepts(s)),
    "^(nodes|[0-9A-Fa-f:., ]+)$",
);

/// A checksum of a file.
pub(super) const CHECKSUM: Rule = Rule::new(
    "sha256: with 64 or sha512: with 128 hexadecimal digits",
    is_checksum,
    "^(sha256:[0-9A-Fa-f]{64}|sha512:[0-9A-Fa-f]{128})$",
);

/// A token of the PVE API.
pub(super) const API_TOKEN: Rule = Rule::new(
    api_token::TOKEN_FORM,
    api_token::is_token,
    "^[^\\s:/]+@[A-Za-z][A-Za-z0-9._-]*![A-Za-z][A-Za-z0-9._-]*=[0-9A-Fa-f-]{36}$",
);

/// The key that signs provisioning tokens.
pub(super) const SIGNING_KEY: Rule = Rule::new(
    "hexadecimal digits for at least 32 bytes, blanks between bytes allowed",
    |s| signing_key::check(s).is_ok(),
    "^\\s*([0-9A-Fa-f]{2}\\s*){32,}$",
)
.with_fault(signing_key::check)
.with_hint(signing_key::HINT);

/// Returns whether a slot can have a disk with a size; EFI disk and TPM state cannot.
fn is_disk(key: &'static machine::Key) -> bool {
    matches!(key.form, Form::Drive(_)) && key.part("size").is_some()
}

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

fn is_checksum(s: &str) -> bool {
    let hex =
        |digits: &str, n: usize| digits.len() == n && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match s.split_once(':') {
        Some(("sha256", digits)) => hex(digits, 64),
        Some(("sha512", digits)) => hex(digits, 128),
        _ => false,
    }
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
        check(&VM_NAME, &["a", "Web.lab", "3cx"], &["", "a_b", "end-", "LOCALHOST", "ünï"]);
        check(
            &TEMPLATE_NAME,
            &["debian-12", "9000", "Tmpl.lab", &"a".repeat(64)],
            &["", "a b", "-a", "a-", "a..b", "a_b", "ünï"],
        );
        check(&BOOT_DISK, &["scsi0", "virtio15"], &["scsi31", "net0", "scsi", ""]);
        check(&FILE, &["a.qcow2", "/a", "../a", "a~"], &["", "~/a.qcow2"]);
        check(&POOL, &["lab", "a/b/c"], &["", "a/", "a/b/c/d", "a b"]);
        check(&MAC_PREFIX, &["BC:24:11", "02:00:00"], &["01:00:00", "BC:24", ""]);
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
