//! DOOR (reads, waits): waits until a guest is ready: its agent reports its addresses, its SSH server
//! answers, its cloud-init has succeeded, the PVE in it can take VMs.

mod addresses;
mod boot;
mod cloud_init;
mod nested;
mod preflight;

pub(crate) use addresses::is_useful;
pub(crate) use preflight::{Guest, guests, judge, needs_agent};

use crate::cli::WaitFor;
use crate::desired::{DesiredVm, NicAddresses};
use crate::interrupt::Interrupt;
use crate::outcome::VmResult;
use crate::plan::mac_of_net0;
use crate::read::read_retrying;
use crate::ssh;
use addresses::{Nic, Reported, compare};
use pve_client::{Client, ConfigView, Error, NodeName, Vmid};
use pve_stage::finding;
use pve_stage::patience::last_answer;
use pve_stage::wait::{Deadline, Poll, Wait, WaitError};
use stage::{Console, Entry, Event, Place, Report};
use std::net::IpAddr;
use std::time::Duration;

/// The pause between two looks. An agent that does not answer costs PVE 3 s anyway: a shorter one gains nothing.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// A wait, shared by all VMs: they boot at the same time.
pub(crate) struct Waiting<'a> {
    /// The connection.
    pub client: &'a Client,
    /// Where the wait is reported.
    pub console: &'a Console,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
    /// When it ends.
    pub deadline: Deadline,
    /// Its total length.
    pub limit: Duration,
}

/// One VM to wait for.
struct Vm<'a> {
    shared: &'a Waiting<'a>,
    name: String,
    node: NodeName,
    vmid: Vmid,
    nics: Vec<Nic>,
    /// What its agent reported last; `None` when it has not answered yet.
    reported: Option<Reported>,
    /// Whether its agent refused the last command although the guest was not frozen.
    is_blocked: bool,
}

impl Waiting<'_> {
    /// Waits for one VM, and fills in the addresses that its agent reports. Returns the guest's
    /// warnings.
    ///
    /// # Errors
    /// It is not ready in time, or never will be.
    pub(crate) fn wait_for(
        &self,
        row: &mut VmResult,
        (node, vmid): (NodeName, Vmid),
        vm: Option<&DesiredVm>,
        what: WaitFor,
    ) -> Result<Report, Box<Entry>> {
        let uses_agent = needs_agent(what, vm);
        let nics = if uses_agent { self.nics(row, (&node, vmid), vm) } else { Vec::new() };
        let name = row.name.clone();
        let mut guest =
            Vm { shared: self, name, node, vmid, nics, reported: None, is_blocked: false };
        let report = match what {
            WaitFor::CloudInit => guest.cloud_init()?,
            WaitFor::None | WaitFor::Agent | WaitFor::Ssh => Report::new(),
        };
        match what {
            WaitFor::Ssh => guest.ssh(&mut row.addresses, uses_agent)?,
            _ => guest.addresses(&mut row.addresses)?,
        }
        let word = if what == WaitFor::CloudInit { "is ready" } else { "answers" };
        self.event("done", &row.name, word);
        Ok(report)
    }

    /// Returns the document's NICs with the MACs that they have in PVE.
    fn nics(
        &self,
        row: &VmResult,
        (node, vmid): (&NodeName, Vmid),
        vm: Option<&DesiredVm>,
    ) -> Vec<Nic> {
        let first = NicAddresses { slot: "net0".to_owned(), ..NicAddresses::default() };
        let expected = vm.map_or_else(|| vec![first], |vm| vm.nics.clone());
        let only_first = expected.iter().all(|nic| nic.slot == "net0") && row.mac.is_some();
        let config = match only_first {
            true => None,
            false => read_retrying(|| self.client.vm_config(node, vmid, ConfigView::Current)).ok(),
        };
        let in_pve = |slot: &str| match &config {
            Some(config) => config.get(slot).and_then(mac_of_net0),
            None => row.mac.clone().filter(|_| slot == "net0"),
        };
        let with_mac = |expected: NicAddresses| {
            let mac = in_pve(&expected.slot).or_else(|| expected.mac.clone())?;
            Some(Nic { expected, mac })
        };
        expected.into_iter().filter_map(with_mac).collect()
    }

    fn event(&self, event: &'static str, name: &str, text: &str) {
        self.console.event(&Event::new(event, name, text));
    }
}

const AGENT: &str = "the guest agent";
const SSH: &str = "the SSH server";
const CLOUD_INIT: &str = "cloud-init";

/// cloud-init installs the agent at the first boot, which needs the network.
const NO_AGENT: &str = "look at the guest's console: cloud-init installs qemu-guest-agent at the \
                        first boot, and needs the network and a package server for that";

