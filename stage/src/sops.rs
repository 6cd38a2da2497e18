//! `sops`: decrypts a SOPS file in memory.
//!
//! DOOR: runs the program `sops`, and no other. Writes no file.

use crate::child;
use std::path::Path;
use std::process::Stdio;

/// Why a file was not decrypted. It contains nothing of the file.
#[derive(Debug)]
pub enum DecryptError {
    /// The program is not on PATH, or cannot be started.
    NotStarted(std::io::Error),
    /// The program failed, with this text on stderr, trimmed.
    Refused(String),
    /// The output is not UTF-8.
    NotText,
}

/// Returns whether a text is YAML that SOPS has encrypted in place, which adds a `sops` section.
pub fn is_encrypted(text: &str) -> bool {
    text.lines().any(|line| line == "sops:" || line.starts_with("sops: "))
}

/// Decrypts a YAML file.
///
/// # Errors
/// `sops` cannot be started, has no key for the file, or does not print text.
pub fn decrypt(path: &Path) -> Result<String, DecryptError> {
    let output = child::command("sops")
        .args(["--decrypt", "--input-type", "yaml", "--output-type", "yaml"])
        .arg(path)
        // stdin is the stage's own: the document, or a token.
        .stdin(Stdio::null())
        .output()
        .map_err(DecryptError::NotStarted)?;
    if !output.status.success() {
        // On stderr sops explains why it has no key; it never prints decrypted text there.
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(DecryptError::Refused(said.trim().to_owned()));
    }
    String::from_utf8(output.stdout).map_err(|_| DecryptError::NotText)
}

#[cfg(test)]
mod tests {
    #[test]
    fn sops_leaves_its_mark() {
        for (text, expected) in [
            ("auth:\n    signing_key: ENC[x]\nsops:\n    mac: y\n", true),
            ("sops: {}\r\n", true),
            ("auth:\n    sops: x\n", false),
            ("# sops:\nsops_x: y\n", false),
            ("", false),
        ] {
            assert_eq!(super::is_encrypted(text), expected, "{text:?}");
        }
    }
}
