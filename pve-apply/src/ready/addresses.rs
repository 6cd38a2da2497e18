//! Compares the addresses that a guest's agent reports with those in the document. Does no I/O.

use crate::desired::NicAddresses;
use pve_client::AgentInterface;
use stage::Entry;
use std::net::IpAddr;

/// A NIC whose addresses we wait for.
#[derive(Clone, Debug)]
pub(crate) struct Nic {
    /// The document's addresses.
    pub expected: NicAddresses,
    /// Its MAC in PVE's config.
    pub mac: String,
}

/// What an agent has reported of a VM's NICs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reported {
    /// The addresses that others can use, NIC by NIC.
    pub addresses: Vec<IpAddr>,
    /// What is missing, as `10.0.0.5 on net0`.
    pub missing: Vec<String>,
    /// What the NICs that lack an address have instead.
    pub instead: Vec<String>,
}

/// Compares what an agent reports with what the document says.
pub(crate) fn compare(nics: &[Nic], interfaces: &[AgentInterface]) -> Reported {
    let mut reported = Reported::default();
    for nic in nics {
        let found = of_mac(interfaces, &nic.mac);
        let all: Vec<IpAddr> = found.iter().flat_map(|i| &i.addresses).map(|(ip, _)| *ip).collect();
        let useful = all.iter().copied().filter(is_useful);
        let missing = missing(&nic.expected, &all);
        if !missing.is_empty() {
            reported.instead.push(instead(nic, &found, &all));
        }
        reported.addresses.extend(useful);
        reported.missing.extend(missing);
    }
    // Where the document leaves the NICs to the image, any one address is enough.
    let is_unset = nics.iter().all(|nic| nic.expected.is_unset());
    if is_unset && reported.addresses.is_empty() && !nics.is_empty() {
        reported.missing.push("an address".to_owned());
        let has = |nic: &Nic| {
            let found = of_mac(interfaces, &nic.mac);
            let all: Vec<_> = found.iter().flat_map(|i| &i.addresses).map(|(ip, _)| *ip).collect();
            instead(nic, &found, &all)
        };
        reported.instead = nics.iter().map(has).collect();
    }
    reported
}

/// Returns the interfaces of a NIC: a bridge or a VLAN in the guest has the same MAC.
fn of_mac<'i>(interfaces: &'i [AgentInterface], mac: &str) -> Vec<&'i AgentInterface> {
    let is_its = |other: &str| other.eq_ignore_ascii_case(mac);
    interfaces.iter().filter(|i| i.mac.as_deref().is_some_and(is_its)).collect()
}

/// Returns the document's addresses that a NIC lacks.
fn missing(expected: &NicAddresses, all: &[IpAddr]) -> Vec<String> {
    let on = |what: &str| format!("{what} on {}", expected.slot);
    let absent = expected.fixed.iter().filter(|ip| !all.contains(ip));
    let mut missing: Vec<String> = absent.map(|ip| on(&ip.to_string())).collect();
    let mut others = all.iter().filter(|ip| is_useful(ip) && !expected.fixed.contains(ip));
    if expected.dhcp4 && !others.clone().any(IpAddr::is_ipv4) {
        missing.push(on("an IPv4 address"));
    }
    if expected.dhcp6 && !others.any(IpAddr::is_ipv6) {
        missing.push(on("an IPv6 address"));
    }
    missing
}

/// Returns the addresses that a NIC has, for people.
fn instead(nic: &Nic, found: &[&AgentInterface], all: &[IpAddr]) -> String {
    let Nic { expected, mac } = nic;
    if found.is_empty() {
        return format!("no interface with the MAC of {} ({mac})", expected.slot);
    }
    let list: Vec<String> = all.iter().map(ToString::to_string).collect();
    let list = if list.is_empty() { "no address".to_owned() } else { list.join(", ") };
    format!("{list} on {} ({mac})", expected.slot)
}

/// Returns whether others can reach an address, unlike one that an interface gives itself.
pub(crate) fn is_useful(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    }
}

impl Reported {
    /// Returns what is still missing, in a few words.
    pub(crate) fn missing_text(&self) -> String {
        format!("no {}", self.missing.join(", no ")).replace("no an ", "no ")
    }

