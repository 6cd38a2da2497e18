//! DOOR (writes): carries out the steps of one VM's plan, one after another.
//!
//! Guarantees: decides nothing, since every parameter is in the plan; reads the mark again right before each
//! change and each destroy; never takes "already exists" for success; waits for every task and checks its result.

mod clone;
mod configure;
mod create;
mod effect;
mod fence;
mod guard;
mod migrate;
mod persistence;
mod power;
mod residue;
mod retry;
mod side_by_side;
mod step;
mod vmids;

pub(crate) use migrate::LOCK as MIGRATION_LOCK;
pub(crate) use persistence::{Cause, Persistence};
pub(crate) use vmids::Vmids;

use crate::action::{Action, Step, VmPlan};
use crate::desired::is_seed_file;
use crate::interrupt::Interrupt;
use crate::mark::Mark;
use crate::outcome::{Verdict, VmOutcome};
use crate::schedule::{Gates, Turn};
use pve_client::{Client, Error, NodeName, PropertyString, Upid, VmConfig, Vmid, Volid};
use stage::{Console, Entry, Event, LogFormat, Place};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What the steps of all VMs share.
pub(crate) struct Runner<'a> {
    /// The connection.
    pub client: &'a Client,
    /// Where progress is reported.
    pub console: &'a Console,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
    /// This run's nonce.
    pub(crate) run: &'a str,
    /// The number of imports into one storage at a time.
    pub gates: &'a Gates,
    /// The number of migrations to one node at a time.
    pub(crate) migrations: &'a Gates,
    /// The storages with the same volumes on all nodes.
    pub(crate) shared: &'a BTreeSet<String>,
    /// Whether a VM's seed is uploaded while the VM is cloned.
    pub(crate) side_by_side: bool,
    /// How long a task may take.
    pub task_limit: Duration,
    /// The vmids for VMs that have none.
    pub(crate) vmids: Vmids,
    /// Whether the cluster's quorum is known to be lost for longer than a write is retried.
    pub(crate) has_no_quorum: AtomicBool,
}

/// Why a step failed.
pub(crate) struct StepError {
    /// For people.
    pub(crate) entry: Box<Entry>,
    /// The step may have changed something nevertheless.
    pub(crate) uncertain: bool,
    /// PVE is still working on it.
    pub(crate) still_running: bool,
    /// Another run of this deployment is working on this VM: it is planned again.
    pub(crate) yielded: bool,
}

impl StepError {
    /// A refusal of our own: nothing was sent.
    pub(crate) fn unsent(entry: Entry) -> Self {
        Self { entry: Box::new(entry), uncertain: false, still_running: false, yielded: false }
    }

    /// A failure after which something may have changed.
    pub(crate) fn uncertain(entry: Entry) -> Self {
        Self { entry: Box::new(entry), uncertain: true, still_running: false, yielded: false }
    }
}

/// A VM while its steps run.
pub(crate) struct Work<'a> {
    pub(crate) runner: &'a Runner<'a>,
    pub(crate) plan: &'a VmPlan,
    pub(crate) vmid: Option<Vmid>,
    /// The node that has the VM now.
    node: NodeName,
    /// The mark that the VM carries now.
    pub(crate) mark: Mark,
    /// Whether no step has changed the VM yet: the planned digest and power must still hold.
    pub(crate) untouched: Cell<bool>,
    /// Whether this run has started the VM.
    pub(crate) started: bool,
    /// What is being done, for people.
    pub(crate) doing: &'static str,
    /// Whether this is done beside another step of the VM, which has been reported later.
    pub(crate) is_beside: bool,
    /// The config when it last matched the plan.
    pub(crate) planned: OnceCell<VmConfig>,
    /// Disks that this run has moved, grown or cloned, and the slots that have them now: their volume and
    /// size differ from the plan.
    pub(crate) moved: BTreeMap<String, String>,
    /// The uuid of a VM that this run clones, which its last write sets.
    pub(crate) new_uuid: Option<String>,
    /// What this run has written to the config; no value means that the key was deleted.
    pub(crate) sent: BTreeMap<String, Option<String>>,
    /// What PVE warned of.
    pub(crate) warnings: RefCell<Vec<String>>,
    /// The vmids that a killed create or clone holds, as far as the user knows.
    dead: RefCell<BTreeSet<Vmid>>,
}

