//! Starts a tool against a simulator, with a document on stdin.

use crate::pve_sim::PveSim;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts a program that reads `document`, trusts the simulator and has a home directory of its own.
///
/// # Panics
/// The program cannot be started, or does not read the document.
pub fn spawn(program: &str, sim: &PveSim, home: &Path, args: &[&str], document: &str) -> Child {
    let mut child = Command::new(program)
        .args(args)
        .env("PVE_FINGERPRINT", sim.fingerprint())
        .env("HOME", home)
        .env_remove("XDG_STATE_HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(document.as_bytes()).expect("the program reads its document");
    child
}
