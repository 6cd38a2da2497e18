//! DOOR (writes): carries out the steps of one VM's plan, one after the other.
//!
//! Promises: makes no decision, every parameter is in the plan; reads the mark anew right before each
//! change and each destroy; never takes "already exists" for success; waits for every task and judges it.

mod create;
mod guard;
mod retry;
mod step;

pub(crate) use retry::pause;

use crate::action::{Action, Step, VmPlan};
use crate::desired::snippets;
use crate::interrupt::Interrupt;
use crate::outcome::{Verdict, VmOutcome};
use crate::schedule::{Gates, Turn};
use pve_client::{Client, Upid, Vmid, Volid};
use stage::{Console, Entry, Event, Place};
use std::sync::Mutex;
use std::time::Duration;

/// What the steps of all VMs share.
pub(crate) struct Runner<'a> {
    /// The connection.
    pub client: &'a Client,
    /// Where progress is told.
    pub console: &'a Console,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
    /// How many imports a storage takes at a time.
    pub gates: &'a Gates,
    /// How long a task may take.
    pub task_limit: Duration,
    /// Vmids that are not to be taken for a VM whose vmid PVE chooses.
    pub(crate) reserved: &'a [u32],
    /// Held from the question for a free vmid to the create that claims it.
    pub next_id: Mutex<()>,
}

/// Why a step came to no good end.
pub(crate) struct Stop {
    /// For people.
    pub(crate) entry: Box<Entry>,
    /// The step may have changed the world all the same.
    pub(crate) maybe: bool,
    /// PVE still works at it.
    pub(crate) goes_on: bool,
}

impl Stop {
    /// A refusal of our own: nothing was sent.
    pub(crate) fn before(entry: Entry) -> Self {
        Self { entry: Box::new(entry), maybe: false, goes_on: false }
    }

    /// A failure after which the world may have changed.
    pub(crate) fn after(entry: Entry) -> Self {
        Self { entry: Box::new(entry), maybe: true, goes_on: false }
    }
}

/// A VM while its steps run.
pub(crate) struct Work<'a> {
    pub(crate) runner: &'a Runner<'a>,
    pub(crate) plan: &'a VmPlan,
    pub(crate) vmid: Option<Vmid>,
    /// No step has changed the VM yet: the planned digest must still hold.
    pub(crate) untouched: bool,
}

impl Runner<'_> {
    /// Carries out a VM's plan.
    pub(crate) fn run(&self, plan: &VmPlan) -> VmOutcome {
        let mut work = Work { runner: self, plan, vmid: plan.vmid, untouched: true };
        let mut done = Vec::new();
        let mut changed = false;
        let mut verdict = Verdict::Done;
        for (index, step) in plan.steps.iter().enumerate() {
            // Before the look at Ctrl-C: an import may wait long for its turn.
            let _turn = self.turn(plan, step);
            // A seed that was uploaded goes all the same.
            if self.interrupt.is_asked() && !matches!(step, Step::DeleteVolume { .. }) {
                let left = work.clean_up(index, &mut done);
                verdict = Verdict::Interrupted { before: step.doing(), left };
                break;
            }
            work.tell("step", step.doing(), None);
            match work.carry_out(step) {
                Ok(()) => {
                    changed = true;
                    done.push(step.done());
                }
                Err(stop) => {
                    changed |= stop.maybe;
                    let mut entry = *stop.entry;
                    let begun = index + usize::from(stop.maybe);
                    // A task that PVE still works at may yet read the seed: the next run removes it.
                    if !stop.goes_on {
                        entry.notes.extend(work.clean_up(begun, &mut done));
                    }
                    verdict = Verdict::Failed { during: step.doing(), entry: Box::new(entry) };
                    break;
                }
            }
        }
        let word = match &verdict {
            Verdict::Done if plan.action == Action::Destroy => "destroyed",
            Verdict::Done => plan.steps.last().map_or("done", Step::done),
            Verdict::Failed { .. } => "failed",
            Verdict::Interrupted { .. } => "stopped",
            Verdict::NotReached { .. } => "not reached",
        };
        let kind = if matches!(verdict, Verdict::Done) { "done" } else { "failed" };
        work.tell(kind, word, None);
        VmOutcome { vmid: work.vmid, done, changed, ..VmOutcome::new(plan, verdict) }
    }
}

