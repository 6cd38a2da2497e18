//! The script of a nested PVE node, run by real shells in a scratch folder against stand-ins for the
//! programs of Proxmox VE: one token of its own, all or an error in one file, and no secret elsewhere.

#![expect(clippy::unwrap_used, reason = "tests may unwrap")]
#![expect(clippy::disallowed_methods, reason = "door: a scratch folder and a shell")]

mod bridge;
mod node;

use machine::Version;
use machine::token::of_nested_node;
use node::{Machine, SECRET, user_data};
use serde_json::json;
use std::process::Command;
use test_support::peer::Peer;

const RESULT: &str = "var/lib/pve-pipeline/node.json";
const DISABLE: &str = "systemctl disable pve-pipeline-node.service";

fn succeed(machine: &Machine) -> Vec<String> {
    let (code, printed, calls) = machine.run(&[], &[]);
    assert_eq!(code, 0, "{printed}");
    assert!(!printed.contains(SECRET) && !calls.concat().contains(SECRET), "{printed} {calls:?}");
    calls
}

/// Returns the calls that change something.
fn writes(calls: &[String]) -> Vec<&str> {
    let reads = ["pvesh get", "pvesm status", "systemctl is-failed"];
    let is_write = |call: &&str| !reads.iter().any(|read| call.starts_with(read));
    calls.iter().map(String::as_str).filter(is_write).collect()
}

fn privileges(call: &str) -> Vec<&str> {
    call.split_whitespace().nth(5).unwrap_or_default().split(',').collect()
}

#[test]
fn a_node_makes_a_token_and_says_where_it_is() {
    for shell in ["sh", "dash", "bash"] {
        if Command::new(shell).args(["-c", "true"]).status().is_err() {
            eprintln!("{shell} is not installed");
            continue;
        }
        let machine = Machine::with_shell(shell);
        let calls = succeed(&machine);
        let calls = writes(&calls);
        assert!(calls[1].starts_with("pveum role add PipelineNode --privs "), "{calls:?}");
        assert_eq!(calls[0], "pvesm set local --content iso,vztmpl,backup,import");
        assert_eq!(
            calls[2..],
            [
                "pveum user add pipeline@pve --comment The VMs on this node, by pve-pipeline",
                "pveum user token add pipeline@pve edge --privsep 1 --output-format json",
                "pveum acl modify / --users pipeline@pve --tokens pipeline@pve!edge --roles PipelineNode",
                DISABLE,
            ]
        );
        let expected = json!({
            "version": 1, "node": "edge", "endpoint": "https://10.0.12.30:8006",
            "fingerprint": "AB:01", "token": format!("pipeline@pve!edge={SECRET}"),
        });
        assert_eq!(machine.result(), expected, "{shell}");
        let left = std::fs::read_dir(machine.path("var/lib/pve-pipeline")).unwrap().count();
        assert_eq!(left, 1, "no other file has the token");
    }
}

#[test]
fn the_role_has_the_privileges_that_its_version_knows() {
    for (version, old, new) in
        [("8.4.1", true, false), ("9.0.3", false, true), ("10.1", false, true)]
    {
        let machine = Machine::new();
        machine.file("version", version);
        let calls = succeed(&machine);
        let role = calls.iter().find(|call| call.starts_with("pveum role add")).unwrap();
        let list = privileges(role);
        assert_eq!(list.contains(&"VM.Monitor"), old, "{version}: {role}");
        assert_eq!(list.contains(&"VM.GuestAgent.FileRead"), new, "{version}: {role}");
        let pve = if old { Version::OLDEST } else { Version(9, 0) };
        let all: Vec<_> = of_nested_node(pve).into_iter().collect();
        assert_eq!(list, all);
    }
}

#[test]
fn a_second_run_keeps_a_token_that_others_use() {
    let machine = Machine::new();
    succeed(&machine);
    let first = machine.text(RESULT);
    let calls = succeed(&machine);
    let calls = writes(&calls);
    assert!(calls[0].starts_with("pveum role modify PipelineNode --privs "), "{calls:?}");
    assert!(calls[0].ends_with(" --append 1"), "what was added by hand stays: {calls:?}");
    assert!(calls[1].starts_with("pveum acl modify / "), "{calls:?}");
    assert_eq!(calls[2..], [DISABLE]);
    assert_eq!(machine.text(RESULT), first);
}

