//! Creating and changing VMs: what is refused at once, and what by the task (facts 4 to 32).

use super::{check, send, start};

const VM: &str = r#"{"vms": {"100": {"config": {"cores": "1", "memory": "256", "agent": "1",
    "virtio0": "local-lvm:vm-100-disk-0,size=10G", "boot": "order=virtio0"}}},
    "volumes": [{"volid": "local:iso/a.img", "size": 1048576}, {"volid": "local:import/a.raw", "size": 1048576}]}"#;

#[test]
fn creates_are_checked_as_in_pve() {
    for (parameters, expected) in [
        ("vmid=100", "500 unable to create VM 100 - VM 100 already exists on node 'pve1'"),
        ("vmid=99", "400 Parameter verification failed."),
        (
            "vmid=101 name=web_1",
            r#""name":"invalid format - value does not look like a valid DNS name\n""#,
        ),
        (
            "vmid=101 colour=red",
            r#""colour":"property is not defined in schema and the schema does not allow additional properties""#,
        ),
        ("vmid=101 onboot=true", r#""onboot":"type check ('boolean') failed - got 'true'""#),
        ("vmid=101 virtio0=local-lvm:32G", "500 unable to parse lvm volume name '32G'"),
        (
            "vmid=101 virtio0=local-lvm:4,import-from=local:import/a.raw",
            "'import-from' requires special syntax",
        ),
        (
            "vmid=101 virtio0=local-lvm:0,import-from=local:iso/a.img",
            "local:iso/a.img has wrong type 'iso' - needs to be 'images' or 'import'",
        ),
        (
            "vmid=101 virtio0=local-lvm:0,import-from=/tmp/a.raw",
            "500 Only root can pass arbitrary filesystem paths.",
        ),
        ("vmid=101 virtio0=local:4", r#""storage":"storage 'local' does not support vm images""#),
        ("vmid=101 ide2=local:iso/a.img", "explicit 'media=cdrom' is required for iso images"),
        ("vmid=101 serial0=/dev/ttyS0", "500 only root can set 'serial0' config for real devices"),
        ("vmid=101 sshkeys=ssh-ed25519 AAAA", "invalid urlencoded string"),
        (
            "vmid=101 virtio0=volume=nope:4",
            "403 Permission check failed (/storage/nope, Datastore.AllocateSpace)",
        ),
        ("vmid=101 nameserver=foo", "200 OK"),
        ("vmid=101 boot=order=scsi0", "200 OK"),
        ("vmid=101 archive=local:backup/x.zst", "501 pve-sim: create with 'archive' is not served"),
    ] {
        // Spaces separate parameters in a step; here the value contains one.
        let step =
            format!("POST /nodes/pve1/qemu {}", parameters.replace("ed25519 AAAA", "ed25519+AAAA"));
        check(VM, "[]", &[(&step, expected)]);
    }
}

#[test]
fn the_task_finds_what_the_request_does_not_check() {
    check(
        VM,
        "[]",
        &[
            (
                "POST /nodes/pve1/qemu vmid=101 virtio0=local-lvm:0,import-from=local:import/no.raw",
                "200 OK",
            ),
            ("POST /nodes/pve1/qemu vmid=101", "VM 101 already exists"),
            ("PUT /nodes/pve1/qemu/101/config cores=2", "500 VM is locked (create)"),
            (
                "task",
                "TASK ERROR: unable to create VM 101 - failed to stat '/var/lib/vz/import/no.raw'",
            ),
            (
                "GET /nodes/pve1/qemu/101/config",
                "500 Configuration file 'nodes/pve1/qemu-server/101.conf' does not exist",
            ),
            ("POST /nodes/pve1/qemu vmid=101 net0=virtio,bridge=vmbr77", "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            ("POST /nodes/pve1/qemu/101/status/start", "200 OK"),
            ("task", "TASK ERROR: bridge 'vmbr77' does not exist"),
            ("PUT /nodes/pve1/qemu/100/resize disk=virtio0 size=5G", "200 OK"),
            ("task", "TASK ERROR: shrinking disks is not supported"),
            ("PUT /nodes/pve1/qemu/100/resize disk=scsi9 size=5G", "200 OK"),
            ("task", "TASK ERROR: disk 'scsi9' does not exist"),
            ("POST /nodes/pve1/qemu/100/status/start", "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            ("POST /nodes/pve1/qemu/100/status/start", "200 OK"),
            ("task", "TASK ERROR: VM 100 already running"),
        ],
    );
}

#[test]
fn configs_change_have_pending_values_and_a_digest() {
    let running = VM.replace(r#""100": {"#, r#""100": {"running": true, "#);
    check(
        &running,
        "[]",
        &[
            ("PUT /nodes/pve1/qemu/100/config cores=4", r#"{"data":null}"#),
            ("GET /nodes/pve1/qemu/100/config", r#""cores":4"#),
            ("GET /nodes/pve1/qemu/100/config current=1", r#""cores":1"#),
            ("GET /nodes/pve1/qemu/100/pending", r#"{"key":"cores","value":1,"pending":4}"#),
            (
                "PUT /nodes/pve1/qemu/100/config digest=0000 name=web",
                "500 checksum mismatch (file change by other user?)",
            ),
            ("PUT /nodes/pve1/qemu/100/config", "500 no options specified"),
            (
                "PUT /nodes/pve1/qemu/100/config delete=colour",
                r#""delete":"unknown option 'colour'""#,
            ),
            ("PUT /nodes/pve1/qemu/100/config delete=onboot", "200 OK"),
            (
                "PUT /nodes/pve1/qemu/100/config name=web delete=name",
                "you can't use '-name' and -delete name' at the same time",
            ),
            ("PUT /nodes/pve1/qemu/100/resize disk=virtio0 size=+512M", "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            (
                "POST /nodes/pve1/qemu/100/config virtio1=local-lvm:0,import-from=local:import/a.raw",
                "200 OK",
            ),
            ("task", "transferred 1.0 MiB of 1.0 MiB"),
            ("GET /nodes/pve1/qemu/100/config", r#""virtio1":"local-lvm:vm-100-disk-1,size=1M""#),
            ("POST /nodes/pve1/qemu/100/status/stop", "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            ("GET /nodes/pve1/qemu/100/config current=1", r#""cores":4"#),
            ("PUT /nodes/pve1/qemu/100/config delete=virtio0", "200 OK"),
            ("GET /nodes/pve1/qemu/100/config", r#""unused0":"local-lvm:vm-100-disk-0""#),
            ("PUT /nodes/pve1/qemu/100/config protection=1", "200 OK"),
            ("DELETE /nodes/pve1/qemu/100", "500 can't remove VM 100 - protection mode enabled"),
        ],
    );
}

#[test]
fn resources_lag_but_the_nodes_list_does_not() {
    let sim = check(
        "{}",
        "[]",
        &[
            ("GET /cluster/nextid", r#"{"data":"100"}"#),
            ("GET /cluster/resources type=vm", r#"{"data":[]}"#),
            ("POST /nodes/pve1/qemu vmid=100 name=web tags=a", "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            ("GET /nodes/pve1/qemu", r#""name":"web""#),
            ("GET /cluster/resources type=vm", r#""status":"unknown","tags":"a""#),
            ("GET /cluster/resources type=vm", r#""status":"unknown""#),
            ("GET /cluster/resources type=vm", r#""status":"stopped""#),
            ("GET /cluster/nextid vmid=100", r#""vmid":"VM 100 already exists""#),
            ("GET /cluster/resources", r#""network-type":"zone""#),
            ("GET /cluster/resources type=sdn", r#"{"data":[]}"#),
        ],
    );
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn the_agent_answers_when_it_is_running() {
    let world = |agent: &str, running: bool| {
        format!(
            r#"{{"vms": {{"100": {{"running": {running}, "config": {{"agent": "{agent}", "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0"}}}}}},
            "guests": {{"100": {{"agent_after": 1, "addresses": ["10.0.0.5/24"]}}}}}}"#
        )
    };
    let ping = "POST /nodes/pve1/qemu/100/agent/ping";
    check(&world("0", true), "[]", &[(ping, "500 QEMU guest agent is not running"); 3]);
    let without = r#"{"vms": {"100": {"running": true, "config": {}}}}"#;
    check(without, "[]", &[(ping, "500 No QEMU guest agent configured")]);
    check(&world("1", false), "[]", &[(ping, "500 VM 100 is not running")]);
    check(
        &world("enabled=1", true),
        "[]",
        &[
            (ping, "500 QEMU guest agent is not running"),
            (ping, "200 OK"),
            (
                "GET /nodes/pve1/qemu/100/agent/network-get-interfaces",
                r#"{"name":"eth0","hardware-address":"bc:24:11:00:00:01","ip-addresses":[{"ip-address":"10.0.0.5","ip-address-type":"ipv4","prefix":24}]}"#,
            ),
        ],
    );
}

#[test]
fn the_agent_reads_files() {
    let world = |blocks: &str| {
        format!(
            r#"{{"vms": {{"100": {{"running": true, "config": {{"agent": "1"}}}}}},
            "guest": {{"agent_after": 0, "files": {{"/a": "é\n"}}, "files_after": 1, "agent_blocks": [{blocks}]}}}}"#
        )
    };
    let read = "GET /nodes/pve1/qemu/100/agent/file-read file=/a";
    let missing =
        "500 Agent error: failed to open file '/a' (mode: 'r'): No such file or directory";
    let other = "GET /nodes/pve1/qemu/100/agent/file-read file=/b";
    let restarted = r#"[
        {"when": "GET /nodes/pve1/qemu/100/agent/file-read", "nth": 5, "then": {"edit": {"vmid": 100, "running": false}}},
        {"when": "GET /nodes/pve1/qemu/100/agent/file-read", "nth": 5, "then": {"edit": {"vmid": 100, "running": true}}}]"#;
    check(
        &world(""),
        restarted,
        &[
            (read, missing),
            (read, r#"200 OK {"data":{"bytes-read":3,"content":"Ã©\n"}}"#),
            (other, "500 Agent error: failed to open file '/b' (mode: 'r'): No such file"),
            ("GET /nodes/pve1/qemu/100/agent/file-read", "400 Parameter verification failed."),
            (read, missing),
        ],
    );
    let blocked = "500 Agent error: Command guest-file-open has been disabled";
    check(&world(r#""guest-file-open""#), "[]", &[(read, blocked)]);
    let interfaces = "GET /nodes/pve1/qemu/100/agent/network-get-interfaces";
    let passed_on = r#"200 OK {"data":{"result":{"error":{"class":"CommandNotFound","desc":"Command guest-network-get-interfaces has been disabled"#;
    check(&world(r#""guest-network-get-interfaces""#), "[]", &[(interfaces, passed_on)]);
    let blind = r#"[{"when": "* /**", "then": {"withdraw": {"path": "/vms", "privilege": "VM.GuestAgent.FileRead"}}}]"#;
    let forbidden = "(/vms/100, VM.GuestAgent.FileRead|VM.GuestAgent.Unrestricted)";
    check(&world(""), blind, &[(read, forbidden)]);
}

#[test]
fn the_default_token_can_call_the_agent_on_pve_8_too() {
    let world =
        r#"{"version": "8.4.1", "vms": {"100": {"running": true, "config": {"agent": "1"}}}}"#;
    let ping = "POST /nodes/pve1/qemu/100/agent/ping";
    check(world, "[]", &[(ping, "500 QEMU guest agent is not running"), (ping, "200 OK")]);
    let blind =
        r#"[{"when": "* /**", "then": {"withdraw": {"path": "/vms", "privilege": "VM.Monitor"}}}]"#;
    check(world, blind, &[(ping, "(/vms/100, VM.Monitor)")]);
}

#[test]
fn unsupported_requests_are_refused_loudly() {
    let sim = start("{}", "[]");
    for step in [
        "GET /nodes/pve1/lxc",
        "GET /no/such/path",
        "POST /nodes/pve1/qemu/100/snapshot snapname=a",
    ] {
        assert!(send(&sim, step).starts_with("501 Method '"), "{step}");
    }
    assert_eq!(sim.refused().len(), 3);
    assert_eq!(
        send(
            &sim,
            "GET /nodes/pve1/tasks/UPID:pve1:00000001:00000001:00000001:qmstart:100:a@pve:/status"
        ),
        "400 Parameter verification failed. {\"data\":null,\"message\":\"Parameter verification failed.\\n\",\"errors\":{\"upid\":\"no such task\"}}"
    );
}
