//! Vnets of this site that are in no file of it any more. Does no I/O.

use super::desired::DesiredNetworks;
use super::find::Finder;
use super::model::{LeftOverVnet, Networks};
use super::observed::Object;

/// Lists them in a plan. Without the names of all networks of the site they are unknown.
pub(super) fn list(plan: &mut Networks, networks: &DesiredNetworks, finder: Finder<'_>) {
    plan.left_over = of(networks, finder).map(|(left_over, _)| left_over).collect();
}

/// Returns the vnets whose network left the site's files, and those that left the file of a network of this
/// document.
pub(super) fn of<'a>(
    networks: &'a DesiredNetworks,
    finder: Finder<'a>,
) -> impl Iterator<Item = (LeftOverVnet, &'a Object)> {
    finder.sdn.vnets.values().filter_map(move |vnet| {
        let name = finder.network_of(vnet)?;
        let names = networks.names.as_ref()?;
        let network_remains = names.contains(&name);
        if network_remains {
            let network = networks.list.iter().find(|network| network.zone == name)?;
            if network.vnets.iter().any(|known| known.vnet == vnet.id) {
                return None;
            }
        }
        Some((LeftOverVnet { name, vnet: vnet.id.clone(), network_remains }, vnet))
    })
}