    /// Adds what the guest has instead, and what may be wrong.
    pub(crate) fn explain(&self, entry: Entry, nics: &[Nic]) -> Entry {
        let note = |entry: Entry, has: &String| entry.note(format!("its agent reports {has}"));
        let entry = self.instead.iter().fold(entry, note);
        let is_fixed = nics.iter().any(|nic| !nic.expected.fixed.is_empty());
        entry.hint(match is_fixed {
            true => {
                "look at the guest's console; if the address was changed, `apply --reseed` gives \
                 the guest the new one"
            }
            false => "look at the guest's console and at the DHCP server of the NIC's network",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(mac: &str, addresses: &[&str]) -> AgentInterface {
        let addresses = addresses.iter().map(|a| (a.parse().unwrap(), 24)).collect();
        AgentInterface { name: "eth0".into(), mac: Some(mac.into()), addresses }
    }

    fn nic(number: u8, fixed: &[&str], dhcp4: bool, dhcp6: bool) -> Nic {
        let fixed = fixed.iter().map(|ip| ip.parse().unwrap()).collect();
        let slot = format!("net{number}");
        let expected = NicAddresses { slot, mac: None, fixed, dhcp4, dhcp6 };
        Nic { expected, mac: format!("02:AB:00:00:00:0{number}") }
    }

    /// The agent reports these addresses of two NICs; expected are the useful ones and what is missing.
    fn check(nics: &[Nic], first: &[&str], second: &[&str], useful: &[&str], missing: &[&str]) {
        let list = [
            interface("00:00:00:00:00:00", &["127.0.0.1", "::1"]),
            interface("02:ab:00:00:00:00", first),
            interface("02:ab:00:00:00:01", second),
            interface("02:42:00:00:00:01", &["172.17.0.1"]),
        ];
        let found = compare(nics, &list);
        let addresses: Vec<_> = found.addresses.iter().map(ToString::to_string).collect();
        assert_eq!((addresses, found.missing), (texts(useful), texts(missing)));
    }

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_fixed_address_counts_only_when_it_is_reported() {
        let fixed = [nic(0, &["10.0.0.5"], false, false)];
        check(&fixed, &["fe80::1", "10.0.0.5"], &[], &["10.0.0.5"], &[]);
        check(&fixed, &["10.0.0.77"], &["10.0.0.5"], &["10.0.0.77"], &["10.0.0.5 on net0"]);
        check(&fixed, &[], &[], &[], &["10.0.0.5 on net0"]);
        let both = [nic(0, &["10.0.0.5", "2001:db8::5"], false, false)];
        check(&both, &["10.0.0.5"], &[], &["10.0.0.5"], &["2001:db8::5 on net0"]);
        let only_six = [nic(0, &["2001:db8::5"], false, false)];
        check(&only_six, &["2001:db8::5"], &[], &["2001:db8::5"], &[]);
    }

    #[test]
    fn each_fixed_address_is_on_its_own_nic() {
        let two = [nic(0, &["10.0.0.5"], false, false), nic(1, &["10.1.0.5"], false, false)];
        check(&two, &["10.0.0.5"], &["10.1.0.5"], &["10.0.0.5", "10.1.0.5"], &[]);
        check(
            &two,
            &["10.1.0.5"],
            &["10.0.0.5"],
            &["10.1.0.5", "10.0.0.5"],
            &["10.0.0.5 on net0", "10.1.0.5 on net1"],
        );
    }

    #[test]
    fn a_routers_address_is_not_dhcps() {
        let dhcp = [nic(0, &[], true, false)];
        let router = "2001:db8::a8ff:fe00:65";
        check(&dhcp, &["fe80::1", router], &[], &[router], &["an IPv4 address on net0"]);
        check(&dhcp, &[router, "192.0.2.7"], &[], &[router, "192.0.2.7"], &[]);
        check(&dhcp, &["169.254.0.1"], &[], &[], &["an IPv4 address on net0"]);
        let and_fixed = [nic(0, &["10.0.0.5"], true, false)];
        check(&and_fixed, &["10.0.0.5"], &[], &["10.0.0.5"], &["an IPv4 address on net0"]);
        let six = [nic(0, &[], false, true)];
        check(&six, &["192.0.2.7"], &[], &["192.0.2.7"], &["an IPv6 address on net0"]);
    }

    #[test]
    fn where_the_document_says_nothing_one_address_is_enough() {
        let unset = [nic(0, &[], false, false), nic(1, &[], false, false)];
        check(&unset, &["fe80::1"], &[], &[], &["an address"]);
        check(&unset, &[], &["192.0.2.7"], &["192.0.2.7"], &[]);
        check(&[], &["192.0.2.7"], &[], &[], &[]);
    }

    #[test]
    fn what_a_nic_has_instead() {
        let list = [interface("02:ab:00:00:00:00", &["fe80::1", "10.0.0.77"])];
        let nics = [nic(0, &["10.0.0.5"], false, false), nic(1, &[], true, false)];
        let found = compare(&nics, &list);
        assert_eq!(
            found.instead,
            [
                "fe80::1, 10.0.0.77 on net0 (02:AB:00:00:00:00)",
                "no interface with the MAC of net1 (02:AB:00:00:00:01)"
            ]
        );
        assert_eq!(found.missing_text(), "no 10.0.0.5 on net0, no IPv4 address on net1");
    }
}
