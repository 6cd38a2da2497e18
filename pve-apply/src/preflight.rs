//! Preflight: whether PVE has what the VMs to be made or changed need. Judged before the first write.
//! Does no I/O.

use crate::action::{Step, VmPlan};
use crate::desired::{Desired, DesiredVm, Machine};
use crate::privileges::{self, Need};
use pve_client::{Permissions, Storage, StorageId};
use stage::{Entry, Place, Report};
use std::collections::{BTreeMap, BTreeSet};

/// What a node offers to the token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Its storages.
    pub storages: Vec<Storage>,
    /// What a NIC may be put on.
    pub bridges: Vec<String>,
    /// What the token may do.
    pub permissions: Permissions,
    /// The token's public part, for the commands in hints.
    pub token_id: String,
}

/// Content types that a storage must take, and the document's name of the storage.
type Wanted<'a> = BTreeMap<&'a StorageId, (&'static str, BTreeSet<&'a str>)>;

/// Judges whether these VMs can be made, and these changes.
pub(crate) fn judge(
    desired: &Desired,
    made: &[&DesiredVm],
    changed: &[&VmPlan],
    facts: &Facts,
) -> Report {
    let mut report = Report::new();
    let mut wanted = Wanted::new();
    let mut needs = BTreeSet::new();
    let mut wired = made.to_vec();
    if !made.is_empty() {
        want_for(&mut wanted, desired, made);
        needs = privileges::needs(desired, made);
    }
    for change in changed {
        want_for_change(&mut wanted, change);
        // A plan's file may know a VM that the document does not.
        let Some(vm) = desired.vms.iter().find(|vm| vm.name == change.name) else { continue };
        needs.extend(vm.machine.iter().flat_map(|m| privileges::of_change(change, &m.storage)));
        wired.extend(change.steps.iter().any(is_rewiring).then_some(vm));
    }
    for (storage, (field, contents)) in wanted {
        judge_storage(&mut report, desired, facts, storage, field, &contents);
    }
    judge_bridges(&mut report, desired, &wired, facts);
    judge_privileges(&mut report, desired, needs, facts);
    report
}

fn want_for<'a>(wanted: &mut Wanted<'a>, desired: &'a Desired, made: &[&'a DesiredVm]) {
    want(wanted, &desired.image_storage, "image_datastore", "import");
    for machine in made.iter().filter_map(|vm| vm.machine.as_ref()) {
        want(wanted, &machine.storage, "datastore", "images");
    }
}

fn want_for_change<'a>(wanted: &mut Wanted<'a>, change: &'a VmPlan) {
    for step in &change.steps {
        if let Step::UploadSeed { storage, .. } = step {
            want(wanted, storage, "image_datastore", "import");
        }
    }
}

fn want<'a>(
    wanted: &mut Wanted<'a>,
    storage: &'a StorageId,
    field: &'static str,
    content: &'a str,
) {
    let (_, contents) = wanted.entry(storage).or_insert((field, BTreeSet::new()));
    contents.insert(content);
}

fn is_rewiring(step: &Step) -> bool {
    matches!(step, Step::Configure { params, .. } if params.contains_key("net0"))
}

fn judge_privileges(report: &mut Report, desired: &Desired, needs: BTreeSet<Need>, facts: &Facts) {
    let mut of_path: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for need in needs {
        if !privileges::has(&facts.permissions, &need) {
            of_path.entry(need.path).or_default().push(need.privilege);
        }
    }
    // A right that is lacking on one VM is as a rule lacking on all: said once.
    let mut lacking: BTreeMap<Vec<&str>, Vec<String>> = BTreeMap::new();
    for (path, privileges) in of_path {
        lacking.entry(privileges).or_default().push(path);
    }
    for (privileges, paths) in lacking {
        let Some((first, more)) = paths.split_first() else { continue };
        let list = privileges.join(", ");
        let more =
            if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        let fact = format!("token {} lacks {list} on {first}{more}", facts.token_id);
        let hint = privileges::command_for(first, &privileges, &facts.token_id);
        report.push(Entry::error(Place::node(desired.node.as_str()), fact).hint(hint));
    }
}

fn judge_storage(
    report: &mut Report,
    desired: &Desired,
    facts: &Facts,
    storage: &StorageId,
    field: &str,
    contents: &BTreeSet<&str>,
) {
    let place = || Place::node(desired.node.as_str());
    let Some(found) = facts.storages.iter().find(|s| s.storage == *storage) else {
        // PVE: facts 54: what the token may not see is left out without a word.
        let fact =
            format!("storage \"{storage}\" (`{field}`) is not there, or the token may not see it");
        return report.push(Entry::error(place(), fact).hint(format!("it has {}", names(facts))));
    };
    if !found.enabled || !found.active {
        let word = if found.enabled { "not active" } else { "switched off" };
        report.error(place(), format!("storage \"{storage}\" (`{field}`) is {word}"));
    }
    for content in contents.iter().filter(|content| !found.has_content(content)) {
        let fact = format!("storage \"{storage}\" (`{field}`) does not take content `{content}`");
        let mut all = found.content.clone();
        all.push((*content).to_owned());
        let hint = format!("run on a node: pvesm set {storage} --content {}", all.join(","));
        report.push(Entry::error(place(), fact).hint(hint));
    }
}

fn names(facts: &Facts) -> String {
    let list: Vec<_> = facts.storages.iter().map(|s| s.storage.as_str()).collect();
    if list.is_empty() { "none that it may see".to_owned() } else { list.join(", ") }
}

fn judge_bridges(report: &mut Report, desired: &Desired, vms: &[&DesiredVm], facts: &Facts) {
    let wanted: BTreeSet<&str> =
        vms.iter().filter_map(|vm| vm.machine.as_ref()).flat_map(Machine::bridges).collect();
    for bridge in wanted.into_iter().filter(|name| !facts.bridges.iter().any(|b| b == name)) {
        // PVE: facts 13: without this look the VM is made and its start fails.
        let fact = format!("bridge \"{bridge}\" is not there, or the token may not use it");
        let hint = if facts.bridges.is_empty() {
            format!("the token needs SDN.Use on /sdn/zones/localnetwork/{bridge}")
        } else {
            format!("it has {}", facts.bridges.join(", "))
        };
        report.push(Entry::error(Place::node(desired.node.as_str()), fact).hint(hint));
    }
}
