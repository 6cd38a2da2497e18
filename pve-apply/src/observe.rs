//! DOOR (reads only): reads the cluster and returns an `Observed`.
//!
//! Reads: the cluster's guests, the node's own list of VMs, the config of each VM that may be ours, and
//! only where it matters: running tasks, the image storage, whether a vmid is free. Waits for no
//! guest agent. What cannot be read is unknown, never absent.

use crate::desired::{Desired, DesiredVm, is_seed_file};
use crate::ha;
use crate::mark::Owner;
use crate::network;
use crate::observed::{Config, Guest, Observation, Observed, Power, VmState, is_halted, sees_all};
use crate::read::read_api;
use crate::version;
use machine::ConfigKey;
use pve_client::{
    Client, ConfigView, Error, GuestKind, NodeName, Resource, TaskFilter, Upid, Vmid, Volid,
};
use pve_stage::finding;
use stage::{Failure, Place};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// What the cluster is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// To create and change VMs: images too.
    Apply,
    /// To find VMs and nothing else: power, adopt.
    Find,
    /// To remove VMs, and what was uploaded for them.
    Remove,
    /// To list every VM of ours.
    All,
}

/// Reads everything that the deployment needs to know.
///
/// # Errors
/// A read failed that planning needs.
pub(crate) fn observe(
    client: &Client,
    desired: &Desired,
    scope: Scope,
) -> Result<Observed, Failure> {
    version::check(client)?;
    let mut rounds = 1;
    loop {
        let mut observed = observe_once(client, desired, scope)?;
        // A vmid in use that no list holds: it may have been taken since the lists were read.
        if rounds == ROUNDS || observed.free.values().all(|free| *free) {
            observed.sdn = network::read::read(client, desired, &observed)?;
            return Ok(observed);
        }
        rounds += 1;
    }
}

/// How often the lists are read when the cluster contradicts them.
const ROUNDS: u32 = 3;

fn observe_once(client: &Client, desired: &Desired, scope: Scope) -> Result<Observed, Failure> {
    let fail =
        |error: Error| Failure::from(finding::of_error(Place::node(desired.node.as_str()), &error));
    let mut nodes_away = BTreeSet::new();
    // Before the lists: they then show the result of tasks that have ended.
    let mut tasks = Vec::new();
    for node in desired.nodes_in_use() {
        let read = unless_away(under_way(client, desired, node, scope)).map_err(fail)?;
        tasks.extend(read.into_iter().flatten());
    }
    let rows = read_api(|| client.cluster_resources()).map_err(fail)?;
    // PVE: facts 31: the cluster's list lags up to 10 s behind, the node's does not.
    let mut fresh = Vec::new();
    for node in desired.nodes_in_use() {
        match unless_away(read_api(|| client.node_vms_in_full(node))).map_err(fail)? {
            Some(list) => fresh.extend(list),
            None => _ = nodes_away.insert(node.clone()),
        }
    }
    let mut observed = Observed {
        nodes_away,
        guests: merge(&rows, fresh.iter()),
        has_unknown_guests: rows.iter().any(|row| row.status == "unknown"),
        under_way: tasks,
        pools: rows.iter().filter_map(|row| Some((row.vmid, row.pool.clone()?))).collect(),
        ..Observed::default()
    };
    let power = fresh.into_iter().map(|row| (row.vmid, row)).collect();
    observe_candidates(client, desired, scope, &mut observed, &power).map_err(fail)?;
    if matches!(scope, Scope::Apply | Scope::Remove) {
        for node in desired.nodes_in_use() {
            if !observed.nodes_away.contains(node) {
                observed.seed_files.extend(seed_files(client, desired, node).map_err(fail)?);
            }
        }
    }
    let missing = missing(desired, &observed);
    let listed: BTreeSet<Vmid> = observed.guests.iter().map(|guest| guest.vmid).collect();
    for vm in &missing {
        let unlisted = |vmid: &Vmid| !listed.contains(vmid);
        let witness = match vm.vmid {
            Some(vmid) => Some(vmid).filter(unlisted),
            None => desired.walk(vm).find(unlisted),
        };
        if let Some(vmid) = witness {
            observed.free.insert(vmid, read_api(|| client.is_free(vmid)).map_err(fail)?);
        }
    }
    if scope == Scope::Apply {
        observe_namesakes(client, &mut observed, &missing, &power).map_err(fail)?;
    }
    ha::read::add(client, &rows, &mut observed).map_err(fail)?;
    if missing.iter().any(|vm| vm.vmid.is_none()) {
        observed.sees_all = sees_all(&read_api(|| client.permissions()).map_err(fail)?);
    }
    if scope == Scope::Apply {
        let images = images(client, desired, &observed).map_err(fail)?;
        observed.images = images;
    }
    Ok(observed)
}

/// What was read from the deployment's node; `None` when it does not answer, which is reported for each VM on it.
fn unless_away<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.is_node_unreachable() => Ok(None),
        Err(error) => Err(error),
    }
}

