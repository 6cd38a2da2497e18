//! `pve-apply doctor`: runs the checks of apply for all VMs of the document, and reports what passes too.

use super::session::Session;
use super::{networks, wait};
use crate::action::Plan;
use crate::cli::{DoctorArgs, NetworkArgs, WaitFor};
use crate::desired::{Desired, Purpose};
use crate::network::desired::Purpose as Role;
use crate::observe::Scope;
use crate::observed::Observed;
use crate::preflight::Preflight;
use crate::requested::RequestedVm;
use crate::{examples, facts, observe, plan, ready, version};
use pve_client::Client;
use pve_stage::finding;
use stage::{Console, Entry, Failure, Output, Place, Report};
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
    let mut report = node(client, desired)?;
    if report.has_errors() {
        return Err(report.into());
    }
    well(&format!("node {} is online", desired.node));
    let planned = planned(&session, args.wait)?;
    if let Some((planned, observed)) = planned.as_ref().filter(|(_, seen)| seen.sdn.is_some()) {
        let findings = networks::examine(&session, planned, observed)?;
        if !findings.has_errors() {
            well("PVE, its nodes and the token have what the networks need");
        }
        report.extend(findings);
    }
    let chosen = |vm: &&RequestedVm| desired.vms.iter().any(|other| other.name == vm.name);
    let work = Preflight {
        node: &desired.node,
        images: &desired.head.image_storage,
        made: session.requested.iter().filter(chosen).collect(),
        changed: Vec::new(),
        networks: planned.iter().flat_map(|(_, seen)| networks::missing(&session, seen)).collect(),
    };
    let findings = work.judge(&facts::read(client, work.node, &work.required())?);
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
    let findings = images(client, desired);
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

fn node(client: &Client, desired: &Desired) -> Result<Report, Failure> {
    let place = || Place::node(desired.node.as_str());
    let nodes = client.nodes().map_err(|error| finding::of_error(place(), &error))?;
    let mut report = Report::new();
    match nodes.iter().find(|node| node.node == desired.node) {
        Some(node) if node.online => {}
        Some(_) => report.error("node-away", place(), "the node is offline"),
        None => {
            let names: Vec<&str> = nodes.iter().map(|node| node.node.as_str()).collect();
            let entry = Entry::error("unknown-node", place(), "the node does not exist");
            report.push(entry.hint(format!("nodes of the cluster: {}", names.join(", "))));
        }
    }
    Ok(report)
}

fn images(client: &Client, desired: &Desired) -> Report {
    let mut report = Report::new();
    let hint = "add `image-publish` to the pipe before pve-apply";
    let mut seen = BTreeSet::new();
    let machines = desired.vms.iter().filter_map(|vm| vm.definition.as_ref());
    for image in machines.flat_map(|m| m.image.iter().chain(m.images.values())) {
        if !seen.insert(&image.name) {
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
        if let Err(error) = client.volume_info(&desired.node, volid) {
            let fact = format!("image \"{}\" does not exist: {volid}", image.name);
            let entry = Entry::error("image-not-found", Place::node(desired.node.as_str()), fact);
            report.push(finding::with_pve_details(entry, &error).hint(hint));
        }
    }
    report
}
