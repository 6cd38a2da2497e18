//! A machine at its first boot, in a scratch folder.

use serde_json::{Map, Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const FINGERPRINT: &str = "AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:\
                           AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89";

/// What flock(1) makes of a script that SIGKILL has ended.
pub(crate) const CUT_OFF: i32 = 128 + 9;

/// A machine at its first boot: what the script sees below `/`.
pub(crate) struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    pub(crate) fn new(cloud_init: &Value) -> Self {
        Self::of_server("https://srv1:44443", cloud_init)
    }

    pub(crate) fn of_server(server: &str, cloud_init: &Value) -> Self {
        Self::of_vm(server, cloud_init, &json!({}))
    }

    /// Boots with more fields of the VM.
    pub(crate) fn of_vm(server: &str, cloud_init: &Value, vm: &Value) -> Self {
        let machine = Self { root: tempfile::tempdir().unwrap() };
        for folder in ["bin", "run", "var/log", "usr/local/lib"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        let root = machine.root.path().display().to_string();
        for file in user_data(server, cloud_init, vm)["write_files"].as_array().unwrap() {
            let text = |key: &str| file[key].as_str().unwrap();
            // The script's absolute paths, below the scratch folder.
            let mut content = text("content").to_owned();
            let folders = [
                "/var/",
                "/run/",
                "/usr/local/",
                "/etc/homestak-",
                "/etc/profile.d/",
                "/etc/systemd/",
                "/home/",
            ];
            for folder in folders {
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
        machine.program("run.sh", r#"echo "run.sh $* ca=${SSL_CERT_FILE##*/} $HOMESTAK_TOKEN" >>"$CALLS"; echo "$HOME$HOMESTAK_LOCKED" >"$ROOT/home-of-driver"; [ ! -e "$ROOT/broken" ]"#);
        // The files old, down, cut and 404 make it an old curl, and its server one that is away,
        // that breaks off, or that has only the older name.
        machine.program(
            "curl",
            &format!(
                r#"case $* in *--retry-all-errors*) [ ! -e "$ROOT/old" ] || exit 2 ;; esac
case $* in *--version) exit ;; esac
echo "curl $*" | sed "s|$ROOT||g" >>"$CALLS"
[ ! -e "$ROOT/down" ] || {{ printf 000; exit 7; }}
case $* in *install.sh) [ ! -e "$ROOT/404" ] || {{ printf 404; exit; }} ;; esac
printf 200
for out; do case $last in -o) break ;; esac; last=$out; done
echo 'echo "install insecure=$HOMESTAK_INSECURE $HOMESTAK_SOURCE" >>"$CALLS"; mkdir -p {driver}; cp "$ROOT/bin/run.sh" {driver}' >"$out"; [ ! -e "$ROOT/cut" ] || exit 18"#
            ),
        );
        // The file silent makes the server one that accepts connections and says nothing: the time is up at once.
        machine.program(
            "timeout",
            r#"[ "$1" = 60 ] || exit 125; shift; [ ! -e "$ROOT/silent" ] || exit 124; exec "$@""#,
        );
        machine.program("openssl", &format!(r#"echo "openssl $*" | sed "s|$ROOT||g" >>"$CALLS"
case $* in *-fingerprint*) echo "sha256 Fingerprint={FINGERPRINT}" ;; *-outform*) read -r came && echo "$came" ;; *) echo PEM ;; esac"#));
        // The timer is active while $ROOT/timer exists.
        machine.program("systemctl", r#"echo "systemctl $*" >>"$CALLS"
case $1 in is-active) [ -e "$ROOT/timer" ] ;; start) touch "$ROOT/timer" ;; stop) rm -f "$ROOT/timer" ;; esac"#);
        machine.program("stat", "echo root");
        machine.program("su", r#"echo "su $1 $2 $3" >>"$CALLS"; exec sh -c "$5""#);
        machine
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    pub(crate) fn program(&self, name: &str, body: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Boots for the first time: returns the exit code, and what was called.
    pub(crate) fn boot(&self) -> (i32, Vec<String>) {
        self.run("usr/local/sbin/homestak-first-boot")
    }

    /// Boots again: the same.
    pub(crate) fn reboot(&self) -> (i32, Vec<String>) {
        self.run("var/lib/cloud/scripts/per-boot/homestak-first-boot")
    }

    /// Lets the timer elapse: the same, and nothing where the service's condition does not hold.
    pub(crate) fn timer(&self) -> (i32, Vec<String>) {
        let service =
            fs::read_to_string(self.path("etc/systemd/system/homestak-first-boot.service"))
                .unwrap();
        let value = |key: &str| service.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        if !PathBuf::from(value("ConditionPathExists=")).exists() {
            return (0, Vec::new());
        }
        let root = self.root.path().display().to_string();
        self.run(value("ExecStart=").strip_prefix(&format!("{root}/")).unwrap())
    }

    pub(crate) fn file(&self, below: &str) {
        fs::write(self.path(below), "").unwrap();
    }

    pub(crate) fn no_file(&self, below: &str) {
        fs::remove_file(self.path(below)).unwrap();
    }

    pub(crate) fn run(&self, script: &str) -> (i32, Vec<String>) {
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

    pub(crate) fn has(&self, below: &str) -> bool {
        self.path(below).exists()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("var/log/homestak-config.log")).unwrap()
    }
}

/// Returns the user-data of a VM.
pub(crate) fn user_data(server: &str, cloud_init: &Value, more: &Value) -> Value {
    let mut document = json!({
        "automation_user": "homestak", "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey1AAkey1AAkey1AAkey1AAkey1AAkey1AAkey1"],
        "spec_server": server, "cloud_init": cloud_init,
        "vms": [{"name": "edge", "auth_token": "it's a.token".replace(' ', "-")}],
    });
    for (field, value) in more.as_object().unwrap() {
        document["vms"][0][field] = value.clone();
    }
    let mut document = stage::Document::parse(document.to_string().as_bytes()).unwrap();
    let warnings = cloudinit_render::fill(&mut document, &[]).unwrap();
    assert!(warnings.entries().is_empty());
    let text = document.json()["vms"][0]["user_data"].as_str().unwrap();
    Value::Object(serde_yaml::from_str::<Map<String, Value>>(text).unwrap())
}
