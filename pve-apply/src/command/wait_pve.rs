//! `pve-apply wait --pve`: waits for the document's nested nodes, and describes them in the site.

use super::session::Session;
use super::wait;
use crate::addresses;
use crate::cli::{WaitCommandArgs, WaitFor};
use crate::desired::Purpose;
use crate::interrupt::Interrupt;
use crate::nested::SiteFiles;
use crate::outcome::{PveResult, ResultJson, VmResult};
use crate::ready::Waiting;
use pve_client::ApiUrl;
use pve_stage::wait::Deadline;
use stage::{
    Console, Deployment, Entry, Event, Failure, Gather as _, Output, Place, Report, suggest,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Seconds to wait for nodes that set themselves up. The reference waits as long.
const TIMEOUT: u64 = 1200;

/// What a VM of the document may be to this wait.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// It reports the PVE in it.
    Nested,
    /// It sets up PVE by this boot scenario, which reports to its own server.
    Scenario(String),
    /// It has no PVE, as far as the document says.
    Other,
}

pub(crate) fn run(
    args: &WaitCommandArgs,
    site: &Path,
    console: &Console,
) -> Result<Output, Failure> {
    let (mut session, kinds) = Session::open_for(&args.target, console, Purpose::Find, kinds)?;
    let kind = |name: &str| kinds.get(name).unwrap_or(&Kind::Other);
    let mut report = unknown(&session, &args.pve_endpoints);
    for vm in &session.desired.vms {
        let Some(entry) = not_nested(&vm.name, kind(&vm.name)) else { continue };
        if args.target.vms.contains(&vm.name) {
            report.push(entry);
        } else if *kind(&vm.name) != Kind::Other && !SiteFiles::has_node(site, &vm.name) {
            report.push(entry.as_warning());
        }
    }
    session.desired.vms.retain(|vm| *kind(&vm.name) == Kind::Nested);
    if report.has_errors() {
        return Err(report.into());
    }
    wait_and_write(args, site, &session, (report, console))
}

fn wait_and_write(
    args: &WaitCommandArgs,
    site: &Path,
    session: &Session,
    (mut report, console): (Report, &Console),
) -> Result<Output, Failure> {
    let mut rows = match session.desired.vms.is_empty() {
        true => Vec::new(),
        false => wait::running(session, WaitFor::CloudInit)?,
    };
    // Before the wait, which takes minutes.
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let files = SiteFiles::open(site, &names)?;
    let limit = Duration::from_secs(args.timeout.unwrap_or(TIMEOUT));
    let (interrupt, deadline) = (Interrupt::listen(), Deadline::after(limit));
    let client = &session.client;
    let waiting = Waiting { client, console, interrupt: &interrupt, deadline, limit };
    console.expect(rows.len());
    for row in &mut rows {
        let address = args.pve_endpoints.iter().rfind(|(name, _)| *name == row.name);
        if let Err(entry) = one(&waiting, &files, row, address.map(|(_, url)| url)) {
            report.push(entry.about(&row.name));
        }
    }
    if report.has_errors() {
        let has_written =
            rows.iter().filter_map(|row| row.pve.as_ref()).any(|pve| !pve.written.is_empty());
        return Err(if has_written { Failure::part_way(report) } else { report.into() });
    }
    let result = ResultJson::new(&session.desired.deployment, rows);
    Ok(Output::bytes(result.to_bytes(), report))
}

/// Waits for the node in one VM, and writes its files.
fn one(
    waiting: &Waiting<'_>,
    files: &SiteFiles,
    row: &mut VmResult,
    address: Option<&ApiUrl>,
) -> Result<(), Box<Entry>> {
    let Some(place) = addresses::place(row) else { return Ok(()) };
    let node = waiting.wait_for_nested(&row.name, place, address)?;
    let written = files.write(&row.name, &row.node, &node)?;
    for path in &written {
        waiting.console.event(&Event::new("file", &row.name, &format!("wrote {}", path.display())));
    }
    addresses::of_running(waiting.client, row);
    row.pve = Some(PveResult {
        node: node.node.to_string(),
        api_endpoint: node.url.to_string(),
        written,
    });
    Ok(())
}

/// Returns what each VM of the document is.
fn kinds(deployment: &Deployment) -> BTreeMap<String, Kind> {
    let kind = |vm: &stage::Vm| match (vm.nested_pve, &vm.boot_scenario) {
        (true, _) => Kind::Nested,
        (false, Some(scenario)) => Kind::Scenario(scenario.clone()),
        (false, None) => Kind::Other,
    };
    deployment.vms.iter().map(|vm| (vm.name.clone(), kind(vm))).gather()
}

/// Returns why a VM cannot be waited for; `None` if it can.
fn not_nested(name: &str, kind: &Kind) -> Option<Entry> {
    let place = Place::Named("--vm".to_owned());
    Some(match kind {
        Kind::Nested => return None,
        Kind::Scenario(scenario) => {
            let fact = format!(
                "\"{name}\" sets itself up with the scenario {scenario}, which does not report to us"
            );
            let hint = format!("write nodes/{name}.yaml and its token yourself once it runs");
            Entry::error("not-nested", Place::Run, fact).hint(hint)
        }
        Kind::Other => {
            let fact = format!("\"{name}\" does not set up PVE");
            Entry::error("not-nested", place, fact)
                .hint("a nested node has `type: pve` in a manifest")
        }
    })
}

/// Returns findings for addresses of VMs that the deployment does not have. Those that are in another
/// document of it may have one: the loop over all tiers has the same options for each.
fn unknown(session: &Session, addresses: &[(String, ApiUrl)]) -> Report {
    let mut report = Report::new();
    let in_document = session.order.iter().cloned().collect();
    let known = session.desired.vm_names.as_ref().unwrap_or(&in_document);
    for (name, _) in addresses.iter().filter(|(name, _)| !known.contains(name)) {
        let fact = format!("the deployment has no VM \"{name}\"");
        let hint = format!("available: {}", suggest::list(known.iter().map(String::as_str)));
        report.push(
            Entry::error("unknown-vm", Place::Named("--pve-endpoint".to_owned()), fact).hint(hint),
        );
    }
    report
}
