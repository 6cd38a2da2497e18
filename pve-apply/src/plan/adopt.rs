//! The steps that adopt VMs: they write only the mark. Does no I/O.

use super::described::too_long;
use super::find::Finder;
use super::{blocked, of_mark, quiet, tags};
use crate::action::{Action, Plan, Step, VmPlan};
use crate::blocked::BlockReason;
use crate::desired::{Desired, DesiredVm, Placement};
use crate::mark::{ADOPTED, Line, Mark, NotOurs, Owner, SeedNote, Stage, of_people, uuid};
use crate::network;
use crate::observed::{Guest, Observation, Observed, VmState};
use std::collections::{BTreeMap, BTreeSet};

/// Which VMs may be taken over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Adoption {
    /// Whether the user has named the VMs: a missing one is then an error instead of being left out.
    pub(crate) named: bool,
    /// The site had this name: its marks are taken over too.
    pub(crate) from_site: Option<String>,
}

/// Plans to mark VMs as ours. Nothing else of them is changed.
///
/// A VM is adopted at the vmid that the document fixes; one with an earlier mark of this
/// deployment, or of this site before it had a name, wherever it is.
pub(crate) fn plan_adopt(desired: &Desired, observed: &Observed, adoption: &Adoption) -> Plan {
    let mut plan = super::empty(desired);
    let finder = Finder::new(desired, observed);
    for vm in &desired.vms {
        if let [ours] = finder.with_mark(vm) {
            plan.unchanged.push(super::unchanged(vm, ours.seen));
            continue;
        }
        match adoptable(desired, vm, observed, &finder, adoption) {
            Ok(seen) => match without_room(desired, vm, seen) {
                None => plan.vms.push(one(desired, vm, seen)),
                Some(reason) => plan.blocked.push(blocked(vm, vm.vmid, &vm.node, reason)),
            },
            Err(reason) => plan.blocked.push(blocked(vm, vm.vmid, &vm.node, reason)),
        }
    }
    let found_some = !plan.vms.is_empty() || !plan.unchanged.is_empty();
    if found_some && !adoption.named {
        plan.blocked
            .retain(|b| !matches!(b.reason, BlockReason::NotThere | BlockReason::AdoptNeedsVmid));
    }
    plan
}

/// Returns the state after the adoption, for what `plan` would say then.
pub(crate) fn as_adopted(adoption: &Plan, observed: &Observed) -> Observed {
    let mut world = observed.clone();
    world.sdn = observed.sdn.as_ref().map(|sdn| network::as_adopted(&adoption.networks, sdn));
    for vm in &adoption.vms {
        let Some(Observation::Seen(seen)) = vm.vmid.and_then(|vmid| world.vms.get_mut(&vmid))
        else {
            continue;
        };
        for step in &vm.steps {
            let Step::Configure { params, mark, .. } = step else { continue };
            params.iter().for_each(|(key, value)| seen.config.set(key, value));
            if let Some(mark) = mark {
                let old = seen.config.next("description").unwrap_or_default().to_owned();
                seen.config.set("description", &mark.write_into(&old));
            }
        }
    }
    world
}

/// Returns whether a mark is an older one of this very VM.
fn is_older_mark(desired: &Desired, adoption: &Adoption, name: &str, not_ours: &NotOurs) -> bool {
    match not_ours {
        NotOurs::Earlier { deployment, vm } => {
            *deployment == desired.deployment && desired.name_now(vm) == name
        }
        NotOurs::OtherSite { site, deployment, vm } => {
            let known = site.is_empty() || Some(site) == adoption.from_site.as_ref();
            known && *deployment == desired.deployment && desired.name_now(vm) == name
        }
        _ => false,
    }
}

