//! DOOR (reads only): reads the VMs that may be ours, or may be the document's.

use super::clones::{CLONE, made_by};
use super::nodes::several;
use super::{CREATE, Scope, is_own, missing, vmid_of};
use crate::desired::{Desired, DesiredVm};
use crate::observed::{Config, Guest, Observation, Observed, Power, VmState, is_halted};
use crate::read::read_api;
use pve_client::{Client, ConfigView, Error, GuestKind, NodeName, Resource, Upid, Vmid};
use std::collections::{BTreeMap, BTreeSet};

/// Reads the VMs that may be ours. `power` has the rows of the nodes' own lists.
pub(super) fn observe_candidates(
    client: &Client,
    desired: &Desired,
    scope: Scope,
    observed: &mut Observed,
    power: &BTreeMap<Vmid, Resource>,
) -> Result<(), Error> {
    let mut first = candidates(desired, &observed.guests, scope);
    first.retain(|guest| !is_surely_none(desired, guest));
    let mut creating = being_created(client, desired, observed);
    creating.retain(|guest| first.iter().all(|other| other.vmid != guest.vmid));
    first.extend(creating);
    observe_vms(client, observed, first, power)?;
    if !missing(desired, observed).is_empty() {
        // Somebody may have renamed it, and made a template of it: only the mark shows that, so every VM with
        // our tag is read.
        let mut more = candidates(desired, &observed.guests, Scope::All);
        more.retain(|guest| !observed.vms.contains_key(&guest.vmid));
        observe_vms(client, observed, more, power)?;
    }
    Ok(())
}

/// Reads VMs without our tag that have the name of a VM that is missing: they may be that VM, or an unfinished
/// clone of somebody's template. Those that cannot be read are left out: they are not ours.
pub(super) fn namesakes(
    client: &Client,
    desired: &Desired,
    observed: &Observed,
    missing: &[&DesiredVm],
    power: &BTreeMap<Vmid, Resource>,
) -> Result<Vec<VmState>, Error> {
    let former = desired.former_names.keys().map(String::as_str);
    let names: Vec<&str> = missing.iter().map(|vm| vm.name.as_str()).chain(former).collect();
    let is_wanted = |guest: &&Guest| {
        let named = |name: &String| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        guest.kind == GuestKind::Qemu && !guest.tagged && guest.name.as_ref().is_some_and(named)
    };
    let unread = observed.guests.iter().filter(|guest| !observed.vms.contains_key(&guest.vmid));
    let mut found = Vec::new();
    for guest in unread.filter(is_wanted) {
        let observation = observe_vm(client, guest.vmid, &guest.node, power.get(&guest.vmid))?;
        if let Some(Observation::Seen(seen)) = observation {
            found.push(*seen);
        }
    }
    Ok(found)
}

/// Returns the VMs that may be ours or may have been created as ours: all with our tag, unless only
/// the document's VMs matter.
fn candidates(desired: &Desired, guests: &[Guest], scope: Scope) -> Vec<Guest> {
    let former = desired.former_names.keys().map(String::as_str);
    let names: BTreeSet<&str> =
        desired.vms.iter().map(|vm| vm.name.as_str()).chain(former).collect();
    let vmids: BTreeSet<Vmid> = desired.vms.iter().filter_map(|vm| vm.vmid).collect();
    let may_be_ours = |guest: &&Guest| {
        let named =
            scope != Scope::Find || guest.name.as_deref().is_none_or(|name| names.contains(name));
        guest.kind == GuestKind::Qemu && (vmids.contains(&guest.vmid) || guest.tagged && named)
    };
    guests.iter().filter(may_be_ours).cloned().collect()
}

/// Returns whether a VM is a template of an image, unless somebody has made a template of a VM and
/// renamed it: as long as no VM is missing, there is none such.
fn is_surely_none(desired: &Desired, guest: &Guest) -> bool {
    let is_fixed = desired.vms.iter().any(|vm| vm.vmid == Some(guest.vmid));
    let is_name = |name: &str| desired.vms.iter().any(|vm| vm.name == desired.name_now(name));
    guest.image_template && !is_fixed && !guest.name.as_deref().is_some_and(is_name)
}

/// Returns VMs that this token was creating at vmids that PVE chose: they carry no mark until the create
/// has finished, and each may come from one of our runs that was interrupted.
fn being_created(client: &Client, desired: &Desired, observed: &Observed) -> Vec<Guest> {
    if desired.vms.iter().all(|vm| vm.vmid.is_some()) {
        return Vec::new();
    }
    let own = |upid: &&Upid| is_own(client, upid);
    let guest = |upid: &Upid| {
        let vmid = match upid.kind() {
            CREATE => vmid_of(upid)?,
            CLONE => made_by(client, upid)?,
            _ => return None,
        };
        let node = upid.node().clone();
        Some(Guest {
            kind: GuestKind::Qemu,
            vmid,
            node,
            name: None,
            tagged: false,
            being_made: true,
            image_template: false,
        })
    };
    let guests = observed.under_way.iter().filter(own).filter_map(guest);
    guests.filter(|guest| !desired.reserved.contains(&guest.vmid)).collect()
}

/// Reads VMs, several at a time. One that has disappeared in the meantime leaves the list too.
fn observe_vms(
    client: &Client,
    observed: &mut Observed,
    guests: Vec<Guest>,
    power: &BTreeMap<Vmid, Resource>,
) -> Result<(), Error> {
    let found = several(guests, |guest| {
        let observation = observe_vm(client, guest.vmid, &guest.node, power.get(&guest.vmid));
        (guest.vmid, guest.node, observation)
    });
    for (vmid, node, observation) in found {
        let observation = match observation? {
            Some(observation) => observation,
            // A second source: a VM that is moving to another node still exists.
            None if read_api(|| client.is_free(vmid))? => {
                observed.guests.retain(|guest| guest.vmid != vmid);
                continue;
            }
            None => Observation::Moving(node),
        };
        observed.vms.insert(vmid, observation);
    }
    Ok(())
}

/// Reads one VM; `None` when it no longer exists.
pub(crate) fn observe_vm(
    client: &Client,
    vmid: Vmid,
    node: &NodeName,
    listed: Option<&Resource>,
) -> Result<Option<Observation>, Error> {
    let items = match read_api(|| client.vm_pending(node, vmid)) {
        Ok(items) => items,
        Err(error) if error.is_node_unreachable() => {
            return Ok(Some(Observation::NodeAway(node.clone())));
        }
        Err(error) if error.is_permission() => {
            return Ok(Some(Observation::Forbidden(node.clone())));
        }
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let (running, qmpstatus) = match listed {
        Some(row) if row.status == "running" => (true, row.qmpstatus.clone()),
        // The list is older than the config: another run may just have started the VM.
        _ => match read_api(|| client.vm_status(node, vmid)) {
            // Gone since its config was read, such as the twin that another run has destroyed.
            Err(error) if error.is_not_found() => return Ok(None),
            status => status.map(|status| (status.is_running(), status.qmpstatus))?,
        },
    };
    let mut config = Config::from_pending(items);
    if config.digest.is_none() {
        // A PVE that does not list the digest among the keys.
        config.digest = read_api(|| client.vm_config(node, vmid, ConfigView::Pending))?.digest;
    }
    let power = if running { Power::Running } else { Power::Stopped };
    let halted = qmpstatus.filter(|word| running && is_halted(word));
    let seen = VmState { vmid, node: node.clone(), power, halted, ha: None, config };
    Ok(Some(Observation::Seen(Box::new(seen))))
}
