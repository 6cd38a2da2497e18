//! DOOR (reads only): reads the cluster and returns an `Observed`.
//!
//! Reads: the cluster's guests, the list of VMs of each of the document's nodes, the config of each VM
//! that may be ours, and only where it matters: running tasks, image storages, whether a vmid is free.
//! Waits for no guest agent. What cannot be read is unknown, never absent.

mod candidates;
mod clones;
mod nodes;
mod stored;
mod templates;

pub(crate) use candidates::observe_vm;
pub(crate) use clones::{CLONE, was_killed};

use crate::desired::{Desired, DesiredVm};
use crate::foresee;
use crate::ha;
use crate::mark::Owner;
use crate::network;
use crate::observed::{Observation, Observed, VmState, sees_all};
use crate::outlook::Outlook;
use crate::read::read_api;
use crate::version;
use nodes::failed;
use pve_client::{Client, Error, NodeName, TaskFilter, Upid, Vmid};
use stage::{Failure, Gather as _};
use std::collections::{BTreeMap, BTreeSet};

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

/// A look at the cluster.
struct Look<'a> {
    client: &'a Client,
    desired: &'a Desired,
    scope: Scope,
    /// Whether the run changes something afterwards: then it must know of everything that earlier runs
    /// left on each node.
    works: bool,
}

/// Reads everything that the deployment needs to know, for a run that only shows it.
///
/// # Errors
/// A read failed that planning needs.
pub(crate) fn observe(
    client: &Client,
    desired: &Desired,
    scope: Scope,
) -> Result<Observed, Failure> {
    Look { client, desired, scope, works: false }.observe()
}

/// Reads the same for a run that changes something.
///
/// # Errors
/// A read failed that planning needs.
pub(crate) fn observe_for_work(
    client: &Client,
    desired: &Desired,
    scope: Scope,
) -> Result<Observed, Failure> {
    Look { client, desired, scope, works: true }.observe()
}

/// How often the lists are read when the cluster contradicts them.
const ROUNDS: u32 = 3;

impl Look<'_> {
    fn observe(&self) -> Result<Observed, Failure> {
        version::check(self.client)?;
        let mut rounds = 1;
        loop {
            let mut observed = self.once()?;
            // A vmid in use that no list holds: it may have been taken since the lists were read.
            let are_free = observed.free.values().all(|free| *free);
            if self.scope == Scope::Apply && (rounds == ROUNDS || are_free) {
                observed.outlooks = foresee::read(self.client, self.desired, &observed)?;
            }
            let is_current = are_free && !observed.outlooks.values().any(Outlook::is_outdated);
            if rounds == ROUNDS || is_current {
                observed.sdn = network::read::read(self.client, self.desired, &observed)?;
                return Ok(observed);
            }
            rounds += 1;
        }
    }

    fn once(&self) -> Result<Observed, Failure> {
        let Self { client, desired, scope, .. } = self;
        let fail = |error: Error| failed(&desired.node, &error);
        let mut lists = self.lists()?;
        let mut observed = Observed {
            guests: lists.guests(),
            pools: lists.pools(),
            has_unknown_guests: lists.has_unknown_guests(),
            nodes_away: std::mem::take(&mut lists.away),
            known_nodes: std::mem::take(&mut lists.known_nodes),
            under_way: std::mem::take(&mut lists.under_way),
            ..Observed::default()
        };
        let power = lists.power();
        candidates::observe_candidates(client, desired, *scope, &mut observed, &power)
            .map_err(fail)?;
        let missing = missing(desired, &observed);
        observed.seed_files = self.seed_files(&observed, &missing)?;
        observed.free = self.free(&observed, &missing).map_err(fail)?;
        let found = candidates::namesakes(client, desired, &observed, &missing, &power);
        // What is not ours matters only where a VM is to be created.
        let is_ours = |seen: &VmState| {
            matches!(seen.owner(&desired.site, &desired.deployment), Owner::Ours(_))
        };
        for seen in found.map_err(fail)? {
            if *scope == Scope::Apply || is_ours(&seen) {
                observed.vms.insert(seen.vmid, Observation::Seen(seen.into()));
            }
        }
        ha::read::add(client, lists.rows(), &mut observed).map_err(fail)?;
        if missing.iter().any(|vm| vm.vmid.is_none()) {
            observed.sees_all = sees_all(&read_api(|| client.permissions()).map_err(fail)?);
        }
        if *scope == Scope::Apply {
            observed.templates = templates::read(client, &observed, &missing).map_err(fail)?;
        }
        observed.images = self.images(&observed)?;
        Ok(observed)
    }

    /// Asks the second source about VMs that were not found.
    fn free(
        &self,
        observed: &Observed,
        missing: &[&DesiredVm],
    ) -> Result<BTreeMap<Vmid, bool>, Error> {
        let listed: BTreeSet<Vmid> = observed.guests.iter().map(|guest| guest.vmid).collect();
        let mut free = BTreeMap::new();
        for vm in missing {
            let unlisted = |vmid: &Vmid| !listed.contains(vmid);
            let witness = match vm.vmid {
                Some(vmid) => Some(vmid).filter(unlisted),
                None => self.desired.walk(vm).find(unlisted),
            };
            if let Some(vmid) = witness {
                free.insert(vmid, read_api(|| self.client.is_free(vmid))?);
            }
        }
        Ok(free)
    }
}

/// Returns the VMs of the document that have no VM with their mark, or only an unfinished clone.
pub(crate) fn missing<'a>(desired: &'a Desired, observed: &Observed) -> Vec<&'a DesiredVm> {
    let there: BTreeSet<String> = kept(desired, observed).map(|(_, name)| name).collect();
    desired.vms.iter().filter(|vm| !there.contains(&vm.name)).collect()
}

/// Returns the VMs of the deployment that were read, without unfinished clones, which are created anew.
fn kept<'a>(
    desired: &'a Desired,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a VmState, String)> {
    ours(desired, observed).filter(|(seen, _)| {
        let owner = seen.owner(&desired.site, &desired.deployment);
        matches!(owner, Owner::Ours(mark) if !mark.is_unfinished_clone())
    })
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
    let names: BTreeMap<Vmid, String> = fixed.chain(found).gather();
    // Another deployment's create by the same token does not concern us where every vmid is fixed.
    let any_vmid = desired.vms.iter().any(|vm| vm.vmid.is_none());
    let about_ours = |upid: &Upid| {
        let (own, clones) = (is_own(client, upid), upid.kind() == CLONE);
        let makes = clones || upid.kind() == CREATE;
        let vmid = if clones { clones::made_by(client, upid) } else { Some(vmid_of(upid)?) };
        let name = vmid.and_then(|vmid| names.get(&vmid)).filter(|_| own || makes).cloned();
        // Before 9.2 a clone does not say what it makes.
        let is_open = vmid.is_none() && desired.vms.iter().any(DesiredVm::is_cloned);
        // At a vmid that the document does not fix, only the token shows who started the create.
        let may_be = own && makes && (is_open || vmid.is_some() && any_vmid);
        let unnamed = || vmid.map_or("a clone".to_owned(), |vmid| format!("VM {vmid}"));
        Some((name.or_else(|| may_be.then(unnamed))?, upid.clone()))
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
