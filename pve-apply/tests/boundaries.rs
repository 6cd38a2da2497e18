//! What is ended between any two requests is finished by the next run, and the world is then as if
//! nothing had happened: after kill -9 at each request, and after each write that goes unanswered.
//!
//! The runs are those of case folders: their world, their faults, their document, their options.

use test_support::cases;
use test_support::cuts::{After, RUNS, writes};
use test_support::stand::{Cases, each};

const CASES: Cases = cases!("pve-apply");

/// Kills the worker of each task on its node. What a killed clone leaves is locked: root removes it.
fn check_killed_on_the_node(case: &str) {
    let (expected, requests) = CASES.undisturbed(case);
    let writes = writes(&requests);
    each(&format!("{case}, workers killed"), writes.len(), |number| {
        let write = writes[number];
        let fault = format!(
            r#"[{{"when": "* /**", "nth": {write}, "then": {{"task": {{"exitstatus": "unexpected status"}}}}}}]"#
        );
        let stand = CASES.stand(case, &fault);
        let what = format!("{case}: worker killed, {}", requests[write - 1]);
        let is_well = stand.finish(1).is_ok();
        stand.sim.settle();
        let locked = stand.locked();
        if !locked.is_empty() {
            // The next run says so, and leaves the VM to root.
            if stand.finish(1).is_ok() == is_fixed(case) {
                return Err(format!("{what}: the next run\n{}", stand.output()));
            }
            if !stand.output().contains("qm unlock") {
                return Err(format!("{what}: it does not say how to go on\n{}", stand.output()));
            }
            stand.clear(&locked);
            if !is_fixed(case) {
                // The VM is at another vmid: only its place differs.
                return Ok(());
            }
        }
        if is_well && !locked.is_empty() {
            return Err(format!("{what}: the first run said that all is well"));
        }
        stand.compare(&what, RUNS, &expected)
    });
}

/// Whether the case's document fixes the vmid.
fn is_fixed(case: &str) -> bool {
    case != "clone-without-a-vmid"
}

#[test]
fn clones_whose_workers_are_killed() {
    check_killed_on_the_node("clones-one-of-an-image");
    check_killed_on_the_node("clone-without-a-vmid");
    check_killed_on_the_node("clone-of-a-template-of-two-disks");
}

macro_rules! verbs {
    ($($verb:ident: $case:literal after $after:ident,)*) => {
        $(#[test]
        fn $verb() {
            CASES.survive_cuts(stringify!($verb), $case, After::$after);
        })*
    };
}

verbs! {
    create: "create-one" after Request,
    create_with_free_choice: "create-with-free-choice-of-vmid" after Write,
    rollback: "rollback-removes-vms-of-this-run" after Write,
    clone: "clones-one-of-an-image" after Request,
    clone_with_free_choice: "clone-without-a-vmid" after Request,
    clone_of_two_disks: "clone-of-a-template-of-two-disks" after Write,
    clone_after_a_clone: "clone-left-unfinished-is-created-anew" after Write,
    change: "drift-is-corrected-in-place" after Write,
    change_by_stop: "stop-when-allowed" after Write,
    reseed: "reseed-gives-new-data" after Request,
    several_nodes: "nodes-vms-are-created-on-three" after Write,
    reseed_on_two_nodes: "nodes-a-vm-elsewhere-gets-a-new-seed" after Write,
    resize: "a-stopped-vm-grows-and-is-started" after Request,
    destroy: "destroy-two" after Write,
    destroy_a_vmid: "destroy-by-vmid-takes-only-ours" after Write,
    ha_stop_and_start: "ha-stop-then-start-for-a-reseed" after Write,
    ha_restart: "ha-restart-for-a-change" after Write,
    ha_destroy: "ha-destroy-waits-for-the-stop" after Write,
    prune: "apply-prunes-what-left-the-document" after Write,
    take_back: "a-value-that-is-no-longer-set-is-reset" after Write,
    add_devices: "disks-and-a-nic-are-added-at-once" after Request,
    take_off_devices: "a-disk-and-a-nic-are-detached-at-once" after Request,
    move_disk: "a-disk-moves-and-its-options-change" after Write,
    migrate: "migrate-live-with-its-disks" after Request,
    migrate_offline: "migrate-offline" after Write,
    migrate_to_another_storage: "migrate-to-the-datastore-of-the-target" after Write,
    migrate_and_change: "migrate-and-change" after Write,
    migrate_and_reseed: "migrate-and-reseed" after Request,
    migrate_under_ha: "migrate-under-ha" after Request,
    protection: "protection-is-removed-before-a-disk-is-detached" after Write,
    boot_order: "a-new-disk-exists-before-the-boot-order-names-it" after Write,
    description: "the-description-is-all-lines-but-ours" after Write,
    pool: "a-pool-is-joined-and-left" after Write,
    rename: "a-renamed-vm-gets-its-name-and-new-memory" after Request,
    adopt: "adopt-shows-the-difference-and-writes-the-mark" after Request,
    release: "released-vms-lose-the-mark" after Request,
    change_of_tags: "foreign-tags-stay-and-ours-are-reset" after Write,
    network_and_vm: "network-is-committed-before-its-vm" after Write,
    network_and_vm_removed: "network-and-vm-are-destroyed" after Write,
    network_created: "network-alone-is-created" after Request,
    network_created_on_8_4: "network-alone-is-created-on-8-4" after Request,
    network_changed: "network-alone-is-changed" after Request,
    network_removed: "network-alone-is-removed" after Request,
    network_leftovers: "network-leftovers-of-a-killed-run-are-committed" after Request,
    network_adopted: "network-is-adopted" after Request,
}
