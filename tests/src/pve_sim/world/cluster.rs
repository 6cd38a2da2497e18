//! The cluster as a whole: which node answers, which nodes it reaches, and whether it has quorum.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-http-server, APIServer/AnyEvent.pm, proxy_request; pve-manager, HTTPServer.pm,
// rest_handler; pve-cluster, Cluster.pm.

use serde::{Deserialize, Serialize};

use super::work::Work;
use super::{Node, World};
use crate::pve_sim::answer::Refusal;

/// How requests to a node fail that pveproxy passes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unreachable {
    /// 595 if pveproxy cannot connect, 596 if TLS or the connection fails afterwards (reference 4).
    pub status: u16,
    /// The reason in the status line, such as `Connection refused`; there is no body.
    pub message: String,
}

impl World {
    /// Returns the node whose pveproxy answers.
    pub(crate) fn local_node(&self) -> &str {
        let online = self.nodes.iter().find(|(_, node)| node.online).map(|(name, _)| name);
        let any = online.or_else(|| self.nodes.keys().next());
        self.local.as_ref().or(any).map_or("", String::as_str)
    }

    /// Returns the free space where the local node collects uploads, also those for other nodes.
    pub(crate) fn local_tmp_free(&self) -> u64 {
        self.nodes.get(self.local_node()).map_or(0, |node| node.tmp_free)
    }

    /// Refuses a cluster that contradicts itself.
    pub(super) fn check_cluster(&self) -> Result<(), String> {
        let known = |name: &String, what: &str| match self.nodes.contains_key(name) {
            true => Ok(()),
            false => Err(format!("{what}: no such node \"{name}\"")),
        };
        if let Some(local) = &self.local {
            known(local, "local")?;
            if !self.nodes.get(local).is_some_and(|node| node.online) {
                return Err(format!("local: node \"{local}\" is offline"));
            }
        }
        for (id, storage) in &self.storages {
            storage.on.keys().try_for_each(|node| known(node, &format!("storage {id}")))?;
        }
        for (name, node) in &self.nodes {
            if let Some(Unreachable { status, .. }) = &node.unreachable
                && !(595..=599).contains(status)
            {
                return Err(format!("node {name}: `unreachable`: {status} is not 595 to 599"));
            }
        }
        Ok(())
    }

    /// Returns a node that exists and that the local one reaches.
    pub(crate) fn reachable_node(&self, node: &str) -> Result<&Node, Refusal> {
        // PVE: facts 4. The name is resolved to forward the request.
        let found = self.nodes.get(node).ok_or_else(|| no_such_host(node))?;
        // A request to the local node is not passed on.
        if found.online && node == self.local_node() {
            return Ok(found);
        }
        match &found.unreachable {
            Some(Unreachable { status, message }) => Err(Refusal::bare(*status, message)),
            // PVE: reference 4. pveproxy cannot connect to the other node.
            None if !found.online => Err(Refusal::bare(595, "No route to host")),
            None => Ok(found),
        }
    }

    /// Returns whether the local node is in the majority.
    // PVE: corosync, votequorum: more than half of the votes; a QDevice or `two_node` adds one.
    pub(crate) fn is_quorate(&self) -> bool {
        let online = self.nodes.values().filter(|node| node.online).count();
        self.quorate.unwrap_or(online * 2 > self.nodes.len())
    }

    /// Refuses what PVE refuses at once without quorum.
    // PVE: pve-cluster, Cluster.pm, check_cfs_quorum.
    pub(crate) fn check_quorum(&self) -> Result<(), Refusal> {
        match self.is_quorate() {
            true => Ok(()),
            false => Err(Refusal::die("cluster not ready - no quorum?")),
        }
    }

    /// Refuses a change under one of the cluster's locks, such as `file-user_cfg` or `storage-nfs`.
    // PVE: pve-cluster, Cluster.pm, $cfs_lock.
    pub(crate) fn check_cluster_lock(&self, lock: &str) -> Result<(), String> {
        match self.is_quorate() {
            true => Ok(()),
            false => Err(format!("cfs-lock '{lock}' error: no quorum!")),
        }
    }

    /// Refuses a write of a VM's config: without quorum `/etc/pve` is read-only.
    // PVE: pve-common, Tools.pm, file_set_contents; pmxcfs answers EACCES.
    pub(crate) fn check_writable(&self, node: &str, vmid: u32) -> Result<(), String> {
        match self.is_quorate() {
            true => Ok(()),
            false => Err(format!(
                "unable to open file '/etc/pve/nodes/{node}/qemu-server/{vmid}.conf.tmp.4000' - \
                 Permission denied"
            )),
        }
    }

    /// Refuses a task whose work needs quorum.
    // PVE: qemu-server, QemuConfig.pm, write_config; pve-storage, Storage.pm, vdisk_free. Uploads
    // and a stop without pending changes write nothing in /etc/pve.
    pub(super) fn needs_quorum(&self, node: &str, work: &Work) -> Result<(), String> {
        match work {
            Work::Destroy { vmid, .. }
            | Work::Change { vmid, .. }
            | Work::Resize { vmid, .. }
            | Work::Move { vmid, .. } => self.check_writable(node, *vmid),
            // The config of the new VM cannot be removed either.
            Work::Create { vmid, .. } | Work::Become { vmid, .. } => self
                .check_writable(node, *vmid)
                .map_err(|cause| format!("unable to create VM {vmid} - {cause}")),
            Work::Stop { vmid } | Work::Shutdown { vmid, .. } | Work::Reboot { vmid } => {
                let pending = self.vms.get(vmid).is_some_and(|vm| !vm.pending.is_empty());
                if pending { self.check_writable(node, *vmid) } else { Ok(()) }
            }
            Work::Delete { volid } => {
                let id = volid.split(':').next().unwrap_or_default();
                let shared = self.storages.get(id).is_some_and(|storage| storage.shared);
                if shared { self.check_cluster_lock(&format!("storage-{id}")) } else { Ok(()) }
            }
            // A start, a migration and a clone are refused at once; HA's requests and a template
            // refuse themselves.
            Work::AskHa { .. }
            | Work::Start { .. }
            | Work::Store { .. }
            | Work::Migrate { .. }
            | Work::Clone { .. }
            | Work::Template { .. }
            | Work::Reload => Ok(()),
        }
    }
}

/// Returns the refusal for a node that does not exist.
pub(crate) fn no_such_host(node: &str) -> Refusal {
    Refusal::die(format!(
        "hostname lookup '{node}' failed - failed to get address info for: {node}: \
         Name or service not known"
    ))
}