#[test]
fn a_token_whose_secret_is_lost_is_replaced_and_no_other_is() {
    let machine = Machine::new();
    succeed(&machine);
    for lost in ["", r#"{"version":1,"error":"x"}"#, r#"{"token":"pipeline@pve!other=uuid"}"#] {
        machine.file(RESULT, lost);
        let calls = succeed(&machine);
        let of_tokens: Vec<_> =
            calls.iter().filter(|call| call.starts_with("pveum user token")).collect();
        assert_eq!(
            of_tokens,
            [
                "pveum user token remove pipeline@pve edge",
                "pveum user token add pipeline@pve edge --privsep 1 --output-format json",
            ],
            "{lost}"
        );
        assert!(machine.text(RESULT).contains(SECRET));
    }
}

#[test]
fn a_host_name_that_cannot_name_a_token_gets_a_prefix() {
    for (host, name) in
        [("1pve", "node-1pve"), ("n", "node-n"), ("n1.lan", "n1"), ("pve-a.b", "pve-a")]
    {
        let machine = Machine::new();
        machine.file("hostname", &format!("{host}\n"));
        machine.file("etc/hosts", &format!("10.0.12.30 {}\n", host.split('.').next().unwrap()));
        succeed(&machine);
        let first = machine.result();
        assert_eq!(first["token"], format!("pipeline@pve!{name}={SECRET}"));
        assert_eq!(first["node"], host.split('.').next().unwrap());
        let calls = succeed(&machine);
        assert!(!calls.concat().contains("pveum user token"), "it is kept: {calls:?}");
        assert_eq!(machine.result(), first);
    }
}

#[test]
fn a_node_that_never_answers_is_reported() {
    let machine = Machine::new();
    machine.file("pve-down", "");
    let begin = "Proxmox VE was not ready within 0 s: ";
    assert_eq!(machine.error(&[]), format!("{begin}pvesh get /version: pmxcfs is gone"));

    let machine = Machine::new();
    machine.remove("bin/pvesh");
    let error = machine.error(&[]);
    assert!(error.starts_with(&format!("{begin}Proxmox VE is not installed: ")), "{error}");

    let machine = Machine::new();
    machine.remove("route4");
    assert_eq!(machine.error(&[]), format!("{begin}this machine has no default route"));

    let machine = Machine::new();
    machine.remove("etc/pve/local/pve-ssl.pem");
    let error = machine.error(&[]);
    assert!(error.starts_with(&format!("{begin}this node has no certificate in ")), "{error}");
}

#[test]
fn a_node_that_takes_its_time_is_waited_for() {
    let machine = Machine::new();
    machine.file("pve-down", "");
    let calls = succeed(&machine);
    assert_eq!(calls.iter().filter(|call| *call == "sleep 5").count(), 1, "{calls:?}");
    assert_eq!(machine.result()["node"], "edge");
}

