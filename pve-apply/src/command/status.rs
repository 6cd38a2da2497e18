//! `pve-apply status`.

use super::session::Session;
use crate::addresses;
use crate::cli::StatusArgs;
use crate::desired::Purpose;
use crate::listing::{self, Extent};
use crate::observe::{self, Scope};
use crate::plan;
use crate::status::{Columns, json, table};
use stage::{Console, Failure, Output};

pub(crate) fn run(args: &StatusArgs, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::FindOrApply)?;
    // What only waits for a reboot is separate from what differs.
    session.desired.consent.pending = true;
    let Session { client, desired, .. } = &session;
    let observed = observe::observe(client, desired, Scope::All)?;
    let compared = plan::plan(desired, &observed);
    let (is_selection, wide) = (args.target.is_selection(), args.is_wide());
    let extent = Extent { is_selection, all: args.all, wide };
    let (mut rows, report) = listing::list(desired, &observed, &compared, extent);
    if args.addresses {
        rows.iter_mut().for_each(|row| addresses::ask_agent(client, row));
    }
    let bytes = if args.is_json() {
        json(&desired.site, &desired.deployment, &rows)
    } else {
        table(&rows, Columns { deployments: args.all, wide }).into_bytes()
    };
    Ok(Output::bytes(bytes, report))
}
