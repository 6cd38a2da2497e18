//! What PVE refuses: before the task, in which order, and in the task (facts-4 38 to 40).

use super::{CLONE, CONFIG, DONE, bare, check, volumes, world};

/// Clones a bare template on a folder with these parameters.
fn refused(params: &str, refusal: &str) {
    let vms = format!(
        r#"{}, "500": {{"config": {{"virtio0": "dira:500/vm-500-disk-0.qcow2,size=1G"}}, "snapshots": ["now"]}}"#,
        bare("dira:9000/base-9000-disk-0.qcow2")
    );
    let request = match params.strip_prefix("of ") {
        Some(rest) => {
            let (vmid, rest) = rest.split_once(' ').unwrap();
            format!("POST /nodes/pve1/qemu/{vmid}/clone {rest}")
        }
        None => format!("{CLONE} {params}"),
    };
    let sim = check(&world(&vms, ""), "[]", &[(&request, refusal)]);
    assert!(sim.world().tasks.is_empty() && sim.world().vms.len() == 2, "{params}");
}

#[test]
fn a_clone_is_refused_in_pves_words() {
    for (params, refusal) in [
        ("newid=500", "500 unable to create VM 500: config file already exists"),
        ("newid=9000", "500 unable to create VM 9000: config file already exists"),
        ("newid=400 storage=dira", "500 parameter 'storage' not allowed for linked clones"),
        ("newid=400 full=0 storage=dirb", "500 parameter 'storage' not allowed for linked clones"),
        ("newid=400 format=raw", "500 parameter 'format' not allowed for linked clones"),
        ("newid=400 storage=nix", "500 storage 'nix' does not exist"),
        (
            "newid=400 storage=local",
            r#""errors":{"storage":"storage 'local' does not support vm images"}"#,
        ),
        ("newid=400 snapname=nix", "500 snapshot 'nix' does not exist"),
        ("newid=400 target=pve9", "500 no such cluster node 'pve9'"),
        ("newid=400 pool=nix", "403 Permission check failed (pool 'nix' does not exist)"),
        ("newid=99", r#""newid":"invalid format - value does not look like a valid VM ID"#),
        (
            "newid=400 name=b_c",
            r#""name":"invalid format - value does not look like a valid DNS name"#,
        ),
        ("newid=400 tags=a", r#""tags":"property is not defined in schema"#),
        ("newid=400 digest=a", r#""digest":"property is not defined in schema"#),
        (
            "of 500 newid=400 full=0",
            "500 Linked clone feature is not supported for 'dira:500/vm-500-disk-0.qcow2' (virtio0)",
        ),
        (
            "of 500 newid=400 full=0 snapname=now",
            "500 Linked clone feature is not supported for a snapshot of 'dira:500/vm-500-disk-0.qcow2' (virtio0)",
        ),
        ("of 999 newid=400", "500 unable to find configuration file for VM 999 on node 'pve1'"),
    ] {
        refused(params, refusal);
    }
}

#[test]
fn what_comes_first_is_said_first() {
    // The pool, the node, the storage, the lock, the snapshot, the parameters, the new ID, the disks.
    let order = [
        ("pool=nix", "pool 'nix' does not exist"),
        ("target=pve9", "no such cluster node"),
        ("storage=nix", "storage 'nix' does not exist"),
        ("", "VM is locked (backup)"),
        ("snapname=nix", "snapshot 'nix' does not exist"),
        ("format=raw", "parameter 'format' not allowed"),
        ("newid=500", "config file already exists"),
        ("full=0", "Linked clone feature is not supported"),
    ];
    for first in 0..order.len() {
        let mut params: Vec<&str> = order[first..].iter().map(|(param, _)| *param).collect();
        params.retain(|param| !param.is_empty());
        if !params.contains(&"newid=500") {
            params.push("newid=400");
        }
        let lock = if first <= 3 { r#", "lock": "backup""# } else { "" };
        let vms = format!(
            r#""500": {{}}, "501": {{"config": {{"virtio0": "thin:vm-501-disk-0,size=1G"{lock}}}}}"#
        );
        let request = format!("POST /nodes/pve1/qemu/501/clone {}", params.join(" "));
        check(&world(&vms, ""), "[]", &[(&request, order[first].1)]);
    }
}

#[test]
fn devices_that_a_token_cannot_clone() {
    for (device, refusal) in [
        (r#""usb0": "host=1d6b:0002""#, "500 only root can set 'usb0' config for real devices"),
        (
            r#""hostpci0": "0000:01:00.0""#,
            "500 only root can set 'hostpci0' config for non-mapped devices",
        ),
        (r#""usb0": "host=spice""#, "200 OK"),
        (r#""serial3": "/dev/ttyS0""#, "200 OK"),
        (r#""usb0": "mapping=stick""#, "200 OK"),
    ] {
        let vm =
            bare("thin:base-9000-disk-0").replace(r#""tags""#, &format!(r#"{device}, "tags""#));
        check(&world(&vm, ""), "[]", &[(&format!("{CLONE} newid=400"), refusal)]);
    }
}

/// Clones with these privileges only, by path.
fn with(acl: &[(&str, &str)], params: &str, expected: &str) {
    let mut roles = Vec::new();
    let mut entries = Vec::new();
    for (at, (path, privileges)) in acl.iter().enumerate() {
        let listed: Vec<String> = privileges.split(' ').map(|one| format!("\"{one}\"")).collect();
        roles.push(format!(r#""R{at}": [{}]"#, listed.join(", ")));
        entries.push(format!(r#"{{"path": "{path}", "who": "pipeline@pve", "role": "R{at}"}}"#));
    }
    let vm = bare("thin:base-9000-disk-0")
        .replace(r#""tags""#, r#""net0": "virtio=02:00:00:00:00:01,bridge=vmbr0", "tags""#);
    let text = world(&vm, r#", "pools": {"lab": {}}"#)
        .replace(
            r#"{"path": "/", "who": "pipeline@pve", "role": "Administrator"}"#,
            &entries.join(", "),
        )
        .replace(r#""users":"#, &format!(r#""roles": {{{}}}, "users":"#, roles.join(", ")));
    check(&text, "[]", &[(format!("{CLONE} newid=400 {params}").trim_end(), expected)]);
}

#[test]
fn a_clone_needs_four_privileges() {
    let (source, new) = (("/vms/9000", "VM.Clone"), ("/vms/400", "VM.Allocate"));
    let (disk, nic) =
        (("/storage/thin", "Datastore.AllocateSpace"), ("/sdn/zones/localnetwork", "SDN.Use"));
    with(&[new, disk, nic], "", "403 Permission check failed (/vms/9000, VM.Clone)");
    // PVE does not say that VM.Allocate is missing.
    with(&[source, disk, nic], "", "403 Permission check failed {");
    with(
        &[source, new, nic],
        "",
        "403 Permission check failed (/storage/thin, Datastore.AllocateSpace)",
    );
    with(
        &[source, new, disk],
        "",
        "403 Permission check failed (/sdn/zones/localnetwork/vmbr0, SDN.Use)",
    );
    with(&[source, new, disk, nic], "", "200 OK");
    let pool = ("/pool/lab", "VM.Allocate");
    with(&[source, pool, disk, nic], "pool=lab", "200 OK");
    with(&[source, pool, disk, nic], "", "403 Permission check failed {");
    // With a storage, the right on that one is needed, and on no other.
    with(&[source, new, ("/storage/tank", disk.1), nic], "full=1 storage=tank", "200 OK");
    with(
        &[source, new, disk, nic],
        "full=1 storage=tank",
        "403 Permission check failed (/storage/tank, Datastore.AllocateSpace)",
    );
}

#[test]
fn what_a_clone_shares_needs_mapping_use() {
    for (key, value, path) in [
        ("cpu", "custom-fast", "/mapping/cpu/fast"),
        ("usb0", "mapping=stick", "/mapping/usb/stick"),
        ("hostpci0", "mapping=gpu", "/mapping/pci/gpu"),
        ("virtiofs0", "data", "/mapping/dir/data"),
        ("rng0", "source=/dev/hwrng", "/mapping/hwrng"),
    ] {
        let all = r#"["VM.Clone", "VM.Allocate", "Datastore.AllocateSpace", "SDN.Use"]"#;
        let vm = bare("thin:base-9000-disk-0")
            .replace(r#""tags""#, &format!(r#""{key}": "{value}", "tags""#));
        let text = world(&vm, r#", "cpu_models": {"fast": "x86-64-v2"}"#)
            .replace("\"Administrator\"", "\"Cloner\"")
            .replace(r#""users":"#, &format!(r#""roles": {{"Cloner": {all}}}, "users":"#));
        let refusal = format!("403 Permission check failed ({path}, Mapping.Use)");
        let clone = format!("{CLONE} newid=400");
        check(&text, "[]", &[(&clone, &refusal)]);
        // Nobody asked about a CPU model before 9.2.
        let before = if key == "cpu" { "200 OK" } else { &refusal };
        check(&text.replace("9.2.11", "9.1.7"), "[]", &[(&clone, before)]);
    }
}

#[test]
fn the_state_of_a_tpm_in_use_is_not_cloned() {
    let vm = r#""9000": {"running": true, "snapshots": ["now"],
        "config": {"tpmstate0": "thin:vm-9000-disk-0,size=4M,version=v2.0"}}"#;
    let text = "500 cannot clone TPM state while VM is running";
    check(
        &world(vm, ""),
        "[]",
        &[
            (&format!("{CLONE} newid=400"), text),
            (&format!("{CLONE} newid=400 snapname=now"), "200 OK"),
        ],
    );
}

#[test]
fn an_id_that_is_taken_elsewhere_is_only_found_by_the_task() {
    let text = "close (rename) atomic file '/etc/pve/nodes/pve1/qemu-server/400.conf' failed: \
                File exists";
    let other = r#", "400": {"node": "pve2", "config": {"name": "theirs"}}"#;
    let nodes = r#", "nodes": {"pve1": {}, "pve2": {}}"#;
    let container = r#", "containers": {"400": {"config": {"hostname": "theirs"}}}"#;
    for (vms, rest) in [(other, nodes), ("", container)] {
        let sim = check(
            &world(&format!("{}{vms}", bare("thin:base-9000-disk-0")), rest),
            "[]",
            &[(&format!("{CLONE} newid=400"), "200 OK"), ("task", text)],
        );
        let world = sim.world();
        assert_eq!(
            world.vms.get(&400).map(|vm| vm.config["name"].as_str()),
            (!vms.is_empty()).then_some("theirs")
        );
        assert_eq!(volumes(&sim), ["thin:base-9000-disk-0"]);
    }
}

#[test]
fn a_clone_needs_quorum_room_and_its_base() {
    let full = r#"[{"when": "POST /nodes/*/qemu/*/clone", "then": {"full": "tank"}}]"#;
    let data =
        r#", "volumes": [{"volid": "thin:base-9000-disk-0", "size": 2147483648, "used": 1000}]"#;
    let sim = check(
        &world(&bare("thin:base-9000-disk-0"), data),
        full,
        &[
            (&format!("{CLONE} newid=400 full=1 storage=tank"), "200 OK"),
            ("task", "clone failed: copy failed: No space left on device"),
            (CONFIG, "500 Configuration file"),
            (&format!("{CLONE} newid=400"), "200 OK"),
            DONE,
        ],
    );
    sim.edit(|world| world.quorate = Some(false));
    let seen = super::send(&sim, &format!("{CLONE} newid=401"));
    assert!(seen.starts_with("500 cluster not ready - no quorum?"), "{seen}");
    let sim = super::super::start(&world(&bare("thin:base-9000-disk-0"), ""), "[]");
    sim.edit(|world| world.volumes.clear());
    let upid = super::send(&sim, &format!("{CLONE} newid=400"));
    let upid = upid.split('"').find(|part| part.starts_with("UPID:")).unwrap();
    let seen = super::super::wait(&sim, upid);
    assert!(seen.contains("clone failed: volume 'thin:base-9000-disk-0' does not exist"), "{seen}");
    assert!(!sim.world().vms.contains_key(&400));
}
