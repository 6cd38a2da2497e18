//! DOOR (reads only): reads the guests and the tasks of the cluster and of the document's nodes.

use super::{Look, Scope, running_tasks};
use crate::observed::{Guest, is_making};
use crate::read::read_api;
use pve_client::{Error, NodeName, Resource, Upid, Vmid};
use pve_stage::finding;
use stage::{Failure, Gather as _, Place};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};

/// What the cluster and the nodes list.
#[derive(Default)]
pub(super) struct Lists {
    /// The cluster's guests.
    rows: Vec<Resource>,
    /// The VMs of each node that answers.
    fresh: BTreeMap<NodeName, Vec<Resource>>,
    /// The nodes that do not answer.
    pub(super) away: BTreeSet<NodeName>,
    /// The cluster's nodes, if it does not know one of the document's.
    pub(super) known_nodes: Vec<NodeName>,
    /// Running tasks.
    pub(super) under_way: Vec<Upid>,
}

impl Lists {
    /// Returns the cluster's guests, with the nodes' own lists of their guests.
    pub(super) fn guests(&self) -> Vec<Guest> {
        let rows = self.rows.iter().map(|row| (row.vmid, Guest::from(row)));
        let mut guests: BTreeMap<Vmid, Guest> = rows.gather();
        guests.extend(self.fresh.values().flatten().map(|row| (row.vmid, Guest::from(row))));
        guests.into_values().collect()
    }

    /// Returns the cluster's rows.
    pub(super) fn rows(&self) -> &[Resource] {
        &self.rows
    }

    /// Returns whether the cluster does not know the state of some guest.
    pub(super) fn has_unknown_guests(&self) -> bool {
        self.rows.iter().any(|row| row.status == "unknown")
    }

    /// Returns the pool of each VM that is in one.
    pub(super) fn pools(&self) -> BTreeMap<Vmid, String> {
        self.rows.iter().filter_map(|row| Some((row.vmid, row.pool.clone()?))).gather()
    }

    /// Returns the rows of the nodes' own lists.
    pub(super) fn power(&mut self) -> BTreeMap<Vmid, Resource> {
        let fresh = std::mem::take(&mut self.fresh);
        fresh.into_values().flatten().map(|row| (row.vmid, row)).gather()
    }

    /// Returns the nodes that list a VM as being created.
    fn creating(&self) -> Vec<&NodeName> {
        let is_creating = |row: &Resource| row.lock.as_deref().is_some_and(is_making);
        let nodes = self.fresh.iter().filter(|(_, rows)| rows.iter().any(is_creating));
        nodes.map(|(node, _)| node).collect()
    }
}

impl Look<'_> {
    /// Reads the lists.
    pub(super) fn lists(&self) -> Result<Lists, Failure> {
        let nodes: Vec<&NodeName> = self.desired.nodes_in_use().into_iter().collect();
        let mut lists = Lists::default();
        if self.asks_for_tasks() && (self.works || nodes.len() == 1) {
            // Before the lists: they then show the result of tasks that have ended.
            self.read_tasks(&nodes, &mut lists)?;
        }
        let head = &self.desired.node;
        lists.rows = read_api(|| self.client.cluster_resources()).map_err(|e| failed(head, &e))?;
        self.read_vms(&nodes, &mut lists)?;
        if self.asks_for_tasks() && !self.works && nodes.len() > 1 {
            // Whoever only looks asks the nodes where a create is under way. `/cluster/tasks` would
            // answer for all at once, but PVE: pve-manager, API2/Cluster.pm, tasks: without Sys.Audit
            // on / it hides a token's own tasks from the token.
            let creating: Vec<NodeName> = lists.creating().into_iter().cloned().collect();
            let creating: Vec<&NodeName> = creating.iter().collect();
            self.read_tasks(&creating, &mut lists)?;
            self.read_vms(&creating, &mut lists)?;
        }
        if !lists.known_nodes.is_empty() {
            let known = read_api(|| self.client.nodes()).map_err(|error| failed(head, &error))?;
            lists.known_nodes = known.into_iter().map(|node| node.node).collect();
        }
        Ok(lists)
    }

    /// Returns whether it matters what an earlier run may have left running.
    fn asks_for_tasks(&self) -> bool {
        let vmids_are_fixed = self.desired.vms.iter().all(|vm| vm.vmid.is_some());
        !(self.scope == Scope::All || self.scope == Scope::Find && vmids_are_fixed)
    }

    fn read_tasks(&self, nodes: &[&NodeName], lists: &mut Lists) -> Result<(), Failure> {
        let read = |node: &NodeName| read_api(|| running_tasks(self.client, node, None, None));
        for (node, tasks) in several(nodes.to_vec(), |node| (node, read(node))) {
            let tasks = self.unless_away(node, tasks, lists)?;
            lists.under_way.extend(tasks.into_iter().flatten());
        }
        Ok(())
    }

    fn read_vms(&self, nodes: &[&NodeName], lists: &mut Lists) -> Result<(), Failure> {
        // PVE: facts 31: the cluster's list lags up to 10 s behind, the node's does not.
        let read = |node: &NodeName| read_api(|| self.client.node_vms_in_full(node));
        for (node, rows) in several(nodes.to_vec(), |node| (node, read(node))) {
            if let Some(rows) = self.unless_away(node, rows, lists)? {
                lists.fresh.insert(node.clone(), rows);
            }
        }
        Ok(())
    }

    /// Returns what was read from a node; `None` when it does not answer or, in a document for several,
    /// does not exist, which is reported for each VM that belongs on it.
    fn unless_away<T>(
        &self,
        node: &NodeName,
        read: Result<T, Error>,
        lists: &mut Lists,
    ) -> Result<Option<T>, Failure> {
        let is_unknown =
            |error: &Error| error.is_node_unknown() && self.desired.has_several_nodes();
        match read {
            Ok(read) => return Ok(Some(read)),
            Err(error) if is_unknown(&error) => lists.known_nodes = vec![self.desired.node.clone()],
            Err(error) if error.is_node_unreachable() => {}
            Err(error) => return Err(failed(node, &error)),
        }
        lists.away.insert(node.clone());
        Ok(None)
    }
}

/// A failed read that planning needs.
pub(super) fn failed(node: &NodeName, error: &Error) -> Failure {
    finding::of_error(Place::node(node.as_str()), error).into()
}

/// Does the same with each item, several at a time, and returns the results in any order.
pub(super) fn several<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let queue = VecDeque::from(items);
    // PVE: reference 4: three pveproxy workers answer, so more readers would only wait.
    // A few reads are done before a second connection has shaken hands.
    let readers = queue.len().div_ceil(8).min(4);
    let queue = Mutex::new(queue);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let read = || {
        let mut found = Vec::new();
        while let Some(item) = next() {
            found.push(work(item));
        }
        found
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..readers).map(|_| scope.spawn(read)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    #[test]
    #[should_panic(expected = "3")]
    fn a_panic_is_never_a_missing_result() {
        super::several((0..20).collect(), |item| assert_ne!(item, 3));
    }
}
