//! What somebody else does just before a request.
//! A pure module: does no I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Then;
use crate::pve_sim::world::World;
use crate::pve_sim::world::vm::Vm;

/// A change of a config.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edit {
    /// The VM.
    pub vmid: u32,
    /// Keys to set.
    pub set: BTreeMap<String, String>,
    /// Keys to delete.
    pub delete: Vec<String>,
    /// Its new power state, if it changes.
    pub running: Option<bool>,
    /// Its QEMU status from now on, such as `paused`.
    pub qmpstatus: Option<String>,
    /// The node it moves to.
    pub node: Option<String>,
}

/// A VM created by someone else.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Create {
    /// Its vmid.
    pub vmid: u32,
    /// Its node [default: the first one].
    pub node: Option<String>,
    /// Its config.
    pub config: BTreeMap<String, String>,
}

/// A VM that has moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MovedVm {
    /// The VM.
    pub vmid: u32,
    /// Its new node.
    pub node: String,
}

/// A change of an HA resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HaEdit {
    /// The VM.
    pub vmid: u32,
    /// Its requested state, if it changes.
    pub state: Option<String>,
    /// The manager's state, if it changes.
    pub service: Option<String>,
    /// Whether the manager does not act from now on, if that changes.
    pub idle: Option<bool>,
}

/// A held lock file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The VM.
    pub vmid: u32,
    /// For how long: each attempt to take the file waits 10 s of it, as PVE does.
    pub seconds: u64,
}

/// A privilege to revoke.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// The path of the ACL entries.
    pub path: String,
    /// The privilege that their roles lose.
    pub privilege: String,
}

/// Applies someone else's change to the world.
pub(crate) fn apply(world: &mut World, hand: &Then) {
    match hand {
        Then::Edit(edit) => change(world, edit),
        Then::Create(create) => {
            let first = world.nodes.keys().next().cloned();
            let vm = Vm {
                node: create.node.clone().or(first).unwrap_or_default(),
                config: create.config.clone(),
                ..Vm::default()
            };
            world.vms.entry(create.vmid).or_insert(vm);
        }
        Then::Hold(Hold { vmid, seconds }) => {
            if let Some(vm) = world.vms.get_mut(vmid) {
                vm.lock_held = *seconds;
            }
        }
        Then::Remove(vmid) => {
            world.vms.remove(vmid);
            world.volumes.retain(|volume| volume.vmid() != Some(*vmid));
        }
        Then::Offline(node) | Then::Online(node) => {
            if let Some(node) = world.nodes.get_mut(node) {
                node.online = matches!(hand, Then::Online(_));
            }
        }
        Then::Move(MovedVm { vmid, node }) => world.move_away(*vmid, node),
        Then::Ha(edit) => {
            if let Some(resource) = world.ha.get_mut(&edit.vmid) {
                resource.state = edit.state.clone().unwrap_or(std::mem::take(&mut resource.state));
                resource.service = edit.service.clone().or(resource.service.take());
                resource.idle = edit.idle.unwrap_or(resource.idle);
            }
        }
        Then::Quorum(quorate) => world.quorate = Some(*quorate),
        Then::Full(storage) => {
            if let Some(storage) = world.storages.get_mut(storage) {
                storage.other = storage.total;
            }
        }
        Then::Withdraw(gone) => world.withdraw(&gone.path, &gone.privilege),
        Then::Sdn(hand) => world.apply_sdn_hand(hand),
        Then::Answer(_)
        | Then::AnswerAfter(_)
        | Then::Body(_)
        | Then::Row(_)
        | Then::Cut(_)
        | Then::Wire(_)
        | Then::GoneMs(_)
        | Then::DelayMs(_)
        | Then::Task(_) => {}
    }
}

fn change(world: &mut World, edit: &Edit) {
    let Some(vm) = world.vms.get_mut(&edit.vmid) else { return };
    vm.config.extend(edit.set.clone());
    vm.config.retain(|key, _| !edit.delete.contains(key));
    vm.node = edit.node.clone().unwrap_or(std::mem::take(&mut vm.node));
    vm.qmpstatus = edit.qmpstatus.clone().or(vm.qmpstatus.take());
    if let Some(running) = edit.running {
        world.switch(edit.vmid, running);
    }
}
