//! Rules for values that must be safe and must work in a guest, one function for each kind of value.
//! resolve applies them first, because it knows file and line, and cloudinit-render again. Does no
//! I/O.
//!
//! Each returns what is wrong, without the value, which may be secret.

mod hash;
mod name;
mod ssh_key;

pub use hash::{HASH_HINT, is_weak_hash, password_hash};
pub use name::{HostName, host_name_of};
pub use ssh_key::{SSH_KEY_HINT, is_meant_as_key, ssh_key};

use std::net::IpAddr;

/// The result of a rule: what the value must be, if it is not.
pub type Rule = Result<(), &'static str>;

/// A host name: one label, or several with dots.
pub fn host_name(text: &str) -> Rule {
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = label.as_bytes();
        bytes.len() <= 63
            && bytes.iter().all(|b| inner(*b))
            && edge(bytes.first())
            && edge(bytes.last())
    };
    if text.len() > 253 || !text.split('.').all(label) {
        return Err(
            "must be a host name: letters, digits and `-`, at most 63 of them between dots",
        );
    }
    if text.eq_ignore_ascii_case("localhost") {
        return Err("must not be localhost: programs resolve that to the machine they run on");
    }
    Ok(())
}

/// Users and groups of Debian's base-passwd. useradd refuses the name of a group, and an existing
/// user keeps its nologin shell. Without root, which cloud-init can set up.
const DEBIANS: [&str; 40] = [
    "_apt", "adm", "audio", "backup", "bin", "cdrom", "daemon", "dialout", "dip", "disk", "fax",
    "floppy", "games", "irc", "kmem", "list", "lp", "mail", "man", "news", "nobody", "nogroup",
    "operator", "plugdev", "proxy", "sasl", "shadow", "src", "staff", "sudo", "sync", "sys",
    "tape", "tty", "users", "utmp", "uucp", "video", "voice", "www-data",
];

/// A user that cloud-init creates.
pub fn user(text: &str) -> Rule {
    let first = |b: &u8| b.is_ascii_lowercase() || *b == b'_';
    let rest = |b: &u8| first(b) || b.is_ascii_digit() || *b == b'-';
    let bytes = text.as_bytes();
    // In upper case, `ALL` would mean everyone in sudoers.
    if bytes.len() > 32 || !bytes.first().is_some_and(first) || !bytes.iter().all(rest) {
        return Err("must be a user name: lower-case letters, digits, `-` and `_`, at most 32");
    }
    // cloud-init: ug_util: the name `default` means the distribution's own user.
    if text == "default" {
        return Err("must not be default: cloud-init reserves that for the image's own user");
    }
    if DEBIANS.contains(&text) {
        return Err("must not be a user or group that every Debian system has: useradd refuses it");
    }
    Ok(())
}

/// A package, optionally with `=version`, `/release` or `:architecture`. A version can end with `*`,
/// which apt matches with the versions it knows (apt-get(8), install).
///
/// The name becomes a word of a command line that root runs: apt would obey an option
/// (`-oDPkg::Pre-Invoke::=…`), whatever the quotes in the YAML.
pub fn package(text: &str) -> Rule {
    let first = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    let rest = |b: u8| b.is_ascii_alphanumeric() || b"+-._:=~/".contains(&b);
    // cloud-init runs apt without a shell, so nothing else expands the `*`.
    let text = match text.strip_suffix('*') {
        Some(version) if version.contains('=') && !version.ends_with(['=', '-']) => version,
        _ => text,
    };
    if !first || !text.bytes().all(rest) || text.contains("..") || text.contains("//") {
        return Err(
            "must be a package name: letters, digits and `+-._:=~/`, starting with a letter or digit, and `*` only at the end of a version",
        );
    }
    if text.ends_with('-') {
        return Err("must not end in `-`: apt would remove the package");
    }
    Ok(())
}

