//! Rules for addresses and URLs. Does no I/O.

use super::Rule;
use stage::guest;
use std::net::{IpAddr, Ipv4Addr};

/// `dhcp` or an address with its prefix length.
pub(crate) const IP: Rule = Rule::new(
    "\"dhcp\" or an address in CIDR notation such as 10.0.12.124/24 or fd00::7c/64",
    |s| s == "dhcp" || guest::interface(s).is_ok(),
    "^(dhcp|[0-9A-Fa-f:.]+/[0-9]{1,3})$",
)
.with_spelling(guest::canonical_address);

/// An address with its prefix length.
pub(crate) const CIDR: Rule = Rule::new(
    "an address in CIDR notation such as 10.0.12.124/24 or fd00::7c/64",
    |s| guest::interface(s).is_ok(),
    "^[0-9A-Fa-f:.]+/[0-9]{1,3}$",
)
.with_spelling(guest::canonical_address);

/// An address without prefix length.
pub(crate) const ADDRESS: Rule = Rule::new(
    "an IP address such as 10.0.12.1 or fd00::1",
    |s| guest::address(s).is_ok(),
    "^[0-9A-Fa-f:.]+$",
)
.with_spelling(guest::canonical_address);

/// An address, with or without prefix length.
pub(crate) const NODE_IP: Rule =
    Rule::new("an IP address such as 10.0.12.1", is_node_ip, "^[0-9A-Fa-f:./]+$")
        .with_spelling(guest::canonical_address);

/// Unlike ipnet, std refuses leading zeros, which C libraries read as octal.
fn is_node_ip(s: &str) -> bool {
    let (address, prefix) = s.split_once('/').unwrap_or((s, "1"));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let is_number = prefix.bytes().all(|b| b.is_ascii_digit()) && !prefix.starts_with('0');
    is_number && prefix.parse().is_ok_and(|length: u8| length <= most)
}

/// An address of a web server.
pub(crate) const URL: Rule = Rule::new(
    "a URL that begins with https:// or http://",
    is_url,
    "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s/?#]+",
);

/// The endpoint of PVE's API. pve-client supports only TLS, and no user and password.
pub(crate) const ENDPOINT: Rule = Rule::new(
    "the URL of a PVE API such as https://10.0.12.2:8006, without a user",
    is_endpoint,
    "^[Hh][Tt][Tt][Pp][Ss]://[^\\s/?#@]+[^\\s?@]*$",
);

/// Where VMs fetch their specs.
pub(crate) const SERVER: Rule =
    Rule::new("a URL that begins with https:// or http://", is_server, "^https?://[^\\s/?#-].*$");

fn is_url(s: &str) -> bool {
    host(s).is_some_and(is_host) && !s.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Returns whether a host is a name or an unambiguous address: some programs read 010.0.0.1 as
/// 8.0.0.1, or 10.0.0.256 as a name.
fn is_host(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    !host.is_empty() && (!is_number || host.parse::<Ipv4Addr>().is_ok())
}

fn is_server(s: &str) -> bool {
    // The program in the guest supports only lower-case schemes, and reads -x as an option.
    is_url(s) && guest::server(s).is_ok()
}

fn is_endpoint(s: &str) -> bool {
    // The web UI adds #v1:0:… to the URL; pve-client removes it.
    let s = s.split('#').next().unwrap_or_default();
    let Some((scheme, rest)) = s.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    // The part after the host, as in [fd00::1]:8006 and pve:8006.
    let behind = authority.rsplit_once(']').map_or_else(
        || authority.find(':').map_or("", |colon| &authority[colon..]),
        |(_, behind)| behind,
    );
    let port = behind.strip_prefix(':').map(|port| port.parse::<u16>().is_ok_and(|p| p > 0));
    scheme.eq_ignore_ascii_case("https")
        && is_url(s)
        && !s.contains(['@', '?'])
        && port.unwrap_or(behind.is_empty())
}

/// Returns the host of a web URL, without user, port and brackets.
fn host(url: &str) -> Option<&str> {
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

/// Returns whether a URL points to this machine.
pub(crate) fn is_local(url: &str) -> bool {
    let Some(host) = host(url) else { return false };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn addresses() {
        check(
            &IP,
            &["dhcp", "10.0.0.5/24", "fd00::5/64"],
            &["10.0.0.5", "10.0.0.5/33", "10.0.0.5/0", "010.0.0.5/24", "256.0.0.1/8", "DHCP"],
        );
        check(&ADDRESS, &["10.0.0.1", "fe80::1"], &["0.0.0.0", "::", "10.0.0.1/24", "gw"]);
        check(&CIDR, &["10.0.0.5/24"], &["dhcp", "10.0.0.5"]);
        check(
            &NODE_IP,
            &["10.0.0.1", "10.0.0.1/24", "fd00::1", "fd00::1/128"],
            &[
                "",
                "010.0.0.1",
                "010.0.0.1/24",
                "10.0.0.1/0",
                "10.0.0.1/08",
                "10.0.0.1/33",
                "10.0.0.1/",
                "10.0.0.1/24/24",
            ],
        );
    }

    #[test]
    fn urls() {
        check(
            &URL,
            &["https://pve:8006", "http://[::1]/x"],
            &[
                "pve:8006",
                "https://",
                "ftp://x",
                "https://a b",
                "https://10.0.0.256/",
                "http://010.0.0.1",
            ],
        );
        check(
            &ENDPOINT,
            &[
                "https://pve",
                "HTTPS://pve:8006/",
                "https://[fd00::1]:8006/api2/json",
                "https://[::1]",
                "https://pve:8006/#v1:0:=node%2Fpve:4:5",
                "https://10.0.0.2.lan",
            ],
            &[
                "http://pve:8006",
                "https://pve:0",
                "https://pve:65536",
                "https://pve:",
                "https://pve:x",
                "https://a@pve",
                "https://pve?x",
                "https://[::1]x",
                "https://a@pve/#v1:0",
                "https://10.0.2:8006",
                "",
            ],
        );
        check(
            &SERVER,
            &["http://s", "https://s:44443"],
            &["", "HTTPS://s", "https://:1", "https://-s"],
        );
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
