//! What must be true before the first edit, and before the commit.

use super::commit::{self, PLAN_AGAIN};
use super::look::Look;
use super::{Executor, Halt};
use crate::network::model::{Edit, Transaction};
use crate::network::users::unused;
use stage::{Entry, Place};
use std::collections::BTreeSet;

impl Executor<'_> {
    /// Reads everything that a commit would commit.
    pub(super) fn look(&self, during: &'static str) -> Result<Look, Halt> {
        Look::read(self.client).map_err(|error| self.refused(during, &error))
    }

    /// Checks that everything is as it was when the plan was made.
    pub(super) fn check_planned(&self, transaction: &Transaction, now: &Look) -> Result<(), Halt> {
        let seen = |edit: &Edit| now.get(edit.kind, &edit.id);
        let moved: Vec<&Edit> =
            transaction.edits.iter().filter(|edit| !edit.guard.holds(seen(edit))).collect();
        if let Some(first) = moved.first() {
            let by_others =
                |edit: &&Edit| edit.is_reached_by_others(now.edited(edit.kind, &edit.id));
            return Err(match (moved.iter().all(by_others), commit::changed(first)) {
                (true, Halt::Failed { entry, .. }) => Halt::Yielded(entry),
                (_, halt) => halt,
            });
        }
        if let Some(first) = now.moved(transaction).first() {
            let fact = format!("{first} has changed since it was planned");
            let entry = Entry::error("network-changed", self.place(), fact).hint(PLAN_AGAIN);
            return Err(Halt::Yielded(Box::new(entry)));
        }
        self.check_others(now.others(transaction, false))
    }

    /// Checks that what is pending is exactly what was planned.
    pub(super) fn check_staged(&self, transaction: &Transaction, now: &Look) -> Result<(), Halt> {
        let is_staged = |edit: &&Edit| edit.is_reached(now.edited(edit.kind, &edit.id));
        if let Some(edit) = transaction.edits.iter().find(|edit| !is_staged(edit)) {
            return Err(commit::changed(edit));
        }
        self.check_others(now.others(transaction, true))
    }

    fn check_others(&self, others: Vec<String>) -> Result<(), Halt> {
        if others.is_empty() {
            return Ok(());
        }
        let fact = "somebody else has pending changes, which would be committed too";
        let mut entry = Entry::error("sdn-pending", Place::Named("SDN".to_owned()), fact).hint(
            "apply or revert them in Datacenter > SDN; --with-pending-sdn commits those that the plan lists",
        );
        entry.notes.extend(others.into_iter().map(|name| format!("pending: {name}")));
        Err(Halt::failed("checking", entry))
    }

    /// Checks that no guest uses a vnet that is removed: PVE does not.
    pub(super) fn check_unused(&self, transaction: &Transaction) -> Result<(), Halt> {
        let removed = transaction.edits.iter().filter(|edit| edit.unused);
        let vnets: BTreeSet<&str> = removed.map(|edit| edit.id.as_str()).collect();
        if vnets.is_empty() {
            return Ok(());
        }
        unused(self.client, &vnets).map_err(|entry| Halt::failed("checking", entry))
    }
}
