//! Rules for what becomes part of a guest, as cloudinit-render and cloud-init have them.
//! Does no I/O.

use super::Rule;

/// A Linux user.
pub(crate) const USER: Rule = Rule::new(
    "a user name: lower-case letters, digits, - and _, at most 32",
    is_user,
    "^[a-z_][a-z0-9_-]{0,31}$",
);

/// The user that cloud-init makes. cloud-init: `default` stands for the image's own user.
pub(crate) const VM_USER: Rule = Rule::new(
    "a user name other than default: lower-case letters, digits, - and _, at most 32",
    |s| is_user(s) && s != "default",
    "^[a-z_][a-z0-9_-]{0,31}$",
);

/// A package of a distribution, with `=version`, `/release` or `:architecture` or without.
/// It becomes a word of a command line: an option of apt would be obeyed, a last `-` removes.
pub(crate) const PACKAGE: Rule = Rule::new(
    "a package name: letters, digits and +-._:=~/, a letter or digit first, no - last",
    is_package,
    "^[A-Za-z0-9]([A-Za-z0-9+._:=~/-]*[A-Za-z0-9+._:=~/])?$",
);

/// A name in the time zone database: it becomes a path there.
pub(crate) const TIMEZONE: Rule = Rule::new(
    "a time zone such as Europe/Berlin",
    |s| is_made_of(s, "_+-/") && !s.starts_with(['/', '-']) && !s.ends_with('/'),
    "^[A-Za-z0-9_+]([A-Za-z0-9_+/-]*[A-Za-z0-9_+-])?$",
);

/// A DNS domain.
pub(crate) const DOMAIN: Rule = Rule::new(
    "a domain such as lab.example: letters, digits and hyphens between dots",
    is_domain,
    "^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$",
);

/// What `/etc/shadow` holds.
pub(crate) const CRYPT_HASH: Rule = Rule::new(
    "a crypt hash that begins with $, as `openssl passwd -6` makes it, or empty",
    |s| s.is_empty() || is_crypt_hash(s),
    "^(\\$[^\\s:;*!]{12,})?$",
);

/// A line of `authorized_keys`.
pub(crate) const SSH_KEY: Rule = Rule::new(
    "a public key in one line, such as ssh-ed25519 AAAA… user@host",
    is_ssh_key,
    "^\\s*\\S+\\s+\\S[^\\n]*\\s*$",
);

/// `profile_mode` of cloud-init.
pub(crate) const PROFILE_MODE: Rule =
    Rule::one_of("\"0600\", \"0640\" or \"0644\"", &["0600", "0640", "0644"]);

/// The mode of a file.
pub(crate) const PERMISSIONS: Rule = Rule::new(
    "a file mode in octal and in quotes, such as \"0644\"",
    |s| (3..=4).contains(&s.len()) && s.bytes().all(|b| (b'0'..=b'7').contains(&b)),
    "^[0-7]{3,4}$",
);

/// The absolute path of a file, in one spelling.
pub(crate) const PATH: Rule =
    Rule::new("the absolute path of a file, without ., .. and //", is_path, "^(/[^/]+)+$");

/// The owner of a file.
pub(crate) const OWNER: Rule = Rule::new(
    "a user, or user:group",
    is_owner,
    "^[A-Za-z0-9_.][A-Za-z0-9_.-]*(:[A-Za-z0-9_.][A-Za-z0-9_.-]*)?$",
);

/// How a file's content is written. cloud-init: cc_write_files, without bare gzip, which is no
/// text.
pub(crate) const ENCODING: Rule = Rule::one_of(
    "base64, b64, gz+base64, gzip+base64, gz+b64, gzip+b64 or text/plain",
    &["base64", "b64", "gz+base64", "gzip+base64", "gz+b64", "gzip+b64", "text/plain"],
);

/// A word or a script for a shell: a NUL ends both.
pub(crate) const COMMAND: Rule =
    Rule::new("text without NUL", |s| !s.contains('\0'), "^[^\\u0000]*$");

/// Certificates in PEM.
pub(crate) const CERTIFICATE: Rule = Rule::new(
    "certificates in PEM, from BEGIN CERTIFICATE to END CERTIFICATE",
    is_certificate,
    "-----BEGIN CERTIFICATE-----",
);

/// The SHA-256 of a certificate.
pub(crate) const FINGERPRINT: Rule = Rule::new(
    "a SHA-256 fingerprint: 32 pairs of hexadecimal digits with colons",
    |s| {
        let pair = |p: &str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
        s.split(':').count() == 32 && s.split(':').all(pair)
    },
    "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}$",
);

fn is_user(s: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    (1..=32).contains(&s.len())
        && s.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && s.bytes().all(inner)
}

fn is_made_of(s: &str, also: &str) -> bool {
    !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}

fn is_package(s: &str) -> bool {
    is_made_of(s, "+-._:=~/")
        && s.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !s.ends_with('-')
        && !s.contains("..")
        && !s.contains("//")
}

fn is_domain(s: &str) -> bool {
    let label = |label: &str| {
        label.len() <= 63
            && is_made_of(label, "-")
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    s.len() <= 253 && s.split('.').all(label) && !s.eq_ignore_ascii_case("localhost")
}

fn is_crypt_hash(s: &str) -> bool {
    // crypt(5): these never occur in a hash, and shadow(5) or chpasswd give them a meaning.
    let barred = |c: char| !c.is_ascii_graphic() || ":;*!\\".contains(c);
    s.starts_with('$') && s.matches('$').count() > 2 && s.len() > 12 && !s.contains(barred)
}

fn is_ssh_key(s: &str) -> bool {
    let line = s.trim();
    !line.contains(char::is_control)
        && !line.contains("PRIVATE KEY")
        && line.split_whitespace().count() >= 2
}

fn is_path(s: &str) -> bool {
    let odd = |part: &str| matches!(part, "" | "." | "..");
    s.strip_prefix('/').is_some_and(|rest| !rest.split('/').any(odd))
        && !s.contains(char::is_control)
}

fn is_owner(s: &str) -> bool {
    let name = |part: &str| is_made_of(part, "_-.") && !part.starts_with('-');
    s.split(':').count() <= 2 && s.split(':').all(name)
}

fn is_certificate(s: &str) -> bool {
    let text = |c: char| c.is_ascii() && (!c.is_control() || "\r\n".contains(c));
    s.trim_start().starts_with("-----BEGIN CERTIFICATE-----")
        && s.trim_end().ends_with("-----END CERTIFICATE-----")
        && !s.contains("PRIVATE KEY")
        && s.chars().all(text)
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
            &["nginx", "g++", "libc6:amd64", "vim=2:9.0~1", "vim/stable"],
            &["", "-y", "vim-", "a b", "a..b", "a//b", "a,b", "ä"],
        );
        check(&TIMEZONE, &["UTC", "Etc/GMT+5", "Europe/Berlin"], &["", "/etc", "Europe/", "../x"]);
        check(&DOMAIN, &["lab.example", "LAN"], &["", ".lan", "a..b", "-a", "a_b", "localhost"]);
    }

    #[test]
    fn secrets() {
        check(
            &CRYPT_HASH,
            &["", "$6$salt$0123456789", "$y$j9T$abc$0123"],
            &["hunter2", "$6$", "$6$0123456789ab", "$6$salt$01234:56789"],
        );
        check(
            &SSH_KEY,
            &["ssh-ed25519 AAAA a@h", " ssh-rsa AAAA\n"],
            &["AAAA", "ssh-rsa AAAA\nssh-rsa BBBB", "-----BEGIN OPENSSH PRIVATE KEY-----"],
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
