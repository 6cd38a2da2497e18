//! PVE's lock of the SDN configuration, which exists since PVE 9: it is taken, remembered, given back, and taken
//! back from a run that was killed.
//!
//! PVE: facts-2, 21 to 26: it never expires, and no call shows whether it is held. But releasing it
//! with a token that nobody has changes nothing, and is refused only while somebody holds it.

use super::send::Losses;
use super::token::Memory;
use super::{Executor, Halt, look::Look};
use crate::network::model::{Edit, Transaction};
use crate::network::observed::Object;
use pve_client::Error;
use pve_stage::wait::{Deadline, Poll, Wait, WaitError, once};
use stage::{Entry, Place};
use std::time::Duration;

/// How long the lock is waited for while somebody holds it: a run of ours holds it for seconds.
const BUSY: Duration = Duration::from_secs(30);
/// How long the SDN must stay as it was when we asked for the lock, before a lock that is held counts as
/// ours. Whoever else takes it uses it at once.
const QUIET: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);

/// A token that no lock has: PVE makes random ones.
const NOBODYS: &str = "00000000-0000-0000-0000-000000000000";

/// The lock of this transaction.
#[derive(Debug)]
pub(super) enum SdnLock {
    /// It is ours, with this token.
    Held(String),
    /// This PVE has none.
    Missing,
}

impl SdnLock {
    /// Returns the token that our writes carry.
    pub(super) fn token(&self) -> Option<&str> {
        match self {
            Self::Held(token) => Some(token),
            Self::Missing => None,
        }
    }
}

/// Whether somebody holds the lock.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Nobody,
    Somebody,
    /// This PVE has no lock.
    NoLock,
}

