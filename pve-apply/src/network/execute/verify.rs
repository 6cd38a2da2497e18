//! DOOR (reads, waits): whether the nodes have made what was committed.
//!
//! PVE: facts-2, 17 and 28: the task of a commit ends OK whatever happens; only the nodes' own answers count.

use super::{Executor, place};
use crate::network::model::{Transaction, Verify};
use crate::observe::{is_own, running_tasks};
use crate::read::read_retrying;
use crate::task_wait;
use pve_client::{Error, NodeName, NodeVnet, NodeZone, Upid};
use pve_stage::finding;
use pve_stage::patience::{Patience, poll_answer};
use pve_stage::wait::{Deadline, Poll, Wait, WaitError};
use stage::{Entry, Event};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

/// How often the nodes are asked once the task has ended: their state is then final, but for what a node still
/// reads from the cluster.
const TRIES: u32 = 5;
/// The first pause; each is twice the one before, 3 s in total.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The number of log lines that are read.
const LOG_TAIL: u64 = 50;

/// What is wrong with a zone on a node.
#[derive(Debug, PartialEq)]
struct Fault {
    zone: String,
    node: NodeName,
    /// What the node says, or why it does not.
    texts: Vec<String>,
}

impl Executor<'_> {
    /// Waits for the task that reloads the nodes. How it ends proves nothing.
    pub(super) fn wait(&self, upid: &Upid) {
        for name in self.names {
            let mut event = Event::new("task", name, "committing");
            event.fields.insert("upid".to_owned(), upid.to_string().into());
            self.console.event(&event);
        }
        let mut patience = Patience::default();
        let mut reported = false;
        let ended = self.client.wait(upid, self.task_limit, &mut |waited, lost| {
            let stopping = self.interrupt.is_signalled();
            if stopping && !std::mem::replace(&mut reported, true) {
                let text = format!(
                    "stopping after this task; press Ctrl-C again to quit now and leave it running: {upid}"
                );
                self.console.event(&Event::new("stopping", &self.subject(), &text));
            }
            if let Some(text) = patience.message(waited, "task reloadnetworkall", &poll_answer(lost)) {
                self.each("wait", &text);
            }
            if stopping && lost.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match ended {
            Err(Error::TaskFailed(failed)) => {
                let text = format!(
                    "the nodes' reload ended with \"{}\" ({upid}): a node that has not reloaded keeps its networks as they were",
                    failed.exitstatus
                );
                self.each("warning", &text);
            }
            Err(error) => {
                task_wait::unread(upid, &error).iter().for_each(|text| self.each("wait", text));
            }
            Ok(_) => {}
        }
    }

    /// Waits for the reload of a commit whose answer was lost. Which node runs it is unknown.
    pub(super) fn wait_for_reloads(&self, transaction: &Transaction) {
        let nodes: BTreeSet<&NodeName> =
            transaction.verify.iter().flat_map(|verify| &verify.nodes).collect();
        for node in nodes {
            let kind = Some("reloadnetworkall");
            let tasks = read_retrying(|| running_tasks(self.client, node, kind, None));
            for upid in tasks.unwrap_or_default().iter().filter(|upid| is_own(self.client, upid)) {
                self.wait(upid);
            }
        }
    }

    /// Returns a finding for each network that is not as committed on all of its nodes.
    pub(super) fn verify(
        &self,
        transaction: &Transaction,
        upid: Option<&Upid>,
    ) -> BTreeMap<String, Entry> {
        let deadline = Deadline::never();
        let pauses = (FIRST_PAUSE, Duration::MAX);
        let wait = Wait { deadline: &deadline, pauses, is_stopping: &|| false };
        let mut tries = 0;
        let end = wait.until(|| {
            tries += 1;
            let faults = self.faults(transaction);
            let is_over = faults.is_empty() || tries == TRIES;
            Ok(if is_over { Poll::Ready(faults) } else { Poll::NotYet(faults) })
        });
        let Ok(faults): Result<_, Infallible> = end.or_else(WaitError::last);
        if faults.is_empty() {
            return BTreeMap::new();
        }
        let log = upid.map(|upid| self.log(upid)).unwrap_or_default();
        let mut findings = BTreeMap::new();
        for fault in &faults {
            let entry = findings.entry(fault.zone.clone()).or_insert_with(|| broken(&fault.zone));
            let mut texts = fault.texts.iter();
            entry.notes.extend(texts.next().map(|text| format!("node {}: {text}", fault.node)));
            entry.notes.extend(texts.cloned());
        }
        for entry in findings.values_mut() {
            entry.notes.extend(log.iter().map(|line| format!("log: {line}")));
            entry.notes.extend(upid.map(|upid| format!("task {upid}")));
        }
        findings
    }

    /// Returns the lines of a task's log that say more than that it ran.
    fn log(&self, upid: &Upid) -> Vec<String> {
        let lines = read_retrying(|| self.client.task_log_tail(upid, LOG_TAIL)).unwrap_or_default();
        let is_usual = |line: &str| {
            line.trim().is_empty()
                || line == "TASK OK"
                || line.ends_with(": reloading network config")
        };
        lines.into_iter().filter(|line| !is_usual(line)).collect()
    }

    /// Asks each node once.
    fn faults(&self, transaction: &Transaction) -> Vec<Fault> {
        let nodes: BTreeSet<&NodeName> =
            transaction.verify.iter().flat_map(|verify| &verify.nodes).collect();
        let mut faults = Vec::new();
        for node in nodes {
            let zones = read_retrying(|| self.client.node_sdn_zones(node));
            for verify in transaction.verify.iter().filter(|verify| verify.nodes.contains(node)) {
                let texts = match &zones {
                    Ok(zones) => self.fault(node, verify, zones),
                    Err(error) => Some(unread(node, error)),
                };
                let fault = |texts| Fault { zone: verify.zone.clone(), node: node.clone(), texts };
                faults.extend(texts.map(fault));
            }
        }
        faults
    }

    /// Returns what is wrong with a zone on a node.
    fn fault(&self, node: &NodeName, verify: &Verify, zones: &[NodeZone]) -> Option<Vec<String>> {
        let zone = zones.iter().find(|zone| zone.zone == verify.zone);
        let Some(zone) = zone else {
            let is_wanted = !verify.vnets.is_empty();
            return is_wanted.then(|| vec!["does not have the zone".to_owned()]);
        };
        if verify.zone_gone {
            return Some(vec!["still has the zone".to_owned()]);
        }
        if zone.status == "available" && verify.gone.is_empty() {
            return None;
        }
        match read_retrying(|| self.client.node_vnets(node, &verify.zone)) {
            Ok(content) => in_content(verify, &content).map(|text| vec![text]),
            // The list of vnets needs SDN.Audit; the zone's own state does not.
            Err(error) if error.is_permission() && zone.status == "available" => None,
            Err(error) if error.is_permission() => {
                Some(vec![format!("its status is \"{}\"", zone.status)])
            }
            Err(error) => Some(unread(node, &error)),
        }
    }
}

/// Returns what is wrong with the vnets of a zone on a node.
fn in_content(verify: &Verify, content: &[NodeVnet]) -> Option<String> {
    let is_bad = |name: &String| match content.iter().find(|vnet| vnet.vnet == *name) {
        None => Some(format!("vnet {name} is missing")),
        Some(vnet) if vnet.status == "available" => None,
        Some(vnet) => {
            let message = vnet.message.as_deref().map(|text| format!(": {text}"));
            Some(format!("vnet {name}: {}{}", vnet.status, message.unwrap_or_default()))
        }
    };
    let remains = |name: &&String| content.iter().any(|vnet| vnet.vnet == **name);
    let left = verify.gone.iter().filter(remains).map(|name| format!("still has vnet {name}"));
    let texts: Vec<String> = verify.vnets.iter().filter_map(is_bad).chain(left).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// The finding for a network that nodes have not made.
fn broken(zone: &str) -> Entry {
    let fact = "is committed, but not every node has set it up";
    Entry::error("network-not-effective", place(zone), fact).hint(
        "fix what the nodes report, then run again; the task `srvreload` of the node says more",
    )
}

/// Returns why a node could not be read, and what PVE says about it.
fn unread(node: &NodeName, error: &Error) -> Vec<String> {
    let entry = finding::of_error(stage::Place::node(node.as_str()), error);
    std::iter::once(entry.fact).chain(entry.notes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &[(&str, &str, Option<&str>)], expected: Option<&str>) {
        let verify = Verify {
            zone: "lab".to_owned(),
            nodes: Vec::new(),
            vnets: vec!["lan".to_owned(), "dmz".to_owned()],
            gone: vec!["old".to_owned()],
            zone_gone: false,
        };
        let content: Vec<NodeVnet> = content
            .iter()
            .map(|(vnet, status, message)| NodeVnet {
                vnet: (*vnet).to_owned(),
                status: (*status).to_owned(),
                message: message.map(str::to_owned),
            })
            .collect();
        assert_eq!(in_content(&verify, &content).as_deref(), expected);
    }

    #[test]
    fn only_our_vnets_count() {
        let ok = [("dmz", "available", None), ("lan", "available", None)];
        check(&ok, None);
        check(&[ok[0], ok[1], ("other", "error", Some("x"))], None);
        check(
            &[ok[0], ("lan", "error", Some("missing vmbr7"))],
            Some("vnet lan: error: missing vmbr7"),
        );
        check(
            &[ok[1], ("old", "available", None)],
            Some("vnet dmz is missing; still has vnet old"),
        );
    }
}
