//! DOOR (writes): releases PVE's lock of the SDN configuration on request, outside of any transaction.

use super::lock::Holder;
use super::look::Look;
use super::{Executor, Halt, Tools};
use pve_stage::machine_lock::LockAttempt;
use stage::{Entry, Failure};

/// This machine's turn at the SDN of an endpoint: no other run of it is changing networks.
pub(crate) struct Turn<'a> {
    executor: Executor<'a>,
    _turn: LockAttempt,
}

/// Who holds the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nobody, or this PVE has no lock.
    Free,
    /// An earlier run on this machine.
    Ours,
    /// Somebody else.
    Others,
}

/// Waits for the other runs of this machine.
///
/// # Errors
/// One of them does not end.
pub(crate) fn begin(tools: Tools<'_>) -> Result<Turn<'_>, Entry> {
    let executor = Executor::new(tools, &[]);
    let turn = executor.wait_for_turn(tools.folder).map_err(entry)?;
    Ok(Turn { executor, _turn: turn })
}

impl Turn<'_> {
    /// Returns who holds the lock, without touching it.
    ///
    /// # Errors
    /// PVE refuses, or does not answer.
    pub(crate) fn known(&self) -> Result<Known, Entry> {
        let executor = &self.executor;
        let memory = executor.memory.read();
        let holder = executor.holder().map_err(|error| self.refused(&error))?;
        Ok(match (holder, memory) {
            (Holder::Somebody, Some(_)) => Known::Ours,
            (Holder::Somebody, None) => Known::Others,
            (Holder::Nobody | Holder::NoLock, memory) => {
                memory.iter().for_each(|_| executor.memory.remove());
                Known::Free
            }
        })
    }

    /// Releases the lock of an earlier run.
    ///
    /// # Errors
    /// It turns out to be somebody else's; or PVE refuses, or does not answer.
    pub(crate) fn release(&self) -> Result<(), Failure> {
        self.check(self.executor.recover())?;
        match self.known()? {
            Known::Free => Ok(()),
            Known::Ours | Known::Others => Err(super::lock::locked().into()),
        }
    }

    /// Returns the pending changes of everybody, for people.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn pending(&self) -> Result<Vec<String>, Entry> {
        let look = Look::read(self.executor.client).map_err(|error| self.refused(&error))?;
        Ok(look.pending())
    }

    /// Breaks the lock, whoever holds it.
    ///
    /// # Errors
    /// PVE refuses, or does not answer.
    pub(crate) fn break_it(&self) -> Result<(), Failure> {
        self.check(self.executor.break_lock())
    }

    /// Looks at the lock where releasing it has failed: it may be released all the same.
    fn check(&self, ended: Result<(), Halt>) -> Result<(), Failure> {
        let Err(halt) = ended else { return Ok(()) };
        match self.known() {
            Ok(Known::Free) => Ok(()),
            Ok(Known::Ours | Known::Others) => Err(entry(halt).into()),
            Err(_) => Err(Failure::part_way(entry(halt).into())),
        }
    }

    fn refused(&self, error: &pve_client::Error) -> Entry {
        entry(self.executor.refused("unlocking", error))
    }
}

fn entry(halt: Halt) -> Entry {
    match halt {
        Halt::Failed { entry, .. } | Halt::Yielded(entry) => *entry,
        Halt::Interrupted { .. } => super::lock::locked(),
    }
}
