//! Properties of identity, for any world: no VM is created beside one that may be the same, whatever its
//! former name, and a release leaves a VM without an owner.

use super::model::carry_out;
use super::properties::{EVERYTHING, VmOwner, build, name_now, plan_destroy, there, want};
use super::{plan, plan_release};
use crate::action::{Action, Plan};
use crate::mark::{NotOurs, Owner};
use crate::observed::{Observation, VmState};
use proptest::prelude::*;
use pve_client::Vmid;
use std::collections::BTreeSet;

/// Returns whether a mark names a VM of this name, of this site or from before it had a name.
fn may_be(seen: &VmState, name: &str) -> bool {
    let (site, vm) = match seen.owner("lab", "dev") {
        Owner::Ours(mark) => (String::new(), mark.vm),
        Owner::NotOurs(NotOurs::Earlier { vm, .. }) => (String::new(), vm),
        Owner::NotOurs(NotOurs::OtherSite { site, deployment, vm }) if deployment == "dev" => {
            (site, vm)
        }
        Owner::NotOurs(_) => return false,
    };
    site.is_empty() && name_now(&vm) == name
}

proptest! {
    #![proptest_config(super::worlds::the_same_each_time())]

    #[test]
    fn no_vm_is_created_beside_one_that_may_be_the_same(list in prop::collection::vec(there(), 0..6)) {
        let (desired, world) = (want(EVERYTHING, [false; 3]), build(&list));
        for created in plan(&desired, &world).vms.iter().filter(|vm| vm.action == Action::Create) {
            for (vmid, observation) in &world.vms {
                let is_it = match observation {
                    Observation::Seen(seen) => may_be(seen, &created.name),
                    _ => {
                        let guest = world.guests.iter().find(|guest| guest.vmid == *vmid).unwrap();
                        guest.name.as_deref().is_none_or(|name| name_now(name) == created.name)
                    }
                };
                prop_assert!(!is_it, "{} is made beside VM {vmid}", created.name);
            }
        }
    }

    #[test]
    fn a_release_takes_the_mark_and_nothing_else(
        list in prop::collection::vec(there(), 0..6),
        fixed in any::<[bool; 3]>(),
        remark in any::<bool>(),
    ) {
        let (desired, mut world) = (want(EVERYTHING, fixed), build(&list));
        let before = world.clone();
        let released = plan_release(&desired, &world, true);
        carry_out(&released, &mut world, usize::MAX);
        let gone: BTreeSet<Vmid> = released.vms.iter().filter_map(|vm| vm.vmid).collect();
        for (vmid, observation) in &before.vms {
            let (Observation::Seen(was), Observation::Seen(is)) = (observation, &world.vms[vmid]) else { continue };
            let mut was = was.clone();
            if gone.contains(vmid) {
                prop_assert!(matches!(is.owner("lab", "dev"), Owner::NotOurs(_)));
                let text = is.config.next("description").unwrap_or_default();
                prop_assert!(!text.contains("pve-pipeline"), "{text}");
                for key in ["description", "tags"] {
                    was.config.set_next(key, is.config.next(key));
                }
                was.config.settle();
            }
            let mut is = is.clone();
            if gone.contains(vmid) {
                is.config.settle();
            }
            prop_assert_eq!(&was, &is);
        }
        // Then it is somebody else's.
        for vmid in gone.iter().filter(|_| remark) {
            let Some(Observation::Seen(seen)) = world.vms.get_mut(vmid) else { panic!() };
            seen.config.set("description", &VmOwner::OtherSite.description("edge", vmid.get()));
            seen.config.set("tags", "pve-pipeline");
        }
        let touched = |plan: &Plan| plan.vms.iter().any(|vm| {
            vm.vmid.is_some_and(|vmid| gone.contains(&vmid))
        });
        prop_assert!(!touched(&plan_destroy(&desired, &world)));
        prop_assert!(!touched(&plan(&desired, &world)));
        prop_assert!(!touched(&plan_release(&desired, &world, true)));
    }
}
