//! `Nic`: a NIC of a VM, from the guest's point of view. Does no I/O.

use crate::fields::Fields;
use serde::Serialize;

/// The settings of a NIC in the guest. Those of PVE are in the VM's `config`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Nic {
    /// Its config key in PVE, such as `net0`.
    pub slot: String,
    /// Its MAC.
    pub mac: String,
    /// Whether the MAC was derived. An existing NIC then keeps its own MAC.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub derived: bool,
    /// `dhcp`, or addresses in CIDR notation. If empty, the guest does not configure this NIC.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    /// Default gateways, at most one of each address family.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
    /// MTU. `None` for the guest's default.
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
