//! Addresses and networks, as PVE compares them.
//! A pure module: does no I/O.

use std::net::IpAddr;

/// Returns whether an address is in a network, whose host bits do not count (facts-2 9).
pub(crate) fn contains(cidr: &str, address: &str) -> bool {
    let Some((network, bits)) = cidr.split_once('/') else {
        return false;
    };
    let (Some((network, width)), Some((address, same))) = (number(network), number(address)) else {
        return false;
    };
    let Some(rest) = bits.parse::<u32>().ok().and_then(|bits| width.checked_sub(bits)) else {
        return false;
    };
    width == same && (rest >= width || (network >> rest) == (address >> rest))
}

/// Returns an address as a number, and its width in bits.
pub(crate) fn number(address: &str) -> Option<(u128, u32)> {
    match address.parse().ok()? {
        IpAddr::V4(address) => Some((u32::from(address).into(), 32)),
        IpAddr::V6(address) => Some((address.into(), 128)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_bits_of_the_network_do_not_count() {
        for (cidr, address, expected) in [
            ("10.50.0.0/24", "10.50.0.1", true),
            ("10.50.0.5/24", "10.50.0.1", true),
            ("10.50.0.0/24", "10.51.0.1", false),
            ("10.50.0.0/32", "10.50.0.1", false),
            ("fd00:60::/64", "fd00:60::1", true),
            ("fd00:60::/64", "10.50.0.1", false),
            ("fd00:60::", "fd00:60::1", false),
        ] {
            assert_eq!(contains(cidr, address), expected, "{cidr} {address}");
        }
    }
}
