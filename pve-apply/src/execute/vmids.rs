//! Chooses vmids for VMs that have none. Does no I/O.

use crate::observed::Guest;
use pve_client::Vmid;
use pve_stage::vmid_walk::walk;
use stage::identity::VmidRange;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The vmids known to be taken; shared by all workers of a run.
pub(crate) struct Vmids {
    range: VmidRange,
    /// In use when the plan was made, fixed by the document, or claimed by this run.
    taken: Mutex<BTreeSet<Vmid>>,
    /// Claimed by this run.
    own: Mutex<BTreeSet<Vmid>>,
    /// In use when the plan was made, and by then no longer being created.
    before: Mutex<BTreeSet<Vmid>>,
    /// Fixed by the document.
    reserved: BTreeSet<Vmid>,
}

impl Vmids {
    /// Starts with a range's vmids that are neither in use nor fixed by the document. `elsewhere` says that
    /// another document can have another node for a VM of this one: then what is being created anywhere
    /// may be its twin.
    pub(crate) fn new(
        range: VmidRange,
        guests: &[Guest],
        reserved: &BTreeSet<Vmid>,
        elsewhere: bool,
    ) -> Self {
        let taken = guests.iter().map(|guest| guest.vmid).chain(reserved.iter().copied()).collect();
        let before = guests
            .iter()
            .filter(|guest| !(elsewhere && guest.being_made))
            .map(|guest| guest.vmid)
            .collect();
        Self {
            range,
            taken: Mutex::new(taken),
            own: Mutex::default(),
            before: Mutex::new(before),
            reserved: reserved.clone(),
        }
    }

    /// Gives back the vmid of a VM that this run has removed.
    pub(super) fn release(&self, vmid: Vmid) {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).remove(&vmid);
        if !self.reserved.contains(&vmid) {
            self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&vmid);
        }
    }

    /// Claims the first vmid, from a candidate on, that is not known to be taken.
    pub(super) fn next(&self, candidate: Option<Vmid>) -> Option<Vmid> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let vmid = walk(self.range, candidate).find(|vmid| !taken.contains(vmid))?;
        taken.insert(vmid);
        drop(taken);
        self.claim(vmid);
        Some(vmid)
    }

    /// Records that this run creates a VM at a vmid.
    pub(super) fn claim(&self, vmid: Vmid) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(vmid);
    }

    /// Returns whether this run creates a VM at a vmid.
    pub(super) fn is_own(&self, vmid: Vmid) -> bool {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).contains(&vmid)
    }

    /// Returns whether a vmid was free when the plan was made, or its VM was still being created.
    pub(super) fn is_new(&self, vmid: Vmid) -> bool {
        !self.before.lock().unwrap_or_else(PoisonError::into_inner).contains(&vmid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pve_client::GuestKind;

    fn vmid(number: u64) -> Vmid {
        Vmid::new(number).unwrap()
    }

    #[test]
    fn the_walk_goes_up_from_the_candidate_and_round() {
        let range = VmidRange::parse("100-103").unwrap();
        let guest = |number| Guest {
            kind: GuestKind::Qemu,
            vmid: vmid(number),
            node: "pve1".parse().unwrap(),
            name: None,
            tagged: false,
            being_made: number == 400,
            image_template: false,
        };
        let reserved = BTreeSet::from([vmid(100)]);
        let vmids = Vmids::new(range, &[guest(102), guest(400)], &reserved, true);
        assert_eq!(vmids.next(Some(vmid(102))), Some(vmid(103)));
        assert_eq!(vmids.next(Some(vmid(102))), Some(vmid(101)));
        assert_eq!(vmids.next(Some(vmid(102))), None);
        assert!(vmids.is_own(vmid(103)) && !vmids.is_own(vmid(102)) && !vmids.is_own(vmid(100)));
        assert!(
            vmids.is_new(vmid(400))
                && !vmids.is_new(vmid(102))
                && vmids.is_new(vmid(100))
                && vmids.is_new(vmid(500))
        );
    }

    #[test]
    fn a_vmid_that_is_given_back_is_free_unless_the_document_fixes_it() {
        let range = VmidRange::parse("100-103").unwrap();
        let guest = |number| Guest {
            kind: GuestKind::Qemu,
            vmid: vmid(number),
            node: "pve1".parse().unwrap(),
            name: None,
            tagged: true,
            being_made: false,
            image_template: false,
        };
        let reserved = BTreeSet::from([vmid(101)]);
        let vmids = Vmids::new(range, &[guest(101), guest(102)], &reserved, true);
        assert!(!vmids.is_new(vmid(102)));
        vmids.release(vmid(101));
        vmids.release(vmid(102));
        assert!(vmids.is_new(vmid(102)));
        assert_eq!(vmids.next(Some(vmid(102))), Some(vmid(102)));
        assert_eq!(vmids.next(Some(vmid(101))), Some(vmid(103)));
    }
}
