//! The step that releases a VM: it removes only our mark and our tag. Does no I/O.

use super::find::{Finder, Found, Ours};
use super::{blocked, of_mark, quiet, tags};
use crate::action::{Action, Plan, Step, VmPlan};
use crate::blocked::BlockReason;
use crate::desired::{Definition, Desired, DesiredVm};
use crate::mark::{TAG, of_people, split_tags};
use crate::notice::{Notice, NoticeKind};
use crate::observed::Observed;
use std::collections::BTreeMap;

/// Plans to remove our mark from the document's VMs. The reverse of an adoption: nothing else
/// changes, and afterwards they are not ours.
///
/// With `named` the user has named the VMs: a missing one is then an error instead of being left out.
pub(crate) fn plan_release(desired: &Desired, observed: &Observed, named: bool) -> Plan {
    let mut plan = super::empty(desired);
    let finder = Finder::new(desired, observed);
    for vm in &desired.vms {
        let ours = match finder.find(vm) {
            Found::Ours(ours) => ours,
            Found::Absent => {
                let missing = named.then(|| blocked(vm, vm.vmid, &vm.node, BlockReason::NotThere));
                plan.blocked.extend(missing);
                continue;
            }
            // A VM without our mark is released already, perhaps by a run whose answer was lost.
            Found::Blocked(found)
                if !named && matches!(found.reason, BlockReason::VmidTaken { .. }) =>
            {
                continue;
            }
            Found::Blocked(found) => {
                plan.blocked.push(*found);
                continue;
            }
        };
        if ours.mark.is_unfinished_clone() {
            let reason = BlockReason::UnfinishedClone;
            plan.blocked.push(blocked(vm, Some(ours.seen.vmid), &ours.seen.node, reason));
            continue;
        }
        match ours.seen.config.lock() {
            None => {
                plan.notices.extend(recreation_notice(vm, &ours));
                plan.vms.push(one(vm, *ours));
            }
            Some(lock) => {
                let reason = BlockReason::Locked { lock: lock.to_owned() };
                plan.blocked.push(blocked(vm, Some(ours.seen.vmid), &ours.seen.node, reason));
            }
        }
    }
    plan
}

/// Where the document fixes the vmid, the released VM blocks the next plan.
fn recreation_notice(vm: &DesiredVm, ours: &Ours<'_>) -> Option<Notice> {
    let is_fixed = vm.vmid.is_some() && !vm.vmid_is_counted;
    let notice = Notice { name: vm.name.clone(), vmid: ours.seen.vmid, kind: NoticeKind::Released };
    let is_made = vm.definition.as_ref().is_none_or(Definition::is_created);
    (!is_fixed && is_made).then_some(notice)
}

fn one(vm: &DesiredVm, ours: Ours<'_>) -> VmPlan {
    let Ours { seen, mark } = ours;
    let has = |key: &str| seen.config.next(key).unwrap_or_default();
    let kept: Vec<&str> =
        split_tags(has("tags")).filter(|tag| !tag.eq_ignore_ascii_case(TAG)).collect();
    let kept = tags::join(&kept);
    let text = of_people(has("description"));
    let changes =
        vec![tags::change(has("tags"), &kept), quiet("description", Some(mark.line()), None)];
    let mut params = BTreeMap::new();
    let mut gone = Vec::new();
    for (key, value) in [("description", text), ("tags", kept)] {
        if value.is_empty() {
            gone.push(key);
        } else {
            params.insert(key.to_owned(), value);
        }
    }
    if !gone.is_empty() {
        params.insert("delete".to_owned(), gone.join(","));
    }
    let step = Step::Configure { params, mark: None };
    of_mark(vm, Action::Release, seen, mark, changes, step)
}
