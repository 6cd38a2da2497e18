//! DOOR (reads only): whether the cluster has lost its quorum, before anything is written.
//!
//! Only Sys.Audit on `/` shows it, which our tokens need not have, and nearly always the answer is yes. So it is
//! asked only where a node seems to be lost. Everywhere else the first write says so, which PVE then refuses.

use crate::action::Plan;
use crate::observed::{Observation, Observed};
use crate::read::read_api;
use pve_client::Client;
use pve_stage::finding::{NO_QUORUM, NO_QUORUM_HINT};
use stage::{Entry, Place, Report};

/// Returns a finding if the plan writes something and the cluster is known to have no quorum.
pub(crate) fn check(client: &Client, plan: &Plan, observed: &Observed) -> Report {
    if !writes(plan) || !is_in_doubt(observed) {
        return Report::new();
    }
    match read_api(|| client.is_quorate()) {
        Ok(Some(false)) => {
            let fact = "has no quorum: nothing in it can be changed";
            let entry = Entry::error(NO_QUORUM, Place::Named("cluster".to_owned()), fact);
            entry.hint(NO_QUORUM_HINT).into()
        }
        // Unknown, most often because the token must not ask: then the first write tells.
        Ok(_) | Err(_) => Report::new(),
    }
}

fn writes(plan: &Plan) -> bool {
    !plan.vms.is_empty() || plan.networks.commit.is_some() || plan.networks.removal.is_some()
}

/// Returns whether a node seems to be lost.
fn is_in_doubt(observed: &Observed) -> bool {
    let is_away = |observation: &Observation| matches!(observation, Observation::NodeAway(_));
    observed.has_unknown_guests
        || !observed.nodes_away.is_empty()
        || observed.vms.values().any(is_away)
}
