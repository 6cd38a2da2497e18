//! A nested PVE node in a scratch folder: the script, and stand-ins for the programs that it calls.

use serde_json::{Map, Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const SECRET: &str = "5c3b2f1e-7a64-4d0e-9f3a-canary000001";

/// What the script reads and writes.
const PATHS: [&str; 5] = [
    "/var/lib/pve-pipeline",
    "/etc/hosts",
    "/etc/pve/local",
    "/etc/network/interfaces",
    "/etc/cloud/cloud.cfg.d",
];

/// A nested node that has booted: what the script sees below `/`.
pub(crate) struct Machine {
    root: tempfile::TempDir,
    shell: &'static str,
}

/// PVE's programs, with a file in `$ROOT/access` for each user, role and token.
const PVESH: &str = r#"echo "pvesh $*" >>"$CALLS"
[ ! -e "$ROOT/pve-down" ] || { echo "pmxcfs is gone" >&2; exit 111; }
case $2 in
/version) printf '{"release":"9.1","version":"%s"}\n' "$(cat "$ROOT/version")" ;;
/storage/local) printf '{"content":"%s","path":"/var/lib/vz","storage":"local"}\n' "$(cat "$ROOT/content")" ;;
/access/*) [ -e "$ROOT/access/$(echo "$2" | tr / _)" ] || { echo "no such thing" >&2; exit 2; } ;;
*) echo "unknown path $2" >&2; exit 64 ;;
esac"#;

const PVEUM: &str = r#"echo "pveum $*" >>"$CALLS"
[ "$1$2$3" != "$REFUSED" ] || { printf '400 Parameter verification failed.\nprivs: "no"\\\n' >&2; exit 255; }
have() { touch "$ROOT/access/_access_$1"; }
case "$1 $2 $3" in
"role add "*) have "roles_$3" ;;
"user add "*) have "users_$3" ;;
"user token add") echo "$5" | grep -Eqx '[A-Za-z][A-Za-z0-9._-]+' || { echo "tokenid: value '$5' does not match the regex pattern" >&2; exit 255; }
    have "users_$4_token_$5"; printf '{"full-tokenid":"%s!%s","info":{"privsep":"1"},"value":"%s"}\n' "$4" "$5" "$SECRET" ;;
"user token remove") rm "$ROOT/access/_access_users_$4_token_$5" ;;
"role modify "* | "acl modify /") ;;
*) echo "unknown" >&2; exit 64 ;;
esac"#;

const PVESM: &str = r#"echo "pvesm $*" >>"$CALLS"
case $1 in
status) echo "Name Type Status Total Used Available %"; cat "$ROOT/storages" ;;
set) echo "$4" >"$ROOT/content" ;;
esac"#;

const IP: &str = r#"case "$*" in
"-4 route get "*) cat "$ROOT/route4" 2>/dev/null || exit 2 ;;
"-6 route get "*) cat "$ROOT/route6" 2>/dev/null || exit 2 ;;
"link show vmbr0") [ ! -e "$ROOT/no-vmbr0" ] ;;
"link set eth0 nomaster" | "link delete vmbr0") echo "ip $*" >>"$CALLS" ;;
*) echo "unknown: ip $*" >&2; exit 64 ;;
esac"#;

/// It moves the default route to the bridge of /etc/network/interfaces, unless it is to fail.
const IFRELOAD: &str = r#"echo "ifreload $*" >>"$CALLS"
umask >"$ROOT/umask"
case $1 in --syntax-check) [ ! -e "$ROOT/bad-syntax" ] || { echo "line 3: bad"; exit 1; } ; exit ;; esac
grep -q '^iface vmbr0' "$ROOT/etc/network/interfaces" && [ ! -e "$ROOT/no-route" ] || { echo "no lease"; exit 1; }
rm -f "$ROOT/no-vmbr0"
sed -i 's/ eth0 / vmbr0 /' "$ROOT/route4""#;

/// It answers from the scratch folder's /etc/hosts.
const GETENT: &str = r#"awk -v name="$2" '{ for (i = 2; i <= NF; i++) if ($i == name) print $1, "STREAM", name }' "$ROOT/etc/hosts""#;

const OPENSSL: &str = r#"case $* in *"-in $ROOT/etc/pve/local/"*) ;; *) exit 1 ;; esac
echo "sha256 Fingerprint=AB:$(cat "$3")""#;

impl Machine {
    /// A node with Proxmox VE whose name has an address.
    pub(crate) fn new() -> Self {
        Self::with_shell("sh")
    }

    pub(crate) fn with_shell(shell: &'static str) -> Self {
        let machine = Self { root: tempfile::tempdir().unwrap(), shell };
        for folder in [
            "bin",
            "access",
            "etc/pve/local",
            "etc/network/interfaces.d",
            "etc/cloud/cloud.cfg.d",
            "usr/local/sbin",
        ] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        let root = machine.root.path().display().to_string();
        for file in user_data()["write_files"].as_array().unwrap() {
            let text = |key: &str| file[key].as_str().unwrap();
            if text("path") != "/usr/local/sbin/pve-pipeline-node" {
                continue;
            }
            assert_eq!(text("permissions"), "0700");
            let mut script = text("content").to_owned();
            for path in PATHS {
                script = script.replace(&format!("={path}\n"), &format!("={root}{path}\n"));
            }
            fs::write(machine.path("usr/local/sbin/pve-pipeline-node"), script).unwrap();
        }
        for (name, body) in [
            ("pvesh", PVESH),
            ("pveum", PVEUM),
            ("pvesm", PVESM),
            ("ip", IP),
            ("getent", GETENT),
            ("openssl", OPENSSL),
            ("ifreload", IFRELOAD),
            ("hostname", r#"cat "$ROOT/hostname""#),
            // A failed pve-cluster is one with the file.
            (
                "systemctl",
                r#"echo "systemctl $*" >>"$CALLS"; [ "$1" != is-failed ] || [ -e "$ROOT/failed" ]"#,
            ),
            // What is missing appears while the script sleeps.
            ("sleep", r#"echo "sleep $*" >>"$CALLS"; rm -f "$ROOT/pve-down""#),
        ] {
            machine.program(name, body);
        }
        let route = "192.0.2.1 via 10.0.12.1 dev vmbr0 src 10.0.12.30 uid 0 \n    cache \n";
        for (file, content) in [
            ("hostname", "edge\n"),
            ("version", "9.1.7"),
            ("content", "iso,vztmpl,backup"),
            ("storages", "local-lvm lvmthin active 1 1 1 1%\n"),
            ("route4", route),
            ("etc/hosts", "127.0.0.1 localhost\n10.0.12.30 edge\n"),
            ("etc/pve/local/pve-ssl.pem", "01"),
        ] {
            machine.file(file, content);
        }
        machine
    }

    /// A node whose default route is on eth0, and no vmbr0.
    pub(crate) fn without_bridge(interfaces: &str, of_cloud_init: &str) -> Self {
        let machine = Self::new();
        machine.file("no-vmbr0", "");
        machine.file("route4", "192.0.2.1 via 10.0.12.1 dev eth0 src 10.0.12.30 uid 0\n");
        machine.file("etc/network/interfaces", interfaces);
        if !of_cloud_init.is_empty() {
            machine.file("etc/network/interfaces.d/50-cloud-init", of_cloud_init);
        }
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

    pub(crate) fn file(&self, below: &str, content: &str) {
        fs::write(self.path(below), content).unwrap();
    }

    pub(crate) fn remove(&self, below: &str) {
        fs::remove_file(self.path(below)).unwrap();
    }

    pub(crate) fn text(&self, below: &str) -> String {
        fs::read_to_string(self.path(below)).unwrap()
    }

    /// Runs the script with arguments and variables; returns its status, its whole output, and what
    /// it called.
    pub(crate) fn run(
        &self,
        words: &[&str],
        variables: &[(&str, &str)],
    ) -> (i32, String, Vec<String>) {
        let calls = self.path("calls");
        fs::write(&calls, "").unwrap();
        let output = Command::new(self.shell)
            .arg(self.path("usr/local/sbin/pve-pipeline-node"))
            .args(words)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
            .env("CALLS", &calls)
            .env("ROOT", self.root.path())
            .env("SECRET", SECRET)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8(printed).unwrap();
        let calls = fs::read_to_string(calls).unwrap();
        let calls = calls.lines().map(str::to_owned).collect();
        (output.status.code().unwrap(), printed, calls)
    }

    /// Runs a command of cloud-init, and returns its status.
    pub(crate) fn shell(&self, command: &str) -> i32 {
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let mut shell = Command::new(self.shell);
        shell.args(["-c", command]).env_clear().env("PATH", path).env("ROOT", self.root.path());
        shell.status().unwrap().code().unwrap()
    }

    /// Returns what the other machine reads.
    pub(crate) fn result(&self) -> Value {
        let path = self.path("var/lib/pve-pipeline/node.json");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "only root may read it");
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Runs the script without a wait, and returns its error.
    pub(crate) fn error(&self, variables: &[(&str, &str)]) -> String {
        let variables = [variables, &[("PVE_PIPELINE_WAIT", "0")]].concat();
        let (code, printed, calls) = self.run(&[], &variables);
        assert_eq!(code, 1, "{printed}");
        assert!(!printed.contains(SECRET) && !calls.concat().contains("disable"), "{printed}");
        let result = self.result();
        assert_eq!(result["version"], 1);
        assert_eq!(result.as_object().unwrap().len(), 2, "{result}");
        result["error"].as_str().unwrap().to_owned()
    }
}

/// Returns the user-data of a nested node.
pub(crate) fn user_data() -> Map<String, Value> {
    let document = json!({
        "automation_user": "homestak",
        "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey1AAkey1AAkey1AAkey1AAkey1AAkey1AAkey1"],
        "vms": [{"name": "edge", "nested_pve": true}],
    });
    let mut document = stage::Document::parse(document.to_string().as_bytes()).unwrap();
    let warnings = cloudinit_render::fill(&mut document, &[]).unwrap();
    assert!(warnings.entries().is_empty());
    let text = document.json()["vms"][0]["user_data"].as_str().unwrap();
    serde_yaml::from_str(text).unwrap()
}
