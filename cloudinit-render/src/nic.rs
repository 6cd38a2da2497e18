//! `Nic`: a NIC as the guest should configure it, read from a VM's `nics`, or from its `mac`, `ip`
//! and `gateway` if the document has no such list. Does no I/O.

mod address;

#[cfg(test)]
mod tests;

pub(crate) use address::Gateway;

use address::is_reachable;
use ipnet::IpNet;
use stage::{Entry, Place, Report, Vm, guest};
use std::net::IpAddr;

/// A NIC that has an address or uses DHCP.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Nic {
    /// The number of its slot in PVE, as 1 of net1.
    pub(crate) slot: u8,
    /// Its MAC in lower case. `None` if the guest finds it by name.
    pub(crate) mac: Option<String>,
    /// Whether it asks a DHCP server for an IPv4 address.
    pub(crate) dhcp4: bool,
    /// Whether it asks a DHCP server for an IPv6 address.
    pub(crate) dhcp6: bool,
    /// Its static addresses.
    pub(crate) addresses: Vec<IpNet>,
    /// Default gateways, at most one of each address family.
    pub(crate) gateways: Vec<Gateway>,
    /// MTU. `None` for the guest's default.
    pub(crate) mtu: Option<u32>,
}

/// Returns the NICs that the guest should configure, sorted by slot.
///
/// NICs without an address are left out: a configured NIC, even one with "no DHCP", belongs to
/// netplan or networkd, and could no longer be a port of a bridge or bond of the guest.
pub(crate) fn read(vm: &Vm, index: usize, report: &mut Report) -> Vec<Nic> {
    let mut reader = Reader { vm: index, report };
    let Some(nics) = &vm.nics else {
        let (ips, gateways) = (std::slice::from_ref(&vm.ip), vm.gateway.as_slice());
        let fields =
            NicFields { at: NicPlace::Flat, slot: 0, mac: &vm.mac, ips, gateways, mtu: None };
        return vec![reader.nic(&fields)];
    };
    let mut read: Vec<Nic> = Vec::with_capacity(nics.len());
    for (place, nic) in nics.iter().enumerate() {
        let at = NicPlace::Nics(place);
        let Some(slot) = nic.slot.strip_prefix("net").and_then(|number| number.parse().ok()) else {
            reader.problem(
                "invalid-value",
                &at.field("slot"),
                "must be a PVE NIC such as net0".to_owned(),
            );
            continue;
        };
        if nic.ips.is_empty() {
            continue;
        }
        let (mac, ips, gateways, mtu) = (&nic.mac, &nic.ips[..], &nic.gateways[..], nic.mtu);
        let nic = reader.nic(&NicFields { at, slot, mac, ips, gateways, mtu });
        reader.compare(at, &nic, &read);
        read.push(nic);
    }
    read.sort_by_key(|nic| nic.slot);
    read
}

/// Where a NIC is in the document.
#[derive(Clone, Copy, PartialEq)]
enum NicPlace {
    Flat,
    Nics(usize),
}

impl NicPlace {
    fn field(self, name: &str) -> String {
        match self {
            Self::Flat => name.to_owned(),
            Self::Nics(place) => format!("nics[{place}].{name}"),
        }
    }

    fn ip(self, index: usize) -> String {
        if self == Self::Flat { "ip".to_owned() } else { self.field(&format!("ips[{index}]")) }
    }

    fn gateway(self, index: usize) -> String {
        match self {
            Self::Flat => "gateway".to_owned(),
            Self::Nics(_) => self.field(&format!("gateways[{index}]")),
        }
    }
}

/// The document's fields of a NIC.
struct NicFields<'a> {
    at: NicPlace,
    slot: u8,
    mac: &'a str,
    ips: &'a [String],
    gateways: &'a [String],
    mtu: Option<u32>,
}

/// Reports problems of a VM's NICs. The name of a field is formatted only for a problem.
struct Reader<'a> {
    vm: usize,
    report: &'a mut Report,
}

