//! Peers: programs of others that judge what we write, or read what we read.
//!
//! Where a peer is not installed, its test is skipped, and a line on stderr says so. In CI (`CI=true`) that is
//! a failure, because `.ci/run` installs the peers.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A program of others.
pub struct Peer {
    program: PathBuf,
}

impl Peer {
    /// Finds a peer that Debian has; `None` if it is not installed.
    ///
    /// # Panics
    /// It is not installed in CI.
    pub fn find(program: &str) -> Option<Self> {
        required(program, found(program))
    }

    /// Finds the first of several peers that Debian does not have; `None` if none is installed, also in CI.
    pub fn find_any(programs: &[&str]) -> Option<Self> {
        let found = programs.iter().find_map(|program| found(program));
        if found.is_none() {
            skipped(&programs.join(" or "));
        }
        found.map(|program| Self { program })
    }

    /// Finds a Python that has a module, Debian's first; `None` if there is none.
    ///
    /// # Panics
    /// There is none in CI.
    pub fn python_with(module: &str) -> Option<Self> {
        let has_module = |python: &PathBuf| {
            let line = format!("import {module}");
            let output = Command::new(python).args(["-c", &line]).output();
            output.is_ok_and(|output| output.status.success())
        };
        let debian = Path::new("/usr/bin/python3").to_owned();
        let python = std::iter::once(debian).chain(found("python3")).find(has_module);
        required(&format!("the module {module} of Python"), python)
    }

    /// Returns a command of the peer, for more than [`Peer::run`] can do.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("LC_ALL", "C.UTF-8");
        command
    }

    /// Sends requests to a peer that answers each of them, line by line as JSON.
    ///
    /// # Panics
    /// It answers otherwise.
    pub fn ask(&self, arguments: &[impl AsRef<OsStr>], requests: &[Value]) -> Vec<Value> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the peer starts");
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        let lines: String = requests.iter().map(|request| format!("{request}\n")).collect();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(lines.as_bytes()).expect("the peer reads all"));
            child.wait_with_output().expect("the peer ends")
        });
        let printed = String::from_utf8(output.stdout).expect("the peer prints text");
        let answer = |line| serde_json::from_str(line).expect("the peer prints JSON");
        let answers: Vec<Value> = printed.lines().map(answer).collect();
        assert_eq!(answers.len(), requests.len(), "each request has an answer");
        answers
    }

    /// Runs the peer to its end.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Output {
        let output = self.command().args(arguments).output();
        output.unwrap_or_else(|error| panic!("{}: {error}", self.program.display()))
    }
}

fn required(what: &str, program: Option<PathBuf>) -> Option<Peer> {
    if program.is_none() {
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!ci, "{what} is not installed; CI must not skip its judgement");
        skipped(what);
    }
    program.map(|program| Peer { program })
}

/// Prints that a peer is missing. The test harness keeps what `eprintln!` prints to itself.
fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {what} is not installed");
}

/// Finds a program on `PATH`, or where only root's `PATH` leads.
fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|program| program.is_file())
}
