//! DOOR: runs the `sops` program. What it decrypts stays in memory.

use crate::source::Unreadable;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

/// Says whether a text is YAML that SOPS has encrypted: it adds a `sops` section.
pub(super) fn is_encrypted(text: &str) -> bool {
    text.lines().any(|line| line == "sops:" || line.starts_with("sops: "))
}

/// Decrypts a file. The error holds nothing of what is in it.
#[expect(clippy::disallowed_methods, reason = "door: the program sops")]
pub(super) fn decrypt(path: &Path) -> Result<String, Unreadable> {
    let output = Command::new("sops")
        .args(["--decrypt", "--input-type", "yaml", "--output-type", "yaml"])
        .arg(path)
        .stdin(Stdio::null())
        .output();
    let output = output.map_err(|e| match e.kind() {
        ErrorKind::NotFound => Unreadable {
            fact: "is encrypted, and the program `sops` is not on PATH".to_owned(),
            hint: Some("install sops, or leave secrets out by `--no-secrets`".to_owned()),
        },
        _ => format!("is encrypted, and `sops` cannot be started: {e}").into(),
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().lines().next().unwrap_or("nothing");
        return Err(format!("cannot be decrypted; sops says: {said}").into());
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Unreadable::from("is not UTF-8 after decryption".to_owned()))
}
