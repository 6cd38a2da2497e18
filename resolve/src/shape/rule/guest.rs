//! Rules for values in a guest: those of `stage::guest`, which cloudinit-render uses. Does no I/O.

use super::Rule;
use stage::guest;

/// A Linux user.
pub(crate) const USER: Rule = Rule::new(
    "a user name: at most 32 lower-case letters, digits, - and _",
    is_user,
    "^[a-z_][a-z0-9_-]{0,31}$",
);

/// The user that cloud-init creates.
pub(crate) const VM_USER: Rule = Rule::new(
    "a user name: at most 32 lower-case letters, digits, - and _; not default or a Debian system user such as backup",
    |s| guest::user(s).is_ok(),
    "^[a-z_][a-z0-9_-]{0,31}$",
);

/// A package of a distribution, optionally with `=version`, `/release` or `:architecture`. It
/// becomes an argument of apt, which reads a leading `-` as an option and a final `-` as removal.
pub(crate) const PACKAGE: Rule = Rule::new(
    "a package name: letters, digits and +-._:=~/, starting with a letter or digit, not ending with -; a version can end with *",
    |s| guest::package(s).is_ok(),
    "^[A-Za-z0-9]([A-Za-z0-9+._:=~/-]*[A-Za-z0-9+._:=~/*])?$",
);

/// A name in the time zone database, where it becomes a path.
pub(crate) const TIMEZONE: Rule = Rule::new(
    "a time zone such as Europe/Berlin",
    |s| guest::timezone(s).is_ok(),
    "^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*$",
);

/// A DNS domain.
pub(crate) const DOMAIN: Rule = Rule::new(
    "a domain such as lab.example: letters, digits and hyphens between dots",
    |s| guest::host_name(s).is_ok(),
    "^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$",
);

/// The domain of a spec, which the driver in the guest reads. If empty, there is none, even if the
/// site has one.
pub(crate) const DOMAIN_OR_EMPTY: Rule = Rule::new(
    "a domain such as lab.example, or empty for none",
    |s| s.is_empty() || DOMAIN.accepts(s),
    "^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)?$",
);

/// A password hash in `/etc/shadow`.
pub(crate) const CRYPT_HASH: Rule = Rule::new(
    "a crypt hash that starts with $, as printed by `openssl passwd -6`, or empty",
    |s| s.is_empty() || guest::password_hash(s).is_ok(),
    "^(\\$[^\\s:;*!]{12,})?$",
)
.with_fault(guest::password_hash)
.with_hint(guest::HASH_HINT);

/// A line of `authorized_keys`.
pub(crate) const SSH_KEY: Rule = Rule::new(
    "a public key on one line, such as ssh-ed25519 AAAA… user@host",
    |s| guest::ssh_key(s.trim()).is_ok(),
    "^\\s*\\S+\\s+\\S[^\\n]*\\s*$",
)
.with_fault(|s| guest::ssh_key(s.trim()))
.with_hint(guest::SSH_KEY_HINT);

/// The mode of a file.
pub(crate) const PERMISSIONS: Rule = Rule::new(
    "a quoted octal file mode such as \"0644\"",
    |s| guest::permissions(s).is_ok(),
    "^[0-7]{3,4}$",
);

/// The absolute, normalized path of a file.
pub(crate) const PATH: Rule = Rule::new(
    "an absolute file path without ., .. and //",
    |s| guest::path(s).is_ok(),
    "^(/[^/]+)+$",
);

/// The owner of a file.
pub(crate) const OWNER: Rule = Rule::new(
    "a user, or user:group",
    |s| guest::owner(s).is_ok(),
    "^[A-Za-z0-9_.][A-Za-z0-9_.-]*(:[A-Za-z0-9_.][A-Za-z0-9_.-]*)?$",
);

/// An argument or a shell script; neither can contain NUL.
pub(crate) const COMMAND: Rule =
    Rule::new("text without NUL", |s| guest::command(s).is_ok(), "^[^\\u0000]*$");

/// Certificates in PEM.
pub(crate) const CERTIFICATE: Rule = Rule::new(
    "certificates in PEM, from BEGIN CERTIFICATE to END CERTIFICATE",
    |s| guest::certificate(s).is_ok(),
    "-----BEGIN CERTIFICATE-----",
);

/// The SHA-256 of a certificate.
pub(crate) const FINGERPRINT: Rule = Rule::new(
    "a SHA-256 fingerprint: 32 pairs of hexadecimal digits with colons",
    |s| guest::fingerprint(s).is_ok(),
    "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}$",
);

fn is_user(s: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    (1..=32).contains(&s.len())
        && s.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && s.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn names() {
        check(&VM_USER, &["homestak", "_a"], &["default", "ALL", "1a", ""]);
        check(
            &PACKAGE,
            &["nginx", "g++", "libc6:amd64", "vim=2:9.0~1", "vim/stable", "foo=1.2*", "foo=1.2.*"],
            &[
                "*",
                "foo*",
                "foo=*",
                "foo=1*2",
                "foo=1.2-*",
                "foo=1**",
                "fo*=1.2",
                "",
                "-y",
                "vim-",
                "a b",
                "a..b",
                "a//b",
                "a,b",
                "ä",
            ],
        );
        check(&TIMEZONE, &["UTC", "Etc/GMT+5", "Europe/Berlin"], &["", "/etc", "Europe/", "../x"]);
        check(&DOMAIN, &["lab.example", "LAN"], &["", ".lan", "a..b", "-a", "a_b", "localhost"]);
    }

    const HASH: &str = "$6$salt$CV0p.flyrqHlPZrvH5R0ARpT37cdpwwl7wdfCx2ee4eMmJedEM2cl9lbvvg5UJ1WQ2R3QT2C7yRfr/Co4Firs.";
    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7xZ0mJt5m1mSxg0aTq0oJq2rL9rN3w5yQe6uX8bVcD";

    #[test]
    fn secrets() {
        check(
            &CRYPT_HASH,
            &["", HASH],
            &["hunter2", "$6$", "$6$salt$0123456789", &HASH[..HASH.len() - 1]],
        );
        check(
            &SSH_KEY,
            &[KEY, &format!(" {KEY} a@h\n")],
            &[
                "AAAA",
                "ssh-rsa AAAA",
                &format!("{KEY}\n{KEY}"),
                "-----BEGIN OPENSSH PRIVATE KEY-----",
            ],
        );
    }

    #[test]
    fn files() {
        check(&PATH, &["/etc/motd"], &["etc/motd", "/", "/etc/", "/a/../b", "//a", "/a\nb"]);
        check(&OWNER, &["root", "root:root", "www-data"], &["", "a:b:c", ":root", "-a", "a b"]);
        check(
            &CERTIFICATE,
            &["-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"],
            &["", "MIIB", "-----BEGIN CERTIFICATE-----\nMIIB"],
        );
        check(&FINGERPRINT, &[&["aF"; 32].join(":")], &["", "aF", &"aF".repeat(32)]);
    }
}
