//! DOOR (writes): the edits of a transaction, and the one commit of them.

use super::lock::SdnLock;
use super::look::Look;
use super::send::Losses;
use super::{Executor, Halt};
use crate::network::model::{Edit, EditVerb, Guard, Transaction};
use crate::network::observed::{Object, Values};
use crate::read::read_retrying;
use pve_client::{Digest, Error, Upid};
use pve_stage::finding;
use stage::Entry;

/// An edit that has been sent.
pub(super) struct Sent<'p> {
    pub(super) edit: &'p Edit,
    /// Whether it is known to have taken effect.
    pub(super) is_done: bool,
}

/// Why an edit was not made.
pub(super) struct NotMade {
    pub(super) halt: Halt,
    /// It may have taken effect nevertheless.
    pub(super) uncertain: bool,
}

/// How the commit ended.
pub(super) enum Commit {
    /// Everything is committed; with the task that reloads the nodes, if it is known.
    Done(Option<Upid>),
    /// Nothing is committed.
    Refused(Box<Error>),
    /// PVE does not say.
    Unknown(Box<Error>),
}

impl Executor<'_> {
    /// Sends an edit, and checks that it has been made.
    pub(super) fn edit(&self, edit: &Edit, lock: &SdnLock) -> Result<(), NotMade> {
        let holds = |seen: Option<&Values>| edit.is_planned_for(seen);
        // A create needs no look before it: PVE refuses an ID in use.
        let look_first = edit.verb != EditVerb::Create;
        self.write(edit, lock, look_first, &holds)
    }

    /// Takes an edit back; only what it has made is touched.
    pub(super) fn undo(&self, edit: &Edit, lock: &SdnLock) -> Result<(), NotMade> {
        let undo = edit.undo();
        match self.find(edit) {
            Ok((seen, _)) if !edit.is_reached(seen.as_ref()) => Ok(()),
            Ok(_) => self.write(&undo, lock, true, &|seen| edit.is_reached(seen)),
            Err(error) => Err(NotMade { halt: self.edit_refused(edit, &error), uncertain: true }),
        }
    }

    /// Sends an edit until its effect is seen. Never twice without looking in between.
    fn write(
        &self,
        edit: &Edit,
        lock: &SdnLock,
        look_first: bool,
        holds: &dyn Fn(Option<&Values>) -> bool,
    ) -> Result<(), NotMade> {
        let mut losses = Losses::new(self);
        let mut lost = false;
        loop {
            let mut digest = None;
            if look_first || lost {
                let (seen, now) = self.find(edit).map_err(|error| NotMade {
                    halt: self.edit_refused(edit, &error),
                    uncertain: lost,
                })?;
                if lost && edit.is_reached(seen.as_ref()) {
                    return Ok(());
                }
                if !holds(seen.as_ref()) {
                    return Err(NotMade { halt: changed(edit), uncertain: lost });
                }
                digest = now;
            }
            let error = match self.send(&edit.network, || self.call(edit, digest.as_ref(), lock)) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let unknown = error.is_outcome_unknown();
            // The digest is that of the whole file: another object may have changed.
            let again = unknown || error.is_checksum_mismatch();
            lost |= unknown;
            if again && losses.wait(self) && !self.is_stopping() {
                continue;
            }
            let halt = match error.already_exists() {
                // It may be ours: the next look says so.
                true if lost && losses.wait(self) => continue,
                true => changed(edit),
                false => self.edit_refused(edit, &error),
            };
            return Err(NotMade { halt, uncertain: lost });
        }
    }

    fn call(&self, edit: &Edit, digest: Option<&Digest>, lock: &SdnLock) -> Result<(), Error> {
        let (kind, params, token) = (edit.sdn_kind(), edit.params(digest), lock.token());
        match edit.verb {
            EditVerb::Create => self.client.sdn_create(&kind, &params, token),
            EditVerb::Update => self.client.sdn_update(&kind, &edit.id, &params, token),
            EditVerb::Delete => self.client.sdn_delete(&kind, &edit.id, token),
        }
    }

    /// Returns an object's values after the next commit, and the digest of its file.
    fn find(&self, edit: &Edit) -> Result<(Option<Values>, Option<Digest>), Error> {
        let listed = match read_retrying(|| self.client.sdn_edited(&edit.sdn_kind())) {
            // The subnets of a vnet that is gone.
            Err(error) if error.is_not_found() => Vec::new(),
            listed => listed?,
        };
        let digest = listed.iter().find_map(|object| object.digest.clone());
        let object = listed.into_iter().find(|object| object.id == edit.id);
        Ok((object.map(|object| Object::of(&edit.sdn_kind(), object).edited), digest))
    }

    /// Commits what `staged` shows; after a lost answer, and after any error, looks at what has become of it.
    pub(super) fn commit(
        &self,
        transaction: &Transaction,
        staged: &Look,
        lock: &SdnLock,
    ) -> Commit {
        let mut losses = Losses::new(self);
        loop {
            let error = match self.send(&self.subject(), || self.client.sdn_apply(lock.token())) {
                Ok(upid) => return Commit::Done(Some(upid)),
                Err(error) => error,
            };
            // Without pending changes, nothing shows whether a commit has only reloaded the nodes.
            let shows = staged.has_pending();
            // PVE commits before it starts the task, so that any error may come after the commit.
            match Look::read(self.client) {
                Ok(look) if shows && is_committed(transaction, &look) => return Commit::Done(None),
                Ok(_) if error.is_outcome_unknown() => {
                    // PVE may still be waiting for its lock, and commit later.
                    if !losses.wait(self) || self.is_stopping() {
                        return Commit::Unknown(Box::new(error));
                    }
                }
                Ok(_) => return Commit::Refused(Box::new(error)),
                Err(_) => return Commit::Unknown(Box::new(error)),
            }
        }
    }

    /// The failure of an edit.
    pub(super) fn edit_refused(&self, edit: &Edit, error: &Error) -> Halt {
        let entry = finding::while_doing(super::place(&edit.network), &edit.doing(), error);
        Halt::Failed {
            network: Some(edit.network.clone()),
            during: "editing",
            entry: Box::new(entry),
        }
    }
}

/// Returns whether nothing of a transaction waits for a commit any more.
fn is_committed(transaction: &Transaction, look: &Look) -> bool {
    let edits = transaction.edits.iter().map(|edit| (edit.kind, edit.id.as_str()));
    let pending = transaction.pending.iter().map(|pending| (pending.kind, pending.id.as_str()));
    let is_waiting = |(kind, id)| look.get(kind, id).is_some_and(Object::is_pending);
    !edits.chain(pending).any(is_waiting)
        && transaction.edits.iter().all(|edit| edit.is_reached(look.edited(edit.kind, &edit.id)))
}

/// The failure of an edit whose object is no longer as planned.
pub(super) fn changed(edit: &Edit) -> Halt {
    let what = match edit.guard {
        Guard::Absent => "now exists; it was not touched",
        Guard::As { .. } => "has changed since it was planned; it was not touched",
    };
    let fact = format!("{} {what}", edit.target());
    let entry = Entry::error("network-changed", super::place(&edit.network), fact).hint(PLAN_AGAIN);
    Halt::Failed { network: Some(edit.network.clone()), during: "editing", entry: Box::new(entry) }
}

/// What to do when the world is no longer as planned.
pub(super) const PLAN_AGAIN: &str = "plan again and look at what differs";
