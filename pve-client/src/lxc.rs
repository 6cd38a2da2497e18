//! Calls about containers, which we only look at.

use crate::client::Client;
use crate::error::Error;
use crate::ids::{NodeName, Vmid};
use crate::params::{Params, path};
use crate::qemu::PendingValue;

impl Client {
    /// Returns a container's config, key by key, with pending changes.
    pub fn container_pending(
        &self,
        node: &NodeName,
        vmid: Vmid,
    ) -> Result<Vec<PendingValue>, Error> {
        let vmid = vmid.to_string();
        // PVE: pve-container, API2/LXC.pm, vm_pending: the same list as of a VM.
        let path = path(&["nodes", node.as_str(), "lxc", &vmid, "pending"]);
        self.get(&path, &Params::new())?.list(PendingValue::read)
    }
}
