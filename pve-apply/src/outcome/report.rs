//! The outcome of a plan as findings for people. Does no I/O.

use super::{NetworkOutcome, Outcomes, Verdict, VmOutcome};
use stage::{Entry, Place, Report};

impl Outcomes {
    /// Returns PVE's warnings, repeated at the end of the run.
    pub(crate) fn warnings(&self) -> Report {
        let mut report = Report::new();
        for outcome in &self.vms {
            let place = || match outcome.vmid {
                Some(vmid) => Place::vm(outcome.node.as_str(), vmid.get()),
                None => Place::Named(outcome.name.clone()),
            };
            let warning = |text: &String| {
                let fact = format!("\"{}\": {text}", outcome.name);
                Entry::warning("vm-warning", place(), fact).about(&outcome.name)
            };
            outcome.warnings.iter().map(warning).for_each(|entry| report.push(entry));
        }
        report
    }

    /// Returns the findings of an incomplete apply: each failure, then a summary of what was done and what was not.
    pub(crate) fn report(&self) -> Report {
        let mut report = self.warnings();
        let lines: Vec<Line<'_>> =
            self.networks.iter().map(Line::network).chain(self.vms.iter().map(Line::vm)).collect();
        for line in &lines {
            if let Verdict::Failed { entry, .. } | Verdict::Yielded { entry } = line.verdict {
                report.push((**entry).clone().about(line.subject));
            }
        }
        if let [only] = lines.as_slice()
            && only.is_finding_enough()
        {
            return report;
        }
        let mut entry = Entry::error("vms-failed", Place::Run, self.finished());
        for line in lines.iter().filter(|line| !line.done.is_empty()) {
            entry = entry.note(format!("done: {}: {}", line.label, line.done.join(", ")));
        }
        for line in &lines {
            entry.notes.extend(line.notes());
        }
        if self.any_changed() {
            let hint = "run again: finished work is recognised, and half-done work is finished";
            entry = entry.hint(hint);
        }
        report.push(entry);
        report
    }

    /// Returns how much of the work finished, such as `1 of 2 networks and 0 of 3 VMs finished`.
    fn finished(&self) -> String {
        let networks = self.networks.iter().filter(|outcome| outcome.verdict.is_done()).count();
        let vms = self.vms.iter().filter(|outcome| outcome.verdict.is_done()).count();
        let vms = (!self.vms.is_empty()).then(|| format!("{vms} of {} VMs", self.vms.len()));
        let of = |count: usize| if count == 1 { "network" } else { "networks" };
        let count = self.networks.len();
        let networks = (count > 0).then(|| format!("{networks} of {count} {}", of(count)));
        let parts: Vec<String> = networks.into_iter().chain(vms).collect();
        format!("{} finished", parts.join(" and "))
    }
}

/// One network or VM in the summary.
struct Line<'a> {
    /// What its finding is about.
    subject: &'a str,
    label: String,
    verdict: &'a Verdict,
    done: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn vm(outcome: &'a VmOutcome) -> Self {
        let (subject, label) = (outcome.name.as_str(), outcome.label());
        Self { subject, label, verdict: &outcome.verdict, done: outcome.done.clone() }
    }

    fn network(outcome: &'a NetworkOutcome) -> Self {
        let label = format!("network {}", outcome.name);
        let done = outcome.done.iter().map(String::as_str).collect();
        Self { subject: &outcome.name, label, verdict: &outcome.verdict, done }
    }

    /// Returns whether the finding of a single network or VM needs no summary: nothing was done.
    fn is_finding_enough(&self) -> bool {
        self.done.is_empty()
            && matches!(self.verdict, Verdict::Failed { .. } | Verdict::Yielded { .. })
    }

    /// Returns what to say about one that was not finished.
    fn notes(&self) -> Vec<String> {
        let label = &self.label;
        match self.verdict {
            Verdict::Done => Vec::new(),
            Verdict::Failed { during, .. } => vec![format!("failed: {label}: {during}")],
            Verdict::Yielded { .. } => vec![format!("left to another run: {label}")],
            Verdict::Interrupted { before, left } => {
                let first = format!("stopped: {label}: before {before}");
                std::iter::once(first).chain(left.clone()).collect()
            }
            Verdict::NotReached { reason } => vec![format!("not reached: {label}: {reason}")],
        }
    }
}
