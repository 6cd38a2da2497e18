//! Rules across the options of networks: what PVE refuses, or accepts and cannot do. Does no I/O.
//!
//! They need nothing but the networks, so resolve and pve-apply apply the same rules.

mod ids;
mod subnet;
#[cfg(test)]
mod tests;
mod vnet;
mod zone;

use super::at::At;
use super::config::Problem;
use super::network::{Fault, Network};
use super::row::ZoneType;

/// Returns all problems between the values of networks. All networks of a site are needed to find
/// IDs and VNIs that are used twice. The site's name determines the length of aliases.
pub fn problems(networks: &[Network], site: &str) -> Vec<Fault> {
    let mut faults = Faults(Vec::new());
    ids::validate(networks, &mut faults);
    for network in networks {
        zone::validate(network, &mut faults);
        for vnet in &network.vnets {
            vnet::validate(network, vnet, site, &mut faults);
            for subnet in &vnet.subnets {
                subnet::validate(network, subnet, &mut faults);
            }
        }
    }
    faults.0
}

/// Returns a zone type for a message: `a vlan`, `an evpn`.
fn with_article(ty: ZoneType) -> String {
    let article = if ty == ZoneType::Evpn { "an" } else { "a" };
    format!("{article} {ty}")
}

/// The problems found so far.
struct Faults(Vec<Fault>);

impl Faults {
    fn push(&mut self, at: At, problem: Problem) {
        self.0.push(Fault { at, problem });
    }

    /// Reports a value that PVE refuses together with others.
    fn refused(&mut self, at: At, option: &'static str, fact: impl Into<String>) {
        self.push(at, Problem::error(option, "refused-combination", fact));
    }
}