impl Reader<'_> {
    fn place(&self, field: &str) -> Place {
        Place::input(format!("vms[{}].{field}", self.vm))
    }

    fn problem(&mut self, code: &'static str, field: &str, fact: String) {
        self.report.error(code, self.place(field), fact);
    }

    fn nic(&mut self, fields: &NicFields<'_>) -> Nic {
        let at = fields.at;
        if let Err(fact) = guest::mac(fields.mac)
            && !fields.mac.is_empty()
        {
            self.problem("invalid-value", &at.field("mac"), format!("\"{}\" {fact}", fields.mac));
        }
        // Without a MAC it is the interface named eth0, as in Debian's cloud images.
        if fields.mac.is_empty() && fields.slot != 0 {
            let fact = "is required: the guest can find this NIC only by its MAC".to_owned();
            self.problem("missing-field", &at.field("mac"), fact);
        }
        let mut nic = Nic {
            slot: fields.slot,
            mac: (!fields.mac.is_empty()).then(|| fields.mac.to_ascii_lowercase()),
            dhcp4: false,
            dhcp6: false,
            addresses: Vec::new(),
            gateways: Vec::new(),
            // PVE: qemu-server, QemuServer/Network.pm, net_fmt: 1 is the bridge's own.
            mtu: fields.mtu.filter(|mtu| *mtu != 1),
        };
        for (index, text) in fields.ips.iter().enumerate() {
            match text.as_str() {
                "" | "dhcp" | "dhcp4" => nic.dhcp4 = true,
                "dhcp6" => nic.dhcp6 = true,
                text => match address::read(text) {
                    Ok(net) => nic.addresses.push(net),
                    Err(fact) => self.problem("invalid-value", &at.ip(index), fact),
                },
            }
        }
        self.mtu(at, &nic);
        // With DHCP, a gateway is left over from the site's default and has no effect.
        if !nic.addresses.is_empty() {
            self.gateways(fields, &mut nic);
        }
        nic
    }

    fn mtu(&mut self, at: NicPlace, nic: &Nic) {
        // The kernel removes the IPv6 addresses of a NIC with a smaller MTU: RFC 8200, 5.
        let ipv6 = nic.dhcp6 || nic.addresses.iter().any(|net| net.addr().is_ipv6());
        let least = if ipv6 { 1280 } else { 68 };
        if let Some(mtu) = nic.mtu
            && !(least..=65_520).contains(&mtu)
        {
            let fact = format!("must be a number from {least} to 65520, not {mtu}");
            self.problem("invalid-value", &at.field("mtu"), fact);
        }
    }

    fn gateways(&mut self, fields: &NicFields<'_>, nic: &mut Nic) {
        let texts = fields.gateways.iter().enumerate().filter(|(_, text)| !text.is_empty());
        for (index, text) in texts {
            let field = fields.at.gateway(index);
            let Ok(gateway) = text.parse::<IpAddr>() else {
                self.problem(
                    "invalid-value",
                    &field,
                    format!("\"{text}\" must be an IP address without a prefix"),
                );
                continue;
            };
            match self.gateway(fields.at, &field, gateway, nic) {
                Ok(Some(gateway)) => nic.gateways.push(gateway),
                Ok(None) => {}
                Err(fact) => self.problem("invalid-value", &field, format!("\"{text}\" {fact}")),
            }
        }
    }

    /// Checks a gateway. Returns `None` if DHCP provides one of the same family.
    fn gateway(
        &mut self,
        at: NicPlace,
        field: &str,
        gateway: IpAddr,
        nic: &Nic,
    ) -> Result<Option<Gateway>, String> {
        let alike = |other: &IpAddr| other.is_ipv4() == gateway.is_ipv4();
        let nets: Vec<_> = nic.addresses.iter().filter(|net| alike(&net.addr())).collect();
        let Some(first) = nets.first() else {
            let dhcp = if gateway.is_ipv4() { nic.dhcp4 } else { nic.dhcp6 };
            return if dhcp {
                Ok(None)
            } else {
                Err("has no address of the same family on this NIC".into())
            };
        };
        if nets.iter().any(|net| net.addr() == gateway) {
            return Err("is the VM's own address".into());
        }
        if nic.gateways.iter().any(|other| alike(&other.address)) {
            return Err("is a second default gateway of the same family".into());
        }
        if is_reachable(gateway, &nets)? {
            return Ok(Some(Gateway { address: gateway, on_link: false }));
        }
        if at == NicPlace::Flat {
            return Err(format!("is outside {}", first.trunc()));
        }
        // With an address of a whole network this is more often a typo than intended.
        if nets.iter().all(|net| net.prefix_len() < net.max_prefix_len()) {
            let fact =
                format!("\"{gateway}\" is outside {}, and is treated as on-link", first.trunc());
            self.report.push(Entry::warning("gateway-off-link", self.place(field), fact));
        }
        Ok(Some(Gateway { address: gateway, on_link: true }))
    }

    /// Reports conflicts with the VM's other NICs.
    fn compare(&mut self, at: NicPlace, nic: &Nic, others: &[Nic]) {
        for other in others {
            let (own, first) = (nic.slot, other.slot);
            if own == first {
                self.problem(
                    "duplicate-nic",
                    &at.field("slot"),
                    format!("net{own} is listed twice"),
                );
            }
            if nic.mac.is_some() && nic.mac == other.mac {
                self.problem(
                    "duplicate-mac",
                    &at.field("mac"),
                    format!("is already the MAC of net{first}"),
                );
            }
            let addresses = |nic: &Nic| nic.addresses.iter().map(IpNet::addr).collect::<Vec<_>>();
            let taken = addresses(other);
            if let Some(address) = addresses(nic).into_iter().find(|a| taken.contains(a)) {
                self.problem(
                    "duplicate-address",
                    &at.field("ips"),
                    format!("{address} is already an address of net{first}"),
                );
            }
            for gateway in &nic.gateways {
                let alike = |other: &Gateway| other.address.is_ipv4() == gateway.address.is_ipv4();
                if other.gateways.iter().any(alike) {
                    let kind = if gateway.address.is_ipv4() { "IPv4" } else { "IPv6" };
                    let fact = format!("net{first} already has the {kind} default gateway");
                    self.problem("duplicate-gateway", &at.field("gateways"), fact);
                }
            }
        }
    }
}
