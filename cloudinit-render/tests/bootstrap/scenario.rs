//! The boot scenarios: a nested PVE node sets itself up with the newest installer.

use super::machine::Machine;
use super::{CURL, STOP, only_stop};
use serde_json::json;

const SERVER: &str = "https://srv1:44443";

/// A machine whose installer is the newest one: for `pve-config` it leaves a unit and starts it.
fn machine(scenario: &str) -> Machine {
    let machine = Machine::of_vm(SERVER, &json!({}), &json!({"boot_scenario": scenario}));
    machine.program(
        "bash",
        r#"echo "bash insecure=$HOMESTAK_INSECURE $HOMESTAK_SERVER $HOMESTAK_REF $HOMESTAK_BOOT_SCENARIO $HOMESTAK_TOKEN" >>"$CALLS"
[ ! -e "$ROOT/broken" ] || exit 1
[ -e "$ROOT/old-installer" ] || { mkdir -p "$ROOT/etc/systemd/system"; touch "$ROOT/etc/systemd/system/pve-config.service"; }"#,
    );
    machine
}

const INSTALL: &str = "bash insecure=1 https://srv1:44443 _working pve-config it's-a.token";
const UNIT: &str = "systemctl start pve-config.service";

#[test]
fn a_pve_node_is_set_up_by_the_installer_and_its_unit() {
    let machine = machine("pve-config");
    let (code, calls) = machine.boot();
    let expected = [CURL, INSTALL, UNIT, STOP];
    assert_eq!((code, calls), (0, expected.map(str::to_owned).to_vec()), "{}", machine.log());
    assert!(machine.has("var/lib/homestak/first-boot.done"));
    assert_eq!(machine.boot(), only_stop());
}

#[test]
fn after_the_reboot_of_a_pve_node_its_unit_is_waited_for_and_nothing_installed_again() {
    let machine = machine("pve-config");
    machine.program("systemctl", r#"echo "systemctl $*" >>"$CALLS"; [ "$1" != start ] || [ ! -e "$ROOT/reboots" ] || kill -9 $PPID"#);
    machine.file("reboots");
    assert_ne!(machine.boot().0, 0);
    assert!(machine.has("var/lib/homestak/first-boot.failed"));
    machine.no_file("reboots");
    let (code, calls) = machine.reboot();
    assert_eq!((code, calls), (0, [UNIT, STOP].map(str::to_owned).to_vec()), "{}", machine.log());
}

#[test]
fn an_installer_that_fails_is_run_again_and_an_old_one_is_named() {
    let machine = machine("pve-config");
    machine.file("broken");
    assert_eq!(machine.boot().0, 1);
    assert!(machine.log().ends_with("first boot: the installer failed\n"));
    machine.no_file("broken");
    machine.file("old-installer");
    assert_eq!(machine.reboot().0, 1);
    let fact = "first boot: the installer does not know the boot scenario pve-config\n";
    assert!(machine.log().ends_with(fact), "{}", machine.log());
    machine.no_file("old-installer");
    let (code, calls) = machine.reboot();
    assert_eq!((code, calls.get(1).map(String::as_str)), (0, Some(INSTALL)), "{calls:?}");
}

#[test]
fn a_unit_that_fails_is_started_again() {
    let machine = machine("pve-config");
    machine.program("systemctl", r#"echo "systemctl $*" >>"$CALLS"; case $* in "start pve-config.service") [ ! -e "$ROOT/failing" ] ;; esac"#);
    machine.file("failing");
    assert_eq!(machine.boot().0, 1);
    let fact = "pve-config.service failed: see journalctl -u pve-config.service\n";
    assert!(machine.log().ends_with(fact), "{}", machine.log());
    machine.no_file("failing");
    assert_eq!(machine.reboot().0, 0);
}

#[test]
fn vm_config_is_applied_once_by_the_driver() {
    let machine = machine("vm-config");
    machine.program(
        "bash",
        r#"echo "bash ${HOMESTAK_BOOT_SCENARIO-none}" >>"$CALLS"
mkdir -p "$ROOT/usr/local/lib/homestak/iac-driver"; cp "$ROOT/bin/run.sh" "$ROOT/usr/local/lib/homestak/iac-driver""#,
    );
    let (code, calls) = machine.boot();
    assert_eq!(code, 0, "{}", machine.log());
    let driver = "run.sh config fetch --insecure ca= it's-a.token";
    assert_eq!(calls[1..3], ["bash none", driver].map(str::to_owned));
}
