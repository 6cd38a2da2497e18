//! VMs that left the document: their mark names this deployment, but its list of names no longer has
//! them. Does no I/O.

use super::destroy::{self, Removal};
use super::find::{Finder, Ours};
use crate::action::{LeftOver, Plan};
use crate::desired::{Desired, DesiredVm};
use crate::observed::{Observation, Observed};
use pve_client::{NodeName, Vmid};

/// Lists them in a plan. Without the names of the whole deployment they are unknown.
pub(super) fn list(plan: &mut Plan, desired: &Desired, finder: &Finder<'_>) {
    plan.left_over = of(desired, finder)
        .into_iter()
        .map(|ours| LeftOver {
            name: ours.mark.vm.clone(),
            vmid: ours.seen.vmid,
            node: ours.seen.node.clone(),
        })
        .collect();
}

fn of<'f, 'a>(desired: &Desired, finder: &'f Finder<'a>) -> Vec<&'f Ours<'a>> {
    let Some(names) = &desired.vm_names else { return Vec::new() };
    // A VM of another home node belongs to another document of the same name.
    let left = |ours: &&Ours<'_>| {
        desired.is_home(&ours.mark.node) && !names.contains(desired.name_now(&ours.mark.vm))
    };
    finder.all_ours().filter(left).collect()
}

/// Returns the VMs with our tag that could not be read, each with its node. One may have left the document,
/// unless its vmid or the name that the cluster lists is of the document.
pub(crate) fn unread<'o>(
    desired: &'o Desired,
    observed: &'o Observed,
) -> impl Iterator<Item = (Vmid, &'o NodeName)> {
    let is_listed = |name: &String| desired.vm_names.as_ref().is_some_and(|all| all.contains(name));
    // Only VMs with our tag are read, and those at vmids of the document.
    let unread = observed.vms.iter().filter_map(|(vmid, observation)| match observation {
        Observation::NodeAway(node) | Observation::Forbidden(node) => Some((*vmid, node)),
        Observation::Seen(_) | Observation::Moving(_) => None,
    });
    unread.filter(move |(vmid, _)| {
        let guest = observed.guests.iter().find(|guest| guest.vmid == *vmid);
        let name = guest.and_then(|guest| guest.name.as_ref());
        !desired.reserved.contains(vmid) && !name.is_some_and(is_listed)
    })
}

/// Adds the removal of the VMs that left the document to a plan, which then no longer only names them.
pub(crate) fn prune_vms(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    let removal = plan_prune(desired, observed);
    plan.left_over.clear();
    plan.blocked.extend(removal.blocked);
    plan.vms.splice(0..0, removal.vms);
}

/// Plans the removal of the VMs that left the document, under the guards of every removal.
pub(crate) fn plan_prune(desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = super::empty(desired);
    let finder = Finder::new(desired, observed);
    for ours in of(desired, &finder) {
        let vm = DesiredVm::named(&ours.mark.vm, desired);
        destroy::present(&mut plan, &Removal::new(desired, observed), &vm, ours);
    }
    plan
}
