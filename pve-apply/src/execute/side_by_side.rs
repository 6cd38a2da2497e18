//! Uploads a VM's seed while the VM is cloned: neither needs the other, and a clone takes as long as an upload.

use super::{Runner, StepError, Work};
use crate::action::Step;

impl Runner<'_> {
    /// Returns the clone that is carried out beside a step, if it is the next one.
    pub(super) fn beside<'s>(&self, step: &Step, next: Option<&'s Step>) -> Option<&'s Step> {
        let is_upload = matches!(step, Step::UploadSeed { .. });
        let is_clone = |next: &&Step| matches!(next, Step::Clone { .. });
        next.filter(is_clone).filter(|_| self.side_by_side && is_upload)
    }
}

impl Work<'_> {
    /// Carries out an upload and the clone after it, both to their end, and adds to `done` what has succeeded: of
    /// two successes the first.
    ///
    /// # Errors
    /// The failure, and the index of its step. If both fail, the clone's matters more.
    pub(super) fn both(
        &mut self,
        (index, upload): (usize, &Step),
        clone: &Step,
        done: &mut Vec<&'static str>,
    ) -> Result<(), (usize, StepError)> {
        let (runner, plan) = (self.runner, self.plan);
        self.report_step(clone);
        let (uploaded, cloned) = std::thread::scope(|scope| {
            let beside = scope.spawn(|| {
                let mut work = Work { is_beside: true, ..Work::new(runner, plan) };
                let ended = work.carry_out(upload);
                (ended, work.warnings.take())
            });
            let cloned = self.carry_out(clone);
            let joined = beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (joined, cloned)
        });
        let (uploaded, warnings) = uploaded;
        self.warnings.borrow_mut().extend(warnings);
        match (uploaded, cloned) {
            (Ok(()), Ok(())) => done.push(upload.done()),
            (Err(failure), Ok(())) => {
                done.push(clone.done());
                return Err((index, failure));
            }
            (Ok(()), Err(failure)) => {
                done.push(upload.done());
                return Err((index + 1, failure));
            }
            (Err(other), Err(mut failure)) => {
                failure.entry.notes.push(format!("also: {}", other.entry.fact));
                failure.uncertain |= other.uncertain;
                failure.still_running |= other.still_running;
                return Err((index + 1, failure));
            }
        }
        Ok(())
    }
}
