//! vmbr0: created from the NIC of the default route, or nothing is changed.

use crate::node::{Machine, user_data};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const MAIN: &str = "etc/network/interfaces";
const OF_CLOUD_INIT: &str = "etc/network/interfaces.d/50-cloud-init";
const NO_NETWORK: &str = "etc/cloud/cloud.cfg.d/99-pve-pipeline-network.cfg";

const LOOPBACK: &str = "auto lo\niface lo inet loopback\n\n";
const SOURCE: &str = "source /etc/network/interfaces.d/*\n";
const STATIC: &str = "auto eth0\niface eth0 inet static\n    address 10.0.12.30/24\n    gateway 10.0.12.1\n    mtu 1400\n";

const PORTS: &str = "\tbridge-ports eth0\n\tbridge-stp off\n\tbridge-fd 0\n";

fn create(machine: &Machine) -> Vec<String> {
    let (code, printed, calls) = machine.run(&[], &[]);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(machine.result()["endpoint"], "https://10.0.12.30:8006");
    calls
}

/// Checks that the bridge is not created, and that all files are as before.
fn refuse(machine: &Machine, expected: &str) {
    let before = files(machine);
    let error = machine.error(&[]);
    let text =
        error.strip_prefix("this node has no bridge vmbr0, and it was not created: ").unwrap();
    assert!(text.contains(expected), "{text}");
    assert_eq!(files(machine), before);
    assert!(!machine.path(NO_NETWORK).exists());
}

fn files(machine: &Machine) -> Vec<String> {
    let read = |file: &str| fs::read_to_string(machine.path(file)).unwrap_or_default();
    vec![read(MAIN), read(OF_CLOUD_INIT)]
}

#[test]
fn a_bridge_that_exists_is_left_alone() {
    let machine = Machine::new();
    machine.file(MAIN, STATIC);
    let calls = create(&machine);
    assert!(!calls.concat().contains("ifreload"), "{calls:?}");
    assert_eq!(machine.text(MAIN), STATIC);
}

#[test]
fn the_bridge_takes_over_the_address_of_its_port() {
    let machine = Machine::without_bridge(&format!("{LOOPBACK}{STATIC}{SOURCE}"), "");
    let calls = create(&machine);
    let reloads: Vec<_> = calls.iter().filter(|call| call.starts_with("ifreload")).collect();
    assert_eq!(reloads, ["ifreload --syntax-check --all", "ifreload --all"]);
    let bridge = format!(
        "{LOOPBACK}auto vmbr0\niface vmbr0 inet static\n{PORTS}    address 10.0.12.30/24\n    gateway 10.0.12.1\n\
         {SOURCE}\nauto eth0\niface eth0 inet manual\n    mtu 1400\n"
    );
    assert_eq!(machine.text(MAIN), bridge);
    let mode = fs::metadata(machine.path(MAIN)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "others may read it");
    assert_eq!(machine.text(NO_NETWORK), "network: {config: disabled}\n");
    assert_eq!(machine.text("umask"), "0022\n", "a client of DHCP writes files for everyone");
}

