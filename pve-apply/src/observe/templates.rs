//! DOOR (reads only): reads the templates that VMs are to be cloned from, each once.

use crate::desired::{Creation, DesiredVm, TemplateId};
use crate::observed::{Guest, Observed};
use crate::read::read_api;
use crate::template::{SeenTemplate, TemplateState};
use pve_client::{Client, ConfigView, Error, Feature, GuestKind, NodeName, Vmid};
use std::collections::BTreeMap;

/// Reads the templates of VMs that do not exist; reads nothing when none is cloned.
pub(super) fn read(
    client: &Client,
    observed: &Observed,
    missing: &[&DesiredVm],
) -> Result<BTreeMap<(NodeName, TemplateId), SeenTemplate>, Error> {
    let mut seen = BTreeMap::new();
    for vm in missing {
        let Some(template) = template_of(vm) else { continue };
        let key = (vm.node.clone(), template);
        if observed.nodes_away.contains(&vm.node) || seen.contains_key(&key) {
            continue;
        }
        let found = look(client, observed, &key.0, &key.1)?;
        seen.insert(key, found);
    }
    Ok(seen)
}

fn template_of(vm: &DesiredVm) -> Option<TemplateId> {
    match &vm.definition.as_ref()?.creation {
        Creation::Clone(source) => source.template(),
        Creation::Import { .. } => None,
    }
}

fn look(
    client: &Client,
    observed: &Observed,
    node: &NodeName,
    template: &TemplateId,
) -> Result<SeenTemplate, Error> {
    let is_it = |guest: &&Guest| {
        let is_named = match template {
            TemplateId::Vmid(vmid) => guest.vmid == *vmid,
            TemplateId::Name(name) => guest.name.as_ref() == Some(name),
        };
        guest.kind == GuestKind::Qemu && is_named
    };
    let all: Vec<&Guest> = observed.guests.iter().filter(is_it).collect();
    let here: Vec<&Guest> = all.iter().copied().filter(|guest| guest.node == *node).collect();
    match here.as_slice() {
        [] => Ok(SeenTemplate::Missing { elsewhere: all.first().map(|guest| guest.node.clone()) }),
        [guest] => state(client, node, guest.vmid),
        several => {
            let vmids = several.iter().map(|guest| guest.vmid.get()).collect();
            Ok(SeenTemplate::Several { vmids })
        }
    }
}

fn state(client: &Client, node: &NodeName, vmid: Vmid) -> Result<SeenTemplate, Error> {
    let config = match read_api(|| client.vm_config(node, vmid, ConfigView::Current)) {
        Ok(config) => config,
        Err(error) if error.is_permission() => return Ok(SeenTemplate::Forbidden),
        Err(error) if error.is_not_found() => return Ok(SeenTemplate::Missing { elsewhere: None }),
        Err(error) => return Err(error),
    };
    let links = read_api(|| client.feature(node, vmid, Feature::Clone, None))?.available;
    Ok(SeenTemplate::Seen(Box::new(TemplateState { vmid, config, links })))
}
