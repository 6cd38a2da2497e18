//! Every verb, whatever happens to its run: faults at each request, cuts after each request, lost writes and lost
//! answers. The run ends with the truth and shows no secret, VMs of others stay as they are, and the next run ends
//! in the undisturbed world.
//!
//! The runs are those of case folders; what happens and what must hold are in `tests/src/sweep`. `FAULTS=all` and
//! `CUTS=all` try everything; without them, a fixed selection.

use test_support::stand::{Stand, compare, each, undisturbed};
use test_support::sweep::{self, Verb};

const fn verb(name: &'static str, case: &'static str) -> Verb {
    // What does not end is waited for as shortly as possible.
    Verb { hurry: &[("", &["--task-timeout", "1"])], ..Verb::new(name, case) }
}

/// A verb with its command line.
const fn call(name: &'static str, case: &'static str, command: &'static str) -> Verb {
    Verb { command: Some(command), ..verb(name, case) }
}

/// A verb that only reads, with its command line.
const fn read(name: &'static str, case: &'static str, command: &'static str) -> Verb {
    Verb { command: Some(command), ..Verb::new(name, case) }
}

/// A plan shows a VM that it cannot read as blocked, and then exits with 1; and it shows which nodes do not answer.
const fn plan(name: &'static str, case: &'static str) -> Verb {
    let spared = &[("403", "/pending"), ("595", ""), ("node-away", "")];
    Verb { spared, ..read(name, case, "pve-apply plan") }
}

/// Where the template of an image cannot be read, the image is imported.
const fn clone(name: &'static str, case: &'static str) -> Verb {
    Verb { spared: &[("403", "GET /nodes/pve1/qemu/9000/config")], ..verb(name, case) }
}

/// HA moves the VMs of a node that is away to another one, without their local disks.
const fn ha(name: &'static str, case: &'static str) -> Verb {
    Verb { spared: &[("node-away", "")], ..verb(name, case) }
}

/// The removal of a network. A node's zones are those of the committed configuration, also before it has loaded it.
const fn removal(name: &'static str, case: &'static str) -> Verb {
    let spared = &[("task-idle", "PUT /cluster/sdn"), ("task-fails", "PUT /cluster/sdn")];
    Verb { spared, ..verb(name, case) }
}

/// An apply that fails because of its case's faults, and removes what it has created.
const fn rollback(name: &'static str, case: &'static str) -> Verb {
    Verb { is_troubled: true, ..verb(name, case) }
}

