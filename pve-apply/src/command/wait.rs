//! `pve-apply wait`, and the wait at the end of `apply`.

use super::session::{Session, refuse_blocked};
use crate::action::Plan;
use crate::addresses;
use crate::cli::{WaitCommandArgs, WaitFor};
use crate::closing::Readiness;
use crate::desired::{DesiredVm, Purpose};
use crate::interrupt::Interrupt;
use crate::observe::{self, Scope};
use crate::outcome::{self, ResultJson, VmResult};
use crate::plan::{self, Verb};
use crate::preflight::Facts;
use crate::read::read_api;
use crate::ready::{self, Guest, Waiting};
use pve_stage::finding;
use pve_stage::wait::Deadline;
use stage::{Console, Entry, Failure, Output, Place, Report};
use std::time::Duration;

/// Seconds to wait for guests.
const TIMEOUT: u64 = 300;

pub(crate) fn run(args: &WaitCommandArgs, console: &Console) -> Result<Output, Failure> {
    let session = Session::open(&args.target, console, Purpose::Find)?;
    let mut rows = running(&session, args.what)?;
    let limit = Duration::from_secs(args.timeout.unwrap_or(TIMEOUT));
    let interrupt = Interrupt::listen();
    let report = fill_in(&session, &mut rows, args.what, limit, &interrupt, console).0;
    if report.has_errors() {
        return Err(report.into());
    }
    let result = ResultJson::new(&session.desired.deployment, rows);
    Ok(Output::bytes(result.to_bytes(), report))
}

/// Returns the document's VMs, all of which run and can be waited for.
///
/// # Errors
/// One does not, or a read failed.
pub(super) fn running(session: &Session, what: WaitFor) -> Result<Vec<VmResult>, Failure> {
    let observed = observe::observe(&session.client, &session.desired, Scope::Find)?;
    // What `start` would find: the existing VMs, running or not.
    let found = plan::plan_power(&session.desired, &observed, Verb::Start);
    refuse_blocked(&found, false).map(drop)?;
    let mut report = Report::new();
    for vm in &found.vms {
        let place = Place::vm(vm.node.as_str(), vm.vmid.map_or(0, |vmid| vmid.get()));
        report.error("not-running", place, format!("\"{}\" is not running", vm.name));
    }
    // Only running VMs: a wait starts nothing.
    let running = Plan { vms: Vec::new(), ..found.clone() };
    let guests = ready::guests(&session.desired, &running, &observed, what);
    report.extend(preflight(session, &guests, what)?);
    if report.has_errors() {
        return Err(report.into());
    }
    Ok(outcome::rows(&found, &[], &session.order))
}

/// Checks whether a wait can reach these VMs, before anything is written or waited for.
///
/// # Errors
/// A read failed.
pub(super) fn preflight(
    session: &Session,
    guests: &[Guest],
    what: WaitFor,
) -> Result<Report, Failure> {
    if guests.is_empty() {
        return Ok(Report::new());
    }
    let client = &session.client;
    let place = || Place::node(session.desired.node.as_str());
    let failed = |error| Failure::from(finding::of_error(place(), &error));
    let facts = Facts {
        version: Some(read_api(|| client.version()).map_err(failed)?),
        permissions: read_api(|| client.permissions()).map_err(failed)?,
        token_id: client.endpoint().token.id().to_owned(),
        ..Facts::default()
    };
    Ok(ready::judge(&session.desired, guests, what, &facts))
}

/// Waits, and fills in the addresses: those of the document, and those that agents report.
/// All VMs share one deadline, since they boot at the same time. Returns how many became ready, too.
pub(super) fn fill_in(
    session: &Session,
    rows: &mut [VmResult],
    what: WaitFor,
    limit: Duration,
    interrupt: &Interrupt,
    console: &Console,
) -> (Report, Readiness) {
    let (mut report, mut guests) = (Report::new(), Readiness::default());
    let deadline = Deadline::after(limit);
    let waiting = Waiting { client: &session.client, console, interrupt, deadline, limit };
    let is_awaited = |row: &VmResult| row.status == "running" && what != WaitFor::None;
    console.expect(rows.iter().filter(|row| is_awaited(row)).count());
    for row in rows {
        let vm = session.desired.vms.iter().find(|vm| vm.name == row.name);
        row.addresses.extend(vm.map(DesiredVm::known_addresses).unwrap_or_default());
        if !is_awaited(row) {
            continue;
        }
        let Some(place) = addresses::place(row) else { continue };
        match waiting.wait_for(row, place, vm, what) {
            Ok(findings) => {
                row.warnings.extend(findings.entries().iter().map(in_a_row));
                report.extend(findings);
                guests.ready += 1;
            }
            Err(entry) => {
                report.push(entry.about(&row.name));
                guests.not_ready += 1;
            }
        }
    }
    (report, guests)
}

/// Returns a warning on one line, for a row of the result.
fn in_a_row(warning: &Entry) -> String {
    std::iter::once(&warning.fact).chain(&warning.notes).cloned().collect::<Vec<_>>().join("; ")
}
