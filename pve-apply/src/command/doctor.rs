//! `pve-apply doctor`: runs the checks of apply for all VMs of the document, and reports what passes too.

use super::preflight::of_document;
use super::session::Session;
use super::{networks, wait};
use crate::action::Plan;
use crate::cli::{DoctorArgs, NetworkArgs, WaitFor};
use crate::desired::{Desired, Purpose};
use crate::network::desired::Purpose as Role;
use crate::observe::Scope;
use crate::observed::Observed;
use crate::{examples, facts, observe, plan, preflight, ready, version};
use pve_client::{Client, NodeName};
use pve_stage::finding;
use stage::{Console, Entry, Failure, Output, Place, Report, suggest};
use std::collections::BTreeSet;

pub(crate) fn run(args: &DoctorArgs, console: &Console) -> Result<Output, Failure> {
    let (mut session, examples) =
        Session::open_for(&args.target, console, Purpose::Apply, examples::warnings)?;
    networks::choose(&mut session, NetworkArgs::default(), &args.target, Role::Compare);
    let Session { client, desired, .. } = &session;
    // Before anything is asked: they hold whether the node answers or not. Against this very machine
    // the examples run as they are.
    if !client.endpoint().url.is_loopback() {
        console.report(&examples);
    }
    let well = |text: &str| console.text(&format!("ok: {text}\n"));
    // The first answer proves endpoint, certificate and token; without it nothing else can be checked.
    version::check(client)?;
    well(&format!(
        "{} answers; its certificate and the token {} are valid",
        client.endpoint().url,
        client.endpoint().token.id()
    ));
    let (nodes, mut report) = nodes(client, desired)?;
    if nodes.is_empty() {
        return Err(report.into());
    }
    nodes.iter().for_each(|node| well(&format!("node {node} is online")));
    let planned = planned(&session, args.wait)?;
    if let Some((planned, observed)) = planned.as_ref().filter(|(_, seen)| seen.sdn.is_some()) {
        let findings = networks::examine(&session, planned, observed)?;
        if !findings.has_errors() {
            well("PVE, its nodes and the token have what the networks need");
        }
        report.extend(findings);
    }
    let missing: Vec<_> =
        planned.iter().flat_map(|(_, seen)| networks::missing(&session, seen)).collect();
    let works = of_document(&session, &nodes, &missing);
    let findings = preflight::judge(&desired.node, &works, &facts::read(client, &works)?);
    if !findings.has_errors() {
        well("storages, bridges and privileges meet what apply needs");
    }
    report.extend(findings);
    if let Some((planned, observed)) = planned.as_ref().filter(|_| args.wait != WaitFor::None) {
        let guests = ready::guests(desired, planned, observed, args.wait);
        let findings = wait::preflight(&session, &guests, args.wait)?;
        if !findings.has_errors() {
            well("apply can wait for the VMs");
        }
        report.extend(findings);
    }
    let findings = images(client, desired, &nodes);
    if !findings.has_errors() {
        well("the images exist");
    }
    report.extend(findings);
    if report.has_errors() { Err(report.into()) } else { Ok(Output::bytes(Vec::new(), report)) }
}

/// Plans what apply would do; only networks and waits depend on what exists already.
fn planned(session: &Session, wait: WaitFor) -> Result<Option<(Plan, Observed)>, Failure> {
    let Session { client, desired, .. } = session;
    if desired.networks.list.is_empty() && wait == WaitFor::None {
        return Ok(None);
    }
    let observed = observe::observe(client, desired, Scope::Apply)?;
    Ok(Some((plan::plan(desired, &observed), observed)))
}

/// Returns the nodes of the document that are online, and why the others are not.
fn nodes<'d>(
    client: &Client,
    desired: &'d Desired,
) -> Result<(BTreeSet<&'d NodeName>, Report), Failure> {
    let place = || Place::node(desired.node.as_str());
    let known = client.nodes().map_err(|error| finding::of_error(place(), &error))?;
    let (mut online, mut report) = (BTreeSet::new(), Report::new());
    for node in desired.nodes_in_use() {
        match known.iter().find(|known| known.node == *node) {
            Some(found) if found.online => _ = online.insert(node),
            Some(_) => {
                report.error("node-away", Place::node(node.as_str()), "the node is offline");
            }
            None => {
                let names: Vec<&str> = known.iter().map(|known| known.node.as_str()).collect();
                report.push(unknown(desired, node, &names));
            }
        }
    }
    Ok((online, report))
}

/// Reports a node that the cluster does not have, at the fields that name it.
fn unknown(desired: &Desired, node: &NodeName, nodes: &[&str]) -> Entry {
    let list = format!("nodes of the cluster: {}", nodes.join(", "));
    let hint = match suggest::near(node.as_str(), nodes.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"? {list}"),
        None => list,
    };
    let on_it = desired.vms.iter().filter(|vm| vm.node == *node);
    let fields: BTreeSet<String> = on_it.map(|vm| vm.node_field()).collect();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let (place, more) = match fields.split_first() {
        Some((first, more)) if *first != "node" => (Place::input(*first), more),
        _ => (Place::node(node.as_str()), &[][..]),
    };
    let fact = format!("the cluster has no node \"{node}\"");
    let entry = Entry::error("unknown-node", place, fact).hint(hint);
    if more.is_empty() {
        return entry;
    }
    entry.note(format!("also: {}", suggest::list(more.iter().copied())))
}

/// Checks the images that the VMs on these nodes need there.
fn images(client: &Client, desired: &Desired, nodes: &BTreeSet<&NodeName>) -> Report {
    let mut report = Report::new();
    let hint = "add `image-publish` to the pipe before pve-apply";
    let mut seen = BTreeSet::new();
    let vms = desired.vms.iter().filter(|vm| nodes.contains(&vm.node));
    let machines = vms.filter_map(|vm| Some((&vm.node, vm.definition.as_ref()?)));
    let all = machines.flat_map(|(node, machine)| {
        machine.image.iter().chain(machine.images.values()).map(move |image| (node, image))
    });
    for (node, image) in all {
        if !seen.insert((image.volid.is_some().then_some(node), &image.name)) {
            continue;
        }
        let Some(volid) = &image.volid else {
            let entry = Entry::error(
                "missing-field",
                Place::input(format!("images.{}", image.name)),
                "is missing",
            );
            report.push(entry.hint(hint));
            continue;
        };
        let place = Place::node(node.as_str());
        match client.volume_info(node, volid) {
            Ok(_) => {}
            Err(error) if error.is_not_found() => {
                let fact = format!("image \"{}\" does not exist: {volid}", image.name);
                let entry = Entry::error("image-not-found", place, fact);
                report.push(finding::with_pve_details(entry, &error).hint(hint));
            }
            Err(error) => {
                let doing = format!("looking for image \"{}\" ({volid})", image.name);
                report.push(finding::while_doing(place, &doing, &error));
            }
        }
    }
    report
}
