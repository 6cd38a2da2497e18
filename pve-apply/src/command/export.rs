//! `pve-apply export`: writes existing VMs as an env.

use crate::cli::ExportArgs;
use crate::export::{self, Found};
use crate::mark::Line;
use crate::observed::{Observation, VmState};
use crate::read::read_api;
use crate::{connect, observe, version};
use pve_client::{Client, GuestKind, NodeName, Resource};
use pve_stage::finding;
use stage::{Console, Deployment, Document, Entry, Failure, Output, Place, Report, suggest};
use std::collections::BTreeMap;

pub(crate) fn run(args: &ExportArgs, console: &Console) -> Result<Output, Failure> {
    let (deployment, mut report) = Deployment::read(&Document::from_stdin()?);
    if report.has_errors() {
        return Err(report.into());
    }
    let node = deployment.node.parse::<NodeName>();
    if node.is_err() {
        let fact = format!("\"{}\" must be {}", deployment.node, NodeName::RULE);
        report.error("invalid-value", Place::input("node"), fact);
    }
    let client = connect::client(&deployment, &args.trust, console).map_err(|findings| {
        report.extend(findings);
        Failure::from(std::mem::take(&mut report))
    })?;
    let Ok(node) = node else { return Err(report.into()) };
    version::check(&client)?;
    let guests = read_api(|| client.cluster_resources())
        .map_err(|error| finding::of_error(Place::node(node.as_str()), &error))?;
    let chosen = choose(&args.vms, &guests, &node, &mut report);
    let mut seen = Vec::new();
    for guest in chosen {
        match observation(&client, guest)? {
            Ok(found) => seen.push((guest, found)),
            Err(entry) => report.push(entry),
        }
    }
    let found: Vec<Found<'_>> = seen.iter().map(|(guest, seen)| found(guest, seen)).collect();
    unique(&found, &node, &mut report);
    marked(&found, &node, &mut report);
    if report.has_errors() {
        return Err(report.into());
    }
    Ok(Output::bytes(export::env(node.as_str(), &found), report))
}

fn found<'a>(guest: &'a Resource, seen: &'a VmState) -> Found<'a> {
    let (config, power, pool) = (&seen.config, seen.power, guest.pool.as_deref());
    Found { vmid: seen.vmid, config, power, pool }
}

/// Returns the VMs that are asked for, each once, in the order of the command line.
fn choose<'a>(
    requested: &[String],
    guests: &'a [Resource],
    node: &NodeName,
    report: &mut Report,
) -> Vec<&'a Resource> {
    let mut chosen: Vec<&Resource> = Vec::new();
    for requested in requested {
        match one(requested, guests).and_then(|guest| fit(guest, node)) {
            Ok(guest) if chosen.iter().any(|other| other.vmid == guest.vmid) => {}
            Ok(guest) => chosen.push(guest),
            Err(entry) => report.push(*entry),
        }
    }
    chosen
}

/// Finds a VM: a number is a vmid, anything else a name.
fn one<'a>(requested: &str, guests: &'a [Resource]) -> Result<&'a Resource, Box<Entry>> {
    let place = || Place::Named(requested.to_owned());
    let by_vmid = requested.parse::<u32>().ok();
    let fits = |guest: &&Resource| match by_vmid {
        Some(vmid) => guest.vmid.get() == vmid,
        None => guest.name.as_deref() == Some(requested),
    };
    match guests.iter().filter(fits).collect::<Vec<_>>().as_slice() {
        [only] => Ok(only),
        [] => {
            let fact = "does not exist or is not visible to the token";
            let entry = Entry::error("unknown-vm", place(), fact);
            let names = guests.iter().filter_map(|guest| guest.name.as_deref());
            Err(Box::new(match suggest::near(requested, names) {
                Some(name) => entry.hint(format!("did you mean \"{name}\"?")),
                None => entry.hint("use its vmid or its name in PVE"),
            }))
        }
        many => {
            let vmids: Vec<String> = many.iter().map(|guest| guest.vmid.to_string()).collect();
            let fact = format!("{} VMs have this name", many.len());
            let hint = format!("use a vmid instead: {}", vmids.join(", "));
            Err(Box::new(Entry::error("ambiguous-name", place(), fact).hint(hint)))
        }
    }
}