/// A name in the time zone database.
pub fn timezone(text: &str) -> Rule {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+-/".contains(&b);
    // It becomes a path under /usr/share/zoneinfo, where each part starts with a capital letter.
    let part = |part: &str| part.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
    if !text.bytes().all(allowed) || !text.split('/').all(part) {
        return Err("must be a time zone such as Europe/Berlin");
    }
    // IANA has offsets only as Etc/GMT-1. cloud-init: an unknown zone makes its module fail.
    if text.contains('+') && !text.trim_start_matches("Etc/").starts_with("GMT+") {
        return Err("must be a time zone such as Europe/Berlin, or Etc/GMT-1 for one hour east");
    }
    Ok(())
}

/// An address of a name server.
pub fn address(text: &str) -> Rule {
    match text.parse::<IpAddr>() {
        Ok(address) if !address.is_unspecified() => Ok(()),
        _ => Err("must be an IP address"),
    }
}

/// Returns an address, with or without a prefix length, in its canonical form (RFC 5952); any other
/// text as it is.
pub fn canonical_address(text: &str) -> String {
    let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
    match address.parse::<IpAddr>() {
        Ok(address) if prefix.is_empty() => address.to_string(),
        Ok(address) => format!("{address}/{prefix}"),
        Err(_) => text.to_owned(),
    }
}

/// An address of a NIC with its prefix length.
///
/// PVE: pve-common, JSONSchema.pm, pve_verify_ipv4_config and pve_verify_ipv6_config: no leading
/// zeros, which C libraries read as octal, and a prefix of at least 8.
pub fn interface(text: &str) -> Rule {
    const FACT: Rule = Err("must be an address with its prefix length, such as 10.0.12.124/24");
    let Some((address, prefix)) = text.split_once('/') else { return FACT };
    let Ok(address) = address.parse::<IpAddr>() else { return FACT };
    let is_number = prefix.bytes().all(|b| b.is_ascii_digit()) && !prefix.starts_with('0');
    let most = if address.is_ipv4() { 32 } else { 128 };
    if !is_number || !prefix.parse().is_ok_and(|length: u8| (8..=most).contains(&length)) {
        return Err("must have a prefix length from 8 to 32, or to 128 for IPv6");
    }
    if matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        return Err("must not be an IPv4 address in IPv6 notation: no NIC has that");
    }
    Ok(())
}

/// An address that a host can have in its network.
pub fn host(address: IpAddr, prefix_len: u8) -> Rule {
    // RFC 919: 255.255.255.255 is the broadcast address of every link.
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || address.is_loopback() || is_broadcast {
        return Err("is not a valid address for a VM");
    }
    let prefix_len = u32::from(prefix_len);
    let (is_first, is_last) = match address {
        // RFC 3021, RFC 6164: both addresses of a link between two.
        IpAddr::V4(_) if prefix_len >= 31 => (false, false),
        IpAddr::V6(_) if prefix_len >= 127 => (false, false),
        IpAddr::V4(address) => {
            let (bits, hosts) = (u32::from(address), u32::MAX >> prefix_len);
            (bits & hosts == 0, bits & hosts == hosts)
        }
        IpAddr::V6(address) => (u128::from(address) & (u128::MAX >> prefix_len) == 0, false),
    };
    match (is_first, is_last) {
        (true, _) => Err("is the network address"),
        (false, true) => Err("is the broadcast address of its network"),
        (false, false) => Ok(()),
    }
}

/// The URL of the server that VMs fetch their spec from.
pub fn server(text: &str) -> Rule {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':', '-']));
    if !host || text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err("must be a URL such as https://server:44443");
    }
    Ok(())
}

/// A provisioning token: a word of a shell script.
pub fn token(text: &str) -> Rule {
    if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err("must not contain spaces or control characters");
    }
    Ok(())
}