#[test]
fn a_reboot_in_the_middle_leaves_nothing_of_the_nic_to_cloud_init() {
    let machine = Machine::without_bridge(&format!("{LOOPBACK}{SOURCE}"), STATIC);
    machine.file("no-route", "");
    machine.program("sleep", r#"kill -9 "$PPID""#);
    let killed = "SECRET= CALLS=$ROOT/calls sh $ROOT/usr/local/sbin/pve-pipeline-node";
    assert_ne!(machine.shell(&format!("{killed}; exit $?")), 0);
    // After the boot, the bridge is there.
    machine.remove("no-vmbr0");
    machine.file("route4", "192.0.2.1 via 10.0.12.1 dev vmbr0 src 10.0.12.30 uid 0\n");
    create(&machine);
    assert!(machine.text(MAIN).contains("iface vmbr0 inet static"));
    assert_eq!(machine.text(NO_NETWORK), "network: {config: disabled}\n");
}

#[test]
fn what_cloud_init_has_written_moves_into_the_main_file() {
    let dhcp = "auto lo eth1\niface lo inet loopback\n    dns-nameservers 10.0.12.1\n\nallow-hotplug eth0\niface eth0 inet dhcp\niface eth0 inet6 dhcp\n";
    let machine = Machine::without_bridge(&format!("{LOOPBACK}{SOURCE}"), dhcp);
    create(&machine);
    // PVE reads only the main file. `lo` of both would be an error for ifupdown2.
    let bridge = format!(
        "auto lo\n{SOURCE}auto lo eth1\niface lo inet loopback\n    dns-nameservers 10.0.12.1\n\n\
         auto vmbr0\niface vmbr0 inet dhcp\n{PORTS}iface vmbr0 inet6 dhcp\n\nauto eth0\niface eth0 inet manual\n"
    );
    assert_eq!(machine.text(MAIN), bridge);
    assert!(!machine.path(OF_CLOUD_INIT).exists());
}

#[test]
fn a_nic_that_is_configured_in_another_way_is_left_alone() {
    let refers = format!("{STATIC}    post-up ip route add 10.9.0.0/16 dev eth0\n");
    for (main, other, expected) in [
        (LOOPBACK, "", "eth0 is not configured in"),
        (STATIC, STATIC, "eth0 is configured in several files"),
        (&*refers, "", "refers to eth0 in another way"),
        (
            "iface eth0 inet static\n    address 10.0.12.30/24\niface eth0.5 inet manual\n",
            "",
            "refers to eth0",
        ),
    ] {
        let machine = Machine::without_bridge(main, other);
        refuse(&machine, expected);
    }
    let machine = Machine::without_bridge(STATIC, "");
    machine.remove("bin/ifreload");
    refuse(&machine, "there is no ifreload");
}

#[test]
fn what_does_not_work_is_undone() {
    for (file, expected) in [
        ("bad-syntax", "ifreload refuses it: line 3: bad"),
        ("no-route", "the configuration of eth0 was put back: no lease"),
    ] {
        let machine = Machine::without_bridge(&format!("{LOOPBACK}{SOURCE}"), STATIC);
        machine.file(file, "");
        refuse(&machine, expected);
        let calls = machine.text("calls");
        assert!(
            calls.ends_with("ip link set eth0 nomaster\nip link delete vmbr0\nifreload -a\n"),
            "{calls}"
        );
    }
}

#[test]
fn a_default_route_of_cloud_init_becomes_the_gateway() {
    let of_cloud_init = "auto eth0\niface eth0 inet static\n    address 10.0.12.30/24\n    \
         post-up route add default gw 10.0.12.1 || true\n    pre-down route del default gw 10.0.12.1 || true\n";
    let machine = Machine::without_bridge(LOOPBACK, of_cloud_init);
    create(&machine);
    let text = machine.text(MAIN);
    assert!(
        text.contains("    address 10.0.12.30/24\n    gateway 10.0.12.1\n\nauto eth0\n"),
        "{text}"
    );
}

#[test]
fn cloud_inits_file_is_read_at_each_boot() {
    let user_data = user_data();
    let words = user_data["bootcmd"][1].as_array().unwrap();
    let command = words[2].as_str().unwrap();
    for (main, of_cloud_init, is_added) in [
        (LOOPBACK, STATIC, true),
        (LOOPBACK, "", false),
        ("source /etc/network/interfaces.d/*\n", STATIC, false),
        ("source-directory /etc/network/interfaces.d\n", STATIC, false),
    ] {
        let machine = Machine::without_bridge(main, of_cloud_init);
        let root = machine.path("").display().to_string();
        let below = |text: &str| text.replace("/etc/", &format!("{root}etc/"));
        machine.file(MAIN, &below(main));
        machine.program("ifup", r#"echo "ifup $*" >"$ROOT/calls""#);
        machine.file("calls", "");
        let status = machine.shell(&below(command));
        assert_eq!(status, 0);
        let source = if is_added { below(SOURCE) } else { String::new() };
        assert_eq!(machine.text(MAIN), format!("{}{source}", below(main)));
        assert_eq!(machine.text("calls"), if is_added { "ifup -a\n" } else { "" });
    }
}
