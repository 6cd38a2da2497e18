//! The first-boot script, run by a real shell in a scratch folder against stand-ins for the
//! programs that it calls: once, loudly, and never past a certificate that is not the pinned one.

#![expect(clippy::unwrap_used, reason = "tests may unwrap")]
#![expect(clippy::disallowed_methods, reason = "door: a scratch folder and a shell")]

mod machine;
mod scenario;
mod shellcheck;

use machine::{CUT_OFF, FINGERPRINT, Machine};
use serde_json::json;
use std::fs;

const CURL: &str = "curl -sS -k --retry 5 --retry-connrefused --retry-all-errors \
                    --connect-timeout 10 --max-time 120 -w %{http_code} \
                    -o /var/lib/homestak/install.sh https://srv1:44443/bootstrap.git/install.sh";

/// The timer is stopped, running or not.
const STOP: &str = "systemctl stop --no-block homestak-first-boot.timer";

/// Returns the calls of a run that found nothing to do.
fn only_stop() -> (i32, Vec<String>) {
    (0, vec![STOP.to_owned()])
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
fn a_silent_server_does_not_hold_up_the_boot() {
    let machine = Machine::new(&json!({"server_fingerprint": FINGERPRINT}));
    machine.file("silent");
    let (code, calls) = machine.boot();
    assert_eq!(code, 1);
    assert!(!calls.iter().any(|call| call.starts_with("curl")), "{calls:?}");
    assert!(machine.log().contains("the server shows no certificate"), "{}", machine.log());
    machine.no_file("silent");
    assert_eq!(machine.boot().0, 0, "{}", machine.log());
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
