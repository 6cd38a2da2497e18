//! A VM's NICs: addresses, gateways and MACs that the YAML names, counted on and judged.
//! Does no I/O.

use super::address;
use crate::shape::CONFIG;
use crate::site::{Machine, Site};
use crate::source::Span;
use crate::tree::{Said, Tree};
use ipnet::IpNet;
use machine::{ConfigKey, Form};
use stage::{Nic, Report};
use std::net::IpAddr;

/// What a guest does where nobody gives its first NIC an address.
const DHCP: &str = "dhcp";

/// A NIC, with the places of what it must not share.
#[derive(Default)]
pub(crate) struct Found {
    /// As the document has it; without a MAC where none is written.
    pub nic: Nic,
    /// Where its MAC is written.
    pub mac_at: Option<Span>,
    /// Its addresses, and where they are written.
    pub addresses: Vec<(IpAddr, Span)>,
    /// The gateway beside its first address, as documents of a single address have it.
    pub gateway: Option<String>,
}

/// Finds the NICs of a VM, net0 first.
pub(super) fn find(
    site: &Site<'_>,
    machine: &Machine,
    tree: &Tree,
    report: &mut Report,
) -> Vec<Found> {
    let empty = Tree::default();
    let config = tree.map(CONFIG).unwrap_or(&empty);
    let mut slots: Vec<(ConfigKey, Option<&Said>)> = config
        .iter()
        .filter_map(|(name, said)| Some((ConfigKey::find(name)?, Some(said))))
        .filter(|(slot, _)| matches!(slot.key.form, Form::Nic(_)))
        .collect();
    // net0 is there unless somebody takes it away.
    if let Some(first) = ConfigKey::find("net0").filter(|_| config.get("net0").is_none()) {
        slots.push((first, None));
    }
    slots.sort_by_key(|(slot, _)| *slot);
    let slots = slots.into_iter().filter(|(_, said)| !said.is_some_and(Said::is_null));
    let one = |(slot, said): (ConfigKey, Option<&Said>)| {
        One { site, machine, slot, said, report: &mut *report }.find()
    };
    slots.map(one).collect()
}

struct One<'a> {
    site: &'a Site<'a>,
    machine: &'a Machine,
    slot: ConfigKey,
    said: Option<&'a Said>,
    report: &'a mut Report,
}

impl One<'_> {
    fn find(mut self) -> Found {
        let first = self.slot.slot == Some(0);
        let said = |option: &str| self.said.and_then(Said::map).and_then(|tree| tree.get(option));
        let (ip, gateway, mac) = (said("ip"), said("gateway"), said("macaddr"));
        let mtu = said("mtu").and_then(Said::number);
        if !first && said("bridge").is_none_or(Said::is_null) {
            self.without_bridge();
        }
        let addresses = self.addresses(ip);
        let gateways: Vec<(IpAddr, Span)> = gateway
            .map_or(&[][..], Said::items)
            .iter()
            .filter_map(|said| Some((said.text()?.parse().ok()?, said.at)))
            .collect();
        let judge = address::Nic {
            site: self.site,
            machine: self.machine,
            slot: &self.slot.to_string(),
            addresses: &addresses,
            gateways: &gateways,
        };
        let used = judge.check(self.report);
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
        Found {
            nic: Nic {
                slot: self.slot.to_string(),
                mac: mac.and_then(|said| self.mac(said)).unwrap_or_default(),
                derived: mac.is_none_or(Said::is_null),
                ips: if dhcp { vec![DHCP.to_owned()] } else { ips.collect() },
                gateways: used.iter().map(ToString::to_string).collect(),
                // To PVE 1 is the bridge's own.
                mtu: mtu.filter(|mtu| *mtu > 1),
            },
            mac_at: mac.filter(|said| said.text().is_some()).map(|said| said.at),
            gateway: beside.or(copied).map(ToString::to_string),
            addresses: addresses.iter().map(|(net, at)| (net.addr(), *at)).collect(),
        }
    }

    fn without_bridge(&mut self) {
        let Some(said) = self.said.filter(|said| !said.is_bad()) else { return };
        let slot = self.slot;
        let fact = format!("`{slot}` of {} has no `bridge`", self.machine.title());
        self.report.push(self.site.sources.error("missing-field", said.at, fact));
    }

    /// The static addresses; those of a VM that is one of several count on.
    fn addresses(&mut self, ip: Option<&Said>) -> Vec<(IpNet, Span)> {
        let mut addresses = Vec::new();
        for said in ip.map_or(&[][..], Said::items) {
            let Some(first) = said.text().and_then(|text| text.parse::<IpNet>().ok()) else {
                continue;
            };
            let counted = |offset| address::counted(&first, offset);
            let offset = self.machine.offset();
            if let Some(net) = counted(offset) {
                addresses.push((net, said.at));
            } else if offset.checked_sub(1).and_then(counted).is_some() {
                // Of several of one entry the first is enough.
                let title = self.machine.title();
                let fact = format!("counting on from {first} leaves no address for {title}");
                self.report.push(self.site.sources.error("numbers-exhausted", said.at, fact));
            }
        }
        addresses
    }

    fn mac(&mut self, said: &Said) -> Option<String> {
        let text = said.text()?;
        let counted = |offset| super::mac::counted(text, offset);
        let offset = self.machine.offset();
        let mac = counted(offset);
        // Of several of one entry the first is enough.
        if mac.is_none() && offset.checked_sub(1).and_then(counted).is_some() {
            let title = self.machine.title();
            let fact = format!("counting on from {text} leaves no MAC for {title}");
            self.report.push(self.site.sources.error("numbers-exhausted", said.at, fact));
        }
        mac
    }
}
