//! The first-boot script, run by a real shell in a scratch folder against stand-ins for the
//! programs that it calls: once, loudly, and never past a certificate that is not the pinned one.

#![expect(clippy::unwrap_used, reason = "tests may unwrap")]
#![expect(clippy::disallowed_methods, reason = "door: a scratch folder and a shell")]

use serde_json::{Map, Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

const FINGERPRINT: &str = "AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:\
                           AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89";

/// Instead of an exit code, when a signal has ended the script.
const CUT_OFF: i32 = -1;

/// A machine at its first boot: what the script sees below `/`.
struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    fn new(cloud_init: &Value) -> Self {
        Self::of_server("https://srv1:44443", cloud_init)
    }

    fn of_server(server: &str, cloud_init: &Value) -> Self {
        let machine = Self { root: tempfile::tempdir().unwrap() };
        for folder in ["bin", "var/log", "usr/local/lib"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        let root = machine.root.path().display().to_string();
        for file in user_data(server, cloud_init)["write_files"].as_array().unwrap() {
            let text = |key: &str| file[key].as_str().unwrap();
            // The script's absolute paths, below the scratch folder.
            let mut content = text("content").to_owned();
            for folder in ["/var/", "/usr/local/", "/etc/homestak-", "/etc/profile.d/", "/home/"] {
                content = content.replace(folder, &format!("{root}{folder}"));
            }
            let path = machine.path(&text("path")[1..]);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            let mode = u32::from_str_radix(text("permissions"), 8).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        // curl gives an installer that leaves an iac-driver; what it was called with is logged.
        let driver = format!("{root}/usr/local/lib/homestak/iac-driver");
        machine.program("run.sh", r#"echo "run.sh $* ca=${SSL_CERT_FILE##*/} $HOMESTAK_TOKEN" >>"$CALLS"; [ ! -e "$ROOT/broken" ]"#);
        machine.program(
            "curl",
            &format!(
                r#"echo "curl $*" | sed "s|$ROOT||g" >>"$CALLS"; [ -e "$ROOT/down" ] && exit 7
for out; do case $last in -o) break ;; esac; last=$out; done
echo 'echo "install insecure=$HOMESTAK_INSECURE $HOMESTAK_SOURCE" >>"$CALLS"; mkdir -p {driver}; cp "$ROOT/bin/run.sh" {driver}' >"$out""#
            ),
        );
        machine.program("openssl", &format!(r#"echo "openssl $*" | sed "s|$ROOT||g" >>"$CALLS"
case $* in *-fingerprint*) echo "sha256 Fingerprint={FINGERPRINT}" ;; *) cat >/dev/null; echo PEM ;; esac"#));
        machine.program("stat", "echo root");
        machine.program("su", r#"echo "su $1 $2 $3" >>"$CALLS"; exec sh -c "$5""#);
        machine
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    fn program(&self, name: &str, body: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Boots for the first time: returns the exit code, and what was called.
    fn boot(&self) -> (i32, Vec<String>) {
        self.run("usr/local/sbin/homestak-first-boot")
    }

    /// Boots again: the same.
    fn reboot(&self) -> (i32, Vec<String>) {
        self.run("var/lib/cloud/scripts/per-boot/homestak-first-boot")
    }

    fn run(&self, script: &str) -> (i32, Vec<String>) {
        let calls = self.path("calls");
        fs::write(&calls, "").unwrap();
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let status = Command::new("sh")
            .arg(self.path(script))
            .env_clear()
            .env("PATH", path)
            .env("CALLS", &calls)
            .env("ROOT", self.root.path())
            .status()
            .unwrap();
        let calls = fs::read_to_string(calls).unwrap();
        (status.code().unwrap_or(CUT_OFF), calls.lines().map(str::to_owned).collect())
    }

    fn has(&self, below: &str) -> bool {
        self.path(below).exists()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("var/log/homestak-config.log")).unwrap()
    }
}

fn user_data(server: &str, cloud_init: &Value) -> Value {
    let document = json!({
        "automation_user": "homestak", "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey1AAkey1AAkey1AAkey1AAkey1AAkey1AAkey1"],
        "spec_server": server, "cloud_init": cloud_init,
        "vms": [{"name": "edge", "auth_token": "it's a.token".replace(' ', "-")}],
    });
    let mut document = stage::Document::parse(document.to_string().as_bytes()).unwrap();
    let warnings = cloudinit_render::fill(&mut document, &[]).unwrap();
    assert!(warnings.entries().is_empty());
    let text = document.json()["vms"][0]["user_data"].as_str().unwrap();
    Value::Object(serde_yaml::from_str::<Map<String, Value>>(text).unwrap())
}

#[test]
fn it_runs_once() {
    let machine = Machine::new(&json!({}));
    let (code, calls) = machine.boot();
    let expected = [
        "curl -fsS -k --retry 5 --retry-connrefused -o /var/lib/homestak/install.sh \
         https://srv1:44443/bootstrap.git/install.sh",
        "install insecure=1 https://srv1:44443",
        "run.sh config fetch --insecure ca= it's-a.token",
        "run.sh config apply ca= it's-a.token",
    ];
    assert_eq!((code, calls), (0, expected.map(str::to_owned).to_vec()), "{}", machine.log());
    assert!(machine.has("var/lib/homestak/first-boot.done"));
    assert_eq!(machine.boot(), (0, Vec::new()));
    assert_eq!(machine.reboot(), (0, Vec::new()));
}

#[test]
fn cloud_init_runs_it_last_and_no_earlier() {
    // cloud-init runs what is there for each boot before runcmd, in the first boot too.
    let machine = Machine::new(&json!({}));
    assert_eq!(machine.reboot(), (0, Vec::new()));
    assert_eq!(machine.boot().0, 0);
}

#[test]
fn a_newer_driver_runs_as_its_owner() {
    let machine = Machine::new(&json!({}));
    machine.program("stat", "echo homestak");
    let (code, calls) = machine.boot();
    assert_eq!(code, 0, "{}", machine.log());
    assert_eq!(calls[2], "su homestak -s /bin/sh");
    assert_eq!(calls[3], "run.sh config fetch --insecure ca= it's-a.token");
}

#[test]
fn what_the_reference_has_done_is_not_done_again() {
    let machine = Machine::new(&json!({}));
    let state = machine.path("usr/local/etc/homestak/state");
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("config-complete.json"), "{}").unwrap();
    assert_eq!(machine.boot(), (0, Vec::new()));
}

#[test]
fn a_failure_is_seen_and_tried_again_at_the_next_boot() {
    let machine = Machine::new(&json!({}));
    fs::write(machine.path("down"), "").unwrap();
    let (code, calls) = machine.boot();
    assert_eq!((code, calls.len()), (1, 2), "both names of the installer are tried");
    let failed = machine.path("var/lib/homestak/first-boot.failed");
    let why = "first boot: https://srv1:44443 gives no installer\n";
    assert_eq!(fs::read_to_string(&failed).unwrap(), why);
    assert!(machine.log().ends_with(why));

    fs::remove_file(machine.path("down")).unwrap();
    fs::write(machine.path("broken"), "").unwrap();
    let (code, calls) = machine.reboot();
    assert_eq!(code, 1);
    assert!(calls.last().unwrap().starts_with("run.sh config fetch"), "apply must wait for fetch");
    assert!(!machine.has("var/lib/homestak/first-boot.done"));

    fs::remove_file(machine.path("broken")).unwrap();
    let (code, calls) = machine.reboot();
    assert_eq!((code, calls.len()), (0, 2), "the driver is there already");
    assert!(!failed.exists() && machine.has("var/lib/homestak/first-boot.done"));
    assert_eq!(machine.reboot(), (0, Vec::new()));
}

#[test]
fn what_is_done_after_all_is_no_failure_any_more() {
    // By the driver, whose last step may end this script: a nested PVE boots its own kernel.
    for done in
        ["usr/local/etc/homestak/state/config-complete.json", "var/lib/homestak/first-boot.done"]
    {
        let machine = Machine::new(&json!({}));
        fs::write(machine.path("broken"), "").unwrap();
        assert_eq!(machine.boot().0, 1);
        let done = machine.path(done);
        fs::create_dir_all(done.parent().unwrap()).unwrap();
        fs::write(done, "").unwrap();
        assert_eq!(machine.reboot(), (0, Vec::new()));
        assert!(!machine.has("var/lib/homestak/first-boot.failed"));
    }
}

#[test]
fn a_boot_that_is_cut_off_counts_as_failed() {
    let machine = Machine::new(&json!({}));
    machine.program("curl", "kill -9 $PPID");
    let (code, _) = machine.boot();
    assert_eq!(code, CUT_OFF);
    let why = fs::read_to_string(machine.path("var/lib/homestak/first-boot.failed")).unwrap();
    assert_eq!(why, "first boot: not finished\n");
}

#[test]
fn a_pinned_ca_is_the_only_one_that_is_believed() {
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let machine = Machine::new(&json!({"ca_certificate": pem}));
    assert_eq!(fs::read_to_string(machine.path("etc/homestak-ca.pem")).unwrap(), pem);
    let (code, calls) = machine.boot();
    let expected = [
        "curl -fsS --cacert /etc/homestak-ca.pem --retry 5 --retry-connrefused \
         -o /var/lib/homestak/install.sh https://srv1:44443/bootstrap.git/install.sh",
        "install insecure= https://srv1:44443",
        "run.sh config fetch ca=homestak-ca.pem it's-a.token",
        "run.sh config apply ca= it's-a.token",
    ];
    assert_eq!((code, calls), (0, expected.map(str::to_owned).to_vec()), "{}", machine.log());
}

#[test]
fn a_pinned_fingerprint_is_compared_before_anything_is_fetched() {
    let machine = Machine::new(&json!({"server_fingerprint": FINGERPRINT.to_lowercase()}));
    let (code, calls) = machine.boot();
    assert_eq!(code, 0, "{}", machine.log());
    assert!(calls.contains(&"openssl s_client -connect srv1:44443 -servername srv1".to_owned()));
    assert!(calls.contains(&"run.sh config fetch ca=homestak-ca.pem it's-a.token".to_owned()));

    let other = FINGERPRINT.replacen("AB", "AC", 1);
    let machine = Machine::new(&json!({"server_fingerprint": other}));
    let (code, calls) = machine.boot();
    assert_eq!(code, 1);
    assert!(calls.iter().all(|call| call.starts_with("openssl")), "{calls:?}");
    assert!(machine.log().contains("wanted is AC:CD"), "{}", machine.log());
    assert!(!machine.has("etc/homestak-ca.pem"), "nothing may believe what was shown");
}

#[test]
fn the_server_that_shows_its_certificate_is_the_one_of_the_url() {
    for (url, expected) in [
        ("https://srv1", "srv1:443 -servername srv1"),
        ("https://srv1/x:1", "srv1:443 -servername srv1"),
        ("https://10.0.0.5:8443/", "10.0.0.5:8443 -servername 10.0.0.5"),
        ("https://[fd00::1]:8443", "[fd00::1]:8443"),
        ("https://[fd00::1]", "[fd00::1]:443"),
    ] {
        let machine = Machine::of_server(url, &json!({"server_fingerprint": FINGERPRINT}));
        let (_, calls) = machine.boot();
        let call = format!("openssl s_client -connect {expected}");
        assert!(calls.contains(&call), "{url}: {calls:?}");
    }
}
