//! What a subcommand has to do with networks. Does no I/O.

use super::session::Session;
use crate::cli::{NetworkArgs, TargetArgs};
use crate::network::desired::Purpose;
use crate::observe::Scope;

/// Says what the run has to do with networks: `purpose`, unless only some VMs were asked for.
pub(super) fn choose(
    session: &mut Session,
    args: NetworkArgs,
    target: &TargetArgs,
    purpose: Purpose,
) {
    let networks = &mut session.desired.networks;
    networks.are_left_alone = target.is_selection();
    networks.with_pending = args.with_pending_sdn;
    networks.are_all = args.networks_only;
    networks.purpose = match purpose {
        // What only some VMs are destroyed or adopted for stays as it is.
        Purpose::Remove if networks.are_left_alone => Purpose::Nothing,
        purpose => purpose,
    };
    if args.networks_only {
        session.desired.vms.clear();
        session.desired.vm_names = None;
        session.desired.reserved.clear();
        session.requested.clear();
        session.order.clear();
    }
}

/// Returns what is read of VMs: nothing that only they need, if only networks were asked for.
pub(super) fn scope(session: &Session, scope: Scope) -> Scope {
    if session.desired.networks.are_all { Scope::Find } else { scope }
}
