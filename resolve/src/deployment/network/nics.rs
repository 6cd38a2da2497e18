//! NICs on vnets: which networks a VM uses, and what its NICs cannot do on them. Does no I/O.

use crate::deployment::nic::FoundNic;
use crate::shape::CONFIG;
use crate::site::{NetworkFile, Site, VmEntry};
use crate::source::Span;
use crate::tree::{Spanned, Tree};
use ipnet::IpNet;
use machine::sdn::Object;
use stage::{Entry, Report};
use std::net::IpAddr;

/// A VM, merged.
pub(in crate::deployment) struct NicsOfVm<'a> {
    pub site: &'a Site<'a>,
    pub vm_entry: &'a VmEntry,
    pub tree: &'a Tree,
    pub nics: &'a [FoundNic],
}

/// A NIC on a vnet.
struct OnVnet<'a> {
    vm: &'a NicsOfVm<'a>,
    nic: &'a FoundNic,
    options: &'a Tree,
    network: &'a NetworkFile,
    id: &'a str,
    vnet: &'a Spanned,
}

/// Reports what the NICs of a VM cannot do on their vnets, and returns the indexes of the networks.
pub(in crate::deployment) fn used(vm: &NicsOfVm<'_>, report: &mut Report) -> Vec<usize> {
    let mut used = Vec::new();
    for nic in vm.nics {
        let options = vm.tree.find(&[CONFIG, &nic.nic.slot]).and_then(Spanned::map);
        let bridge = options.and_then(|options| options.get("bridge")).and_then(Spanned::text);
        let (Some(options), Some(bridge)) = (options, bridge) else { continue };
        for (index, network) in vm.site.networks().iter().enumerate() {
            let Some((id, vnet)) = network.vnets().find(|(id, _)| *id == bridge) else { continue };
            let on = OnVnet { vm, nic, options, network, id, vnet };
            on.vlans(report);
            on.mtu(report);
            on.addresses(report);
            used.push(index);
        }
    }
    used
}

impl OnVnet<'_> {
    /// PVE: pve-network, Zones/Plugin.pm, tap_plug: `vm vlans are not allowed on vnet …`.
    fn vlans(&self, report: &mut Report) {
        let aware = self.option("vlanaware").and_then(Spanned::flag) == Some(true);
        for name in ["tag", "trunks"] {
            let Some(spanned) = self.options.get(name).filter(|_| !aware) else { continue };
            if spanned.is_null() || spanned.is_invalid() {
                continue;
            }
            let fact = format!(
                "vnet \"{}\" is not vlanaware, so {} cannot start with `{}.{name}`",
                self.id,
                self.vm.vm_entry.title(),
                self.nic.nic.slot
            );
            let hint = format!(
                "remove it, or set `vlanaware: true` for the vnet in networks/{}.yaml",
                self.network.zone
            );
            report.push(self.error("refused-combination", spanned.at, fact).hint(hint));
        }
    }

    /// PVE: qemu-server, QemuServer.pm, print_netdevice_full: an MTU above the bridge's is refused.
    fn mtu(&self, report: &mut Report) {
        let of_zone = self.network.tree.get("mtu").and_then(Spanned::number);
        let own = self.options.get("mtu").and_then(|mtu| Some((mtu.number()?, mtu.at)));
        let (Some(most), Some((mtu, at))) = (of_zone, own) else { return };
        if mtu > most {
            let slot = &self.nic.nic.slot;
            let fact = format!("`{slot}.mtu` is {mtu}, but vnet \"{}\" has {most}", self.id);
            let entry = self.error("refused-combination", at, fact);
            report.push(entry.hint("remove it: PVE gives the NIC the vnet's MTU"));
        }
    }

    /// Reports addresses that no subnet has, and those that PVE gives to the nodes.
    fn addresses(&self, report: &mut Report) {
        let subnet = |(cidr, spanned)| Some((str::parse::<IpNet>(cidr).ok()?, spanned));
        let subnets: Vec<(IpNet, &Spanned)> =
            NetworkFile::subnets(self.vnet).filter_map(subnet).collect();
        for (address, at) in &self.nic.addresses {
            let alike = |net: &IpNet| net.addr().is_ipv4() == address.is_ipv4();
            let alike: Vec<_> = subnets.iter().filter(|(net, _)| alike(net)).collect();
            match alike.iter().find(|(net, _)| net.contains(address)) {
                Some((_, subnet)) => self.gateway(subnet, *address, *at, report),
                None if alike.is_empty() => {}
                None => {
                    let nets: Vec<String> = alike.iter().map(|(net, _)| net.to_string()).collect();
                    let fact = format!(
                        "{address} is outside the subnets of vnet \"{}\": {}",
                        self.id,
                        nets.join(", ")
                    );
                    report.push(self.vm.site.sources.warning("outside-subnet", *at, fact));
                }
            }
        }
    }

    fn gateway(&self, subnet: &Spanned, address: IpAddr, at: Span, report: &mut Report) {
        let row = Object::Subnet.row("gateway");
        let is_of_nodes =
            self.network.ty.is_some_and(|ty| row.is_some_and(|row| row.has_effect_in(ty)));
        let gateway = subnet.map().and_then(|options| options.get("gateway"));
        let gateway =
            gateway.and_then(|gateway| Some((gateway.text()?.parse::<IpAddr>().ok()?, gateway.at)));
        let Some((_, first)) = gateway.filter(|(other, _)| *other == address && is_of_nodes) else {
            return;
        };
        let place = self.vm.site.sources.short(first);
        let fact = format!("address {address} is the gateway of its subnet, at {place}");
        let entry = self.error("duplicate-address", at, fact);
        report.push(entry.note("PVE gives it to each node"));
    }

    fn option(&self, name: &str) -> Option<&Spanned> {
        self.vnet.map().and_then(|tree| tree.get(name))
    }

    fn error(&self, code: &'static str, at: Span, fact: String) -> Entry {
        self.vm.site.sources.error(code, at, fact)
    }
}
