//! `pve-apply status`.

use super::networks;
use super::session::Session;
use crate::addresses;
use crate::cli::{NetworkArgs, StatusArgs};
use crate::desired::Purpose;
use crate::listing::{self, Extent};
use crate::network::{self, desired::Purpose as Role};
use crate::observe::{self, Scope};
use crate::status::{Columns, json, table};
use crate::{plan, status};
use stage::{Console, Failure, Output};

pub(crate) fn run(args: &StatusArgs, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::FindOrCompare)?;
    // What only waits for a reboot is separate from what differs.
    session.desired.consent.pending = true;
    let network = NetworkArgs { networks_only: args.networks_only, ..NetworkArgs::default() };
    networks::choose(&mut session, network, &args.target, Role::Compare);
    let scope = networks::scope(&session, Scope::All);
    let Session { client, desired, .. } = &session;
    let observed = observe::observe(client, desired, scope)?;
    let compared = plan::plan(desired, &observed);
    let (is_selection, wide) = (args.target.is_selection(), args.is_wide());
    let extent = Extent { is_selection, all: args.all, wide };
    let (mut rows, report) = listing::list(desired, &observed, &compared, extent);
    if args.addresses {
        rows.iter_mut().for_each(|row| addresses::ask_agent(client, row));
    }
    let sdn = observed.sdn.as_ref().filter(|_| !is_selection);
    let networks = sdn.map(|sdn| network::rows::of(&desired.networks, sdn, &compared.networks));
    let networks = networks.unwrap_or_default();
    let bytes = if args.is_json() {
        json(&desired.site, &desired.deployment, &networks, &rows)
    } else {
        let ha = rows.iter().any(|row| row.ha.is_some());
        let vms = table(&rows, Columns { deployments: args.all, ha, wide });
        let networks = status::networks(&networks);
        // Without networks, the table of VMs is the whole list.
        match (networks.is_empty(), args.networks_only) {
            (true, _) => vms,
            (false, true) => networks,
            (false, false) => format!("{networks}\n{vms}"),
        }
        .into_bytes()
    };
    Ok(Output::bytes(bytes, report))
}
