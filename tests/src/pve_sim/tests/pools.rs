//! Pools: who may add a VM to one, and where it is shown.

use super::{check, send};

/// Returns a world with three pools; the token can change two of them, and has no privileges on VM 102.
fn world() -> String {
    let entry = |path: &str, role: &str| {
        ["pipeline@pve", "pipeline@pve!apply"]
            .map(|who| format!(r#"{{"path": "{path}", "who": "{who}", "role": "{role}"}}"#))
            .join(",")
    };
    let acl = [
        entry("/vms", "PVEVMAdmin"),
        entry("/vms/102", "PVEAuditor"),
        entry("/pool/p1", "PVEPoolAdmin"),
        entry("/pool/p2", "PVEPoolAdmin"),
    ];
    format!(
        r#"{{"resources_lag": 0, "vms": {{"100": {{}}, "101": {{}}, "102": {{}}}},
        "pools": {{"p1": {{"vms": [100]}}, "p2": {{}}, "p3": {{"vms": [101]}}}},
        "access": {{"users": {{"pipeline@pve": {{}}}},
            "tokens": {{"pipeline@pve!apply": {{"secret": "00000000-0000-4000-8000-000000000001"}}}},
            "roles": {{}}, "acl": [{}]}}}}"#,
        acl.join(",")
    )
}

#[test]
fn adding_a_vm_to_a_pool_needs_privileges() {
    let failed = "500 update pools failed:";
    let move_to = "PUT /pools/p2 vms=100";
    let sim = check(
        &world(),
        "[]",
        &[
            (
                "PUT /pools/p1 vms=102",
                &format!(
                    "{failed} 403 Permission check failed (/vms/102, Permissions.Modify|VM.Allocate)"
                ),
            ),
            (
                "PUT /pools/p1 vms=101 allow-move=1",
                &format!("{failed} 403 Permission check failed (/pool/p3, Pool.Allocate)"),
            ),
            ("PUT /pools/p3 vms=100", "403 Permission check failed (/pool/p3, Pool.Allocate)"),
            (
                move_to,
                &format!(
                    "{failed} VM 100 belongs already to pool 'p1' and 'allow-move' is not set"
                ),
            ),
            ("PUT /pools/p1 vms=100", &format!("{failed} VM 100 is already a pool member")),
            // All or nothing.
            (&format!("{move_to},102 allow-move=1"), failed),
            ("GET /pools/p1", r#""vmid":100"#),
            (&format!("{move_to} allow-move=1"), "200 OK"),
            ("GET /cluster/resources type=vm", r#""pool":"p2""#),
            ("PUT /pools poolid=p2 vms=100 delete=1", "200 OK"),
            ("PUT /pools/p2 vms=100 delete=1", &format!("{failed} VM 100 is not a pool member")),
        ],
    );
    assert!(!send(&sim, "GET /cluster/resources type=vm").contains(r#""pool":"p2""#));
}

#[test]
fn a_new_vm_is_in_its_pool() {
    check(
        &world(),
        "[]",
        &[
            ("POST /nodes/pve1/qemu vmid=110 pool=p2", "200 OK"),
            ("task", r#""OK""#),
            ("GET /pools/p2", r#""vmid":110"#),
            ("GET /cluster/resources type=vm", r#""pool":"p2""#),
            (
                "POST /nodes/pve1/qemu vmid=111 pool=none",
                "403 Permission check failed (pool 'none' does not exist)",
            ),
        ],
    );
}
