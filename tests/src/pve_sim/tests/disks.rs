//! Disks: creating, moving, keeping them as unused, and their changes in a running VM
//! (facts-4 29 and 43 to 53).

use super::{check, send};

const CONFIG: &str = "GET /nodes/pve1/qemu/100/config";
const CURRENT: &str = "GET /nodes/pve1/qemu/100/config current=1";
const PENDING: &str = "GET /nodes/pve1/qemu/100/pending";
const PUT: &str = "PUT /nodes/pve1/qemu/100/config";
const CREATE: &str = "POST /nodes/pve1/qemu vmid=101";
const MOVE: &str = "POST /nodes/pve1/qemu/100/move_disk";

/// Returns a world with a VM; `more` are keys of the world.
fn world(more: &str, vm: &str) -> String {
    format!(
        r#"{{{more} "storages": {{
            "local": {{"type": "dir", "content": ["iso", "import", "images", "snippets"]}},
            "local-lvm": {{"type": "lvmthin", "content": ["images", "rootdir"]}},
            "local-zfs": {{"type": "zfspool", "content": ["images", "rootdir"]}}}},
        "volumes": [{{"volid": "local:iso/a.iso", "size": 1048576}}],
        "vms": {{"100": {vm}}}}}"#
    )
}

fn stopped(config: &str) -> String {
    world("", &format!(r#"{{"config": {{{config}}}}}"#))
}

fn running(config: &str) -> String {
    world("", &format!(r#"{{"running": true, "config": {{{config}}}}}"#))
}

#[test]
fn firmware_and_tpm_disks_have_fixed_sizes() {
    for (release, disk, kept) in [
        (
            "9.2.11",
            "efidisk0=local:1,efitype=4m,pre-enrolled-keys=1",
            "local:101/vm-101-disk-0.raw,efitype=4m,ms-cert=2023k,pre-enrolled-keys=1,size=528K",
        ),
        (
            "9.0.3",
            "efidisk0=local:1,efitype=4m,pre-enrolled-keys=1",
            "local:101/vm-101-disk-0.raw,efitype=4m,pre-enrolled-keys=1,size=528K",
        ),
        ("9.2.11", "efidisk0=local:1", "local:101/vm-101-disk-0.raw,size=128K"),
        ("9.2.11", "efidisk0=local-lvm:1,efitype=4m", "local-lvm:vm-101-disk-0,efitype=4m,size=4M"),
        ("9.2.11", "efidisk0=local-zfs:1,efitype=4m", "local-zfs:vm-101-disk-0,efitype=4m,size=1M"),
        (
            "9.2.11",
            "tpmstate0=local:1,version=v2.0",
            "local:101/vm-101-disk-0.raw,size=4M,version=v2.0",
        ),
        ("9.2.11", "tpmstate0=local-lvm:7", "local-lvm:vm-101-disk-0,size=4M"),
    ] {
        let world = world(&format!(r#""version": "{release}","#), r#"{"config": {}}"#);
        check(
            &world,
            "[]",
            &[
                (&format!("{CREATE} {disk}"), "200 OK"),
                ("task", r#""OK""#),
                ("GET /nodes/pve1/qemu/101/config", &format!(r#"0":"{kept}""#)),
            ],
        );
    }
}

#[test]
fn a_create_accepts_any_mix_of_disks() {
    check(
        &stopped(r#""scsi0": "local-lvm:vm-100-disk-0,size=2G""#),
        "[]",
        &[
            (
                &format!(
                    "{CREATE} bios=ovmf efidisk0=local-lvm:1,efitype=4m tpmstate0=local-lvm:1 \
                     scsi0=local-zfs:0.5 virtio1=local-lvm:3 ide0=none,media=cdrom \
                     ide1=local:iso/a.iso,media=cdrom ide2=local-lvm:cloudinit net0=virtio,bridge=vmbr0"
                ),
                "200 OK",
            ),
            ("task", "tpmstate0: successfully created disk 'local-lvm:vm-101-disk-1,size=4M'"),
            ("GET /nodes/pve1/qemu/101/config", r#""boot":"order=scsi0;ide0;net0""#),
            ("GET /nodes/pve1/qemu/101/config", r#""ide1":"local:iso/a.iso,media=cdrom,size=1M""#),
            ("GET /nodes/pve1/qemu/101/config", r#""scsi0":"local-zfs:vm-101-disk-0,size=512M""#),
        ],
    );
}

#[test]
fn unused_disks_are_added_and_removed() {
    let disk = "local-lvm:vm-100-disk-1";
    check(
        &stopped(&format!(r#""scsi0": "local-lvm:vm-100-disk-0,size=1G", "unused0": "{disk}""#)),
        "[]",
        &[
            (&format!("{PUT} scsi2={disk},serial=x"), "200 OK"),
            (CONFIG, &format!(r#""scsi2":"{disk},serial=x,size=1G""#)),
            (&format!("{PUT} delete=scsi2"), "200 OK"),
            (CONFIG, &format!(r#""unused0":"{disk}""#)),
            // The same volume twice is accepted, but then it is not freed.
            (&format!("{PUT} scsi3={disk} scsi4={disk}"), "200 OK"),
            (&format!("{PUT} delete=scsi3"), "200 OK"),
            (&format!("{PUT} scsi5=local-lvm:1"), "200 OK"),
            // Allocation is not idempotent.
            (&format!("{PUT} scsi5=local-lvm:1"), "200 OK"),
            (CONFIG, r#""scsi5":"local-lvm:vm-100-disk-3,size=1G""#),
            (CONFIG, r#"":"local-lvm:vm-100-disk-2""#),
            (&format!("{PUT} delete=scsi5 force=1"), "200 OK"),
            (
                &format!("{PUT} scsi6=local-lvm:vm-100-disk-3"),
                "500 volume 'local-lvm:vm-100-disk-3' does not exist",
            ),
        ],
    );
}

#[test]
fn two_spellings_of_a_volume_count_as_two_volumes() {
    let (long, short) = (
        "local:9000/base-9000-disk-0.qcow2/100/vm-100-disk-0.qcow2",
        "local:100/vm-100-disk-0.qcow2",
    );
    check(
        &stopped(&format!(r#""virtio0": "{long},size=1G""#)),
        "[]",
        &[
            (&format!("{PUT} virtio0={long},discard=on"), "200 OK"),
            (CONFIG, &format!(r#""virtio0":"{long},discard=on,size=1G""#)),
            (&format!("{PUT} virtio0={short},discard=on"), "200 OK"),
            (CONFIG, &format!(r#""virtio0":"{short},discard=on,size=1G""#)),
            (CONFIG, &format!(r#""unused0":"{long}""#)),
            (
                &format!("{PUT} delete=unused0"),
                &format!("500 unable to delete '{long}' - volume is still in use (snapshot?)"),
            ),
        ],
    );
}

#[test]
fn a_forced_removal_is_pending_too() {
    let sim = check(
        &running(r#""sata1": "local-lvm:vm-100-disk-1,size=1G""#),
        "[]",
        &[
            (&format!("{PUT} delete=sata1 force=1"), "200 OK"),
            (PENDING, r#""delete":2"#),
            (CURRENT, r#""sata1""#),
            ("POST /nodes/pve1/qemu/100/status/stop", "200 OK"),
            ("task", r#""OK""#),
        ],
    );
    assert!(!send(&sim, CONFIG).contains("disk-1"));
    assert!(sim.world().volumes.iter().all(|volume| !volume.volid.contains("disk-1")));
}

#[test]
fn a_disk_that_cannot_be_freed_stays_pending() {
    let disk = "local-lvm:vm-100-disk-1";
    let withdraw = r#"[{"when": "PUT /nodes/*/qemu/*/config", "then": {"withdraw":
        {"path": "/storage/local-lvm", "privilege": "Datastore.AllocateSpace"}}}]"#;
    let refused = "403 Permission check failed (/storage/local-lvm, Datastore.AllocateSpace)";
    check(
        &stopped(&format!(r#""scsi1": "{disk},size=1G""#)),
        withdraw,
        &[
            (
                &format!("{PUT} delete=scsi1 force=1"),
                &format!(r#""scsi1":"unable to apply pending change scsi1 : {refused}\n""#),
            ),
            (PENDING, r#""delete":2"#),
            (CURRENT, &format!(r#""scsi1":"{disk},size=1G""#)),
        ],
    );
    check(
        &stopped(&format!(r#""scsi1": "{disk},size=1G", "scsi2": "{disk},size=1G""#)),
        "[]",
        &[
            (
                &format!("{PUT} delete=scsi1 force=1"),
                &format!("unable to delete '{disk}' - volume is still in use (snapshot?)"),
            ),
            (CURRENT, &format!(r#""scsi1":"{disk},size=1G""#)),
        ],
    );
}

#[test]
fn a_failed_hotplug_is_reported_and_pending() {
    check(
        &running(r#""scsi0": "local-lvm:vm-100-disk-0,size=1G", "boot": "order=scsi0""#),
        "[]",
        &[
            (
                &format!("{PUT} delete=scsi0"),
                r#""scsi0":"hotplug problem - can't unplug bootdisk 'scsi0'\n""#,
            ),
            (PENDING, r#""delete":1"#),
            (&format!("{PUT} revert=scsi0,boot"), "200 OK"),
            (&format!("{PUT} scsi0=local-lvm:vm-100-disk-0,mbps=10"), "200 OK"),
            (CURRENT, r#""scsi0":"local-lvm:vm-100-disk-0,mbps=10,size=1G""#),
            (&format!("{PUT} scsi0=local-lvm:vm-100-disk-0,mbps=10,cache=unsafe"), "200 OK"),
            (CURRENT, r#""scsi0":"local-lvm:vm-100-disk-0,mbps=10,size=1G""#),
            (CONFIG, "cache=unsafe"),
            (&format!("{PUT} ide2=none,media=cdrom"), "200 OK"),
            (PENDING, r#"{"key":"ide2","pending":"none,media=cdrom"}"#),
        ],
    );
}

#[test]
fn a_disk_moves_to_another_storage() {
    let disk = "local-lvm:vm-100-disk-0";
    check(
        &stopped(&format!(r#""scsi0": "{disk},discard=on,size=2G", "ide2": "none,media=cdrom""#)),
        "[]",
        &[
            (
                &format!("{MOVE} disk=scsi0 storage=local-lvm"),
                "500 you can't move to the same storage with same format",
            ),
            (&format!("{MOVE} disk=scsi7 storage=local-zfs"), "500 disk 'scsi7' does not exist"),
            (&format!("{MOVE} disk=ide2 storage=local-zfs"), "500 you can't move a cdrom"),
            (
                &format!("{MOVE} disk=scsi0 storage=nix1"),
                "403 Permission check failed (/storage/nix1, Datastore.AllocateSpace)",
            ),
            (&format!("{MOVE} disk=scsi0"), "both 'storage' and 'target-vmid' missing"),
            (
                &format!("{MOVE} disk=scsi0 storage=local-zfs digest=x"),
                "500 detected modified configuration - file changed by other user? Try again.",
            ),
            (&format!("{MOVE} disk=scsi0 storage=local-zfs"), ":qmmove:100:"),
            ("task", "adding source volume 'local-lvm:vm-100-disk-0' as 'unused0' to config"),
            (CONFIG, r#""scsi0":"local-zfs:vm-100-disk-0,discard=on,size=2G""#),
            (CONFIG, &format!(r#""unused0":"{disk}""#)),
            (&format!("{MOVE} disk=scsi0 storage=local delete=1"), "200 OK"),
            ("task", "removing source volume 'local-zfs:vm-100-disk-0' after successful copy"),
            (CONFIG, r#""scsi0":"local:100/vm-100-disk-0.raw,discard=on,size=2G""#),
            (&format!("{MOVE} disk=scsi0 storage=local format=qcow2 delete=1"), "200 OK"),
            ("task", "transferred 2.0 GiB of 2.0 GiB (100.00%)"),
            (CONFIG, r#""scsi0":"local:100/vm-100-disk-1.qcow2,discard=on,size=2G""#),
        ],
    );
}

#[test]
fn a_disk_in_use_is_mirrored() {
    check(
        &running(
            r#""scsi0": "local-lvm:vm-100-disk-0,size=1G", "tpmstate0": "local-lvm:vm-100-disk-1""#,
        ),
        "[]",
        &[
            (&format!("{MOVE} disk=scsi0 storage=local-zfs delete=1"), "200 OK"),
            ("task", "mirror-scsi0: transferred 512.0 MiB of 1.0 GiB (50.00%) in 5s"),
            (CURRENT, r#""scsi0":"local-zfs:vm-100-disk-0,size=1G""#),
            (&format!("{MOVE} disk=tpmstate0 storage=local-zfs"), "200 OK"),
            ("task", "storage migration failed: cannot move TPM state while VM is running"),
        ],
    );
    let full = r#"[{"when": "POST /nodes/*/qemu/*/move_disk", "then": {"full": "local-zfs"}}]"#;
    let text = "storage migration failed: copy failed: No space left on device";
    let world = world("", r#"{"config": {"scsi0": "local:100/vm-100-disk-0.raw,size=1G"}}"#);
    let world = world.replace(
        r#""volumes": ["#,
        r#""volumes": [{"volid": "local:100/vm-100-disk-0.raw", "size": 1073741824},"#,
    );
    check(
        &world,
        full,
        &[
            (&format!("{MOVE} disk=scsi0 storage=local-zfs"), "200 OK"),
            ("task", text),
            (CONFIG, r#""scsi0":"local:100/vm-100-disk-0.raw,size=1G""#),
        ],
    );
}