impl Runner<'_> {
    /// Returns whether a refused write is worth another try, as far as quorum is concerned.
    fn waits_for_quorum(&self, error: &Error) -> bool {
        !error.lacks_quorum() || !self.has_no_quorum.load(Ordering::Relaxed)
    }

    /// Remembers that a write was given up because there is no quorum: then no other VM's work is begun.
    fn note_quorum(&self, error: &Error) {
        self.has_no_quorum.fetch_or(error.lacks_quorum(), Ordering::Relaxed);
    }

    /// Carries out a VM's plan.
    pub(crate) fn run(&self, plan: &VmPlan) -> VmOutcome {
        if self.has_no_quorum.load(Ordering::Relaxed) {
            return VmOutcome::not_reached(plan, "the cluster has no quorum");
        }
        let mut work = Work::new(self, plan);
        let mut done = Vec::new();
        let mut changed = false;
        let mut verdict = Verdict::Done;
        let mut turns = Vec::new();
        let mut steps = plan.steps.iter().enumerate();
        while let Some((index, step)) = steps.next() {
            // Before the check for Ctrl-C, since the wait may be long.
            turns.extend(self.turns_for(plan, step));
            // An uploaded seed is deleted in any case.
            if self.interrupt.is_stopping() && !matches!(step, Step::DeleteVolume { .. }) {
                let left = work.clean_up(index, &mut done);
                verdict = Verdict::Interrupted { before: step.doing(), left };
                break;
            }
            work.report_step(step);
            let clone = self.beside(step, plan.steps.get(index + 1));
            let ended = match clone {
                None => work.carry_out(step).map_err(|failure| (index, failure)),
                Some(clone) => work.both((index, step), clone, &mut done),
            };
            let last = clone.inspect(|_| _ = steps.next()).unwrap_or(step);
            if last.ends_turn() {
                turns.clear();
            }
            match ended {
                Ok(()) if matches!(last, Step::Fence) => {}
                Ok(()) => {
                    changed = true;
                    done.push(last.done());
                }
                Err((at, failure)) => {
                    changed |= failure.uncertain || !done.is_empty();
                    verdict = work.failed(at, failure, &mut done);
                    break;
                }
            }
        }
        if matches!(verdict, Verdict::Done)
            && let Err(failure) = work.settled()
        {
            verdict = Verdict::Failed { during: "checking the result", entry: failure.entry };
        }
        work.report_end(&verdict);
        let warnings = work.warnings.take();
        let (vmid, node) = (work.vmid, work.node);
        VmOutcome { vmid, node, done, changed, warnings, ..VmOutcome::new(plan, verdict) }
    }
}

/// Returns the storage to which a new disk is copied; `None` for an empty disk, and for a seed, which is small.
fn copied_to(value: &str) -> Option<String> {
    let drive = PropertyString::parse(value, "file");
    let from = drive.get("import-from")?.parse::<Volid>();
    let (storage, _) = drive.get("file")?.split_once(':')?;
    from.is_ok_and(|from| !is_seed_file(from.file())).then(|| storage.to_owned())
}

/// Returns the name of the gate before a storage: every node has its own local storage of that name.
fn gate(shared: &BTreeSet<String>, node: &NodeName, storage: &str) -> String {
    if shared.contains(storage) { storage.to_owned() } else { format!("{node} {storage}") }
}

impl Runner<'_> {
    /// Waits for a VM's turns before a step that copies whole disks; they end when dropped.
    fn turns_for(&self, plan: &VmPlan, step: &Step) -> Vec<Turn<'_>> {
        let storages: BTreeSet<String> = match step {
            // Before the upload, so that no seed waits on the storage, readable to others.
            Step::UploadSeed { .. } => plan.storage.iter().cloned().collect(),
            Step::AddDisk { value, .. } => copied_to(value).into_iter().collect(),
            Step::AddDisks { disks } => disks.values().filter_map(|made| copied_to(made)).collect(),
            Step::Migrate { target, .. } => return vec![self.migrations.pass(target.as_str())],
            _ => return Vec::new(),
        };
        let name = |storage: &String| gate(self.shared, plan.node_afterwards(), storage);
        // All VMs take several in the same order: none waits for one that waits for it.
        let gates: BTreeSet<String> = storages.iter().map(name).collect();
        gates.iter().map(|gate| self.gates.pass(gate)).collect()
    }
}

impl<'a> Work<'a> {
    fn new(runner: &'a Runner<'a>, plan: &'a VmPlan) -> Self {
        Self {
            runner,
            plan,
            vmid: plan.vmid,
            node: plan.node.clone(),
            mark: plan.mark.clone(),
            untouched: Cell::new(true),
            started: false,
            doing: "",
            is_beside: false,
            planned: OnceCell::new(),
            moved: BTreeMap::new(),
            new_uuid: None,
            sent: BTreeMap::new(),
            warnings: RefCell::default(),
            dead: RefCell::default(),
        }
    }
}