#[test]
fn an_error_of_an_earlier_boot_is_gone_while_the_script_runs() {
    let machine = Machine::new();
    machine.file("pve-down", "");
    machine.error(&[]);
    machine.program("sleep", r#"[ ! -e "$ROOT/var/lib/pve-pipeline/node.json" ] || touch "$ROOT/stale"; rm "$ROOT/pve-down""#);
    succeed(&machine);
    assert!(!machine.path("stale").exists());
}

#[test]
fn pves_own_text_is_in_the_error() {
    let machine = Machine::new();
    let error = machine.error(&[("REFUSED", "roleaddPipelineNode")]);
    let text = r#"`pveum role add` failed: 400 Parameter verification failed. privs: "no"\"#;
    assert_eq!(error, text);
    let error = machine.error(&[("REFUSED", "usertokenadd")]);
    assert!(error.starts_with("`pveum user token add` failed: 400 Parameter"), "{error}");
}

#[test]
fn content_is_only_added_to_the_local_storage() {
    for (before, storages, expected) in [
        ("iso,vztmpl,backup", "local-lvm lvmthin active 1", Some("iso,vztmpl,backup,import")),
        ("import,iso", "local-lvm lvmthin active 1", None),
        ("iso", "local-lvm lvmthin inactive 1", Some("iso,import,images")),
        ("images,import", "local dir active 1", None),
        ("rootdir,import,snippets", "", Some("rootdir,import,snippets,images")),
    ] {
        let machine = Machine::new();
        machine.file("content", before);
        machine.file("storages", storages);
        let calls = succeed(&machine);
        let set = calls.iter().find_map(|call| call.strip_prefix("pvesm set local --content "));
        assert_eq!(set, expected, "{before} {storages}");
    }
}

#[test]
fn the_certificate_that_pveproxy_shows_is_the_one_that_counts() {
    let machine = Machine::new();
    machine.file("etc/pve/local/pveproxy-ssl.pem", "02");
    succeed(&machine);
    assert_eq!(machine.result()["fingerprint"], "AB:02");
}

#[test]
fn a_node_with_ipv6_alone_is_reached_by_it() {
    let machine = Machine::new();
    machine.remove("route4");
    machine.file(
        "route6",
        "2001:db8::1 from :: via fe80::1 dev vmbr0 src fd00::30 metric 1024 pref medium\n",
    );
    succeed(&machine);
    assert_eq!(machine.result()["endpoint"], "https://[fd00::30]:8006");
}

#[test]
fn the_host_name_gets_a_real_address() {
    for (before, after) in [
        ("127.0.0.1 localhost\n", "127.0.0.1 localhost\n10.0.12.30 edge.lan edge\n"),
        (
            "127.0.0.1 localhost\n127.0.1.1 edge.lan edge\n::1 localhost\n",
            "127.0.0.1 localhost\n::1 localhost\n10.0.12.30 edge.lan edge\n",
        ),
        (
            "127.0.0.1 localhost edge\n10.0.12.31 edge2\n",
            "127.0.0.1 localhost\n10.0.12.31 edge2\n10.0.12.30 edge.lan edge\n",
        ),
        ("10.0.12.31 edge # mine\n", "10.0.12.31 edge # mine\n"),
    ] {
        let machine = Machine::new();
        machine.file("etc/hosts", before);
        assert_eq!(machine.run(&["hosts", "edge.lan", "edge"], &[]).0, 0);
        assert_eq!(machine.text("etc/hosts"), after);
        assert!(!machine.path(RESULT).exists());
    }
}

#[test]
fn a_cluster_file_system_that_gave_up_is_started_again() {
    let machine = Machine::new();
    machine.file("etc/hosts", "127.0.1.1 edge\n");
    machine.file("failed", "");
    let calls = succeed(&machine);
    let restart = "systemctl restart pve-cluster pvedaemon pveproxy pvestatd";
    assert!(calls.iter().any(|call| call == restart), "{calls:?}");
    assert_eq!(machine.text("etc/hosts"), "10.0.12.30 edge\n");
}

#[test]
fn the_unit_survives_a_reboot_and_cloud_init_does_not_wait_for_it() {
    let user_data = user_data();
    let commands: Vec<String> = user_data["runcmd"].as_array().unwrap()[2..]
        .iter()
        .map(|words| {
            let words = words.as_array().unwrap().iter().map(|word| word.as_str().unwrap());
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(
        commands,
        [
            "/usr/local/sbin/pve-pipeline-node hosts edge",
            "systemctl daemon-reload",
            "systemctl enable pve-pipeline-node.service",
            "systemctl start --no-block pve-pipeline-node.service",
        ]
    );
    let files = user_data["write_files"].as_array().unwrap();
    let unit = files.iter().find(|file| {
        file["path"].as_str() == Some("/etc/systemd/system/pve-pipeline-node.service")
    });
    let unit = unit.unwrap()["content"].as_str().unwrap();
    for line in
        ["Type=exec", "WantedBy=multi-user.target", "ExecStart=/usr/local/sbin/pve-pipeline-node"]
    {
        assert!(unit.lines().any(|one| one == line), "{unit}");
    }
    // cloud-final.service comes after multi-user.target: an order after it would be a cycle.
    assert!(!unit.contains("cloud-"), "{unit}");
    // Printed by neither cloud-init nor the unit: see `succeed`.
}

#[test]
fn peer_shellcheck_has_nothing_to_say() {
    let Some(shellcheck) = Peer::find("shellcheck") else { return };
    let machine = Machine::new();
    let script = machine.path("usr/local/sbin/pve-pipeline-node");
    let output = shellcheck.run(&["-s", "sh", script.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
