//! DOOR: runs the `sops` program. What it decrypts stays in memory.

use std::path::Path;
use std::process::{Command, Stdio};

/// Says whether a text is YAML that SOPS has encrypted: it adds a `sops` section.
pub(super) fn is_encrypted(text: &str) -> bool {
    text.lines().any(|line| line == "sops:" || line.starts_with("sops: "))
}

/// Decrypts a file. The error is a fact about the file; it holds nothing of what is in it.
#[expect(clippy::disallowed_methods, reason = "door: the program sops")]
pub(super) fn decrypt(path: &Path) -> Result<String, String> {
    let output = Command::new("sops")
        .args(["--decrypt", "--input-type", "yaml", "--output-type", "yaml"])
        .arg(path)
        .stdin(Stdio::null())
        .output();
    let encrypted = path.display();
    let output = output.map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => format!(
            "{encrypted} is encrypted and the program `sops` is not on PATH; install it, or leave secrets out by --no-secrets"
        ),
        _ => format!("{encrypted} is encrypted and `sops` cannot be started: {e}"),
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().lines().next().unwrap_or("nothing").to_owned();
        return Err(format!("{encrypted} cannot be decrypted: sops says: {said}"));
    }
    String::from_utf8(output.stdout).map_err(|_| "is not UTF-8 after decryption".to_owned())
}
