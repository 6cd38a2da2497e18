//! DOOR (reads): the SDN objects of the cluster and their pending changes, right before and after our edits.

use super::edit::{edited, name_of};
use crate::network::model::{Pending, Transaction};
use crate::network::observed::{Kind, Object, State, Values};
use crate::network::read::fabrics;
use crate::read::read_retrying;
use data_encoding::HEXLOWER;
use pve_client::{Client, Error, SdnKind};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// How often it is read while vnets come and go.
const READS: u32 = 4;

/// Everything that the next commit would commit, as far as the token can see it.
#[derive(Debug, PartialEq)]
pub(super) struct Look {
    objects: BTreeMap<(Kind, String), Object>,
}

impl Look {
    /// Reads all of it.
    ///
    /// # Errors
    /// Something could not be read: then nothing must be committed.
    pub(super) fn read(client: &Client) -> Result<Self, Error> {
        for _ in 1..READS {
            match Self::once(client) {
                // A vnet has gone between the list of vnets and that of its subnets.
                Err(error) if error.is_not_found() => {}
                look => return look,
            }
        }
        Self::once(client)
    }

    fn once(client: &Client) -> Result<Self, Error> {
        let mut look = Self { objects: BTreeMap::new() };
        // Of fabrics only those with pending changes.
        for (_, fabric) in read_retrying(|| fabrics(client))? {
            look.objects.insert((fabric.kind, fabric.id.clone()), fabric);
        }
        for kind in [SdnKind::Zone, SdnKind::Vnet, SdnKind::Controller] {
            look.list(client, &kind)?;
        }
        // PVE: facts-2, 14: the subnets of a vnet that the next commit deletes cannot be listed; it has none.
        let is_there = |object: &&Object| object.kind == Kind::Vnet && object.is_there();
        let vnets = look.objects.values().filter(is_there);
        let subnets: Vec<SdnKind> = vnets.map(|vnet| SdnKind::Subnet(vnet.id.clone())).collect();
        for kind in subnets {
            look.list(client, &kind)?;
        }
        Ok(look)
    }

    fn list(&mut self, client: &Client, kind: &SdnKind) -> Result<(), Error> {
        for listed in read_retrying(|| client.sdn_list(kind))? {
            let object = Object::of(kind, listed);
            self.objects.insert((object.kind, object.id.clone()), object);
        }
        Ok(())
    }

    /// Returns an object.
    pub(super) fn get(&self, kind: Kind, id: &str) -> Option<&Object> {
        self.objects.get(&(kind, id.to_owned()))
    }

    /// Returns an object's values after the next commit; `None` if it does not exist then.
    pub(super) fn edited(&self, kind: Kind, id: &str) -> Option<&Values> {
        edited(self.get(kind, id))
    }

    /// Returns whether a commit would change an object.
    pub(super) fn has_pending(&self) -> bool {
        self.objects.values().any(Object::is_pending)
    }

    /// Returns the names of all pending changes, whoever made them.
    pub(super) fn pending(&self) -> Vec<String> {
        self.objects.values().filter(|object| object.is_pending()).map(text).collect()
    }

    /// Returns a digest of everything: as long as it is the same, nobody has changed anything.
    pub(super) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(format!("{self:?}"));
        HEXLOWER.encode(&digest)
    }

    /// Returns the names of the pending changes that a transaction neither makes nor was planned with.
    ///
    /// An object that the transaction edits is as it was planned with, as its guard has shown. `is_staged`: the edits
    /// have been sent: what they have made is ours only if it is just what they make.
    pub(super) fn others(&self, transaction: &Transaction, is_staged: bool) -> Vec<String> {
        let pending = self.objects.values().filter(|object| object.is_pending());
        let strange = pending.filter(|object| {
            let by_edit = |object: &Object| {
                let edit =
                    transaction.edits.iter().find(|e| (e.kind, &e.id) == (object.kind, &object.id));
                edit.is_some_and(|edit| !is_staged || edit.is_reached(edited(Some(object))))
            };
            !transaction.pending.iter().any(|known| is_as(known, object)) && !by_edit(object)
        });
        strange.map(text).collect()
    }

    /// Returns the names of our own leftovers that are no longer as they were when the plan was made.
    pub(super) fn moved(&self, transaction: &Transaction) -> Vec<String> {
        let ours = transaction.pending.iter().filter(|pending| pending.ours);
        let is_edited = |known: &Pending| {
            transaction.edits.iter().any(|edit| (edit.kind, &edit.id) == (known.kind, &known.id))
        };
        let gone = ours.filter(|known| {
            !is_edited(known)
                && !self.get(known.kind, &known.id).is_some_and(|seen| is_as(known, seen))
        });
        gone.map(|known| name_of(known.kind, &known.id)).collect()
    }
}

/// Returns whether a pending object is as it was when the plan was made.
fn is_as(known: &Pending, seen: &Object) -> bool {
    (known.kind, &known.id, known.state, &known.edited)
        == (seen.kind, &seen.id, seen.state, &seen.edited)
}

/// Returns a pending object for people, such as `vnet dmz (changed)`.
fn text(object: &Object) -> String {
    let state = match object.state {
        State::New => "new",
        State::Deleted => "deleted",
        State::Changed | State::Applied => "changed",
    };
    format!("{} ({state})", name_of(object.kind, &object.id))
}
