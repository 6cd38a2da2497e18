//! `pve-apply status`.

use super::session::Session;
use crate::action::Plan;
use crate::addresses;
use crate::cli::StatusArgs;
use crate::desired::{Desired, Purpose};
use crate::mark::{Owner, Stranger};
use crate::observe::{self, Scope};
use crate::observed::{Look, Seen};
use crate::outcome::VmResult;
use crate::plan::{self, Verb};
use crate::status::{Drift, Row, table, unsaid};
use pve_client::{Client, Vmid};
use stage::{Console, Entry, Failure, Output, Place, Report};

pub(crate) fn run(args: &StatusArgs, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::FindOrApply)?;
    // What only waits for a reboot is told apart from what differs.
    session.desired.consent.pending = true;
    let Session { client, desired, .. } = &session;
    let observed = observe::observe(client, desired, Scope::All)?;
    let compared = plan::plan(desired, &observed);
    let mut rows = Vec::new();
    let mut report = Report::new();
    for (vmid, look) in &observed.looks {
        let (code, node, fact) = match look {
            Look::Seen(seen) => {
                rows.extend(row(client, seen, args, desired, &compared));
                continue;
            }
            Look::NodeAway(node) => {
                ("node-away", node, "the node does not answer: the VM may be ours")
            }
            Look::Moving(node) => ("moved", node, "the VM is not there any more: it may be moving"),
            Look::Forbidden(node) => {
                ("permission", node, "the token cannot read the VM: it may be ours")
            }
        };
        report.push(Entry::warning(code, Place::vm(node.as_str(), vmid.get()), fact));
    }
    // What any verb would find at the place of a VM, whether the document is rendered or not.
    for blocked in plan::plan_power(desired, &observed, Verb::Start).blocked {
        if blocked.why.is_about_identity() {
            report.push(blocked.entry().as_warning());
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
    desired: &Desired,
    compared: &Plan,
) -> Option<Row> {
    let (deployment, name, drift) = match seen.owner(&desired.site, &desired.deployment) {
        Owner::Ours(mark) => {
            let name = desired.name_now(&mark.vm).to_owned();
            let drift = drift(desired, compared, &name);
            (mark.deployment, name, drift)
        }
        Owner::Stranger(stranger) if args.all => of_stranger(stranger)?,
        Owner::Stranger(_) => return None,
    };
    let mut asked = VmResult {
        name: name.clone(),
        action: "unchanged",
        vmid: Some(seen.vmid.get()),
        node: seen.node.to_string(),
        status: seen.power.as_str().to_owned(),
        mac: plan::mac(&seen.config),
        addresses: Vec::new(),
        warnings: Vec::new(),
    };
    if args.addresses {
        addresses::of_running(client, &mut asked);
    }
    let unsaid = args.wide.then(|| unsaid(compared, &name));
    Some(Row {
        unsaid,
        deployment,
        name,
        drift,
        vmid: Vmid::get(seen.vmid),
        node: asked.node,
        status: asked.status,
        qmpstatus: seen.halted.clone(),
        addresses: asked.addresses,
    })
}

/// What is told of a VM that carries a mark and is not this deployment's.
fn of_stranger(stranger: Stranger) -> Option<(String, String, Drift)> {
    let is = stranger.text();
    match stranger {
        Stranger::OtherDeployment { deployment, vm } => Some((deployment, vm, Drift::NotCompared)),
        Stranger::OtherSite { deployment, vm, .. }
        | Stranger::Earlier { deployment, vm }
        | Stranger::Clone { deployment, vm }
        | Stranger::Restored { deployment, vm } => Some((deployment, vm, Drift::NotOurs { is })),
        Stranger::Unmarked
        | Stranger::Untagged { .. }
        | Stranger::Later { .. }
        | Stranger::Broken
        | Stranger::OtherKind { .. } => None,
    }
}

fn drift(desired: &Desired, compared: &Plan, name: &str) -> Drift {
    match desired.vms.iter().find(|vm| vm.name == name) {
        None => Drift::NotInDocument,
        Some(vm) if vm.machine.is_none() => Drift::NotCompared,
        Some(_) => Drift::of(compared, name),
    }
}
