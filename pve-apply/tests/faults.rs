//! Faults at every request of every verb: the run ends with the truth and shows no secret, VMs of others stay as
//! they are, and once the fault is over the next run ends in the undisturbed world.
//!
//! The runs are those of case folders; the faults and what must hold are in `tests/src/sweep`. `FAULTS=all` tries
//! each fault at each request; without it, a fixed selection.

use test_support::sweep::{Verb, sweep};

/// What does not end is waited for as shortly as possible.
const HURRY: &[&str] = &["--task-timeout", "1"];

const fn verb(name: &'static str, case: &'static str) -> Verb {
    Verb {
        name,
        case,
        command: None,
        hurry: HURRY,
        fails_when_done: false,
        chooses_vmids: false,
        spared: &[],
    }
}

/// A verb that only reads, with its command line.
const fn read(name: &'static str, case: &'static str, command: &'static str) -> Verb {
    Verb { command: Some(command), hurry: &[], ..verb(name, case) }
}

/// Where the template of an image cannot be read, the image is imported.
const fn clone(name: &'static str, case: &'static str) -> Verb {
    Verb { spared: &[("403", "GET /nodes/pve1/qemu/9000/config")], ..verb(name, case) }
}

/// HA moves the VMs of a node that is away to another one, without their local disks.
const fn ha(name: &'static str, case: &'static str) -> Verb {
    Verb { spared: &[("node-away", "")], ..verb(name, case) }
}

const VERBS: [Verb; 44] = [
    verb("create", "create-one"),
    Verb { chooses_vmids: true, ..verb("create-anywhere", "create-with-free-choice-of-vmid") },
    Verb { chooses_vmids: true, ..verb("create-on-three-nodes", "nodes-vms-are-created-on-three") },
    clone("clone", "clones-one-of-an-image"),
    // These two cases have a limit of their own.
    Verb { chooses_vmids: true, hurry: &[], ..clone("clone-anywhere", "clone-without-a-vmid") },
    Verb { hurry: &[], ..clone("clone-two-disks", "clone-of-a-template-of-two-disks") },
    verb("change", "drift-is-corrected-in-place"),
    verb("change-by-stop", "stop-when-allowed"),
    verb("change-by-reboot", "reboot-when-allowed"),
    verb("start-by-apply", "bpg-2284-stopped-vm-is-started"),
    verb("reseed", "reseed-gives-new-data"),
    verb("destroy", "destroy-two"),
    verb("prune", "apply-prunes-what-left-the-document"),
    verb("reset", "a-value-that-is-no-longer-set-is-reset"),
    verb("add-devices", "disks-and-a-nic-are-added-at-once"),
    verb("detach-devices", "a-disk-and-a-nic-are-detached-at-once"),
    verb("move-disk", "a-disk-moves-and-its-options-change"),
    verb("unprotect", "protection-is-removed-before-a-disk-is-detached"),
    verb("pool", "a-pool-is-joined-and-left"),
    verb("rename", "a-renamed-vm-gets-its-name-and-new-memory"),
    verb("adopt", "adopt-shows-the-difference-and-writes-the-mark"),
    Verb {
        command: Some("pve-apply release"),
        ..verb("release", "release-removes-the-mark-and-nothing-else")
    },
    verb("migrate", "migrate-live-with-its-disks"),
    verb("migrate-offline", "migrate-offline"),
    verb("migrate-and-change", "migrate-and-change"),
    ha("migrate-under-ha", "migrate-under-ha"),
    ha("change-under-ha", "ha-restart-for-a-change"),
    ha("destroy-under-ha", "ha-destroy-waits-for-the-stop"),
    ha("reboot-under-ha", "ha-reboot"),
    verb("stop", "nodes-vms-are-stopped-on-each"),
    verb("network-and-vm", "network-is-committed-before-its-vm"),
    verb("network-and-vm-removed", "network-and-vm-are-destroyed"),
    verb("network-created", "network-alone-is-created"),
    verb("network-created-on-8-4", "network-alone-is-created-on-8-4"),
    verb("network-changed", "network-alone-is-changed"),
    // A node's zones are those of the committed configuration, also before it has loaded it.
    Verb {
        spared: &[("task-idle", "PUT /cluster/sdn")],
        ..verb("network-removed", "network-alone-is-removed")
    },
    read("plan", "plan-text", "pve-apply plan"),
    read("plan-of-a-network", "network-alone-is-created", "pve-apply plan"),
    read("doctor", "doctor-all-is-well", "pve-apply doctor"),
    read("doctor-of-networks", "doctor-of-networks", "pve-apply doctor"),
    // An address that cannot be read is shown as unknown.
    Verb {
        spared: &[("403", "/agent/"), ("html-504-done", "/agent/")],
        ..read("status", "status-of-the-deployment", "pve-apply status --addresses")
    },
    read("status-of-all", "status-of-all-as-json", "pve-apply status --all --json"),
    read("export", "export-describes-vms-as-an-env", "pve-apply export 104 db1"),
    read("inventory", "inventory-for-ansible", "pve-apply inventory --list"),
];

#[test]
fn each_fault_at_each_kind_of_request() {
    sweep(&VERBS, 3, 300);
}
