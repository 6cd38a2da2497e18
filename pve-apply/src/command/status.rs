//! `pve-apply status`.

use super::session::Session;
use crate::addresses;
use crate::cli::StatusArgs;
use crate::desired::{Desired, Purpose};
use crate::observe::{self, Scope};
use crate::observed::{Look, Seen};
use crate::outcome::VmResult;
use crate::plan;
use crate::status::{Drift, Row, table};
use pve_client::Client;
use stage::{Console, Failure, Output, Place, Report};

pub(crate) fn run(args: &StatusArgs, console: &Console) -> Result<Output, Failure> {
    let session = Session::open(&args.target, console, Purpose::FindOrApply)?;
    let Session { client, desired, .. } = &session;
    let observed = observe::observe(client, desired, Scope::All)?;
    let compared = plan::plan(desired, &observed);
    let mut rows = Vec::new();
    let mut report = Report::new();
    for (vmid, look) in &observed.looks {
        match look {
            Look::Seen(seen) => {
                let drift = |name: &str| drift(desired, &compared, name);
                rows.extend(row(client, seen, args, &desired.deployment, drift));
            }
            Look::NodeAway(node) => {
                let place = Place::vm(node.as_str(), vmid.get());
                report.push(stage::Entry::warning(
                    place,
                    "the node does not answer: the VM may be ours",
                ));
            }
            Look::Moving(node) => {
                let place = Place::vm(node.as_str(), vmid.get());
                report.push(stage::Entry::warning(
                    place,
                    "the VM is not there any more: it may be moving",
                ));
            }
            Look::Forbidden(node) => {
                let place = Place::vm(node.as_str(), vmid.get());
                report.push(stage::Entry::warning(
                    place,
                    "the token may not read the VM: it may be ours",
                ));
            }
        }
    }
    let bytes = if args.json {
        let mut bytes = serde_json::to_vec_pretty(&rows).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    } else {
        table(&rows).into_bytes()
    };
    Ok(Output::bytes(bytes, report))
}

fn row(
    client: &Client,
    seen: &Seen,
    args: &StatusArgs,
    deployment: &str,
    drift: impl Fn(&str) -> Drift,
) -> Option<Row> {
    let mark = seen.config.mark()?;
    let of_this = mark.deployment == deployment;
    if !of_this && !args.all {
        return None;
    }
    let mut asked = VmResult {
        name: mark.vm.clone(),
        action: "unchanged",
        vmid: Some(seen.vmid.get()),
        node: seen.node.to_string(),
        status: seen.power.as_str().to_owned(),
        mac: plan::mac(&seen.config),
        addresses: Vec::new(),
    };
    if args.addresses && asked.status == "running" {
        // One that does not answer has no addresses to show.
        let _ = addresses::ask_agent(client, &mut asked);
    }
    Some(Row {
        drift: if of_this { drift(&mark.vm) } else { Drift::NotCompared },
        deployment: mark.deployment,
        name: mark.vm,
        vmid: seen.vmid.get(),
        node: asked.node,
        status: asked.status,
        addresses: asked.addresses,
    })
}

fn drift(desired: &Desired, compared: &crate::action::Plan, name: &str) -> Drift {
    match desired.vms.iter().find(|vm| vm.name == name) {
        None => Drift::NotInDocument,
        Some(vm) if vm.machine.is_none() => Drift::NotCompared,
        Some(_) => Drift::of(compared, name),
    }
}
