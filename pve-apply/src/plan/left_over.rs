//! VMs that left the document: their mark names this deployment, but its list of names no longer has
//! them. Does no I/O.

use super::destroy::{self, Removal};
use super::find::{Finder, Ours};
use crate::action::{LeftOver, Plan};
use crate::desired::{Desired, DesiredVm};
use crate::observed::Observed;

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