impl Work<'_> {
    /// Returns the node that has the VM now: calls about the VM go there.
    pub(crate) fn node(&self) -> &NodeName {
        &self.node
    }

    /// Returns the place of findings about this VM.
    pub(crate) fn place(&self) -> Place {
        match self.vmid {
            Some(vmid) => Place::vm(self.node().as_str(), vmid.get()),
            None => Place::Named(self.plan.name.clone()),
        }
    }

    /// Reports the step that begins; a check, or a record that belongs to other steps, is not worth a line.
    fn report_step(&self, step: &Step) {
        let only_records = matches!(step, Step::Configure { params, .. } if params.is_empty());
        if matches!(step, Step::Fence) || only_records && self.plan.steps.len() > 1 {
            return;
        }
        self.event("step", step.doing(), None);
    }

    fn report_end(&self, verdict: &Verdict) {
        let mut steps = self.plan.steps.iter();
        let last = steps.rfind(|step| !matches!(step, Step::Fence) && !step.verb().is_bookkeeping);
        let (kind, word) = match verdict {
            Verdict::Done if self.plan.action == Action::Destroy => ("done", "destroyed"),
            Verdict::Done => ("done", last.map_or("done", Step::done)),
            Verdict::Yielded { .. } => ("done", "left to another run of this deployment"),
            Verdict::Failed { .. } => ("failed", "failed"),
            Verdict::Interrupted { .. } => ("failed", "stopped"),
            Verdict::NotReached { .. } => ("failed", "not reached"),
        };
        self.event(kind, word, None);
    }

    /// Handles a failed step, and removes what it would leave behind.
    fn failed(
        &mut self,
        index: usize,
        failure: StepError,
        done: &mut Vec<&'static str>,
    ) -> Verdict {
        let during = self.plan.steps.get(index).map_or("", Step::doing);
        let mut entry = *failure.entry;
        let started = index + usize::from(failure.uncertain);
        // A task that is still running may still read the seed: the next run removes it.
        if !failure.still_running {
            entry.notes.extend(self.clean_up(started, done));
        }
        if failure.yielded {
            return Verdict::Yielded { entry: Box::new(entry) };
        }
        Verdict::Failed { during, entry: Box::new(entry) }
    }

    /// Reports what happens to this VM.
    pub(crate) fn event(&self, event: &'static str, text: &str, percent: Option<u8>) {
        let mut event = Event::new(event, &self.plan.name, text);
        event.percent = percent;
        if let Some(vmid) = self.vmid {
            event.fields.insert("vmid".to_owned(), vmid.get().into());
        }
        self.runner.console.event(&event);
    }

    /// Reports the task behind a step: to machines always, to people when something goes wrong.
    pub(crate) fn report_task(&self, upid: &Upid, text: &str) {
        if self.is_beside && self.runner.console.log_format() != LogFormat::Json {
            return;
        }
        let mut event = Event::new("task", &self.plan.name, text);
        event.fields.insert("upid".to_owned(), upid.to_string().into());
        self.runner.console.event(&event);
    }

    /// Deletes the uploaded seed whatever happens, since it is a secret.
    /// Returns what is left when that fails.
    fn clean_up(&mut self, started: usize, done: &mut Vec<&'static str>) -> Option<String> {
        let (started, _) = self.plan.steps.split_at_checked(started)?;
        let uploaded: Vec<Volid> = started.iter().filter_map(uploaded_seed).collect();
        let left: Vec<String> = uploaded
            .into_iter()
            .filter(|volid| !started.iter().any(|step| deletes(step, volid)))
            .filter_map(|volid| self.delete_left(volid, done))
            .collect();
        (!left.is_empty()).then(|| left.join("; "))
    }

    fn delete_left(&mut self, volid: Volid, done: &mut Vec<&'static str>) -> Option<String> {
        let deletion = &Step::DeleteVolume { node: self.node().clone(), volid: volid.clone() };
        let Err(failure) = self.carry_out(deletion) else {
            if done.last() != Some(&deletion.done()) {
                done.push(deletion.done());
            }
            return None;
        };
        let why = failure.entry.fact;
        Some(format!("the uploaded seed remains until the next run removes it ({why}): {volid}"))
    }
}

/// The file that a step uploads to a storage.
fn uploaded_seed(step: &Step) -> Option<Volid> {
    let Step::UploadSeed { storage, file, .. } = step else { return None };
    Some(Volid::of_file(storage, "import", file))
}

fn deletes(step: &Step, volid: &Volid) -> bool {
    matches!(step, Step::DeleteVolume { volid: deleted, .. } if deleted == volid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_copies_of_images_wait_at_a_storage() {
        let seed = "tank:0,import-from=local:import/pve-pipeline-seed_0_edge_0.raw";
        let cases = [
            ("tank:0,import-from=local:import/debian-12.qcow2,discard=on", Some("tank")),
            ("tank:8,discard=on", None),
            (seed, None),
            ("tank:1,efitype=4m", None),
        ];
        for (value, expected) in cases {
            assert_eq!(copied_to(value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn nodes_share_a_gate_only_before_a_shared_storage() {
        let shared = BTreeSet::from(["nas".to_owned()]);
        let of = |node: &str, storage| gate(&shared, &node.parse().unwrap(), storage);
        assert_eq!(of("pve1", "nas"), of("pve2", "nas"));
        assert_ne!(of("pve1", "local-lvm"), of("pve2", "local-lvm"));
        assert_eq!(of("pve1", "local-lvm"), of("pve1", "local-lvm"));
    }
}