const VERBS: &[Verb] = &[
    verb("create", "create-one"),
    Verb { chooses_vmids: true, ..verb("create-anywhere", "create-with-free-choice-of-vmid") },
    Verb { chooses_vmids: true, ..verb("create-on-three-nodes", "nodes-vms-are-created-on-three") },
    clone("clone", "clones-one-of-an-image"),
    // These two cases have a limit of their own.
    Verb { chooses_vmids: true, hurry: &[], ..clone("clone-anywhere", "clone-without-a-vmid") },
    Verb { hurry: &[], ..clone("clone-two-disks", "clone-of-a-template-of-two-disks") },
    clone("clone-after-a-clone", "clone-left-unfinished-is-created-anew"),
    rollback("rollback", "rollback-removes-vms-of-this-run"),
    rollback("rollback-of-one-half-made", "rollback-removes-an-unfinished-vm"),
    verb("change", "drift-is-corrected-in-place"),
    verb("change-of-tags", "foreign-tags-stay-and-ours-are-reset"),
    verb("change-of-the-description", "the-description-is-all-lines-but-ours"),
    verb("change-by-stop", "stop-when-allowed"),
    verb("change-by-reboot", "reboot-when-allowed"),
    verb("start-by-apply", "bpg-2284-stopped-vm-is-started"),
    verb("reseed", "reseed-gives-new-data"),
    verb("reseed-on-another-node", "nodes-a-vm-elsewhere-gets-a-new-seed"),
    verb("destroy", "destroy-two"),
    // Whether a VM that cannot be read left the document is unknown: a warning says that it is not pruned.
    Verb {
        spared: &[
            ("403", "GET /nodes/pve1/qemu/10002/pending"),
            ("595", "GET /nodes/pve1/qemu/10002/pending"),
        ],
        ..verb("prune", "apply-prunes-what-left-the-document")
    },
    verb("reset", "a-value-that-is-no-longer-set-is-reset"),
    verb("add-devices", "disks-and-a-nic-are-added-at-once"),
    verb("detach-devices", "a-disk-and-a-nic-are-detached-at-once"),
    verb("move-disk", "a-disk-moves-and-its-options-change"),
    verb("grow-disks", "a-disk-grown-before-the-boot-needs-no-notice"),
    verb("grow-disks-and-reboot", "a-disk-that-grows-with-a-reboot-needs-no-notice"),
    verb("boot-order", "a-new-disk-exists-before-the-boot-order-names-it"),
    verb("unprotect", "protection-is-removed-before-a-disk-is-detached"),
    verb("pool", "a-pool-is-joined-and-left"),
    verb("rename", "a-renamed-vm-gets-its-name-and-new-memory"),
    verb("adopt", "adopt-shows-the-difference-and-writes-the-mark"),
    verb("adopt-all", "adopt-of-a-whole-deployment-takes-the-existing-vms"),
    // An adoption writes only the mark, which no node has to load: the next run finds nothing to do.
    Verb {
        spared: &[("task-idle", "PUT /cluster/sdn"), ("task-fails", "PUT /cluster/sdn")],
        ..call("adopt-a-network", "network-is-adopted", "pve-apply adopt --networks-only")
    },
    call("release", "release-removes-the-mark-and-nothing-else", "pve-apply release"),
    verb("release-two", "released-vms-lose-the-mark"),
    verb("migrate", "migrate-live-with-its-disks"),
    verb("migrate-offline", "migrate-offline"),
    verb("migrate-to-another-storage", "migrate-to-the-datastore-of-the-target"),
    verb("migrate-and-reseed", "migrate-and-reseed"),
    verb("migrate-and-change", "migrate-and-change"),
    ha("migrate-under-ha", "migrate-under-ha"),
    ha("change-under-ha", "ha-restart-for-a-change"),
    ha("destroy-under-ha", "ha-destroy-waits-for-the-stop"),
    ha("reseed-under-ha", "ha-stop-then-start-for-a-reseed"),
    ha("start-under-ha", "ha-start-is-waited-for"),
    ha("reboot-under-ha", "ha-reboot"),
    call("start", "bpg-2284-stopped-vm-is-started", "pve-apply start"),
    verb("stop", "nodes-vms-are-stopped-on-each"),
    call("stop-one", "start-stop-reboot", "pve-apply stop"),
    call("reboot", "start-stop-reboot", "pve-apply reboot"),
    verb("network-and-vm", "network-is-committed-before-its-vm"),
    removal("network-and-vm-removed", "network-and-vm-are-destroyed"),
    verb("network-created", "network-alone-is-created"),
    verb("network-created-on-8-4", "network-alone-is-created-on-8-4"),
    verb("network-changed", "network-alone-is-changed"),
    removal("network-removed", "network-alone-is-removed"),
    verb("network-leftovers", "network-leftovers-of-a-killed-run-are-committed"),
    Verb { hurry: &[], ..verb("unlock-sdn", "unlock-sdn-by-force-says-what-it-does") },
    plan("plan", "create-one"),
    plan("plan-of-a-change", "disks-and-a-nic-are-added-at-once"),
    plan("plan-of-a-network", "network-alone-is-created"),
    read("doctor", "doctor-all-is-well", "pve-apply doctor"),
    read("doctor-of-networks", "doctor-of-networks", "pve-apply doctor"),
    // An address that cannot be read is shown as unknown, and so is a VM whose node does not answer.
    Verb {
        spared: &[("", "/agent/"), ("595", "GET /nodes/pve1/qemu")],
        ..read("status", "status-of-the-deployment", "pve-apply status --addresses")
    },
    read("status-of-all", "status-of-all-as-json", "pve-apply status --all --json"),
    read("export", "export-describes-vms-as-an-env", "pve-apply export 104 db1"),
    Verb {
        spared: &[("595", "GET /nodes/pve1/qemu")],
        ..read("inventory", "inventory-for-ansible", "pve-apply inventory --list")
    },
];

#[test]
fn each_fault_at_each_kind_of_request() {
    sweep::faults(VERBS, 3, 300);
}

#[test]
fn each_run_is_cut_after_each_request() {
    sweep::cuts(VERBS, 1800);
}

/// Kills the worker of each task on its node. What a killed clone leaves is locked: root removes it.
fn check_killed_on_the_node(case: &str) {
    let (expected, requests) = undisturbed(case);
    let is_write = |n: &usize| !requests[n - 1].starts_with("GET ");
    let writes: Vec<usize> = (1..=requests.len()).filter(is_write).collect();
    each(writes.len(), |number| {
        let write = writes[number];
        let fault = format!(
            r#"[{{"when": "* /**", "nth": {write}, "then": {{"task": {{"exitstatus": "unexpected status"}}}}}}]"#
        );
        let stand = Stand::new(case, &fault);
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
        compare(&what, &stand, 3, &expected)
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
