//! Waits until a VM has the power state that a step wants, and follows it where HA moves it.
//!
//! PVE: facts-3, 4.1: for a VM under HA, start, stop and shutdown only ask HA's manager, and their
//! tasks end OK at once. So each power step ends when the VM is seen in its new state, and HA with it.

use super::{StepError, Work};
use crate::ha::{self, Progress};
use crate::observed::Power;
use crate::read::read_retrying;
use pve_client::{Error, NodeName, VmStatus, Vmid};
use pve_stage::patience::last_answer;
use pve_stage::wait::{Deadline, Poll, Wait, WaitError};
use stage::Entry;
use std::time::Duration;

/// A VM outside HA shows its new state when the task is over; the lists lag a moment, and the nodes share its config.
pub(super) const LISTS_LAG: Duration = Duration::from_secs(10);
/// HA's managers look every ten seconds, on two nodes one after the other.
const HA_DELAY: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// The least time, in seconds, that a guest has to come back.
const RETURN_SECONDS: u64 = 5;
const RETURN_PAUSE: Duration = Duration::from_millis(250);

pub(super) const SEE_HA: &str = "`ha-manager status` on a node shows what HA waits for, unless somebody else has asked it for the opposite; run again when it has acted";
pub(super) const SEE_TASKS: &str = "the VM's tasks in PVE say why; run again when that is fixed";

/// What one look at a VM has shown.
pub(super) struct Look {
    /// `None` while no node that answers has the VM.
    pub(super) power: Option<Power>,
    /// HA's state; `None` if HA does not manage the VM.
    pub(super) ha: Option<String>,
    /// The VM's state in words, such as `is stopped`.
    pub(super) is: String,
}

impl Look {
    fn of(status: VmStatus) -> Self {
        let power = if status.is_running() { Power::Running } else { Power::Stopped };
        Self { power: Some(power), ha: status.ha, is: format!("is {}", status.status) }
    }

    fn progress(&self, wanted: Power) -> Progress {
        match (self.power, self.ha.as_deref()) {
            (Some(power), ha) => ha::progress(wanted, power, ha),
            (None, Some("error")) => Progress::Failed,
            // HA may take two minutes to give a lost node up.
            (None, _) => Progress::UnderWay,
        }
    }

    /// The last answer, for a wait that takes long.
    fn text(&self) -> String {
        match &self.ha {
            Some(ha) => format!("it {}, and HA says \"{ha}\"", self.is),
            None => format!("it {}", self.is),
        }
    }
}

/// The ends of a wait.
pub(super) struct Ends {
    /// Of every wait.
    whole: Deadline,
    /// Of a wait for a VM that HA does not manage.
    shows: Deadline,
    /// Of a wait for HA to act on a request; it begins again with each state of HA.
    acts: Deadline,
}

impl Ends {
    /// Begins a wait; `shows` is the time in which a VM that HA does not manage must show the result.
    pub(super) fn begin(limit: Duration, shows: Duration) -> Self {
        Self {
            whole: Deadline::after(limit),
            shows: Deadline::after(shows.min(limit)),
            acts: Deadline::after(HA_DELAY),
        }
    }

    /// HA has another state now.
    pub(super) fn ha_has_acted(&mut self) {
        self.acts = Deadline::after(HA_DELAY);
    }

    pub(super) fn is_over(&self, progress: Progress) -> bool {
        match progress {
            Progress::Reached | Progress::Failed => true,
            Progress::NotShown => self.shows.is_over(),
            Progress::Requested => self.acts.is_over() || self.whole.is_over(),
            Progress::UnderWay => self.whole.is_over(),
        }
    }
}

