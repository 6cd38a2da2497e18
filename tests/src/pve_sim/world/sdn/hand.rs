//! What somebody else does to SDN in the middle of a run, for `faults.json`.
//! A pure module: does no I/O.

use serde::{Deserialize, Serialize};

use super::super::World;
use super::failure::Failure;
use super::{Kind, Objects};

/// A change of SDN by somebody else, in this order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SdnHand {
    /// Objects to edit: whole ones replace those with the same name.
    pub set: Objects,
    /// Objects to delete from what is edited.
    pub delete: Names,
    /// Whether to commit all edits; every node loads them at once.
    pub commit: bool,
    /// Whether to throw all edits away.
    pub rollback: bool,
    /// The lock, held from now on with this token.
    pub lock: Option<String>,
    /// Whether to break the lock.
    pub unlock: bool,
    /// The next reloads fail like this.
    pub fails: Vec<Failure>,
    /// Whether no reload fails any more.
    pub mends: bool,
}

/// Names of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Names {
    /// Zone ids.
    pub zones: Vec<String>,
    /// Vnet ids.
    pub vnets: Vec<String>,
    /// Subnet ids.
    pub subnets: Vec<String>,
    /// Controller ids.
    pub controllers: Vec<String>,
}

impl World {
    /// Applies somebody else's change, without any check.
    pub(crate) fn apply_sdn_hand(&mut self, hand: &SdnHand) {
        let sdn = &mut self.sdn;
        for kind in Kind::ALL {
            sdn.edited.of_mut(kind).extend(hand.set.of(kind).clone());
        }
        let gone = [
            (Kind::Zone, &hand.delete.zones),
            (Kind::Vnet, &hand.delete.vnets),
            (Kind::Subnet, &hand.delete.subnets),
            (Kind::Controller, &hand.delete.controllers),
        ];
        for (kind, names) in gone {
            sdn.edited.of_mut(kind).retain(|id, _| !names.contains(id));
        }
        if hand.rollback {
            sdn.edited = sdn.running.clone();
        }
        sdn.fails.extend(hand.fails.clone());
        if hand.mends {
            sdn.fails.clear();
            sdn.broken_on.clear();
            self.nodes.values_mut().for_each(|node| node.lacks.clear());
        }
        if let Some(token) = &hand.lock {
            self.sdn.lock = Some(token.clone());
        }
        if hand.unlock {
            self.sdn.lock = None;
        }
        if hand.commit {
            self.commit_sdn();
            self.reload_all();
        }
    }
}
