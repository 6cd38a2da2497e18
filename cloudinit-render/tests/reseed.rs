//! The command that runs once for each seed, by a real shell in a scratch folder: which keys, which
//! user and which SSH host keys a guest keeps.

#![expect(clippy::unwrap_used, reason = "tests may unwrap")]
#![expect(clippy::disallowed_methods, reason = "door: a scratch folder and a shell")]

use serde_json::{Map, Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

const SUDOERS: &str = "etc/sudoers.d/90-cloud-init-users";
const HOST_KEY: &str = "etc/ssh/ssh_host_ed25519_key";

/// A guest: what the command sees below `/`.
struct Guest {
    root: tempfile::TempDir,
}

impl Guest {
    /// Users `homestak` and `ops` exist, and somebody has added a key to each, and to root.
    fn new() -> Self {
        let guest = Self { root: tempfile::tempdir().unwrap() };
        for user in ["home/homestak", "home/ops", "root"] {
            guest.write(&format!("{user}/.ssh/authorized_keys"), "old\n");
            guest.write(&format!("{user}/.ssh/authorized_keys2"), "old\n");
        }
        guest.write("sys/class/dmi/id/product_uuid", "uuid-1\n");
        guest.write(HOST_KEY, "of the image\n");
        let rule = |user| format!("\n# User rules for {user}\n{user} ALL=(ALL) NOPASSWD:ALL\n");
        let rules = ["homestak", "homestak2", "ops"].map(rule).concat();
        guest.write(SUDOERS, &rules);
        guest.program(
            "getent",
            r#"[ "$2" != gone ] || exit 2
[ "$1" != shadow ] || { echo "$2:!:1::::: $(cat "$ROOT/expired-$2" 2>/dev/null):" | tr -d ' '; exit; }
[ "$2" != root ] && echo "$2:x:1000:1000::$ROOT/home/$2:/bin/bash" || echo "root:x:0:0::$ROOT/root:/bin/bash""#,
        );
        guest.program("usermod", r#"echo "usermod $*" >>"$ROOT/calls"; [ ! -e "$ROOT/locked" ]"#);
        guest
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn program(&self, name: &str, body: &str) {
        self.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{body}\n"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path("bin").join(name), mode).unwrap();
    }

    /// Boots with a new seed: returns whether the command ended well, and what it called.
    fn reseed(&self, user: &str, keys: &[&str]) -> (bool, String) {
        let last = fs::read_to_string(self.path("seeds")).unwrap_or_default();
        self.write("seeds", &format!("{last}x"));
        self.boot(&format!("edge-{}", last.len()), user, keys)
    }

    /// Boots with a seed, which the guest may have booted with before.
    fn boot(&self, instance: &str, user: &str, keys: &[&str]) -> (bool, String) {
        let root = self.root.path().display().to_string();
        let words = command(user, keys);
        let absolute = ["/var/", "/etc/", "/sys/"];
        let below = |word: &String| {
            absolute
                .iter()
                .fold(word.clone(), |w, folder| w.replace(folder, &format!("{root}{folder}")))
        };
        self.write("calls", "");
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let mut command = Command::new("env");
        command.arg("-i").arg(format!("PATH={path}")).arg(format!("ROOT={root}"));
        command.arg(format!("INSTANCE_ID={instance}"));
        let status = command.args(words.iter().map(below)).status().unwrap();
        (status.success(), fs::read_to_string(self.path("calls")).unwrap())
    }

    fn has_keys(&self, home: &str) -> bool {
        let both = ["authorized_keys", "authorized_keys2"];
        let there = both.map(|file| self.path(&format!("{home}/.ssh/{file}")).exists());
        assert_eq!(there[0], there[1], "one file of two");
        there[0]
    }

    fn sudoers(&self) -> String {
        fs::read_to_string(self.path(SUDOERS)).unwrap()
    }
}

fn user_data(user: &str, keys: &[&str]) -> Map<String, Value> {
    let document = json!({
        "automation_user": user, "ssh_keys": keys, "root_password": "$6$salt$CV0p.flyrqHlPZrvH5R0ARpT37cdpwwl7wdfCx2ee4eMmJedEM2cl9lbvvg5UJ1WQ2R3QT2C7yRfr/Co4Firs.",
        "vms": [{"name": "edge"}],
    });
    let mut document = stage::Document::parse(document.to_string().as_bytes()).unwrap();
    let _warnings = cloudinit_render::fill(&mut document, &[]).unwrap();
    let text = document.json()["vms"][0]["user_data"].as_str().unwrap();
    serde_yaml::from_str(text).unwrap()
}

fn command(user: &str, keys: &[&str]) -> Vec<String> {
    let commands =
        serde_json::from_value::<Vec<Vec<String>>>(user_data(user, keys)["bootcmd"].clone());
    let [command] = <[_; 1]>::try_from(commands.unwrap()).unwrap();
    command
}

#[test]
fn keys_are_taken_from_the_user_alone_and_only_for_others() {
    let guest = Guest::new();
    assert_eq!(guest.reseed("homestak", &[]), (true, String::new()));
    assert!(guest.has_keys("home/homestak"));
    assert_eq!(
        guest.reseed(
            "homestak",
            &["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey1AAkey1AAkey1AAkey1AAkey1AAkey1AAkey1"]
        ),
        (true, String::new())
    );
    assert!(!guest.has_keys("home/homestak"));
    assert!(guest.has_keys("home/ops") && guest.has_keys("root"));
    assert!(guest.sudoers().contains("homestak ALL"));
}

#[test]
fn it_runs_once_for_each_seed() {
    const DONE: &str = "var/lib/cloud/instance/sem/config_users_groups";
    let guest = Guest::new();
    let boot = |instance| {
        guest.write("home/homestak/.ssh/authorized_keys", "added\n");
        guest.write("home/homestak/.ssh/authorized_keys2", "added\n");
        guest.write(DONE, "");
        assert!(guest.boot(instance, "homestak", &["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey1AAkey1AAkey1AAkey1AAkey1AAkey1AAkey1"]).0);
        // cloud-init must add the document's keys again when they were taken.
        let untouched = guest.has_keys("home/homestak");
        assert_eq!(untouched, guest.path(DONE).exists());
        untouched
    };
    // Known by its id, a seed that comes back is a new one all the same.
    let untouched = ["edge-a", "edge-a", "edge-b", "edge-a", "edge-a"].map(boot);
    assert_eq!(untouched, [false, true, false, false, true]);
}

#[test]
fn a_former_user_is_locked_out() {
    let guest = Guest::new();
    guest.reseed(
        "homestak",
        &["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey1AAkey1AAkey1AAkey1AAkey1AAkey1AAkey1"],
    );
    guest.write("home/homestak/.ssh/authorized_keys", "old\n");
    guest.write("home/homestak/.ssh/authorized_keys2", "old\n");
    let locked = "usermod --lock --expiredate 1 homestak\n".to_owned();
    assert_eq!(guest.reseed("ops", &[]), (true, locked));
    assert!(!guest.has_keys("home/homestak") && guest.has_keys("home/ops"));
    let left = ["homestak2", "ops"]
        .map(|user| format!("\n# User rules for {user}\n{user} ALL=(ALL) NOPASSWD:ALL\n"));
    assert_eq!(guest.sudoers(), format!("\n{}", left.concat()));
    // Once: the next seed finds that nothing is left to do.
    assert_eq!(guest.reseed("ops", &[]), (true, String::new()));
}

#[test]
fn a_former_user_that_comes_back_may_log_in_again() {
    let guest = Guest::new();
    guest.reseed("homestak", &[]);
    guest.reseed("ops", &[]);
    guest.write("expired-homestak", "1");
    let (done, calls) = guest.reseed("homestak", &[]);
    assert!(done);
    assert_eq!(calls, "usermod --expiredate  homestak\nusermod --lock --expiredate 1 ops\n");
    // An expiry that somebody else has set stays.
    guest.write("expired-homestak", "20000");
    assert_eq!(guest.reseed("homestak", &[]), (true, String::new()));
}

#[test]
fn what_could_not_be_locked_is_tried_again_and_seen() {
    let guest = Guest::new();
    guest.reseed("homestak", &[]);
    guest.write("locked", "");
    assert!(!guest.reseed("ops", &["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey1AAkey1AAkey1AAkey1AAkey1AAkey1AAkey1"]).0);
    assert!(!guest.has_keys("home/ops"), "the keys do not wait for it");
    fs::remove_file(guest.path("locked")).unwrap();
    let locked = "usermod --lock --expiredate 1 homestak\n".to_owned();
    assert_eq!(guest.reseed("ops", &[]), (true, locked));
}

#[test]
fn root_loses_its_keys_and_nothing_else() {
    let guest = Guest::new();
    guest.reseed("root", &[]);
    assert_eq!(guest.reseed("homestak", &[]), (true, String::new()));
    assert!(!guest.has_keys("root"));
    let guest = Guest::new();
    guest.reseed("gone", &[]);
    assert_eq!(guest.reseed("homestak", &[]), (true, String::new()));
}

#[test]
fn host_keys_belong_to_one_machine() {
    assert_eq!(user_data("homestak", &[])["ssh_deletekeys"], json!(false));
    let guest = Guest::new();
    guest.reseed("homestak", &[]);
    assert!(!guest.path(HOST_KEY).exists(), "the image's");
    guest.write(HOST_KEY, "of uuid-1\n");
    guest.reseed("homestak", &[]);
    assert!(guest.path(HOST_KEY).exists(), "a reseed");
    let ssh_is_done = "var/lib/cloud/instance/sem/config_ssh";
    guest.write(ssh_is_done, "");
    guest.write("sys/class/dmi/id/product_uuid", "uuid-2\n");
    assert!(guest.boot("edge-1", "homestak", &[]).0);
    assert!(!guest.path(HOST_KEY).exists(), "a clone that has the same seed");
    assert!(!guest.path(ssh_is_done).exists(), "cloud-init must make new ones");
    guest.write(HOST_KEY, "of uuid-2\n");
    guest.write("sys/class/dmi/id/product_uuid", "uuid-3\n");
    guest.reseed("homestak", &[]);
    assert!(!guest.path(HOST_KEY).exists(), "a clone that has another seed");
}

#[test]
fn host_keys_of_a_machine_without_uuid_last_as_long_as_its_seed() {
    let guest = Guest::new();
    fs::remove_file(guest.path("sys/class/dmi/id/product_uuid")).unwrap();
    let kept = ["edge-a", "edge-a", "edge-b", "edge-b"].map(|instance| {
        guest.write(HOST_KEY, "");
        assert!(guest.boot(instance, "homestak", &[]).0);
        guest.path(HOST_KEY).exists()
    });
    assert_eq!(kept, [false, true, false, true]);
}

#[test]
fn the_keys_of_the_document_are_the_file() {
    let files = |user, keys: &[&str]| user_data(user, keys).get("write_files").cloned();
    let file = |path, user| {
        json!([{
            "path": path, "content": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey1AAkey1AAkey1AAkey1AAkey1AAkey1AAkey1 a\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey2AAkey2AAkey2AAkey2AAkey2AAkey2AAkey2\n",
            "permissions": "0600", "owner": user, "defer": true,
        }])
    };
    let keys = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey1AAkey1AAkey1AAkey1AAkey1AAkey1AAkey1 a",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey2AAkey2AAkey2AAkey2AAkey2AAkey2AAkey2",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey1AAkey1AAkey1AAkey1AAkey1AAkey1AAkey1 a",
    ];
    let expected = file("/home/homestak/.ssh/authorized_keys", "homestak");
    assert_eq!(files("homestak", &keys), Some(expected));
    assert_eq!(files("root", &keys), Some(file("/root/.ssh/authorized_keys", "root")));
    assert_eq!(files("homestak", &[]), None);
}
