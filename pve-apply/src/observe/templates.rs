//! DOOR (reads only): reads the templates that VMs are to be cloned from, each once.

use crate::desired::{Creation, DesiredVm, TemplateId};
use crate::mark::{TAG, split_tags};
use crate::observed::{Guest, Observed};
use crate::read::read_api;
use crate::template::{SeenTemplate, TemplateState};
use pve_client::{Client, ConfigView, Error, Feature, GuestKind, NodeName, VmConfig, Vmid};
use std::collections::{BTreeMap, BTreeSet};

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
    let is_named = |guest: &&Guest| match template {
        TemplateId::Vmid(vmid) => guest.vmid == *vmid,
        TemplateId::Name(name) => guest.name.as_ref() == Some(name),
    };
    let all: Vec<&Guest> = observed.guests.iter().filter(is_named).collect();
    let vms = all.iter().copied().filter(|guest| guest.kind == GuestKind::Qemu);
    let here: Vec<&Guest> = vms.clone().filter(|guest| guest.node == *node).collect();
    let elsewhere = vms.map(|guest| guest.node.clone()).next();
    match here.as_slice() {
        [] if elsewhere.is_none() && !all.is_empty() => Ok(SeenTemplate::Container),
        [] if elsewhere.is_none() => hidden(client, template),
        [] => Ok(SeenTemplate::Missing { elsewhere }),
        [guest] => state(client, node, guest.vmid),
        several => only_template(client, node, several),
    }
}

/// Tells a template that does not exist from one that the token cannot see.
fn hidden(client: &Client, template: &TemplateId) -> Result<SeenTemplate, Error> {
    match template {
        TemplateId::Vmid(vmid) if !read_api(|| client.is_free(*vmid))? => {
            Ok(SeenTemplate::Forbidden)
        }
        _ => Ok(SeenTemplate::Missing { elsewhere: None }),
    }
}

/// Returns the only template among VMs with one name.
fn only_template(
    client: &Client,
    node: &NodeName,
    guests: &[&Guest],
) -> Result<SeenTemplate, Error> {
    let mut templates = Vec::new();
    for guest in guests {
        match state(client, node, guest.vmid)? {
            SeenTemplate::Seen(state) if state.is_template() => templates.push(state),
            _ => {}
        }
    }
    let vmids = match templates.as_slice() {
        [] => guests.iter().map(|guest| guest.vmid.get()).collect(),
        [only] => return Ok(SeenTemplate::Seen(only.clone())),
        several => several.iter().map(|state| state.vmid.get()).collect(),
    };
    Ok(SeenTemplate::Several { vmids })
}

fn state(client: &Client, node: &NodeName, vmid: Vmid) -> Result<SeenTemplate, Error> {
    let config = match read_api(|| client.vm_config(node, vmid, ConfigView::Current)) {
        Ok(config) => config,
        Err(error) if error.is_permission() => return Ok(SeenTemplate::Forbidden),
        Err(error) if error.is_not_found() => return Ok(SeenTemplate::Missing { elsewhere: None }),
        Err(error) => return Err(error),
    };
    let links = read_api(|| client.feature(node, vmid, Feature::Clone, None))?.available;
    let fixed_tags = fixed_tags(client, &config)?;
    Ok(SeenTemplate::Seen(Box::new(TemplateState { vmid, config, links, fixed_tags })))
}

/// Returns the tags of a template that the token can neither set nor remove.
fn fixed_tags(client: &Client, config: &VmConfig) -> Result<BTreeSet<String>, Error> {
    let tags = split_tags(config.get("tags").unwrap_or_default());
    let tags: BTreeSet<String> =
        tags.filter(|tag| !tag.eq_ignore_ascii_case(TAG)).map(str::to_owned).collect();
    if tags.is_empty() {
        return Ok(tags);
    }
    Ok(match read_api(|| client.allowed_tags())? {
        Some(allowed) => &tags - &allowed.into_iter().collect(),
        None => BTreeSet::new(),
    })
}
