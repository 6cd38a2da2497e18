//! A VM's NICs: counts up and validates addresses, gateways and MACs. Does no I/O.

use super::{BRIDGE, address};
use crate::shape::CONFIG;
use crate::site::{Site, VmEntry};
use crate::source::Span;
use crate::tree::{Spanned, Tree};
use ipnet::IpNet;
use machine::{ConfigKey, Form};
use stage::{Nic, Report};
use std::net::IpAddr;

/// The default address of the first NIC.
const DHCP: &str = "dhcp";

/// A NIC, with the places of values that must be unique.
#[derive(Default)]
pub(crate) struct FoundNic {
    /// The NIC in the document; without a MAC if none is written.
    pub nic: Nic,
    /// Where its MAC is written.
    pub mac_at: Option<Span>,
    /// Its addresses, and where they are written.
    pub addresses: Vec<(IpAddr, Span)>,
    /// Its bridge or VNet; empty if a required one is missing.
    pub bridge: String,
    /// Its VLAN tag.
    pub vlan: Option<u32>,
    /// The gateway for its first address, for the field `gateway` of the document.
    pub gateway: Option<String>,
}

/// Returns the NICs of a VM, net0 first.
pub(super) fn find(
    site: &Site<'_>,
    vm_entry: &VmEntry,
    tree: &Tree,
    report: &mut Report,
) -> Vec<FoundNic> {
    let empty = Tree::default();
    let config = tree.map(CONFIG).unwrap_or(&empty);
    let mut slots: Vec<(ConfigKey, Option<&Spanned>)> = config
        .iter()
        .filter_map(|(name, spanned)| Some((ConfigKey::find(name)?, Some(spanned))))
        .filter(|(slot, _)| matches!(slot.key.form, Form::Nic(_)))
        .collect();
    // net0 exists unless it is set to null.
    if let Some(first) = ConfigKey::find("net0").filter(|_| config.get("net0").is_none()) {
        slots.push((first, None));
    }
    slots.sort_by_key(|(slot, _)| *slot);
    let slots = slots.into_iter().filter(|(_, spanned)| !spanned.is_some_and(Spanned::is_null));
    let one = |(slot, spanned): (ConfigKey, Option<&Spanned>)| {
        NicResolver { site, vm_entry, slot, spanned, report: &mut *report }.find()
    };
    slots.map(one).collect()
}

struct NicResolver<'a> {
    site: &'a Site<'a>,
    vm_entry: &'a VmEntry,
    slot: ConfigKey,
    spanned: Option<&'a Spanned>,
    report: &'a mut Report,
}

impl NicResolver<'_> {
    fn find(mut self) -> FoundNic {
        let first = self.slot.slot == Some(0);
        let option =
            |name: &str| self.spanned.and_then(Spanned::map).and_then(|tree| tree.get(name));
        let (ip, gateway, mac) = (option("ip"), option("gateway"), option("macaddr"));
        let mtu = option("mtu").and_then(Spanned::number);
        let bridge = option("bridge").and_then(Spanned::text);
        let vlan = option("tag").and_then(Spanned::number);
        if !first && option("bridge").is_none_or(Spanned::is_null) {
            self.without_bridge();
        }
        let addresses = self.addresses(ip);
        let gateways: Vec<(IpAddr, Span)> = gateway
            .map_or(&[][..], Spanned::items)
            .iter()
            .filter_map(|spanned| Some((spanned.text()?.parse().ok()?, spanned.at)))
            .collect();
        let validate = address::Nic {
            site: self.site,
            vm_entry: self.vm_entry,
            slot: &self.slot.to_string(),
            addresses: &addresses,
            gateways: &gateways,
        };
        let used = validate.check(self.report);
        let dhcp = addresses.is_empty()
            && match ip {
                None => first,
                Some(ip) => ip.text() == Some(DHCP) || (first && ip.is_null()),
            };
        let beside = match addresses.first() {
            Some((net, _)) => used.iter().find(|gateway| gateway.is_ipv4() == net.addr().is_ipv4()),
            None => None,
        };
        let copied = gateways.first().map(|(gateway, _)| gateway).filter(|_| addresses.is_empty());
        let ips = addresses.iter().map(|(net, _)| net.to_string());
        FoundNic {
            nic: Nic {
                slot: self.slot.to_string(),
                mac: mac.and_then(|spanned| self.mac(spanned)).unwrap_or_default(),
                derived: mac.is_none_or(Spanned::is_null),
                ips: if dhcp { vec![DHCP.to_owned()] } else { ips.collect() },
                gateways: used.iter().map(ToString::to_string).collect(),
                // For PVE, 1 means the bridge's MTU.
                mtu: mtu.filter(|mtu| *mtu > 1),
            },
            mac_at: mac.filter(|spanned| spanned.text().is_some()).map(|spanned| spanned.at),
            gateway: beside.or(copied).map(ToString::to_string),
            addresses: addresses.iter().map(|(net, at)| (net.addr(), *at)).collect(),
            bridge: bridge.unwrap_or(if first { BRIDGE } else { "" }).to_owned(),
            vlan,
        }
    }

    fn without_bridge(&mut self) {
        let Some(spanned) = self.spanned.filter(|spanned| !spanned.is_invalid()) else { return };
        let slot = self.slot;
        let fact = format!("`{slot}` of {} has no `bridge`", self.vm_entry.title());
        self.report.push(self.site.sources.error("missing-field", spanned.at, fact));
    }

    /// Returns the static addresses; with `count`, they count up.
    fn addresses(&mut self, ip: Option<&Spanned>) -> Vec<(IpNet, Span)> {
        let mut addresses = Vec::new();
        for spanned in ip.map_or(&[][..], Spanned::items) {
            let Some(first) = spanned.text().and_then(|text| text.parse::<IpNet>().ok()) else {
                continue;
            };
            let counted = |offset| address::counted(&first, offset);
            let offset = self.vm_entry.offset();
            if let Some(net) = counted(offset) {
                addresses.push((net, spanned.at));
            } else if offset.checked_sub(1).and_then(counted).is_some() {
                // Report only the first VM of an entry.
                let title = self.vm_entry.title();
                let fact = format!("counting up from {first} leaves no address for {title}");
                self.report.push(self.site.sources.error("numbers-exhausted", spanned.at, fact));
            }
        }
        addresses
    }

    fn mac(&mut self, spanned: &Spanned) -> Option<String> {
        let text = spanned.text()?;
        let counted = |offset| super::mac::counted(text, offset);
        let offset = self.vm_entry.offset();
        let mac = counted(offset);
        // Report only the first VM of an entry.
        if mac.is_none() && offset.checked_sub(1).and_then(counted).is_some() {
            let title = self.vm_entry.title();
            let fact = format!("counting up from {text} leaves no MAC for {title}");
            self.report.push(self.site.sources.error("numbers-exhausted", spanned.at, fact));
        }
        mac
    }
}
