//! The uploads of this run, so that those to one node are not taken for another run's to the next. Does no I/O.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use pve_client::{Error, NodeName, Upid};

/// The uploads of this run.
#[derive(Debug, Default)]
pub(crate) struct OwnUploads {
    /// The node that gets the requests, and so does the work of all uploads.
    // PVE: pve-storage, API2/Storage/Status.pm: `upload` has no `proxyto`.
    receiver: OnceLock<NodeName>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The nodes to which requests are on their way; their tasks have no known ID yet.
    starting: Vec<NodeName>,
    /// The nodes to which tasks copy, by UPID.
    targets: BTreeMap<String, NodeName>,
}

impl OwnUploads {
    /// Sends an upload to a node, and keeps its task.
    pub(crate) fn during(
        &self,
        node: &NodeName,
        send: impl FnOnce() -> Result<Upid, Error>,
    ) -> Result<Upid, Error> {
        self.state().starting.push(node.clone());
        let sent = send();
        let mut state = self.state();
        if let Some(at) = state.starting.iter().position(|starting| starting == node) {
            state.starting.swap_remove(at);
        }
        if let Ok(upid) = &sent {
            state.targets.insert(upid.as_str().to_owned(), node.clone());
            self.receiver.get_or_init(|| upid.node().clone());
        }
        sent
    }

    /// Returns the node that does the work of uploads, once one has begun.
    pub(crate) fn receiver(&self) -> Option<&NodeName> {
        self.receiver.get()
    }

    /// Returns the node to which a task of this run copies; `None` for the task of somebody else.
    pub(crate) fn target(&self, upid: &Upid) -> Option<NodeName> {
        self.state().targets.get(upid.as_str()).cloned()
    }

    /// Returns whether requests to other nodes are on their way.
    pub(crate) fn are_starting(&self, node: &NodeName) -> bool {
        self.state().starting.iter().any(|starting| starting != node)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
