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

/// What flock(1) makes of a script that SIGKILL has ended.
const CUT_OFF: i32 = 128 + 9;

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
        for folder in ["bin", "run", "var/log", "usr/local/lib"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        let root = machine.root.path().display().to_string();
        for file in user_data(server, cloud_init)["write_files"].as_array().unwrap() {
            let text = |key: &str| file[key].as_str().unwrap();
            // The script's absolute paths, below the scratch folder.
            let mut content = text("content").to_owned();
            let folders =
                ["/var/", "/run/", "/usr/local/", "/etc/homestak-", "/etc/profile.d/", "/home/"];
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
        machine.program("openssl", &format!(r#"echo "openssl $*" | sed "s|$ROOT||g" >>"$CALLS"
case $* in *-fingerprint*) echo "sha256 Fingerprint={FINGERPRINT}" ;; *) cat >/dev/null; echo PEM ;; esac"#));
        // The timer is active while $ROOT/timer exists.
        machine.program("systemctl", r#"echo "systemctl $*" >>"$CALLS"
case $1 in is-active) [ -e "$ROOT/timer" ] ;; start) touch "$ROOT/timer" ;; stop) rm -f "$ROOT/timer" ;; esac"#);
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

    /// Lets the timer elapse: the same, and nothing where the service's condition does not hold.
    fn timer(&self) -> (i32, Vec<String>) {
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

    fn file(&self, below: &str) {
        fs::write(self.path(below), "").unwrap();
    }

    fn no_file(&self, below: &str) {
        fs::remove_file(self.path(below)).unwrap();
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

const CURL: &str = "curl -sS -k --retry 5 --retry-connrefused --retry-all-errors \
                    --connect-timeout 10 --max-time 120 -w %{http_code} \
                    -o /var/lib/homestak/install.sh https://srv1:44443/bootstrap.git/install.sh";

/// The timer is stopped, running or not.
const STOP: &str = "systemctl stop --no-block homestak-first-boot.timer";

/// Returns the calls of a run that found nothing to do.
fn only_stop() -> (i32, Vec<String>) {
    (0, vec![STOP.to_owned()])
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
        CURL,
        "install insecure=1 https://srv1:44443",
        "run.sh config fetch --insecure ca= it's-a.token",
        "run.sh config apply ca= it's-a.token",
        STOP,
    ];
    assert_eq!((code, calls), (0, expected.map(str::to_owned).to_vec()), "{}", machine.log());
    assert!(machine.has("var/lib/homestak/first-boot.done"));
    assert_eq!(fs::read_to_string(machine.path("home-of-driver")).unwrap(), "/root\n");
    assert_eq!(machine.boot(), only_stop());
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
    assert_eq!(machine.boot(), only_stop());
}

#[test]
fn a_failure_is_seen_and_tried_again_by_the_timer_and_at_the_next_boot() {
    let machine = Machine::new(&json!({}));
    machine.file("down");
    let (code, calls) = machine.boot();
    let arm = "systemctl is-active --quiet homestak-first-boot.timer,systemctl daemon-reload,\
               systemctl start --no-block homestak-first-boot.timer";
    assert_eq!((code, calls.join(",")), (1, format!("{CURL},{arm}")), "nobody asks twice");
    let failed = machine.path("var/lib/homestak/first-boot.failed");
    let why = "first boot: no installer from https://srv1:44443: curl ended with 7\n";
    assert_eq!(fs::read_to_string(&failed).unwrap(), why);
    assert!(machine.log().ends_with(why));

    // The timer that is running already is left alone: its pauses would begin anew.
    let (code, calls) = machine.timer();
    assert_eq!((code, calls.len()), (1, 2), "{calls:?}");

    machine.no_file("down");
    machine.file("broken");
    machine.no_file("timer");
    let (code, calls) = machine.reboot();
    assert_eq!(code, 1);
    assert!(calls[2].starts_with("run.sh config fetch"), "{calls:?}");
    assert!(calls[3].starts_with("systemctl is-active"), "apply must wait for fetch: {calls:?}");
    assert!(!machine.has("var/lib/homestak/first-boot.done"));
    assert!(machine.has("timer"), "the next boot has tries of its own");

    machine.no_file("broken");
    let (code, calls) = machine.timer();
    assert_eq!((code, calls.len()), (0, 3), "the driver already exists: {calls:?}");
    assert!(!failed.exists() && machine.has("var/lib/homestak/first-boot.done"));
    assert!(!machine.has("timer"), "nothing is left to try");
    assert_eq!(machine.reboot(), (0, Vec::new()));
}

#[test]
fn the_tries_of_one_boot_are_bounded_and_their_pauses_grow() {
    let machine = Machine::new(&json!({}));
    let unit = |kind: &str| {
        let path = format!("etc/systemd/system/homestak-first-boot.{kind}");
        fs::read_to_string(machine.path(&path)).unwrap()
    };
    let minutes = |text: &str| {
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap());
        number.parse::<u32>().unwrap() * if unit == "h" { 60 } else { 1 }
    };
    let timer = unit("timer");
    let tries: Vec<_> =
        timer.lines().filter_map(|line| line.strip_prefix("OnActiveSec=")).map(minutes).collect();
    let pauses: Vec<_> = tries.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(tries[0] == 1 && pauses.is_sorted() && pauses[0] > tries[0], "{tries:?}");
    assert_eq!((tries.len(), tries.last()), (10, Some(&(16 * 60))), "{timer}");
    // No target wants it, and nothing repeats it: only a try that failed starts it.
    for word in ["[Install]", "OnUnit", "OnCalendar", "OnBootSec"] {
        assert!(!timer.contains(word), "{timer}");
    }
    let service = unit("service");
    assert!(service.contains("\nType=oneshot\n") && !service.contains("[Install]"), "{service}");
    assert_eq!(machine.boot().0, 0);
    assert!(!machine.has("timer"));
}