impl Runner<'_> {
    /// The turn of a step that imports disks; over when dropped.
    fn turn(&self, plan: &VmPlan, step: &Step) -> Option<Turn<'_>> {
        let storage = plan.storage.as_deref().filter(|_| matches!(step, Step::Create { .. }))?;
        Some(self.gates.pass(storage))
    }
}

impl Work<'_> {
    /// Where findings about this VM are.
    pub(crate) fn place(&self) -> Place {
        match self.vmid {
            Some(vmid) => Place::vm(self.plan.node.as_str(), vmid.get()),
            None => Place::Named(self.plan.name.clone()),
        }
    }

    /// Tells what happens to this VM.
    pub(crate) fn tell(&self, event: &'static str, text: &str, percent: Option<u8>) {
        let mut told = Event::new(event, &self.plan.name, text);
        told.percent = percent;
        if let Some(vmid) = self.vmid {
            told.fields.insert("vmid".to_owned(), vmid.get().into());
        }
        self.runner.console.event(&told);
    }

    /// Tells the task behind a step: to machines always, to people when something goes wrong.
    pub(crate) fn tell_task(&self, upid: &Upid, text: &str) {
        let mut told = Event::new("task", &self.plan.name, text);
        told.fields.insert("upid".to_owned(), upid.to_string().into());
        self.runner.console.event(&told);
    }

    /// The uploaded seed goes whatever happens, for it is a secret: unless it is in the VM's CD drive.
    /// Returns what is left when that fails.
    fn clean_up(&mut self, begun: usize, done: &mut Vec<&'static str>) -> Option<String> {
        let (begun, rest) = self.plan.steps.split_at_checked(begun)?;
        let uploaded: Vec<Volid> = begun.iter().flat_map(uploaded_seeds).collect();
        let left: Vec<String> = uploaded
            .into_iter()
            .filter(|volid| {
                let goes_later = rest.iter().any(|step| deletes(step, volid));
                let in_use = !goes_later && begun.iter().any(|step| attaches(step, volid));
                !in_use && !begun.iter().any(|step| deletes(step, volid))
            })
            .filter_map(|volid| self.delete_left(volid, done))
            .collect();
        (!left.is_empty()).then(|| left.join("; "))
    }

    fn delete_left(&mut self, volid: Volid, done: &mut Vec<&'static str>) -> Option<String> {
        let deletion = &Step::DeleteVolume { node: self.plan.node.clone(), volid: volid.clone() };
        let Err(stop) = self.carry_out(deletion) else {
            if done.last() != Some(&deletion.done()) {
                done.push(deletion.done());
            }
            return None;
        };
        let why = stop.entry.fact;
        Some(format!("the uploaded seed is left, and goes at the next run ({why}): {volid}"))
    }
}

/// The files that a step puts onto a storage.
fn uploaded_seeds(step: &Step) -> Vec<Volid> {
    match step {
        Step::UploadSeed { content, storage, file, .. } => {
            vec![Volid::of_file(storage, content, file)]
        }
        Step::WriteSnippets { storage, file, network_config, .. } => {
            let names = snippets::names(file, !network_config.is_empty()).into_iter();
            names.map(|(_, name)| snippets::volid(storage, &name)).collect()
        }
        _ => Vec::new(),
    }
}

fn deletes(step: &Step, volid: &Volid) -> bool {
    matches!(step, Step::DeleteVolume { volid: deleted, .. } if deleted == volid)
}

/// Says whether a step puts the file itself, not a copy of it, into a drive.
fn attaches(step: &Step, volid: &Volid) -> bool {
    let (Step::Create { params } | Step::Configure { params, .. }) = step else { return false };
    let volid = volid.to_string();
    let named = |value: &String| {
        value.split(',').any(|part| part.split_once('=').map_or(part, |(_, v)| v) == volid)
    };
    params.iter().any(|(key, value)| match key.as_str() {
        "cicustom" => named(value),
        _ => value.split(',').next() == Some(&volid),
    })
}
