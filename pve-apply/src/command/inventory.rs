//! `pve-apply inventory`.

use super::session::Session;
use crate::addresses;
use crate::cli::InventoryArgs;
use crate::desired::Purpose;
use crate::inventory::{Inventory, guests};
use crate::json;
use crate::listing::{self, Extent, MISSING};
use crate::observe::{self, Scope};
use crate::plan;
use crate::status::Row;
use stage::{Console, Entry, Failure, Output, Place, Report};

pub(crate) fn run(args: &InventoryArgs, console: &Console) -> Result<Output, Failure> {
    let (session, guests) = Session::open_for(&args.target, console, Purpose::Find, guests)?;
    let Session { client, desired, .. } = &session;
    let observed = observe::observe(client, desired, Scope::Find)?;
    // Only the VMs of the document are hosts.
    let extent = Extent { is_selection: true, all: false, wide: false };
    let (rows, mut report) =
        listing::list(desired, &observed, &plan::plan(desired, &observed), extent);
    let (missing, mut rows): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| row.status == MISSING);
    for row in rows.iter_mut().filter(|row| row.addresses.is_empty()) {
        addresses::ask_agent(client, row);
    }
    let inventory = Inventory::new(&rows, &guests);
    let Some(name) = &args.host else {
        report.extend(left_out(&missing));
        return Ok(Output::bytes(json::pretty(&inventory), report));
    };
    match inventory.host(name) {
        Some(variables) => Ok(Output::bytes(json::pretty(variables), report)),
        None => {
            report.push(no_host(name, &inventory));
            Err(report.into())
        }
    }
}

/// VMs that do not exist are not hosts.
fn left_out(missing: &[Row]) -> Report {
    let mut report = Report::new();
    for row in missing {
        let fact = "does not exist, and is left out of the inventory";
        let entry = Entry::warning("not-found", Place::Named(row.name.clone()), fact);
        report.push(entry.hint("`pve-apply apply` creates it"));
    }
    report
}

fn no_host(name: &str, inventory: &Inventory) -> Entry {
    let fact = format!("the inventory has no host \"{name}\"");
    let entry = Entry::error("unknown-vm", Place::Named("--host".to_owned()), fact);
    match inventory.hosts().as_slice() {
        [] => entry,
        hosts => entry.hint(format!("hosts: {}", hosts.join(", "))),
    }
}
