//! `pve-apply adopt`.

use super::networks;
use super::session::{Session, print_plan, refuse_blocked, refuse_without_quorum, unless_done};
use super::work::Worker;
use crate::addresses;
use crate::cli::AdoptArgs;
use crate::desired::Purpose;
use crate::interrupt::Interrupt;
use crate::network::{self, desired::Purpose as Role};
use crate::observe::{self, Scope};
use crate::outcome::{self, ResultJson};
use crate::plan::{self, Adoption};
use stage::{Console, Failure, Output, Report};

pub(crate) fn run(args: &AdoptArgs, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::Apply)?;
    let some = args.target.is_selection();
    let role = if some { Role::Nothing } else { Role::Adopt };
    networks::choose(&mut session, args.network, &args.target, role);
    let interrupt = Interrupt::listen();
    let _lock = session.lock(args.pace, &interrupt, console)?;
    let observed = observe::observe(&session.client, &session.desired, Scope::Find)?;
    let requested =
        Adoption { named: !args.target.vms.is_empty(), from_site: args.from_site.clone() };
    let mut adoption = plan::plan_adopt(&session.desired, &observed, &requested);
    if let Some(sdn) = &observed.sdn {
        let from_site = args.from_site.as_deref();
        adoption.networks = network::plan_adopt(&session.desired, sdn, from_site);
    }
    refuse_blocked(&adoption, false).map(drop)?;
    print_plan(console, &adoption);
    if !adoption.vms.is_empty() || !adoption.networks.planned.is_empty() {
        let marked = plan::as_adopted(&adoption, &observed);
        console.text("after that, apply would do:\n");
        print_plan(console, &plan::plan(&session.desired, &marked));
    }
    if args.dry_run {
        return Ok(Output::bytes(Vec::new(), Report::new()));
    }
    refuse_without_quorum(&session, &adoption, &observed)?;
    let worker = Worker::new(&session, console, &interrupt, args.pace);
    let outcomes = worker.carry_out(&adoption, &observed);
    let report = unless_done(&outcomes, &Report::new())?;
    let mut rows = outcome::rows(&adoption, &outcomes.vms, &session.order);
    rows.iter_mut().for_each(|row| addresses::complete(&session.client, row));
    rows.iter_mut().for_each(|row| addresses::of_running(&session.client, row));
    let result =
        ResultJson::new(&session.desired.deployment, rows).with_networks(&adoption, &outcomes);
    let changed = outcomes.any_changed();
    Ok(Output::bytes(result.to_bytes(), report).after_changes(changed))
}