/// A MAC address of one machine.
pub fn mac(text: &str) -> Rule {
    let pair = |p: &str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
    let pairs: Vec<_> = text.split(':').collect();
    if pairs.len() != 6 || !pairs.iter().copied().all(pair) {
        return Err("must be a MAC address such as 02:00:00:00:00:01");
    }
    let first = u8::from_str_radix(pairs[0], 16).unwrap_or(1);
    if first & 1 == 1 {
        return Err("must not be a multicast address: its first byte must be even");
    }
    if pairs.iter().all(|pair| *pair == "00") {
        return Err("must not be all zeros: no NIC has that");
    }
    Ok(())
}

/// An absolute path of a file.
pub fn path(text: &str) -> Rule {
    // Each file has one spelling, so that paths can be compared.
    let odd = |part: &str| matches!(part, "" | "." | "..");
    if text.strip_prefix('/').is_none_or(|rest| rest.split('/').any(odd)) {
        return Err("must be the absolute path of a file, without `.`, `..` and `//`");
    }
    if text.contains(|c: char| c.is_control()) {
        return Err("must not contain control characters");
    }
    Ok(())
}

/// The boot scenario of a VM that fetches its spec and applies it.
pub const VM_CONFIG: &str = "vm-config";

/// The boot scenario of a nested PVE node that sets itself up.
pub const PVE_CONFIG: &str = "pve-config";

/// What a VM can set itself up as at its first boot.
pub const BOOT_SCENARIOS: [&str; 2] = [VM_CONFIG, PVE_CONFIG];

/// A boot scenario.
pub fn boot_scenario(text: &str) -> Rule {
    if BOOT_SCENARIOS.contains(&text) {
        return Ok(());
    }
    Err("must be vm-config or pve-config")
}

/// Modes of the profile script: readable by root only, by its group, by everyone.
pub const PROFILE_MODES: [&str; 3] = ["0600", "0640", "0644"];

/// How a written file's content is encoded. cloud-init: cc_write_files, without its `gz` and `gzip`:
/// bare gzip is not text.
pub const ENCODINGS: [&str; 7] =
    ["base64", "b64", "gz+base64", "gzip+base64", "gz+b64", "gzip+b64", "text/plain"];

/// A mode as octal text.
pub fn permissions(text: &str) -> Rule {
    let octal = text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    if !octal || !(3..=4).contains(&text.len()) {
        return Err("must be an octal mode in quotes, such as \"0644\"");
    }
    Ok(())
}

/// `user` or `user:group`.
pub fn owner(text: &str) -> Rule {
    let name = |part: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        !part.is_empty() && !part.starts_with('-') && part.bytes().all(allowed)
    };
    if text.matches(':').count() > 1 || !text.split(':').all(name) {
        return Err("must be a user, or user:group");
    }
    Ok(())
}

/// A word or script for a shell: a NUL ends both.
pub fn command(text: &str) -> Rule {
    if text.contains('\0') { Err("must not contain NUL") } else { Ok(()) }
}

/// A SHA-256 fingerprint: 32 pairs of hexadecimal digits with colons.
pub fn fingerprint(text: &str) -> Rule {
    let pairs: Vec<_> = text.split(':').collect();
    let pair = |p: &&str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
    if pairs.len() != 32 || !pairs.iter().all(pair) {
        return Err("must be a SHA-256 fingerprint: 32 pairs of hexadecimal digits with colons");
    }
    Ok(())
}

/// Certificates in PEM.
pub fn certificate(text: &str) -> Rule {
    let begin = text.trim_start().starts_with("-----BEGIN CERTIFICATE-----");
    let end = text.trim_end().ends_with("-----END CERTIFICATE-----");
    if text.contains("PRIVATE KEY") {
        return Err("must not contain a private key: every VM gets it");
    }
    if !begin
        || !end
        || text.contains(|c: char| !c.is_ascii() || (c.is_control() && !"\r\n".contains(c)))
    {
        return Err("must be certificates in PEM, from BEGIN CERTIFICATE to END CERTIFICATE");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