fn adoptable<'a>(
    desired: &Desired,
    vm: &DesiredVm,
    observed: &'a Observed,
    finder: &Finder<'a>,
    adoption: &Adoption,
) -> Result<&'a VmState, BlockReason> {
    let not_ours = finder.not_ours().iter();
    let older = not_ours.filter(|(_, s)| is_older_mark(desired, adoption, &vm.name, s));
    let vmid = match (vm.vmid, older.map(|(vmid, _)| *vmid).collect::<Vec<_>>().as_slice()) {
        (Some(vmid), _) => vmid,
        (None, [only]) => *only,
        (None, []) => return Err(unread(observed, &vm.name).unwrap_or(BlockReason::AdoptNeedsVmid)),
        (None, many) => {
            return Err(BlockReason::MarkedTwice {
                vmids: many.iter().map(|vmid| vmid.get()).collect(),
            });
        }
    };
    let seen = match observed.vms.get(&vmid) {
        Some(Observation::Seen(seen)) => seen,
        Some(Observation::NodeAway(_)) => return Err(BlockReason::NodeAway),
        Some(Observation::Forbidden(_)) => return Err(BlockReason::Forbidden),
        Some(Observation::Moving(_)) => return Err(BlockReason::Moving),
        None if observed.free.get(&vmid) == Some(&false) => return Err(BlockReason::VmidHidden),
        None => return Err(BlockReason::NotThere),
    };
    match seen.owner(&desired.site, &desired.deployment) {
        Owner::NotOurs(NotOurs::Unmarked | NotOurs::Clone { .. } | NotOurs::Restored { .. }) => {}
        Owner::NotOurs(NotOurs::Untagged { deployment, .. })
            if deployment == desired.deployment => {}
        Owner::NotOurs(is) if is_older_mark(desired, adoption, &vm.name, &is) => {}
        Owner::NotOurs(is) => return Err(BlockReason::NotOurs { is }),
        Owner::Ours(mark) => {
            let (deployment, vm) = (mark.deployment, mark.vm);
            return Err(BlockReason::NotOurs { is: NotOurs::OtherDeployment { deployment, vm } });
        }
    }
    if seen.node != vm.node && vm.placement != Placement::Listed {
        return Err(BlockReason::AdoptElsewhere { wanted: vm.node.to_string() });
    }
    // Apply can never manage it, and destroy would take it for ours.
    if seen.config.is_template() {
        return Err(BlockReason::IsTemplate);
    }
    match seen.config.lock() {
        Some(lock) => Err(BlockReason::Locked { lock: lock.to_owned() }),
        None => Ok(seen),
    }
}

/// Returns why a VM of this name, which may have an older mark of ours, was not read.
fn unread(observed: &Observed, name: &str) -> Option<BlockReason> {
    let namesakes = observed.guests.iter().filter(|guest| guest.name.as_deref() == Some(name));
    let reason = |guest: &Guest| match observed.vms.get(&guest.vmid)? {
        Observation::NodeAway(_) => Some(BlockReason::NodeAway),
        Observation::Forbidden(_) => Some(BlockReason::Forbidden),
        Observation::Seen(_) | Observation::Moving(_) => None,
    };
    namesakes.filter_map(reason).next()
}

/// Returns why the description has no room for our mark.
fn without_room(desired: &Desired, vm: &DesiredVm, seen: &VmState) -> Option<BlockReason> {
    let text = of_people(seen.config.next("description").unwrap_or_default());
    too_long(&text, &mark(desired, vm, seen))
}

fn one(desired: &Desired, vm: &DesiredVm, seen: &VmState) -> VmPlan {
    let mark = mark(desired, vm, seen);
    let old = seen.config.next("tags").unwrap_or_default();
    let mut params = BTreeMap::new();
    let mut changes = Vec::new();
    if let Some(tags) = tags::wanted(old, &BTreeSet::new(), &BTreeSet::new()) {
        changes.push(tags::change(old, &tags));
        params.insert("tags".to_owned(), tags);
    }
    changes.push(quiet("description", None, Some(mark.line())));
    let step = Step::Configure { params, mark: Some(mark.clone().into()) };
    of_mark(vm, Action::Adopt, seen, mark, changes, step)
}

/// Returns the mark of an adopted VM: it owns nothing, and knows its seed only from one of our lines.
fn mark(desired: &Desired, vm: &DesiredVm, seen: &VmState) -> Mark {
    let line = Line::read(seen.config.next("description").unwrap_or_default());
    let seed = match &line {
        // A copy has its own volumes.
        Line::Mark(old) if desired.name_now(&old.vm) == vm.name => {
            old.seed.clone().without_volume()
        }
        Line::Earlier { vm: name, seed, .. } if desired.name_now(name) == vm.name => {
            SeedNote { fingerprint: seed.clone(), ..SeedNote::default() }
        }
        _ => SeedNote::unknown(),
    };
    Mark {
        node: seen.node.to_string(),
        vmid: Some(seen.vmid.get()),
        uuid: uuid(seen.config.next("smbios1")),
        stage: Stage::Done,
        made: ADOPTED.to_owned(),
        seed,
        ..desired.identity(vm)
    }
}