/// Checks whether a guest can be described: a document holds VMs of one node.
fn fit<'a>(guest: &'a Resource, node: &NodeName) -> Result<&'a Resource, Box<Entry>> {
    let place = Place::vm(guest.node.as_str(), guest.vmid.get());
    let entry = match guest.kind {
        GuestKind::Lxc => {
            Entry::error("not-a-vm", place, "is a container").hint("only VMs are exported")
        }
        GuestKind::Qemu if guest.template => Entry::error("not-a-vm", place, "is a template")
            .hint("export the VMs that were cloned from it"),
        GuestKind::Qemu if guest.node != *node => {
            Entry::error("another-node", place, format!("is not on {node}, the document's node"))
                .hint("an env is for one node: run `resolve` with that node as `--node`")
        }
        GuestKind::Qemu => return Ok(guest),
    };
    Err(Box::new(entry))
}

fn observation(client: &Client, guest: &Resource) -> Result<Result<VmState, Entry>, Failure> {
    let place = || Place::vm(guest.node.as_str(), guest.vmid.get());
    // PVE: facts 31: the power state in the list is some seconds old.
    let observation = observe::observe_vm(client, guest.vmid, &guest.node, None)
        .map_err(|error| finding::of_error(place(), &error))?;
    Ok(Err(match observation {
        Some(Observation::Seen(seen)) => match seen.config.lock() {
            None => return Ok(Ok(*seen)),
            Some(lock) => {
                let fact =
                    format!("is locked ({lock}): its config may change until the lock is released");
                Entry::error("locked", place(), fact)
            }
        },
        Some(Observation::NodeAway(_)) => {
            Entry::error("node-away", place(), "its node does not answer")
        }
        Some(Observation::Forbidden(_)) => {
            Entry::error("permission", place(), "the token cannot read it")
                .hint("grant the token VM.Audit on it")
        }
        Some(Observation::Moving(_)) => {
            Entry::error("moving", place(), "is moving to another node")
                .hint("run again when it has arrived")
        }
        None => Entry::error("not-found", place(), "no longer exists"),
    }))
}

/// Reports names that occur twice: an env has each name once.
fn unique(found: &[Found<'_>], node: &NodeName, report: &mut Report) {
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    for vm in found {
        let name = vm.name();
        let Some(first) = names.get(&name) else {
            names.insert(name, vm.vmid.get());
            continue;
        };
        let fact = format!("has the same name \"{name}\" as {first}");
        let entry = Entry::error("duplicate-name", Place::vm(node.as_str(), vm.vmid.get()), fact);
        report.push(entry.hint("rename one of them in PVE, or export them into two envs"));
    }
}

/// Warns about VMs that belong to a deployment and cannot be adopted.
fn marked(found: &[Found<'_>], node: &NodeName, report: &mut Report) {
    for vm in found {
        let deployment = match Line::read(vm.config.next("description").unwrap_or_default()) {
            Line::None => continue,
            Line::Mark(mark) => format!("\"{}\" of \"{}\"", mark.vm, mark.deployment),
            Line::Earlier { deployment, vm, .. } => format!("\"{vm}\" of \"{deployment}\""),
            Line::Later { .. } | Line::OtherKind { .. } | Line::Broken => {
                "another machine".to_owned()
            }
        };
        let fact = format!("carries the mark of {deployment}: another env cannot adopt it");
        report.push(Entry::warning(
            "already-managed",
            Place::vm(node.as_str(), vm.vmid.get()),
            fact,
        ));
    }
}