impl Work<'_> {
    /// Looks again and again until a wait is over. A long wait is reported, and Ctrl-C ends it.
    pub(super) fn wait_until<T, E>(
        &mut self,
        what: &str,
        deadline: &Deadline,
        pauses: (Duration, Duration),
        look: impl FnMut(&mut Self) -> Result<Poll<T>, E>,
    ) -> Result<T, WaitError<E>> {
        let interrupt = self.runner.interrupt;
        let wait = Wait { deadline, pauses, is_stopping: &|| interrupt.is_signalled() };
        wait.until_reporting(what, self, look, |work, text| work.event("wait", text, None))
    }

    /// Waits until a VM has the power state that a step wants; `grace` is the time the guest itself may need.
    pub(super) fn reach(&mut self, wanted: Power, grace: Duration) -> Result<(), StepError> {
        let Some(vmid) = self.vmid else { return Ok(()) };
        let mut ends = Ends::begin(self.runner.task_limit, grace.max(LISTS_LAG));
        let mut reported: Option<String> = None;
        let what = format!("the VM to be {}", wanted.as_str());
        let mut has_turned = false;
        let pauses = (FIRST_PAUSE, LAST_PAUSE);
        let end = self.wait_until(&what, &Deadline::never(), pauses, |work| {
            let look = work.see(vmid)?;
            match look.ha.as_deref().and_then(ha::leads_to) {
                Some(power) if power == wanted => has_turned = true,
                Some(_) if has_turned => return Err(work.overruled(wanted, &look)),
                _ => {}
            }
            let progress = look.progress(wanted);
            if progress == Progress::Reached {
                return Ok(Poll::Ready(()));
            }
            if ends.is_over(progress) {
                return Err(work.not_reached(vmid, wanted, &look));
            }
            if look.ha != reported {
                if let Some(ha) = &look.ha {
                    work.event("wait", &format!("waiting for HA, which says \"{ha}\""), None);
                }
                reported.clone_from(&look.ha);
                ends.ha_has_acted();
            }
            Ok(Poll::NotYet(look.text()))
        });
        end.map_err(|error| match error {
            WaitError::Never(error) => error,
            WaitError::Interrupted(_) | WaitError::TimedOut(_) => {
                let fact = format!("stopped waiting for \"{}\"", self.plan.name);
                StepError::uncertain(Entry::error("not-waited", self.place(), fact))
            }
        })
    }

    /// Reads the VM's state where the VM is. A VM under HA may be on another node than before.
    fn see(&mut self, vmid: Vmid) -> Result<Look, StepError> {
        let client = self.runner.client;
        let error = match read_retrying(|| client.vm_status(self.node(), vmid)) {
            Ok(status) => return Ok(Look::of(status)),
            Err(error) => error,
        };
        match self.see_in_ha(vmid, &error, None)? {
            Some(look) => Ok(look),
            None => Err(StepError { uncertain: true, ..self.unread(&error) }),
        }
    }

    /// Looks for a VM that its node does not show; `None` if HA does not manage it. That it is on `target` is not reported.
    fn see_in_ha(
        &mut self,
        vmid: Vmid,
        error: &Error,
        target: Option<&NodeName>,
    ) -> Result<Option<Look>, StepError> {
        let client = self.runner.client;
        let is_away = error.is_node_unreachable();
        if is_away || error.is_not_found() {
            let rows = read_retrying(|| client.cluster_resources())
                .map_err(|error| self.unseen(&error))?;
            let row = rows.into_iter().find(|row| row.vmid == vmid);
            // A resource that HA ignores is moved by people only.
            if let Some(row) = row
                && let Some(ha) = row.hastate.filter(|state| state != "ignored")
            {
                if row.node != *self.node() {
                    if target != Some(&row.node) {
                        self.event("moved", &format!("HA has moved it to node {}", row.node), None);
                    }
                    self.node = row.node;
                }
                let node = self.node();
                let is = if is_away {
                    format!("is on node {node}, which does not answer")
                } else {
                    format!("is moving to node {node}")
                };
                return Ok(Some(Look { power: None, ha: Some(ha), is }));
            }
        }
        Ok(None)
    }

    /// Looks at a VM that should leave its node for `target`; `None` if it has left, and HA does not manage it.
    pub(super) fn see_leaving(
        &mut self,
        vmid: Vmid,
        target: &NodeName,
    ) -> Result<Option<Look>, StepError> {
        let client = self.runner.client;
        let error = match read_retrying(|| client.vm_status(self.node(), vmid)) {
            Ok(status) => return Ok(Some(Look::of(status))),
            Err(error) => error,
        };
        match self.see_in_ha(vmid, &error, Some(target))? {
            None if !error.is_not_found() => {
                Err(StepError { uncertain: true, ..self.unread(&error) })
            }
            look => Ok(look),
        }
    }

    /// HA was on the way, and is now on the way back.
    fn overruled(&self, wanted: Power, look: &Look) -> StepError {
        let (name, ha) = (&self.plan.name, look.ha.as_deref().unwrap_or_default());
        let verb = if wanted == Power::Stopped { "starts" } else { "stops" };
        let fact = format!("HA {verb} \"{name}\" again: it says \"{ha}\"");
        let hint = "somebody else has started or stopped it meanwhile; run again";
        StepError::uncertain(Entry::error("another-run", self.place(), fact).hint(hint))
    }

    fn not_reached(&self, vmid: Vmid, wanted: Power, look: &Look) -> StepError {
        let (name, word, is) = (&self.plan.name, wanted.as_str(), &look.is);
        let (code, fact, hint) = match look.ha.as_deref() {
            Some("error") => (
                "ha-error",
                format!("\"{name}\" {is}, and its HA state is \"error\""),
                ha::way_out(vmid.get()),
            ),
            Some(ha) if look.power == Some(wanted) => (
                "not-effective",
                format!("\"{name}\" {is}, but HA says \"{ha}\""),
                SEE_HA.to_owned(),
            ),
            Some(ha) => (
                "not-effective",
                format!("\"{name}\" {is}, not {word}: HA says \"{ha}\""),
                SEE_HA.to_owned(),
            ),
            None => (
                "not-effective",
                format!("\"{name}\" {is}, not {word}, although its task succeeded"),
                SEE_TASKS.to_owned(),
            ),
        };
        StepError::uncertain(Entry::error(code, self.place(), fact).hint(hint))
    }

    /// Waits until a VM runs again after a reboot.
    ///
    /// PVE: qemu-server, CLI/qm.pm, cleanup: the reboot's task ends when the guest is off; qmeventd
    /// then starts it in a task of root@pam, which our token cannot see. Under HA that is a request, and
    /// whoever is first, HA's manager or the request, starts the VM.
    pub(super) fn comes_back(&mut self, seconds: u64) -> Result<(), StepError> {
        let client = self.runner.client;
        let deadline = Deadline::after(Duration::from_secs(seconds.max(RETURN_SECONDS)));
        let pauses = (RETURN_PAUSE, RETURN_PAUSE);
        let mut lost = None;
        let end = self.wait_until("the VM to come back", &deadline, pauses, |work| {
            let Some(vmid) = work.vmid else { return Ok(Poll::NotYet(String::new())) };
            Ok(match client.vm_status(work.node(), vmid) {
                Ok(status) if status.ha.is_some() || status.is_running() => Poll::Ready(status),
                Ok(status) => {
                    lost = None;
                    Poll::NotYet(format!("it is {}", status.status))
                }
                Err(error) => Poll::NotYet(last_answer(lost.insert(error))),
            })
        });
        match (end, lost) {
            (Ok(status), _) if status.ha.is_some() => {
                return self.reach(Power::Running, Duration::ZERO);
            }
            (Ok(_), _) => return Ok(()),
            (Err(WaitError::Never(error)), _) => return Err(error),
            (Err(WaitError::TimedOut(_)), Some(error)) => return Err(self.unseen(&error)),
            (Err(WaitError::Interrupted(_)), _) => {
                let fact = format!("stopped waiting for \"{}\" to come back", self.plan.name);
                let entry = Entry::error("interrupted", self.place(), fact);
                return Err(StepError::uncertain(entry));
            }
            (Err(WaitError::TimedOut(_)), None) => {}
        }
        let fact = format!("\"{}\" is stopped, and PVE has not started it again", self.plan.name);
        let hint = "its task `qmstart` on the node says why; `pve-apply start` tries again";
        Err(StepError::uncertain(Entry::error("not-running", self.place(), fact).hint(hint)))
    }
}