fn observe_candidates(
    client: &Client,
    desired: &Desired,
    scope: Scope,
    observed: &mut Observed,
    power: &BTreeMap<Vmid, Resource>,
) -> Result<(), Error> {
    let mut first = candidates(desired, &observed.guests, scope);
    let mut creating = being_created(client, desired, observed);
    creating.retain(|guest| first.iter().all(|other| other.vmid != guest.vmid));
    first.extend(creating);
    observe_vms(client, observed, first, power)?;
    if scope == Scope::Find && !missing(desired, observed).is_empty() {
        // Somebody may have renamed it: only the mark shows that, so every VM with our tag is read.
        let mut more = candidates(desired, &observed.guests, Scope::All);
        more.retain(|guest| !observed.vms.contains_key(&guest.vmid));
        observe_vms(client, observed, more, power)?;
    }
    Ok(())
}

/// Reads VMs without our tag that have the name of a VM to create: they may be that VM. Those that
/// cannot be read are left out: they are not ours.
fn observe_namesakes(
    client: &Client,
    observed: &mut Observed,
    missing: &[&DesiredVm],
    power: &BTreeMap<Vmid, Resource>,
) -> Result<(), Error> {
    let is_wanted = |guest: &&Guest| {
        let named =
            |vm: &&DesiredVm| guest.name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(&vm.name));
        guest.kind == GuestKind::Qemu && !guest.tagged && missing.iter().any(named)
    };
    let mut namesakes: Vec<Guest> = observed.guests.iter().filter(is_wanted).cloned().collect();
    namesakes.retain(|guest| !observed.vms.contains_key(&guest.vmid));
    for guest in namesakes {
        let observation = observe_vm(client, guest.vmid, &guest.node, power.get(&guest.vmid))?;
        if let Some(observation @ Observation::Seen(_)) = observation {
            observed.vms.insert(guest.vmid, observation);
        }
    }
    Ok(())
}

/// Returns the VMs of the document that have no VM with their mark.
pub(crate) fn missing<'a>(desired: &'a Desired, observed: &Observed) -> Vec<&'a DesiredVm> {
    let there: BTreeSet<String> = ours(desired, observed).map(|(_, name)| name).collect();
    desired.vms.iter().filter(|vm| !there.contains(&vm.name)).collect()
}

/// Returns the VMs of the deployment that were read, with the names in their marks.
fn ours<'a>(
    desired: &'a Desired,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a VmState, String)> {
    observed.vms.values().filter_map(|observation| {
        let Observation::Seen(seen) = observation else { return None };
        match seen.owner(&desired.site, &desired.deployment) {
            Owner::Ours(mark) => Some((&**seen, desired.name_now(&mark.vm).to_owned())),
            Owner::NotOurs(_) => None,
        }
    })
}

