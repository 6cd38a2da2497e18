//! Rules for texts of zones, vnets and subnets. Does no I/O.

use super::range;
use crate::rule::Rule;
use ipnet::IpNet;

/// The ID of a zone. PVE: pve-network, Zones/Plugin.pm, pve-sdn-zone-id.
pub const ZONE_ID: Rule = Rule::new(
    "a zone ID: 2 to 8 letters and digits, starting with a letter",
    is_id,
    "^[A-Za-z][A-Za-z0-9]{1,7}$",
);

/// The ID of a vnet. PVE: pve-network, VnetPlugin.pm, pve-sdn-vnet-id.
pub const VNET_ID: Rule = Rule::new(
    "a vnet ID: 2 to 8 letters and digits, starting with a letter",
    is_id,
    "^[A-Za-z][A-Za-z0-9]{1,7}$",
);

fn is_id(s: &str) -> bool {
    (2..=8).contains(&s.len())
        && s.starts_with(|c: char| c.is_ascii_alphabetic())
        && s.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A subnet in CIDR notation.
pub const CIDR: Rule = Rule::new(
    "a subnet in CIDR notation such as 10.50.0.0/24",
    |s| s.parse::<IpNet>().is_ok(),
    "^[0-9A-Fa-f:.]+/[0-9]+$",
);

/// A vnet's alias. PVE: pve-network, VnetPlugin.pm: `[\(\)-_.\w\d\s]{0,256}`, where `)-_` is a range.
/// Other letters than ASCII's depend on Perl's `\w`, and line breaks would add lines to the node's
/// interfaces file.
pub const ALIAS: Rule = Rule::new(
    "an alias: one line of letters, digits, spaces and ( ) * + , - . / : ; < = > ? @ [ \\ ] ^ _, not starting or ending with a space",
    |s| !s.is_empty() && s.trim() == s && s.chars().all(is_alias_char),
    r"^[()-_a-z]([()-_a-z ]*[()-_a-z])?$",
);

/// Returns whether an alias may have this character.
fn is_alias_char(c: char) -> bool {
    matches!(c, ' ' | '('..='_' | 'a'..='z')
}

/// A node. PVE: pve-common, JSONSchema.pm, pve-node.
pub const NODE: Rule = Rule::new(
    "a node name: letters, digits and hyphens, not starting or ending with a hyphen",
    |s| {
        !s.is_empty()
            && !s.starts_with('-')
            && !s.ends_with('-')
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    },
    "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$",
);

/// A fabric. PVE: pve-network, Fabrics.pm, pve-sdn-fabric-id.
pub const FABRIC: Rule = Rule::new(
    "a fabric ID: 2 to 8 letters, digits and hyphens, not starting or ending with a hyphen",
    |s| (2..=8).contains(&s.len()) && NODE.accepts(s),
    "^[A-Za-z0-9][A-Za-z0-9-]{0,6}[A-Za-z0-9]$",
);

/// The ID of an IPAM or DNS server. PVE: pve-network, Ipams/Plugin.pm and Dns/Plugin.pm.
pub const SERVICE: Rule = Rule::new(
    "an ID: two or more letters and digits, starting with a letter",
    |s| {
        s.len() >= 2
            && s.starts_with(|c: char| c.is_ascii_alphabetic())
            && s.bytes().all(|b| b.is_ascii_alphanumeric())
    },
    "^[A-Za-z][A-Za-z0-9]+$",
);

/// A range for DHCP.
pub const DHCP_RANGE: Rule = Rule::new(
    "a range such as start-address=10.50.0.100,end-address=10.50.0.199",
    |s| range::parse(s).is_some(),
    "^ *(start|end)-address *=",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_networks() {
        for (rule, good, bad) in [
            (ZONE_ID, "lab", "l"),
            (ZONE_ID, "Lab12345", "lab123456"),
            (VNET_ID, "v1", "1v"),
            (VNET_ID, "lan", "la-n"),
            (CIDR, "10.50.0.0/24", "10.50.0.0"),
            (CIDR, "fd00:60::/64", "10.50.0.0/33"),
            (ALIAS, "Lab network", "Lab network "),
            (ALIAS, "a@b:c=[d]^e_f\\(g)<h>?", "a#b"),
            (ALIAS, "x", "caf\u{e9}"),
            (ALIAS, "x", "a\nb"),
            (ALIAS, "x", "a`b"),
            (ALIAS, "x", ""),
            (NODE, "pve-1", "pve_1"),
            (FABRIC, "ab", "a"),
            (FABRIC, "fab-1234", "fab-12345"),
            (SERVICE, "pve", "p"),
            (DHCP_RANGE, "end-address=10.0.0.9,start-address=10.0.0.1", "start-address=10.0.0.1"),
        ] {
            assert!(rule.accepts(good), "{rule:?}: {good}");
            assert!(!rule.accepts(bad), "{rule:?}: {bad}");
        }
    }
}
