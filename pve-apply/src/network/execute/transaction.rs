//! The order of a transaction: look, lock, look again, edit, look again, commit, ask the nodes; or take it back.

use super::commit::{Commit, NotMade, Sent};
use super::lock::SdnLock;
use super::look::Look;
use super::{Ended, Executor, Halt};
use crate::network::model::Transaction;
use pve_stage::finding;

impl Executor<'_> {
    /// Looks whether everything is as planned, takes the lock, and looks again: what was seen before the lock
    /// may have changed by the time it is ours.
    pub(super) fn begin(&self, transaction: &Transaction) -> Result<SdnLock, Halt> {
        if self.is_stopping() {
            return Err(Halt::interrupted("locking"));
        }
        let looked = self.look("locking")?;
        self.check_planned(transaction, &looked)?;
        let lock = self.lock(&looked, transaction)?;
        let checked = self.look("editing").and_then(|now| {
            self.check_planned(transaction, &now)?;
            self.check_unused(transaction)
        });
        match checked {
            Ok(()) => Ok(lock),
            Err(halt) => {
                let left = self.unlock(&lock);
                Err(halt.with_notes(left))
            }
        }
    }

    /// Sends all edits, and looks what is pending now.
    pub(super) fn stage<'p>(
        &self,
        transaction: &'p Transaction,
        lock: &SdnLock,
        sent: &mut Vec<Sent<'p>>,
    ) -> Result<Look, Halt> {
        for edit in &transaction.edits {
            if self.is_stopping() {
                return Err(Halt::interrupted("editing"));
            }
            self.event("step", &edit.network, &edit.doing());
            match self.edit(edit, lock) {
                Ok(()) => sent.push(Sent { edit, is_done: true }),
                Err(NotMade { halt, uncertain }) => {
                    if uncertain {
                        sent.push(Sent { edit, is_done: false });
                    }
                    return Err(halt);
                }
            }
        }
        if self.is_stopping() {
            return Err(Halt::interrupted("committing"));
        }
        let staged = self.look("committing")?;
        self.check_staged(transaction, &staged)?;
        self.check_unused(transaction)?;
        // The last request before the commit: as long as the lock is ours, nobody has edited anything since.
        self.check_locked(lock)?;
        Ok(staged)
    }

    /// Commits, waits, and asks the nodes.
    pub(super) fn finish(
        &self,
        transaction: &Transaction,
        staged: &Look,
        lock: &SdnLock,
        sent: &[Sent<'_>],
    ) -> Ended {
        self.each("step", "committing");
        let upid = match self.commit(transaction, staged, lock) {
            Commit::Done(upid) => upid,
            Commit::Refused(error) => {
                return self.give_up(self.refused("committing", &error), lock, sent);
            }
            Commit::Unknown(error) => {
                // What may be committed must not be taken back.
                let entry = finding::while_doing(self.place(), "committing the networks", &error);
                let entry = entry.note("whether they are committed is unknown").hint(RUN_AGAIN);
                let halt = Halt::failed("committing", entry).with_notes(self.unlock(lock));
                return Ended { halt: Some(halt), changed: true, ..Ended::of(sent) };
            }
        };
        // PVE has released the lock with the commit, unless the answer says nothing of it.
        match &upid {
            Some(_) => self.memory.remove(),
            None => self.unlock(lock).iter().for_each(|text| self.each("warning", text)),
        }
        match &upid {
            Some(upid) => self.wait(upid),
            None => self.wait_for_reloads(transaction),
        }
        self.each("step", "asking the nodes");
        let findings = self.verify(transaction, upid.as_ref());
        Ended { findings, changed: true, ..Ended::of(sent) }
    }

    /// Takes back what was sent, in reverse, and releases the lock.
    pub(super) fn give_up(&self, halt: Halt, lock: &SdnLock, sent: &[Sent<'_>]) -> Ended {
        self.is_finishing.set(true);
        let mut left = Vec::new();
        for one in sent.iter().rev() {
            self.event("step", &one.edit.network, &format!("taking back {}", one.edit.target()));
            if let Err(NotMade { halt, .. }) = self.undo(one.edit, lock) {
                left.push(format!("not taken back: {}{}", one.edit.target(), halt.because()));
            }
        }
        let is_undone = !sent.is_empty() && left.is_empty();
        left.extend(self.unlock(lock));
        let changed = !left.is_empty();
        if is_undone {
            left.insert(0, "nothing was committed; all edits were taken back".to_owned());
        }
        Ended { halt: Some(halt.with_notes(left)), changed, ..Ended::before_anything() }
    }

    /// Releases the lock; returns what to say if that fails.
    fn unlock(&self, lock: &SdnLock) -> Vec<String> {
        let was = self.is_finishing.replace(true);
        let left = self.release(lock).map(|error| {
            format!(
                "the SDN lock could not be released ({error}); `pve-apply unlock-sdn` tries again"
            )
        });
        self.is_finishing.set(was);
        left.into_iter().collect()
    }
}

const RUN_AGAIN: &str = "run again: finished work is recognised, and half-done work is finished";
