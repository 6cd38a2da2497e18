//! Whether a NIC's addresses can work: inside their net, and their gateway with them. Does no I/O.

use crate::shape::CONFIG;
use crate::site::{Site, VmEntry};
use crate::source::Span;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use stage::{Entry, Report};
use std::net::IpAddr;

/// What is to be judged.
pub(super) struct Nic<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) vm_entry: &'a VmEntry,
    /// As `net0`.
    pub(super) slot: &'a str,
    pub(super) addresses: &'a [(IpNet, Span)],
    pub(super) gateways: &'a [(IpAddr, Span)],
}

impl Nic<'_> {
    /// Reports what cannot work, and returns the gateways that the guest is told.
    pub(super) fn check(&self, report: &mut Report) -> Vec<IpAddr> {
        for (net, at) in self.addresses {
            if let Some(fact) = unusable(net) {
                let entry =
                    self.site.sources.error("unusable-address", *at, format!("{net} {fact}"));
                report.push(self.whose(*at, entry));
            }
        }
        // A VM with DHCP learns its gateways there.
        if self.addresses.is_empty() {
            return Vec::new();
        }
        let mut used: Vec<IpAddr> = Vec::new();
        for (gateway, at) in self.gateways {
            let kind = if gateway.is_ipv4() { "IPv4" } else { "IPv6" };
            if used.iter().any(|other| other.is_ipv4() == gateway.is_ipv4()) {
                let fact = format!("`gateway` has a second {kind} address");
                report.push(self.site.sources.error("duplicate-gateway", *at, fact));
            } else if self.gateway(*gateway, *at, report) {
                used.push(*gateway);
            }
        }
        used
    }

    /// Judges a gateway; says whether the guest is told of it.
    fn gateway(&self, gateway: IpAddr, gateway_at: Span, report: &mut Report) -> bool {
        let alike = |address: &IpAddr| address.is_ipv4() == gateway.is_ipv4();
        let of_kind: Vec<_> = self.addresses.iter().filter(|(net, _)| alike(&net.addr())).collect();
        if of_kind.is_empty() && self.is_of_site(gateway_at) && self.has_another(gateway) {
            return false;
        }
        let (net, at) = of_kind.first().copied().unwrap_or(&self.addresses[0]);
        let same = of_kind.iter().find(|(net, _)| net.addr() == gateway);
        // IPv6: a net's own address is its routers' (RFC 4291, 2.6.1).
        let of_net = IpNet::new(gateway, net.prefix_len()).ok().filter(|_| gateway.is_ipv4());
        let reached = |(net, _): &&(IpNet, Span)| {
            net.contains(&gateway) || is_link_local(&gateway) || is_on_link(net)
        };
        let fact = if let Some((net, _)) = same {
            format!("{net} is its own gateway")
        } else if let Some(fact) = of_net.as_ref().and_then(unusable) {
            format!("gateway {gateway} of {net} {fact}")
        } else if !of_kind.into_iter().any(|pair| reached(&pair)) {
            format!("gateway {gateway} is outside the network of {net}")
        } else {
            return true;
        };
        let entry = self.whose(*at, self.site.sources.error("unusable-gateway", *at, fact));
        let entry = match self.vm_entry.says(&[CONFIG, self.slot, "gateway"], gateway_at) {
            true => entry,
            false => {
                let place = self.site.sources.short(gateway_at);
                entry.note(format!("`gateway` comes from {place}"))
            }
        };
        report
            .push(entry.hint(
                "set `gateway` to an address in the VM's network, or to null for no gateway",
            ));
        true
    }

    /// Says whether a gateway is one of `defaults`, of which a VM takes what it can use.
    fn is_of_site(&self, at: Span) -> bool {
        let spanned = self.site.config.layer.find(&[CONFIG, "net0", "gateway"]);
        spanned.is_some_and(|spanned| spanned.items().iter().any(|item| item.at == at))
    }

    fn has_another(&self, gateway: IpAddr) -> bool {
        let other = |(other, _): &&(IpAddr, Span)| other.is_ipv4() != gateway.is_ipv4();
        self.gateways.iter().any(|pair| other(&pair))
    }

    /// An address that a template gives names the VM too.
    fn whose(&self, at: Span, entry: Entry) -> Entry {
        let own = self.vm_entry.tree.find(&[CONFIG, self.slot, "ip"]);
        if own.is_some_and(|spanned| {
            spanned.at == at || spanned.items().iter().any(|item| item.at == at)
        }) {
            return entry;
        }
        let (title, place) = (self.vm_entry.title(), self.site.sources.short(self.vm_entry.at));
        entry.note(format!("used by {title} at {place}"))
    }
}

/// The address so many further on, when its net has it.
pub(super) fn counted(net: &IpNet, offset: u32) -> Option<IpNet> {
    let next = match net {
        IpNet::V4(net) => {
            let address = u32::from(net.addr()).checked_add(offset)?;
            IpNet::V4(Ipv4Net::new(address.into(), net.prefix_len()).ok()?)
        }
        IpNet::V6(net) => {
            let address = u128::from(net.addr()).checked_add(offset.into())?;
            IpNet::V6(Ipv6Net::new(address.into(), net.prefix_len()).ok()?)
        }
    };
    net.contains(&next.addr()).then_some(next)
}

/// Every IPv6 link has fe80::/10 besides its nets: routers are often named by it.
fn is_link_local(gateway: &IpAddr) -> bool {
    matches!(gateway, IpAddr::V6(gateway) if gateway.is_unicast_link_local())
}

/// A net of one address has no room for a gateway: providers give such addresses with a gateway
/// that the guest reaches on the link.
fn is_on_link(net: &IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

/// A host must have neither its net's first nor its last address, of which IPv6 has no last.
fn unusable(net: &IpNet) -> Option<&'static str> {
    let address = net.addr();
    if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
        return Some("is not a valid address for a VM");
    }
    if net.prefix_len() + 1 >= net.max_prefix_len() {
        return None;
    }
    if address == net.network() {
        return Some("is the network address");
    }
    let last = address.is_ipv4() && address == net.broadcast();
    last.then_some("is the broadcast address of its network")
}
