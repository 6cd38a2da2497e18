//! DOOR (reads, waits): waits until the PVE in a guest can take VMs: the guest reports it, its API answers
//! with what was reported, and it has storages and the bridge.

use super::{NO_AGENT, Vm, Waiting};
use crate::connect;
use crate::nested::{self, FILE, NestedNode, NodeReport, Reading};
use crate::version;
use pve_client::{ApiUrl, Client, Error, NodeName, Vmid};
use pve_stage::finding;
use pve_stage::patience::last_answer;
use pve_stage::wait::{Poll, WaitError};
use stage::{Entry, Place};

const SETUP: &str = "PVE to be set up";
const API: &str = "the API of PVE";

/// Where the guest's own log of it is.
const LOG: &str = "`journalctl -u pve-pipeline-node` in the guest has more";
/// The error of a guest stays until it has tried again.
const AGAIN: &str = "`systemctl start pve-pipeline-node` there tries again";

impl Waiting<'_> {
    /// Waits until VMs can be created on the PVE in a guest. `address` is where its API is for us, if that
    /// is not where the guest says.
    ///
    /// # Errors
    /// It is not ready in time, or never will be.
    pub(crate) fn wait_for_nested(
        &self,
        name: &str,
        (node, vmid): (NodeName, Vmid),
        address: Option<&ApiUrl>,
    ) -> Result<NestedNode, Box<Entry>> {
        let mut vm = Vm {
            shared: self,
            name: name.to_owned(),
            node,
            vmid,
            nics: Vec::new(),
            reported: None,
            is_blocked: false,
        };
        let mut report = vm.report_of_node()?;
        if let Some(address) = address {
            report.url = address.clone();
        }
        let found = vm.nested_node(report)?;
        self.event("done", name, &format!("node {} is ready at {}", found.node, found.url));
        Ok(found)
    }
}

impl Vm<'_> {
    /// Waits for the report of the guest's first boot.
    fn report_of_node(&mut self) -> Result<Box<NodeReport>, Box<Entry>> {
        self.begin("waiting for PVE to be set up");
        let mut is_silent = true;
        let end = self.until(SETUP, |vm| {
            let file = vm.file(FILE);
            is_silent &= file.as_ref().is_err_and(Error::is_agent_silent);
            match file {
                Ok(Some(file)) => vm.judge(nested::read(&file.content)),
                Ok(None) => Ok(Poll::NotYet(format!("the guest has no {FILE} yet"))),
                Err(error) => vm.unless_refused(&error),
            }
        });
        let hint = if is_silent { NO_AGENT } else { LOG };
        end.map_err(|error| self.not_ready(SETUP, error, Some(hint)))
    }

    fn judge(&self, reading: Reading) -> Result<Poll<Box<NodeReport>>, Box<Entry>> {
        let name = &self.name;
        let failed = |fact: String| Entry::error("nested-failed", self.place(), fact);
        Err(Box::new(match reading {
            Reading::Ready(report) => return Ok(Poll::Ready(report)),
            Reading::Failed(said) => failed(format!("\"{name}\" could not set up PVE"))
                .note(format!("the guest says: {said}"))
                .hint(format!("{LOG}; {AGAIN}")),
            Reading::Unusable(fault) => {
                failed(format!("{FILE} of \"{name}\" cannot be used: {fault}"))
            }
        }))
    }

    /// Waits until the API answers with what was reported, and the node has what VMs need.
    fn nested_node(&mut self, report: Box<NodeReport>) -> Result<NestedNode, Box<Entry>> {
        let client = connect::nested_client(&report, self.shared.console)
            .map_err(|entry| Box::new(entry.about(&self.name)))?;
        self.begin(&format!("waiting for its API at {}", report.url));
        let mut is_away = false;
        let end = self.until(API, |vm| match look(&client, &report) {
            Ok(found) => found,
            Err(error) => {
                is_away = matches!(error, Error::NeverSent { .. });
                vm.unless_final(&report, &error)
            }
        });
        let hint = format!(
            "{} must be reachable from here; `--pve-endpoint {}=URL` names another address, such as that of a tunnel",
            report.url, self.name
        );
        let hint = is_away.then_some(hint.as_str());
        let storages = end.map_err(|error| self.not_ready(API, error, hint))?;
        let NodeReport { node, url, fingerprint, token } = *report;
        Ok(NestedNode { node, url, fingerprint, token, storages })
    }

    /// A certificate other than the reported one, or a token that the API refuses, will not get better.
    fn unless_final<T>(&self, report: &NodeReport, error: &Error) -> Result<Poll<T>, Box<Entry>> {
        if let Some(problem) = error.certificate() {
            let fact = format!(
                "the API of PVE in \"{}\" is not the one that the guest reports",
                self.name
            );
            let place = Place::Named(report.url.to_string());
            let entry = Entry::error("wrong-certificate", place, fact)
                .note(problem.to_string())
                .note(format!("the guest reports {}", report.fingerprint));
            let hint =
                "something else may answer there, or the node has got a new certificate since";
            return Err(Box::new(entry.hint(hint)));
        }
        if error.is_about_the_token() {
            let place = Place::Named(report.url.to_string());
            return Err(Box::new(finding::of_error(place, error)));
        }
        Ok(Poll::NotYet(last_answer(error)))
    }

    /// Why a wait ended before the node was ready; `hint` is for one that took too long.
    fn not_ready(
        &self,
        what: &str,
        error: WaitError<Box<Entry>>,
        hint: Option<&str>,
    ) -> Box<Entry> {
        let (name, seconds) = (&self.name, self.shared.limit.as_secs());
        let failed = |fact: String| Entry::error("nested-not-ready", self.place(), fact);
        Box::new(match error {
            WaitError::Never(entry) => *entry,
            WaitError::Interrupted(_) => {
                failed(format!("stopped waiting for {what} in \"{name}\""))
            }
            WaitError::TimedOut(last) => {
                let fact = format!("PVE in \"{name}\" was not ready within {seconds} s");
                let note = format!("waited for {what}; last answer: {last}");
                let entry = failed(fact).note(note);
                hint.into_iter().fold(entry, Entry::hint)
            }
        })
    }
}

/// Asks a nested node once for everything that VMs need.
fn look(
    client: &Client,
    report: &NodeReport,
) -> Result<Result<Poll<nested::NodeStorages>, Box<Entry>>, Error> {
    let version = client.version()?;
    if !version::is_supported(&version) {
        return Ok(Err(Box::new(version::too_old(client, &version))));
    }
    let found = nested::choose(&client.storages(&report.node)?, &client.bridges(&report.node)?);
    Ok(Ok(found.map_or_else(Poll::NotYet, Poll::Ready)))
}
