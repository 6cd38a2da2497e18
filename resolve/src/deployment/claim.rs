//! What a VM claims for itself: vmid, MACs, static addresses and host name, each with its place. Does
//! no I/O.

use super::ResolvedVm;
use crate::shape::CONFIG;
use crate::site::{Site, VmSet};
use crate::source::Span;
use stage::guest::host_name_of;
use std::fmt::{Display, Formatter, Result};
use std::net::IpAddr;

/// A value that only one VM may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claimed {
    /// A vmid.
    Vmid(u32),
    /// A MAC, in lower case.
    Mac(String),
    /// A static address. The same address on another bridge or VLAN is another one.
    Address {
        /// The address.
        address: IpAddr,
        /// The bridge or VNet.
        bridge: String,
        /// The VLAN tag.
        vlan: Option<u32>,
    },
    /// The guest's host name, with the domain if there is one.
    HostName(String),
}

/// A claim of one VM.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The value.
    pub what: Claimed,
    /// Where it is written; the VM's entry for a value from a template, or from `vmid_base`.
    pub at: Span,
    /// The VM's entry.
    pub vm_entry: Span,
    /// Where the `vmid_base` is that gave the vmid.
    pub base_at: Option<Span>,
    /// The VM's vmid.
    pub vmid: Option<u32>,
    /// Whether it is a derived MAC.
    pub derived: bool,
}

impl Display for Claimed {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Vmid(vmid) => write!(f, "vmid {vmid}"),
            Self::Mac(mac) => write!(f, "MAC {mac}"),
            Self::Address { address, .. } => write!(f, "address {address}"),
            Self::HostName(name) => write!(f, "the guest's host name \"{name}\""),
        }
    }
}

/// Returns the claims of a VM: host name, vmid, then those of its NICs.
pub(super) fn of(site: &Site<'_>, vm_set: &VmSet, resolved: &ResolvedVm<'_>) -> Vec<Claim> {
    let ResolvedVm { vm_entry, vm, nics, .. } = resolved;
    let claim = |what, at| {
        let (vm_entry, vmid) = (vm_entry.at, vm.vmid);
        Claim { what, at, vm_entry, base_at: None, vmid, derived: false }
    };
    let mut claims = Vec::new();
    let own = [&vm.cloud_init, &site.config.cloud_init];
    let own = own.iter().find_map(|fields| fields.get("domain")?.as_str());
    let domain = own.or(site.config.domain.value().map(String::as_str));
    if let Some((name, at)) = vm_entry.name.set()
        && let Ok(host) = host_name_of(name)
    {
        let whole = host.full(domain).unwrap_or_else(|| host.whole().to_owned());
        claims.push(claim(Claimed::HostName(whole), at));
    }
    if let Some(vmid) = vm.vmid {
        let own = vm_entry.tree.get("vmid").map(|spanned| spanned.at);
        let base_at = vm_set.vmid_base.at().filter(|_| own.is_none());
        let at = own.unwrap_or(vm_entry.at);
        claims.push(Claim { base_at, ..claim(Claimed::Vmid(vmid), at) });
    }
    for (nic, found) in vm.nics.iter().flatten().zip(nics) {
        // A MAC that cannot be counted up has been reported, and is empty.
        if !nic.mac.is_empty() {
            let at = found.mac_at.unwrap_or(vm_entry.at);
            let what = Claimed::Mac(nic.mac.clone());
            claims.push(Claim { derived: found.mac_at.is_none(), ..claim(what, at) });
        }
        // VMs that share a template share its address: the VMs are at fault.
        let own = vm_entry.tree.find(&[CONFIG, &nic.slot, "ip"]).is_some();
        for (address, ip_at) in &found.addresses {
            let (bridge, vlan) = (found.bridge.clone(), found.vlan);
            let what = Claimed::Address { address: *address, bridge, vlan };
            claims.push(claim(what, if own { *ip_at } else { vm_entry.at }));
        }
    }
    claims
}
