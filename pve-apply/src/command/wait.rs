//! `pve-apply wait`, and the wait at the end of `apply`.

use super::session::{Session, refuse_blocked};
use crate::addresses;
use crate::ask::{Deadline, Unanswered, wait_until};
use crate::cli::{WaitCommandArgs, WaitFor};
use crate::desired::Purpose;
use crate::interrupt::Interrupt;
use crate::observe::{self, Scope};
use crate::outcome::{self, ResultJson, VmResult};
use crate::plan::{self, Verb};
use crate::ssh;
use pve_stage::finding;
use stage::{Console, Entry, Event, Failure, Output, Place, Report};
use std::time::Duration;

pub(crate) fn run(args: &WaitCommandArgs, console: &Console) -> Result<Output, Failure> {
    let session = Session::open(&args.target, console, Purpose::Find)?;
    let observed = observe::observe(&session.client, &session.desired, Scope::Find)?;
    // What `start` would find: the VMs that are there, whichever run.
    let found = plan::plan_power(&session.desired, &observed, Verb::Start);
    refuse_blocked(&found, false).map(drop)?;
    let mut rows = outcome::rows(&found, &[], &session.order);
    let mut report = Report::new();
    for vm in &found.vms {
        let place = Place::vm(vm.node.as_str(), vm.vmid.map_or(0, |vmid| vmid.get()));
        report.error(place, format!("\"{}\" does not run", vm.name));
    }
    let limit = Duration::from_secs(args.timeout);
    let interrupt = Interrupt::listen();
    report.extend(fill_in(&session, &mut rows, args.what, limit, &interrupt, console));
    if report.has_errors() {
        return Err(report.into());
    }
    let result = ResultJson::new(&session.desired.deployment, rows);
    Ok(Output::bytes(result.to_bytes(), report))
}

/// Fills in the addresses: those of the document, and those that the agent tells when it is waited for.
/// All VMs share one deadline, for they boot at the same time.
pub(super) fn fill_in(
    session: &Session,
    rows: &mut [VmResult],
    what: WaitFor,
    limit: Duration,
    interrupt: &Interrupt,
    console: &Console,
) -> Report {
    let mut report = Report::new();
    let deadline = Deadline::after(limit);
    for row in rows {
        let vm = session.desired.vms.iter().find(|vm| vm.name == row.name);
        row.addresses.extend(vm.and_then(|vm| vm.address));
        if row.status != "running" {
            continue;
        }
        match wait_for_one(session, row, what, (&deadline, interrupt), console) {
            Ok(()) if what == WaitFor::None => {}
            Ok(()) => console.event(&Event::new("done", &row.name, "answers")),
            Err(NoAnswer::SwitchedOff) => report.push(switched_off(row)),
            Err(NoAnswer::Of(waited_for, why)) => {
                report.push(unanswered(row, waited_for, why, limit));
            }
        }
    }
    report
}

/// Why a VM was not waited for to the end.
enum NoAnswer {
    /// What did not answer, and why the wait for it ended.
    Of(&'static str, Unanswered),
    /// PVE does not talk to the guest agent.
    SwitchedOff,
}

fn switched_off(row: &VmResult) -> Entry {
    let place = Place::vm(&row.node, row.vmid.unwrap_or_default());
    let fact =
        format!("the guest agent of \"{}\" is switched off in PVE: not waited for", row.name);
    Entry::error(place, fact).hint("say `agent: true` in the YAML, or switch it on in PVE")
}

fn unanswered(row: &VmResult, waited_for: &str, why: Unanswered, limit: Duration) -> Entry {
    let place = Place::vm(&row.node, row.vmid.unwrap_or_default());
    let of = format!("{waited_for} of \"{}\"", row.name);
    match why {
        Unanswered::Refused(error) => finding::of_error(place, &error),
        Unanswered::Stopped => Entry::error(place, format!("{of} was not waited for any more")),
        Unanswered::TimeIsOver => {
            let seconds = limit.as_secs();
            Entry::error(place, format!("{of} did not answer within {seconds} s"))
        }
    }
}

/// Waits for one VM.
fn wait_for_one(
    session: &Session,
    row: &mut VmResult,
    what: WaitFor,
    (deadline, interrupt): (&Deadline, &Interrupt),
    console: &Console,
) -> Result<(), NoAnswer> {
    let tell = |row: &VmResult, text| console.event(&Event::new("step", &row.name, text));
    let agent = what == WaitFor::Agent || what == WaitFor::Ssh && row.addresses.is_empty();
    if agent && addresses::has_no_agent(&session.client, row) {
        return Err(NoAnswer::SwitchedOff);
    }
    if agent {
        tell(row, "waiting for the guest agent");
        let ask = || addresses::ask_agent(&session.client, row);
        wait_until(ask, deadline, interrupt).map_err(|why| NoAnswer::Of("the guest agent", why))?;
    }
    if what == WaitFor::Ssh {
        tell(row, "waiting for SSH");
        let ask = || Ok(ssh::answers(&row.addresses));
        wait_until(ask, deadline, interrupt).map_err(|why| NoAnswer::Of("the SSH server", why))?;
    }
    Ok(())
}
