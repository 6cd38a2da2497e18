//! The networks of a plan, and which VMs wait for them. Does no I/O.

use crate::action::{Action, Plan};
use crate::desired::{Definition, Desired};
use crate::network;
use crate::observed::Observed;
use machine::{ConfigKey, Form, Setting};
use pve_client::Vmid;
use std::collections::BTreeSet;

/// Plans the document's networks, and makes the VMs on those that change wait for them.
pub(super) fn add(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    let Some(sdn) = &observed.sdn else { return };
    plan.networks = network::plan(desired, sdn);
    if plan.networks.commit.is_none() {
        return;
    }
    let planned: BTreeSet<&str> =
        plan.networks.planned.iter().map(|network| network.name.as_str()).collect();
    for vm in &mut plan.vms {
        let wanted = desired.vms.iter().find(|wanted| wanted.name == vm.name);
        let Some(definition) = wanted.and_then(|wanted| wanted.definition.as_ref()) else {
            continue;
        };
        let networks = bridges(definition).filter_map(|bridge| desired.networks.of_vnet(bridge));
        let networks: BTreeSet<&str> = networks.map(|network| network.zone.as_str()).collect();
        vm.networks = networks.intersection(&planned).map(|name| (*name).to_owned()).collect();
    }
}

/// Returns the bridges of a VM's NICs in the document.
fn bridges(definition: &Definition) -> impl Iterator<Item = &str> {
    let nic = |key: &ConfigKey| matches!(key.key.form, Form::Nic(_));
    let both = definition.new.0.iter().chain(&definition.explicit.0);
    both.filter(move |(key, _)| nic(key)).filter_map(|(_, setting)| match setting {
        Setting::Parts(parts) => parts.get("bridge")?.as_deref(),
        _ => None,
    })
}

/// Plans the removal of the document's networks once the VMs of a plan are destroyed.
pub(crate) fn remove_networks(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    if let Some(sdn) = &observed.sdn {
        plan.networks = network::plan_destroy(desired, sdn, &leaving(plan));
    }
}

/// Adds the removal of networks that left the site's files to a plan.
pub(crate) fn prune_networks(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    if let Some(sdn) = &observed.sdn {
        let leaving = leaving(plan);
        network::plan_prune(&mut plan.networks, desired, sdn, &leaving);
    }
}

fn leaving(plan: &Plan) -> BTreeSet<Vmid> {
    let destroyed = plan.vms.iter().filter(|vm| vm.action == Action::Destroy);
    destroyed.filter_map(|vm| vm.vmid).collect()
}
