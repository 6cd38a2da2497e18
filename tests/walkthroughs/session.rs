//! The user's shell: one scratch directory, one simulator, commands block by block.

use crate::mirror::Mirror;
use crate::page::{Block, Place};
use crate::pveum;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use test_support::case::search_path;
use test_support::pve_sim::{Options, PveSim, World};

/// The address of the node in the pages.
const ENDPOINT: &str = "https://pve1.example:8006";
/// Its fingerprint there.
const FINGERPRINT: &str = "AB:0B:6E:6E:38:F0:7C:71:52:B1:A4:61:E0:F3:11:5E:5C:D8:BA:2B:0A:AD:6B:0C:B1:56:5E:C3:48:F1:22:9A";

/// Saves the shell's state, so that the next block goes on where this one has ended.
const SAVE: &str = r#"trap 'code=$?; { export -p; declare -f; set +o | grep -v errexit; printf "cd %q\n" "$PWD"; } >"$WALK/state"; exit $code' EXIT
"#;

pub(crate) struct Session {
    page: String,
    sim: PveSim,
    mirror: Mirror,
    /// What belongs to the test and not to the user.
    walk: tempfile::TempDir,
    home: tempfile::TempDir,
}

impl Session {
    /// Starts a session for a page; its world is `walkthroughs/PAGE.json`, when there is one.
    pub(crate) fn start(page: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("walkthroughs");
        let stem = Path::new(page).file_stem().unwrap().to_string_lossy().to_lowercase();
        let world = std::fs::read_to_string(folder.join(format!("{stem}.json")));
        let world = World::from_json(world.as_deref().unwrap_or("{}")).unwrap();
        let sim = PveSim::start(world, Options::default()).unwrap();
        let [walk, home] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let mirror = Mirror::start();
        std::fs::write(walk.path().join("ca.pem"), mirror.ca_pem()).unwrap();
        std::fs::write(walk.path().join("state"), "").unwrap();
        let bin = walk.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        program(&bin.join("pveum"), pveum::PROGRAM);
        program(
            &bin.join("editor"),
            "cp \"$1\" \"$WALK/before\"\nsed -i -E -f \"$WALK/edit\" \"$1\"\n! cmp -s \"$1\" \"$WALK/before\"\n",
        );
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        let key = home.path().join(".ssh/id_ed25519.pub");
        std::fs::write(key, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7xZ0mJt5m1mSxg0aTq0oJq2rL9rN3w5yQe6uX8bVcD me@laptop\n").unwrap();
        Self { page: page.to_owned(), sim, mirror, walk, home }
    }

    /// Runs a block and returns what it prints, as the page would show it.
    pub(crate) fn run(&mut self, block: &Block) -> String {
        if block.place == Place::Nowhere {
            return String::new();
        }
        let commands = block.commands.replace(ENDPOINT, &self.endpoint());
        let commands = commands.replace(FINGERPRINT, self.sim.fingerprint());
        let edits = block.edit.as_deref().map(sed_script).unwrap_or_default();
        std::fs::write(self.walk.path().join("edit"), edits).unwrap();
        std::fs::write(self.walk.path().join("pveum"), "").unwrap();
        let script = format!("{SAVE}. \"$WALK/state\"\n{commands}");
        std::fs::write(self.walk.path().join("script"), script).unwrap();
        let (printed, well) = self.shell();
        assert!(well, "{}:{}: fails:\n{printed}", self.page, block.line);
        let log = std::fs::read_to_string(self.walk.path().join("pveum")).unwrap();
        assert!(log.is_empty() || block.place == Place::Node, "pveum runs on the node only");
        self.sim.edit(|world| pveum::apply(&log, &mut world.access));
        let home = self.home.path().display().to_string();
        printed
            .replace(&self.endpoint(), ENDPOINT)
            .replace(self.sim.fingerprint(), FINGERPRINT)
            .replace(&home, "/home/me")
    }

    /// Ends the session. Panics when the simulator or the mirror was asked what it does not know.
    pub(crate) fn end(self) {
        assert_eq!(self.sim.refused(), Vec::<String>::new(), "{}", self.page);
        assert_eq!(self.mirror.unknown(), Vec::<String>::new(), "{}", self.page);
    }

    /// Returns the simulator's URL with an address other than loopback, for which the tools would
    /// omit some warnings.
    fn endpoint(&self) -> String {
        self.sim.endpoint().replace("127.0.0.1", "0.0.0.0")
    }

    /// Runs the script and returns what it prints, both streams together.
    fn shell(&self) -> (String, bool) {
        let output = self.walk.path().join("output");
        let file = std::fs::File::create(&output).unwrap();
        let mut path = std::ffi::OsString::from(self.walk.path().join("bin"));
        path.push(":");
        path.push(search_path().unwrap());
        let status = Command::new("timeout")
            .args(["--kill-after=5", "120", "bash", "--norc"])
            .arg(self.walk.path().join("script"))
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.home.path())
            .env("WALK", self.walk.path())
            .env("EDITOR", "editor")
            .env("LC_ALL", "C.UTF-8")
            .env("SSL_CERT_FILE", self.walk.path().join("ca.pem"))
            .env("https_proxy", self.mirror.proxy())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .status()
            .unwrap();
        (std::fs::read_to_string(output).unwrap(), status.success())
    }
}

fn program(path: &PathBuf, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}")).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Each line `KEY: VALUE` replaces that of the same key.
fn sed_script(lines: &str) -> String {
    let edit = |line: &str| {
        let line = line.trim();
        let (key, _) = line.split_once(": ").unwrap();
        format!("s|^( *){}: .*|\\1{line}|\n", regex::escape(key))
    };
    lines.lines().filter(|line| line.contains(": ")).map(edit).collect()
}