impl Executor<'_> {
    /// Takes the lock; `looked` is what the SDN looked like just before.
    ///
    /// # Errors
    /// Somebody else holds it for too long, or PVE refuses.
    pub(super) fn lock(&self, looked: &Look, transaction: &Transaction) -> Result<SdnLock, Halt> {
        let deadline = Deadline::after(BUSY.min(self.task_limit));
        let is_stopping = || self.is_stopping();
        let wait = Wait { deadline: &deadline, pauses: (PAUSE, PAUSE), is_stopping: &is_stopping };
        let text = "waiting for the SDN lock, which somebody else holds";
        let mut report = once(|| self.each("wait", text));
        let mut losses = Losses::new(self);
        let look = |losses: &mut Losses| {
            let holder = self.holder().map_err(|error| self.refused("locking", &error))?;
            match holder {
                Holder::NoLock => Ok(Poll::Ready(SdnLock::Missing)),
                Holder::Somebody => Ok(Poll::NotYet(())),
                Holder::Nobody => self.ask_for_lock(looked, transaction, losses),
            }
        };
        let end = wait.until_with(&mut losses, look, |_, _, ()| report());
        end.map_err(|error| match error {
            WaitError::Never(halt) => halt,
            WaitError::TimedOut(()) => Halt::failed("locking", locked()),
            WaitError::Interrupted(()) => Halt::interrupted("locking"),
        })
    }

    /// Asks once for the lock, which nobody seems to hold.
    fn ask_for_lock(
        &self,
        looked: &Look,
        transaction: &Transaction,
        losses: &mut Losses,
    ) -> Result<Poll<SdnLock, ()>, Halt> {
        let is_pending =
            |edit: &Edit| looked.get(edit.kind, &edit.id).is_some_and(Object::is_pending);
        let allow_pending =
            !transaction.pending.is_empty() || transaction.edits.iter().any(is_pending);
        self.memory.write(&Memory::Asked { looked: looked.fingerprint() });
        match self.send(&self.subject(), || self.client.sdn_lock(allow_pending)) {
            Ok(token) => {
                self.memory.write(&Memory::Held { token: token.clone() });
                return Ok(Poll::Ready(SdnLock::Held(token)));
            }
            Err(error) if error.is_sdn_locked() => self.memory.remove(),
            Err(error) if error.has_sdn_changes() => {
                self.memory.remove();
                // Whose they are is more than PVE says.
                self.look("locking").and_then(|now| self.check_planned(transaction, &now))?;
                return Err(self.refused("locking", &error));
            }
            Err(error) if error.is_outcome_unknown() => {
                let is_tried_again = losses.wait(self);
                self.take_back(&looked.fingerprint())?;
                if !is_tried_again {
                    return Err(self.refused("locking", &error));
                }
            }
            Err(error) => {
                self.memory.remove();
                return Err(self.refused("locking", &error));
            }
        }
        Ok(Poll::Again)
    }

    /// Returns whether somebody holds the lock, without touching it.
    pub(super) fn holder(&self) -> Result<Holder, Error> {
        let mut losses = Losses::new(self);
        loop {
            return match self.send(&self.subject(), || self.client.sdn_unlock(NOBODYS)) {
                Ok(()) => Ok(Holder::Nobody),
                Err(error) if error.is_sdn_locked() => Ok(Holder::Somebody),
                Err(error) if error.is_not_implemented() => Ok(Holder::NoLock),
                // It changes nothing, however often it is sent.
                Err(error) if error.is_outcome_unknown() && losses.wait(self) => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// Checks that nobody has broken our lock: PVE compares tokens only while there is a lock.
    pub(super) fn check_locked(&self, lock: &SdnLock) -> Result<(), Halt> {
        // PVE: facts-3, 3; pve-network, Network/SDN.pm, lock_sdn_config.
        if lock.token().is_none() {
            return Ok(());
        }
        match self.holder().map_err(|error| self.refused("committing", &error))? {
            // If it is held by somebody else now, the commit with our token is refused.
            Holder::Somebody => Ok(()),
            Holder::Nobody | Holder::NoLock => {
                let fact = "somebody has broken our lock of the SDN configuration";
                let entry = Entry::error("sdn-unlocked", Place::Named("SDN".to_owned()), fact);
                Err(Halt::failed(
                    "committing",
                    entry.hint("run again when nobody else changes SDN"),
                ))
            }
        }
    }

    /// Releases what an earlier run of this machine has left.
    ///
    /// # Errors
    /// PVE refuses, or does not answer.
    pub(super) fn recover(&self) -> Result<(), Halt> {
        match self.memory.read() {
            None => Ok(()),
            Some(Memory::Held { token }) => {
                let text = "releasing the SDN lock of an earlier run";
                self.each("step", text);
                match self.release(&SdnLock::Held(token)) {
                    None => Ok(()),
                    Some(error) => Err(self.refused("releasing", &error)),
                }
            }
            Some(Memory::Asked { looked }) => self.take_back(&looked),
        }
    }

    /// Ends the doubt about a lock whose answer never came: afterwards it is not ours.
    ///
    /// When it was asked for, nobody held it. If it is held now and nobody has changed anything since, and
    /// nobody does for a while, it is ours, and it is broken: nobody knows its token.
    fn take_back(&self, looked: &str) -> Result<(), Halt> {
        let quiet = Deadline::after(QUIET.min(self.task_limit));
        // What was begun is ended, also after Ctrl-C.
        let wait = Wait { deadline: &quiet, pauses: (PAUSE, PAUSE), is_stopping: &|| false };
        let end = wait.until(|| {
            let holder = self.holder()?;
            let now = Look::read(self.client)?;
            let is_ours = holder == Holder::Somebody && now.fingerprint() == looked;
            Ok(if is_ours { Poll::NotYet(()) } else { Poll::Ready(()) })
        });
        match end {
            Ok(()) => {
                self.memory.remove();
                Ok(())
            }
            Err(WaitError::Never(error)) => Err(self.refused("unlocking", &error)),
            Err(WaitError::TimedOut(()) | WaitError::Interrupted(())) => {
                let text = "breaking the SDN lock that an unanswered request has taken";
                self.each("warning", text);
                self.break_lock()
            }
        }
    }

    /// Breaks the lock, whoever holds it.
    ///
    /// # Errors
    /// PVE refuses, or does not answer.
    pub(super) fn break_lock(&self) -> Result<(), Halt> {
        let mut losses = Losses::new(self);
        loop {
            match self.send(&self.subject(), || self.client.sdn_break_lock()) {
                Ok(()) => break,
                Err(error) if error.is_outcome_unknown() && losses.wait(self) => {}
                Err(error) => return Err(self.refused("unlocking", &error)),
            }
        }
        self.memory.remove();
        Ok(())
    }

    /// Gives the lock back; returns the error when that fails.
    pub(super) fn release(&self, lock: &SdnLock) -> Option<Error> {
        let token = lock.token()?;
        let mut losses = Losses::new(self);
        loop {
            match self.send(&self.subject(), || self.client.sdn_unlock(token)) {
                Ok(()) => break,
                // Somebody has broken it and holds another one: ours is gone.
                Err(error) if error.is_sdn_locked() || error.is_not_implemented() => break,
                Err(error) if error.is_outcome_unknown() && losses.wait(self) => {}
                Err(error) => return Some(error),
            }
        }
        self.memory.remove();
        None
    }
}

/// The finding for a lock that is held.
pub(super) fn locked() -> Entry {
    let fact = "somebody else holds the lock of the SDN configuration";
    let place = Place::Named("SDN".to_owned());
    Entry::error("sdn-locked", place, fact)
        .note("PVE does not say who holds it or since when, and it never expires")
        .hint("run again when the other run has finished; if it was killed: pve-apply unlock-sdn --force")
}