#[test]
fn the_older_name_is_asked_for_when_the_server_has_answered() {
    let machine = Machine::new(&json!({}));
    machine.file("404");
    let (code, calls) = machine.boot();
    assert_eq!((code, calls.len()), (0, 6), "{calls:?}");
    assert!(calls[1].ends_with("https://srv1:44443/bootstrap.git/install"), "{calls:?}");

    let machine = Machine::new(&json!({}));
    machine.program("curl", "printf 503404");
    assert_eq!(machine.boot().0, 1);
    let log = machine.log();
    assert!(log.ends_with("no installer from https://srv1:44443: HTTP status 503404\n"), "{log}");
}

#[test]
fn half_an_installer_is_not_run() {
    let machine = Machine::new(&json!({}));
    machine.file("cut");
    let (code, calls) = machine.boot();
    assert_eq!(code, 1);
    assert!(calls.iter().all(|call| !call.starts_with("install")), "{calls:?}");
}

#[test]
fn an_old_curl_is_not_asked_for_what_it_cannot() {
    let machine = Machine::new(&json!({}));
    machine.file("old");
    let (code, calls) = machine.boot();
    assert_eq!(code, 0, "{}", machine.log());
    assert_eq!(calls[0], CURL.replace(" --retry-all-errors", ""));
}

#[test]
fn two_at_once_run_one_after_the_other() {
    let machine = Machine::new(&json!({}));
    machine.program(
        "stat",
        r#"lock=$ROOT/run/homestak-first-boot.lock; flock -n $lock true || ls -l $lock >>"$CALLS"
ls -l /proc/self/fd | grep -q first-boot.lock && echo inherited >>"$CALLS"; echo root"#,
    );
    let (code, calls) = machine.boot();
    assert_eq!(code, 0, "{}", machine.log());
    assert!(calls.iter().any(|call| call.starts_with("-rw------- ")), "{calls:?}");
    // A daemon that the driver leaves behind would hold it for ever.
    assert!(!calls.contains(&"inherited".to_owned()), "{calls:?}");
}

#[test]
fn a_later_success_clears_the_failure() {
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
        assert_eq!(machine.reboot(), only_stop());
        assert!(!machine.has("var/lib/homestak/first-boot.failed"));
        assert!(!machine.has("timer"));
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
fn a_pinned_ca_is_the_only_trusted_one() {
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let machine = Machine::new(&json!({"ca_certificate": pem}));
    assert_eq!(fs::read_to_string(machine.path("etc/homestak-ca.pem")).unwrap(), pem);
    let (code, calls) = machine.boot();
    let expected = [
        &CURL.replace("-k", "--cacert /etc/homestak-ca.pem"),
        "install insecure= https://srv1:44443",
        "run.sh config fetch ca=homestak-ca.pem it's-a.token",
        "run.sh config apply ca= it's-a.token",
        STOP,
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
    assert!(!calls.iter().any(|call| call.starts_with("curl")), "{calls:?}");
    assert!(machine.log().contains("wanted is AC:CD"), "{}", machine.log());
    assert!(!machine.has("etc/homestak-ca.pem"), "a wrong certificate is not trusted");
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