impl Vm<'_> {
    /// Waits until the agent reports all addresses in the document.
    fn addresses(&mut self, known: &mut Vec<IpAddr>) -> Result<(), Box<Entry>> {
        self.begin("waiting for the guest agent");
        let end = self.until(AGENT, |vm| match vm.ask_agent() {
            Ok(reported) if reported.missing.is_empty() => Ok(Poll::Ready(())),
            Ok(reported) => Ok(Poll::NotYet(reported.missing_text())),
            Err(error) => vm.unless_refused(&error),
        });
        self.take_addresses(known);
        end.map_err(|error| self.over(AGENT, error))
    }

    /// Waits for an SSH server at the document's addresses, or at those that the agent reports.
    fn ssh(&mut self, known: &mut Vec<IpAddr>, uses_agent: bool) -> Result<(), Box<Entry>> {
        let begin =
            if uses_agent { "waiting for the guest agent and SSH" } else { "waiting for SSH" };
        self.begin(begin);
        let end = self.until(SSH, |vm| {
            // An address may change until SSH answers, so we ask the agent each time.
            let asked = if uses_agent { vm.ask_agent().map(drop) } else { Ok(()) };
            vm.take_addresses(known);
            match (asked, &vm.reported) {
                (Err(error), None) => vm.unless_refused(&error),
                (_, Some(reported)) if !reported.missing.is_empty() => {
                    Ok(Poll::NotYet(reported.missing_text()))
                }
                _ if ssh::answers(known) => Ok(Poll::Ready(())),
                _ => Ok(Poll::NotYet(format!("no SSH server at {}", list(known)))),
            }
        });
        let has_agent = !uses_agent || self.reported.is_some();
        end.map_err(|error| self.over(if has_agent { SSH } else { AGENT }, error))
    }

    fn until<T>(
        &mut self,
        what: &str,
        look: impl FnMut(&mut Self) -> Result<Poll<T>, Box<Entry>>,
    ) -> Result<T, WaitError<Box<Entry>>> {
        let Waiting { deadline, interrupt, .. } = self.shared;
        let is_stopping = &|| interrupt.is_stopping();
        let wait = Wait { deadline, pauses: (READ_PAUSE, READ_PAUSE), is_stopping };
        let tell = |vm: &Self, text: &str| vm.shared.event("wait", &vm.name, text);
        wait.until_reporting(what, self, look, tell)
    }

    fn ask_agent(&mut self) -> Result<&Reported, Error> {
        let interfaces = self.shared.client.agent_interfaces(&self.node, self.vmid)?;
        Ok(self.reported.insert(compare(&self.nics, &interfaces)))
    }

    fn take_addresses(&self, known: &mut Vec<IpAddr>) {
        if let Some(reported) = &self.reported {
            known.clone_from(&reported.addresses);
        }
    }

    fn begin(&self, text: &str) {
        self.shared.event("step", &self.name, text);
    }

    fn place(&self) -> Place {
        Place::vm(self.node.as_str(), self.vmid.get())
    }

    /// An agent that does not answer yet is an error of PVE, and any other error may pass too; but what the
    /// token or the agent is not allowed to do will not work later either.
    fn unless_refused<T>(&mut self, error: &Error) -> Result<Poll<T>, Box<Entry>> {
        if error.is_about_the_token() {
            return Err(Box::new(finding::of_error(self.place(), error)));
        }
        let was_blocked = std::mem::take(&mut self.is_blocked);
        let Some(answer) = error.agent_error().filter(|_| error.is_agent_blocked()) else {
            return Ok(Poll::NotYet(last_answer(error)));
        };
        // QEMU: qga/main.c, ga_apply_command_filters: while the guest is frozen for a backup, qemu-ga 10.0
        // uses the same words as for a command that it never allows. It may thaw between two calls.
        if self.shared.client.agent_is_frozen(&self.node, self.vmid).unwrap_or(false) {
            let text = "the guest's file systems are frozen, as for a backup";
            return Ok(Poll::NotYet(text.to_owned()));
        }
        self.is_blocked = true;
        if !was_blocked {
            return Ok(Poll::NotYet(last_answer(error)));
        }
        let fact = format!("the guest agent of \"{}\" has the command disabled", self.name);
        let entry = Entry::error("agent-command-disabled", self.place(), fact)
            .note(format!("the agent says: {answer}"));
        let hint = "allow it in the guest's qemu-ga; RHEL and its derivatives block it in /etc/sysconfig/qemu-ga";
        Err(Box::new(entry.hint(hint)))
    }

    /// Why a wait ended before the guest was ready.
    fn over(&self, what: &str, error: WaitError<Box<Entry>>) -> Box<Entry> {
        let (name, seconds) = (&self.name, self.shared.limit.as_secs());
        let failed = |fact: String| Entry::error("agent-failed", self.place(), fact);
        let missing = self.reported.as_ref().filter(|reported| !reported.missing.is_empty());
        Box::new(match (error, missing) {
            (WaitError::Never(entry), _) => *entry,
            (WaitError::Interrupted(_), _) => {
                failed(format!("stopped waiting for {what} of \"{name}\""))
            }
            (WaitError::TimedOut(_), Some(reported)) => {
                let fact = format!("\"{name}\" has {} after {seconds} s", reported.missing_text());
                reported.explain(failed(fact), &self.nics)
            }
            (WaitError::TimedOut(last), None) => {
                let verb = if what == CLOUD_INIT { "finish" } else { "answer" };
                let fact = format!("{what} of \"{name}\" did not {verb} within {seconds} s");
                let entry = failed(fact).note(format!("last answer: {last}"));
                if what == AGENT { entry.hint(NO_AGENT) } else { entry }
            }
        })
    }
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
