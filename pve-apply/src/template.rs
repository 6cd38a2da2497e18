//! What is known about a template before VMs are cloned from it, as values. Does no I/O: `observe` reads it.

use machine::{ConfigKey, Form, Parts, parse_size};
use pve_client::{NodeName, VmConfig, Vmid};
use std::collections::BTreeSet;

/// The result of looking for a template on a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SeenTemplate {
    /// It is there.
    Seen(Box<TemplateState>),
    /// No VM on the node has that vmid or name.
    Missing {
        /// Another node that has it.
        elsewhere: Option<NodeName>,
    },
    /// Several VMs on the node have that name.
    Several {
        /// Their vmids.
        vmids: Vec<u32>,
    },
    /// The token is not allowed to read it.
    Forbidden,
    /// It is a container.
    Container,
}

/// A VM that another one may be cloned from. It need not be a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TemplateState {
    /// Its vmid.
    pub(crate) vmid: Vmid,
    /// Its config.
    pub(crate) config: VmConfig,
    /// Whether PVE can link all of its disks.
    pub(crate) links: bool,
    /// Its tags that the token can neither set nor remove.
    pub(crate) fixed_tags: BTreeSet<String>,
}

impl TemplateState {
    /// Returns whether it has the flag of a template, which says nothing about its disks.
    pub(crate) fn is_template(&self) -> bool {
        self.config.get("template").and_then(pve_client::parse_boolean) == Some(true)
    }

    /// Returns it for people: `debian-tmpl (9000)`.
    pub(crate) fn shown(&self) -> String {
        match self.config.get("name") {
            Some(name) => format!("{name} ({})", self.vmid),
            None => self.vmid.to_string(),
        }
    }

    /// Returns the volume in a slot, exactly as PVE names it.
    pub(crate) fn volume(&self, slot: ConfigKey) -> Option<String> {
        let text = self.config.get(&slot.to_string())?;
        Parts::read(slot.key, text).get("file").map(str::to_owned)
    }

    /// Returns the bridges and VNets of its NICs.
    pub(crate) fn bridges(&self) -> BTreeSet<String> {
        let nics = self.config.values.iter().filter_map(|(key, text)| {
            let key = ConfigKey::find(key).filter(|key| matches!(key.key.form, Form::Nic(_)))?;
            Parts::read(key.key, text).get("bridge").map(str::to_owned)
        });
        nics.collect()
    }

    /// Returns the size of the disk in a slot, in bytes.
    pub(crate) fn size(&self, slot: ConfigKey) -> Option<u64> {
        let text = self.config.get(&slot.to_string())?;
        Parts::read(slot.key, text).get("size").and_then(parse_size)
    }
}
