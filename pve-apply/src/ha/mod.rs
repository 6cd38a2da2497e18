//! What the state of a VM in HA means for its power. Does no I/O.
//!
//! PVE: facts-3, 4.1 and 4.2; pve-ha-manager, HA/Manager.pm, next_state_*: a request only changes what HA
//! wants; its manager and the VM's node act on it later, and may move the VM on the way.

pub(crate) mod read;

use crate::observed::{Power, VmState};

/// How far HA and the VM are on the way to a power state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Both are there.
    Reached,
    /// The VM has another state, and HA does not manage it.
    NotShown,
    /// HA has not acted on the request yet.
    Requested,
    /// HA is at work, or holds the VM for a reason of its own, such as a lost node.
    UnderWay,
    /// HA has given up: it accepts no request any more.
    Failed,
}

/// Returns how far a VM is; `ha` is the manager's state, `None` if HA does not manage it.
pub(crate) fn progress(wanted: Power, power: Power, ha: Option<&str>) -> Progress {
    let Some(state) = ha else {
        return if power == wanted { Progress::Reached } else { Progress::NotShown };
    };
    match (wanted, state) {
        (_, "error") => Progress::Failed,
        (Power::Running, "started") | (Power::Stopped, "stopped" | "disabled")
            if power == wanted =>
        {
            Progress::Reached
        }
        (Power::Running, "stopped" | "disabled") | (Power::Stopped, "started") => {
            Progress::Requested
        }
        (_, state) if is_known(state) => Progress::UnderWay,
        // A state of a later PVE: it may never change.
        _ => Progress::Requested,
    }
}

/// Returns how far the migration of a VM that is not on its target is; `ha` is as in [`progress`].
pub(crate) fn progress_of_migration(ha: Option<&str>) -> Progress {
    match ha {
        None => Progress::NotShown,
        Some("error") => Progress::Failed,
        // It has not begun yet, or has failed.
        Some("started" | "stopped" | "disabled") => Progress::Requested,
        Some(state) if is_known(state) => Progress::UnderWay,
        // As in `progress`.
        Some(_) => Progress::Requested,
    }
}

/// Returns whether it is a state of this PVE.
// PVE: HA/Manager.pm, $valid_service_states; `queued` is our VmStatus's word for none yet.
fn is_known(state: &str) -> bool {
    [
        "stopped",
        "disabled",
        "request_stop",
        "request_start",
        "request_start_balance",
        "started",
        "fence",
        "recovery",
        "migrate",
        "relocate",
        "freeze",
        "queued",
    ]
    .contains(&state)
}

/// Returns the power that HA gives a VM in this state; `None` if it has no say in it, or none that is known.
pub(crate) fn leads_to(state: &str) -> Option<Power> {
    match state {
        "started" | "request_start" | "request_start_balance" => Some(Power::Running),
        "stopped" | "disabled" | "request_stop" => Some(Power::Stopped),
        _ => None,
    }
}

/// Returns how a VM gets out of HA's state `error`: only people can lead it out.
// PVE: facts-3, 4.2; pve-ha-manager, HA/Manager.pm, next_state_error: only `disabled` is accepted.
pub(crate) fn way_out(vmid: u32) -> String {
    format!(
        "on a node: `ha-manager set vm:{vmid} --state disabled`, fix what made it fail \
         (`journalctl -u pve-ha-lrm`), then `--state started`"
    )
}

impl VmState {
    /// Returns whether HA manages the VM: a resource that it ignores is used like any other VM.
    pub(crate) fn is_under_ha(&self) -> bool {
        self.ha.as_deref().is_some_and(|state| state != "ignored")
    }

    /// Returns whether HA has given up on the VM and accepts no request.
    pub(crate) fn is_in_ha_error(&self) -> bool {
        self.ha.as_deref() == Some("error")
    }

    /// Returns the power that the VM will have: where HA is about to change it, HA's.
    pub(crate) fn coming_power(&self) -> Power {
        self.ha.as_deref().and_then(leads_to).unwrap_or(self.power)
    }

    /// Returns the state of HA that keeps it from acting soon, if it is in one.
    pub(crate) fn held_by_ha(&self) -> Option<&str> {
        let holds = ["freeze", "fence", "recovery", "migrate", "relocate"];
        self.ha.as_deref().filter(|state| holds.contains(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Progress::{Failed, NotShown, Reached, Requested, UnderWay};

    #[test]
    fn the_state_table() {
        // The state; then, for a start, a VM that is off and one that is on; the same for a stop.
        for (ha, start, stop) in [
            (None, [NotShown, Reached], [Reached, NotShown]),
            (Some("started"), [UnderWay, Reached], [Requested, Requested]),
            (Some("stopped"), [Requested, Requested], [Reached, UnderWay]),
            (Some("disabled"), [Requested, Requested], [Reached, UnderWay]),
            (Some("request_start"), [UnderWay; 2], [UnderWay; 2]),
            (Some("request_start_balance"), [UnderWay; 2], [UnderWay; 2]),
            (Some("request_stop"), [UnderWay; 2], [UnderWay; 2]),
            (Some("fence"), [UnderWay; 2], [UnderWay; 2]),
            (Some("recovery"), [UnderWay; 2], [UnderWay; 2]),
            (Some("migrate"), [UnderWay; 2], [UnderWay; 2]),
            (Some("relocate"), [UnderWay; 2], [UnderWay; 2]),
            (Some("freeze"), [UnderWay; 2], [UnderWay; 2]),
            (Some("queued"), [UnderWay; 2], [UnderWay; 2]),
            (Some("error"), [Failed; 2], [Failed; 2]),
            (Some("of-a-later-pve"), [Requested; 2], [Requested; 2]),
        ] {
            let powers = [Power::Stopped, Power::Running];
            assert_eq!(powers.map(|power| progress(Power::Running, power, ha)), start, "{ha:?}");
            assert_eq!(powers.map(|power| progress(Power::Stopped, power, ha)), stop, "{ha:?}");
        }
    }

    #[test]
    fn the_state_table_of_a_migration() {
        for (ha, expected) in [
            (None, NotShown),
            (Some("started"), Requested),
            (Some("stopped"), Requested),
            (Some("disabled"), Requested),
            (Some("migrate"), UnderWay),
            (Some("relocate"), UnderWay),
            (Some("fence"), UnderWay),
            (Some("recovery"), UnderWay),
            (Some("freeze"), UnderWay),
            (Some("queued"), UnderWay),
            (Some("error"), Failed),
            (Some("of-a-later-pve"), Requested),
        ] {
            assert_eq!(progress_of_migration(ha), expected, "{ha:?}");
        }
    }

    #[test]
    fn ha_decides_the_coming_power() {
        for (state, expected) in [
            ("started", Some(Power::Running)),
            ("request_start_balance", Some(Power::Running)),
            ("request_stop", Some(Power::Stopped)),
            ("stopped", Some(Power::Stopped)),
            ("ignored", None),
            ("error", None),
            ("freeze", None),
        ] {
            assert_eq!(leads_to(state), expected, "{state}");
        }
    }
}
