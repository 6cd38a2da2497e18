//! Rules for network addresses and names. Does no I/O.

use super::definition::{Rule, is_word};
use stage::guest;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address without a prefix.
pub const ADDRESS: Rule =
    Rule::new("an IP address", |s| s.parse::<IpAddr>().is_ok(), "^[0-9A-Fa-f:.]+$")
        .with_spelling(guest::canonical_address);

/// An IPv4 gateway.
pub const IPV4: Rule = Rule::new("an IPv4 address", |s| s.parse::<Ipv4Addr>().is_ok(), "^[0-9.]+$");

/// An IPv6 gateway.
pub const IPV6: Rule =
    Rule::new("an IPv6 address", |s| s.parse::<Ipv6Addr>().is_ok(), "^[0-9A-Fa-f:.]+$")
        .with_spelling(guest::canonical_address);

/// How a NIC gets its IPv4 address. PVE: pve-common, JSONSchema.pm, pve_verify_ipv4_config.
pub const IPV4_CONFIG: Rule = Rule::new(
    "dhcp, manual or an IPv4 address with its prefix, such as 192.0.2.5/24",
    |s| matches!(s, "dhcp" | "manual") || is_cidr::<Ipv4Addr>(s, 32),
    "^(dhcp|manual|[0-9.]+/[0-9]+)$",
);

/// How a NIC gets its IPv6 address. PVE: pve-common, JSONSchema.pm, pve_verify_ipv6_config.
pub const IPV6_CONFIG: Rule = Rule::new(
    "auto, dhcp, manual or an IPv6 address with its prefix, such as 2001:db8::5/64",
    |s| matches!(s, "auto" | "dhcp" | "manual") || is_cidr::<Ipv6Addr>(s, 128),
    "^(auto|dhcp|manual|[0-9A-Fa-f:.]+/[0-9]+)$",
)
.with_spelling(guest::canonical_address);

fn is_cidr<Address: std::str::FromStr>(s: &str, longest: u8) -> bool {
    s.split_once('/').is_some_and(|(address, prefix)| {
        address.parse::<Address>().is_ok()
            && !prefix.starts_with(['+', '0'])
            && prefix.parse::<u8>().is_ok_and(|bits| (8..=longest).contains(&bits))
    })
}

/// A domain.
pub const DOMAIN: Rule = Rule::new(
    "a domain such as example.com",
    |s| is_word(s, 253, "-._") && !s.starts_with(['.', '-']),
    "^[A-Za-z0-9_][A-Za-z0-9_.-]*$",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_the_net() {
        for (rule, good, bad) in [
            (IPV4_CONFIG, "192.0.2.5/24", "192.0.2.5"),
            (IPV4_CONFIG, "manual", "auto"),
            (IPV4_CONFIG, "192.0.2.5/8", "192.0.2.5/7"),
            (IPV4_CONFIG, "192.0.2.5/32", "192.0.2.5/33"),
            (IPV4_CONFIG, "dhcp", "2001:db8::5/64"),
            (IPV6_CONFIG, "2001:db8::5/64", "192.0.2.5/24"),
            (IPV4_CONFIG, "192.0.2.5/24", "192.0.2.05/24"),
            (IPV4_CONFIG, "192.0.2.5/8", "192.0.2.5/08"),
            (IPV6_CONFIG, "auto", "2001:db8::5/+64"),
            (ADDRESS, "2001:db8::5", "db8"),
            (DOMAIN, "lan.example.com", ".lan"),
        ] {
            assert!(rule.accepts(good), "{rule:?}: {good}");
            assert!(!rule.accepts(bad), "{rule:?}: {bad}");
        }
        let normal = |rule: Rule, text| rule.normal(text).unwrap();
        assert_eq!(normal(ADDRESS, "2001:DB8:0::05"), "2001:db8::5");
        assert_eq!(normal(IPV6, "2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
        assert_eq!(normal(IPV6_CONFIG, "2001:DB8::0:5/64"), "2001:db8::5/64");
        assert_eq!(normal(IPV6_CONFIG, "auto"), "auto");
    }
}
