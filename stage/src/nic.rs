//! `Nic`: a NIC of a VM, as the guest knows it. Does no I/O.

use crate::fields::Fields;
use serde::Serialize;

/// A NIC: what the guest needs to know of it. What PVE needs stands in the VM's `config`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Nic {
    /// Its config key in PVE, as `net0`.
    pub slot: String,
    /// Its MAC.
    pub mac: String,
    /// The MAC was derived: an existing NIC keeps the one that it has.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub derived: bool,
    /// `dhcp`, or addresses in CIDR notation; empty: the guest is told nothing of this NIC.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    /// Default gateways, at most one of each kind of address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
    /// The largest packet; `None`: the guest's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

impl Nic {
    pub(crate) fn read(f: &mut Fields<'_>) -> Self {
        Self {
            slot: f.text("slot").unwrap_or_default(),
            mac: f.text("mac").unwrap_or_default(),
            derived: f.flag("derived").unwrap_or_default(),
            ips: f.texts("ips"),
            gateways: f.texts("gateways"),
            mtu: f.number("mtu"),
        }
    }
}
