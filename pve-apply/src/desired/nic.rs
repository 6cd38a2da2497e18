//! `NicAddresses`: the addresses that a NIC should have in the guest. Does no I/O.

use stage::Vm;
use std::net::IpAddr;

/// The addresses of one NIC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NicAddresses {
    /// Its config key in PVE, such as `net0`.
    pub slot: String,
    /// The document's MAC; the one in PVE's config takes precedence.
    pub mac: Option<String>,
    /// Fixed addresses.
    pub fixed: Vec<IpAddr>,
    /// Whether it gets an IPv4 address by DHCP.
    pub dhcp4: bool,
    /// Whether it gets an IPv6 address by DHCP.
    pub dhcp6: bool,
}

impl NicAddresses {
    /// Reads a NIC's `ips`, with the words of cloudinit-render.
    fn new<'t>(slot: &str, mac: &str, ips: impl IntoIterator<Item = &'t str>) -> Self {
        let mac = (!mac.is_empty()).then(|| mac.to_owned());
        let mut nic = Self { slot: slot.to_owned(), mac, ..Self::default() };
        for ip in ips {
            match ip {
                "" | "dhcp" | "dhcp4" => nic.dhcp4 = true,
                "dhcp6" => nic.dhcp6 = true,
                ip => nic.fixed.extend(address(ip)),
            }
        }
        nic
    }

    /// Returns whether the document says nothing about its addresses.
    pub(crate) fn is_unset(&self) -> bool {
        self.fixed.is_empty() && !self.dhcp4 && !self.dhcp6
    }
}

/// Returns the NICs of a VM, in the document's order.
pub(crate) fn nics(vm: &Vm) -> Vec<NicAddresses> {
    match &vm.nics {
        Some(nics) => nics
            .iter()
            .map(|nic| NicAddresses::new(&nic.slot, &nic.mac, nic.ips.iter().map(String::as_str)))
            .collect(),
        None => {
            let mac = &vm.mac;
            vec![NicAddresses::new("net0", mac, [vm.ip.as_str()])]
        }
    }
}

/// Returns whether all addresses of these NICs are known without an agent.
pub(crate) fn has_only_fixed(nics: &[NicAddresses]) -> bool {
    let by_dhcp = nics.iter().any(|nic| nic.dhcp4 || nic.dhcp6);
    !by_dhcp && nics.iter().any(|nic| !nic.fixed.is_empty())
}

fn address(ip: &str) -> Option<IpAddr> {
    ip.split_once('/').map_or(ip, |(address, _)| address).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage::Nic;

    fn check(vm: &Vm, expected: &[(&str, &[&str], bool, bool)]) {
        let found = nics(vm);
        let found: Vec<_> = found
            .iter()
            .map(|nic| {
                let fixed: Vec<_> = nic.fixed.iter().map(ToString::to_string).collect();
                (nic.slot.as_str(), fixed, nic.dhcp4, nic.dhcp6)
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(slot, fixed, four, six)| {
                (*slot, fixed.iter().map(|ip| (*ip).to_owned()).collect(), *four, *six)
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_nic_has_the_guests_addresses() {
        let flat = |ip: &str| Vm { ip: ip.to_owned(), ..Vm::default() };
        check(&flat("dhcp"), &[("net0", &[], true, false)]);
        check(&flat(""), &[("net0", &[], true, false)]);
        check(&flat("10.0.0.5/24"), &[("net0", &["10.0.0.5"], false, false)]);
        let nic = |slot: &str, ips: &[&str]| Nic {
            slot: slot.to_owned(),
            ips: ips.iter().map(|ip| (*ip).to_owned()).collect(),
            ..Nic::default()
        };
        let nics = vec![
            nic("net0", &["dhcp", "2001:db8::5/64"]),
            nic("net1", &["dhcp6"]),
            nic("net2", &[]),
        ];
        let vm = Vm { nics: Some(nics), ip: "10.0.0.9/24".to_owned(), ..Vm::default() };
        check(
            &vm,
            &[
                ("net0", &["2001:db8::5"], true, false),
                ("net1", &[], false, true),
                ("net2", &[], false, false),
            ],
        );
        assert!(super::nics(&vm)[2].is_unset());
        let is_fixed = |vm: &Vm| has_only_fixed(&super::nics(vm));
        assert!(is_fixed(&flat("10.0.0.5/24")) && !is_fixed(&flat("dhcp")) && !is_fixed(&vm));
    }
}
