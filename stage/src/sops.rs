//! `sops`: a file that SOPS has encrypted, as clear text in memory.
//!
//! DOOR: runs the program `sops`. No other program than that, and no file is written.

use crate::child;
use std::path::Path;
use std::process::Stdio;

/// Why a file has not been decrypted. Nothing of what is in the file is in it.
#[derive(Debug)]
pub enum DecryptError {
    /// The program is not on PATH, or cannot be started.
    NotStarted(std::io::Error),
    /// The program has refused: what it says on stderr, without blanks around it.
    Refused(String),
    /// What came out is not UTF-8.
    NotText,
}

/// Says whether a text is YAML that SOPS has encrypted in place: it adds a `sops` section.
pub fn is_encrypted(text: &str) -> bool {
    text.lines().any(|line| line == "sops:" || line.starts_with("sops: "))
}

/// Decrypts a YAML file.
///
/// # Errors
/// `sops` cannot be started, has no key for the file, or gives no text.
pub fn decrypt(path: &Path) -> Result<String, DecryptError> {
    let output = child::command("sops")
        .args(["--decrypt", "--input-type", "yaml", "--output-type", "yaml"])
        .arg(path)
        // stdin is the stage's own: the document, or a token.
        .stdin(Stdio::null())
        .output()
        .map_err(DecryptError::NotStarted)?;
    if !output.status.success() {
        // sops says there why it has no key; it never prints what it has decrypted there.
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
