//! Validates a NIC's addresses and gateways. Does no I/O.

use crate::shape::CONFIG;
use crate::site::{Site, VmEntry};
use crate::source::Span;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use stage::{Entry, Report, guest};
use std::net::IpAddr;

/// A NIC to validate.
pub(super) struct Nic<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) vm_entry: &'a VmEntry,
    /// The slot, such as `net0`.
    pub(super) slot: &'a str,
    pub(super) addresses: &'a [(IpNet, Span)],
    pub(super) gateways: &'a [(IpAddr, Span)],
}

impl Nic<'_> {
    /// Reports what cannot work and returns the gateways for the guest.
    pub(super) fn check(&self, report: &mut Report) -> Vec<IpAddr> {
        for (net, at) in self.addresses {
            if let Err(fact) = guest::host(net.addr(), net.prefix_len()) {
                let entry =
                    self.site.sources.error("unusable-address", *at, format!("{net} {fact}"));
                report.push(self.whose(*at, entry));
            }
        }
        // With DHCP, the VM gets its gateways from the DHCP server.
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

    /// Validates a gateway and returns whether the guest gets it.
    fn gateway(&self, gateway: IpAddr, gateway_at: Span, report: &mut Report) -> bool {
        let alike = |address: &IpAddr| address.is_ipv4() == gateway.is_ipv4();
        let of_kind: Vec<_> = self.addresses.iter().filter(|(net, _)| alike(&net.addr())).collect();
        if of_kind.is_empty() && self.is_of_site(gateway_at) && self.has_another(gateway) {
            return false;
        }
        let (net, at) = of_kind.first().copied().unwrap_or(&self.addresses[0]);
        let same = of_kind.iter().find(|(net, _)| net.addr() == gateway);
        // IPv6: the network address is the routers' anycast address (RFC 4291, 2.6.1).
        let as_host =
            if gateway.is_ipv4() { guest::host(gateway, net.prefix_len()) } else { Ok(()) };
        let reached = |(net, _): &&(IpNet, Span)| {
            net.contains(&gateway) || is_link_local(&gateway) || is_on_link(net)
        };
        let fact = if let Some((net, _)) = same {
            format!("{net} is its own gateway")
        } else if let Err(fact) = as_host {
            format!("gateway {gateway} of {net} {fact}")
        } else if !of_kind.into_iter().any(|pair| reached(&pair)) {
            format!("gateway {gateway} is outside the network of {net}")
        } else {
            return true;
        };
        let entry = self.unusable_gateway(gateway_at, *at, fact);
        let hint = "set `gateway` to an address in the VM's network, or to null for no gateway";
        report.push(entry.hint(hint));
        true
    }

    /// Returns the finding for a gateway: at the VM's own one, or else at the address that it does not
    /// fit.
    fn unusable_gateway(&self, gateway_at: Span, ip_at: Span, fact: String) -> Entry {
        let error = |at| self.site.sources.error("unusable-gateway", at, fact);
        let comes_from =
            |key: &str, at| format!("`{key}` comes from {}", self.site.sources.short(at));
        match (self.is_own("gateway", gateway_at), self.is_own("ip", ip_at)) {
            (true, true) => error(gateway_at),
            (true, false) => error(gateway_at).note(comes_from("ip", ip_at)),
            (false, _) => self.whose(ip_at, error(ip_at)).note(comes_from("gateway", gateway_at)),
        }
    }

    /// Returns whether the VM itself sets this value of an option, not its template or preset.
    fn is_own(&self, option: &str, at: Span) -> bool {
        let own = self.vm_entry.tree.find(&[CONFIG, self.slot, option]);
        own.is_some_and(|own| own.at == at || own.items().iter().any(|item| item.at == at))
    }

    /// Returns whether a gateway comes from `defaults`. A VM uses those that fit its addresses.
    fn is_of_site(&self, at: Span) -> bool {
        let spanned = self.site.config.layer.find(&[CONFIG, "net0", "gateway"]);
        spanned.is_some_and(|spanned| spanned.items().iter().any(|item| item.at == at))
    }

    fn has_another(&self, gateway: IpAddr) -> bool {
        let other = |(other, _): &&(IpAddr, Span)| other.is_ipv4() != gateway.is_ipv4();
        self.gateways.iter().any(|pair| other(&pair))
    }

    /// Adds the VM to a finding whose address comes from a template.
    fn whose(&self, at: Span, entry: Entry) -> Entry {
        if self.is_own("ip", at) {
            return entry;
        }
        let (title, place) = (self.vm_entry.title(), self.site.sources.short(self.vm_entry.at));
        entry.note(format!("used by {title} at {place}"))
    }
}

/// Returns the address at an offset, if it is in the same network.
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

/// Returns whether a gateway is in fe80::/10, which every IPv6 link has.
fn is_link_local(gateway: &IpAddr) -> bool {
    matches!(gateway, IpAddr::V6(gateway) if gateway.is_unicast_link_local())
}

/// Returns whether a network has only one address: providers assign such addresses with a gateway
/// that is reachable on the link.
fn is_on_link(net: &IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}