/// Returns the cluster's guests, with the node's own list of its guests.
fn merge<'a>(rows: &[Resource], fresh: impl Iterator<Item = &'a Resource>) -> Vec<Guest> {
    let rows = rows.iter().map(|row| (row.vmid, Guest::from(row)));
    let mut guests: BTreeMap<Vmid, Guest> = rows.collect();
    guests.extend(fresh.map(|row| (row.vmid, Guest::from(row))));
    guests.into_values().collect()
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

/// Reads VMs, several at a time. One that has disappeared in the meantime leaves the list too.
fn observe_vms(
    client: &Client,
    observed: &mut Observed,
    guests: Vec<Guest>,
    power: &BTreeMap<Vmid, Resource>,
) -> Result<(), Error> {
    let queue = VecDeque::from(guests);
    // PVE: reference 4: three pveproxy workers answer, so more readers would only wait.
    // A few reads are done before a second connection has shaken hands.
    let readers = queue.len().div_ceil(8).min(4);
    let queue = Mutex::new(queue);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || {
        let mut found = Vec::new();
        while let Some(guest) = next() {
            let observation = observe_vm(client, guest.vmid, &guest.node, power.get(&guest.vmid));
            found.push((guest.vmid, guest.node, observation));
        }
        found
    };
    let found = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..readers).map(|_| scope.spawn(work)).collect();
        // Our threads do not panic; if one did, its VMs would be missing and so unknown.
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect::<Vec<_>>()
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

/// The task of a create.
const CREATE: &str = "qmcreate";

/// Returns the running tasks that another run may have started for this deployment,
/// with the VM's name: all creates of this token, and whatever else works on the document's VMs.
pub(crate) fn left_running(
    client: &Client,
    desired: &Desired,
    observed: &Observed,
) -> Vec<(String, Upid)> {
    let fixed = desired.vms.iter().filter_map(|vm| Some((vm.vmid?, vm.name.clone())));
    let found = ours(desired, observed).map(|(seen, name)| (seen.vmid, name));
    let names: BTreeMap<Vmid, String> = fixed.chain(found).collect();
    // Another deployment's create by the same token does not concern us where every vmid is fixed.
    let any_vmid = desired.vms.iter().any(|vm| vm.vmid.is_none());
    let about_ours = |upid: &Upid| {
        let vmid = vmid_of(upid)?;
        let (own, create) = (is_own(client, upid), upid.kind() == CREATE);
        let name = names.get(&vmid).filter(|_| own || create).cloned();
        // At a vmid that the document does not fix, only the token shows who started the create.
        let name = name.or_else(|| (any_vmid && own && create).then(|| format!("VM {vmid}")))?;
        Some((name, upid.clone()))
    };
    observed.under_way.iter().filter_map(about_ours).collect()
}

fn vmid_of(upid: &Upid) -> Option<Vmid> {
    Vmid::new(upid.id().parse().ok()?).ok()
}

/// Returns whether this token started a task.
pub(crate) fn is_own(client: &Client, upid: &Upid) -> bool {
    upid.user() == client.endpoint().token.id()
}

/// Returns the running tasks that the token can see.
pub(crate) fn running_tasks(
    client: &Client,
    node: &NodeName,
    kind: Option<&str>,
    vmid: Option<Vmid>,
) -> Result<Vec<Upid>, Error> {
    let kind = kind.map(str::to_owned);
    let filter = TaskFilter { active: true, vmid, kind, ..TaskFilter::default() };
    let tasks = client.tasks(node, &filter)?.into_iter();
    Ok(tasks.filter(|task| task.status.is_none()).map(|task| task.upid).collect())
}

/// Returns the node's tasks, where it matters what an earlier run may have left running.
fn under_way(
    client: &Client,
    desired: &Desired,
    node: &NodeName,
    scope: Scope,
) -> Result<Vec<Upid>, Error> {
    let vmids_are_fixed = desired.vms.iter().all(|vm| vm.vmid.is_some());
    if scope == Scope::All || scope == Scope::Find && vmids_are_fixed {
        return Ok(Vec::new());
    }
    read_api(|| running_tasks(client, node, None, None))
}

/// Returns VMs that this token was creating at vmids that PVE chose: they carry no mark until the create
/// has finished, and each may come from one of our runs that was interrupted.
fn being_created(client: &Client, desired: &Desired, observed: &Observed) -> Vec<Guest> {
    if desired.vms.iter().all(|vm| vm.vmid.is_some()) {
        return Vec::new();
    }
    let own = |upid: &&Upid| upid.kind() == CREATE && is_own(client, upid);
    let vmids = observed.under_way.iter().filter(own).filter_map(vmid_of);
    let node = || desired.node.clone();
    let guest =
        |vmid| Guest { kind: GuestKind::Qemu, vmid, node: node(), name: None, tagged: false };
    vmids.filter(|vmid| !desired.reserved.contains(vmid)).map(guest).collect()
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

fn seed_files(
    client: &Client,
    desired: &Desired,
    node: &NodeName,
) -> Result<BTreeSet<(NodeName, Volid)>, Error> {
    let storage = &desired.defaults(node).image_storage;
    let volumes = read_api(|| client.storage_content(node, storage, Some("import")))?;
    let seeds = volumes.into_iter().map(|volume| volume.volid);
    let seeds = seeds.filter(|volid| is_seed_file(volid.file()));
    Ok(seeds.map(|volid| (node.clone(), volid)).collect())
}

/// Returns the virtual size of each image for a new disk.
fn images(
    client: &Client,
    desired: &Desired,
    observed: &Observed,
) -> Result<BTreeMap<(NodeName, Volid), Option<u64>>, Error> {
    let there: BTreeMap<String, &VmState> =
        ours(desired, observed).map(|(seen, name)| (name, seen)).collect();
    let mut sizes = BTreeMap::new();
    for vm in &desired.vms {
        let seen = there.get(&vm.name);
        let node = seen.map_or(&vm.node, |seen| &seen.node);
        let vm = vm.on(node, desired);
        let Some(definition) = &vm.definition else { continue };
        if observed.nodes_away.contains(node) {
            continue;
        }
        let is_missing =
            |key: &ConfigKey| seen.is_none_or(|seen| seen.config.next(&key.to_string()).is_none());
        let boot = definition.image.iter().filter(|_| seen.is_none());
        let data =
            definition.images.iter().filter(|(key, _)| is_missing(key)).map(|(_, image)| image);
        let published = boot.chain(data).filter(|image| image.pending.is_none());
        for volid in published.filter_map(|image| image.volid.as_ref()) {
            let key = (node.clone(), volid.clone());
            if !sizes.contains_key(&key) {
                sizes.insert(key, image_size(client, node, volid)?);
            }
        }
    }
    Ok(sizes)
}

fn image_size(client: &Client, node: &NodeName, volid: &Volid) -> Result<Option<u64>, Error> {
    // PVE: reference 8: the list has the size of the file, only this call the size of the disk in it.
    match read_api(|| client.volume_info(node, volid)) {
        Ok(info) => Ok(Some(info.size)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) if error.status() == Some(500) => Ok(None),
        Err(error) => Err(error),
    }
}
