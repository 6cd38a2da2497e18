//! Tasks that fail half-way, and what they leave behind (facts-4 27, 28 and 49).

use super::{check, send};

const CONFIG: &str = "GET /nodes/pve1/qemu/100/config";
const CURRENT: &str = "GET /nodes/pve1/qemu/100/config current=1";
const PENDING: &str = "GET /nodes/pve1/qemu/100/pending";
const POST: &str = "POST /nodes/pve1/qemu/100/config";

const WORLD: &str = r#"{"vms": {"100": {"config": {"cores": "1", "onboot": "1"}}}}"#;

fn fault(task: &str) -> String {
    format!(r#"[{{"when": "POST /nodes/*/qemu/*/config", "then": {{"task": {{{task}}}}}}}]"#)
}

#[test]
fn a_half_written_change_is_pending_and_looks_set() {
    for next in
        ["PUT /nodes/pve1/qemu/100/config name=web", "POST /nodes/pve1/qemu/100/status/start"]
    {
        let sim = check(
            WORLD,
            &fault(r#""exitstatus": "no space", "keeps": ["cores", "onboot", "scsi1"]"#),
            &[
                (&format!("{POST} cores=4 memory=1024 scsi1=local-lvm:1 delete=onboot"), "200 OK"),
                ("task", r#""exitstatus":"no space""#),
                (CONFIG, r#""cores":4"#),
                (CONFIG, r#""scsi1":"local-lvm:vm-100-disk-0,size=1G""#),
                (CURRENT, r#""cores":1"#),
                (CURRENT, r#""onboot":1"#),
                (PENDING, r#"{"key":"cores","value":1,"pending":4}"#),
                (PENDING, r#"{"key":"onboot","value":1,"delete":1}"#),
                (PENDING, r#"{"key":"scsi1","pending":"local-lvm:vm-100-disk-0,size=1G"}"#),
                (next, "200 OK"),
            ],
        );
        sim.settle();
        let current = send(&sim, CURRENT);
        assert!(current.contains(r#""cores":4"#) && current.contains("scsi1"), "{current}");
        assert!(!current.contains("onboot") && !current.contains("memory"), "{current}");
    }
}

#[test]
fn a_half_written_change_can_be_reverted() {
    let sim = check(
        WORLD,
        &fault(r#""exitstatus": "unexpected status", "keeps": ["cores"], "leaves": ["scsi1"]"#),
        &[
            (&format!("{POST} cores=4 scsi1=local-lvm:1"), "200 OK"),
            ("task", "unexpected status"),
            ("PUT /nodes/pve1/qemu/100/config revert=cores", "200 OK"),
            (CONFIG, r#""cores":1"#),
            // Nothing refers to the half-copied disk, and the next disk gets the next number.
            (&format!("{POST} scsi1=local-lvm:1"), "200 OK"),
            ("task", r#""OK""#),
            (CONFIG, r#""scsi1":"local-lvm:vm-100-disk-1,size=1G""#),
            ("DELETE /nodes/pve1/qemu/100", "200 OK"),
            ("task", r#""OK""#),
        ],
    );
    let left: Vec<String> = sim.world().volumes.iter().map(|v| v.volid.clone()).collect();
    assert_eq!(left, ["local-lvm:vm-100-disk-0"]);
}

#[test]
fn a_failed_create_may_leave_a_volume_behind_behind() {
    let sim = check(
        "{}",
        r#"[{"when": "POST /nodes/*/qemu", "then": {"task": {
            "exitstatus": "unable to create VM 101 - convert failed", "leaves": ["efidisk0"]}}}]"#,
        &[
            ("POST /nodes/pve1/qemu vmid=101 efidisk0=local-lvm:1 scsi0=local-lvm:1", "200 OK"),
            ("task", "unable to create VM 101 - convert failed"),
            ("GET /nodes/pve1/qemu/101/config", "500 Configuration file"),
            ("POST /nodes/pve1/qemu vmid=101 scsi0=local-lvm:1", "200 OK"),
            ("task", "local-lvm:vm-101-disk-1"),
        ],
    );
    assert_eq!(sim.world().volumes.len(), 2);
}
