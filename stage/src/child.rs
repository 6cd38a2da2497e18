//! `command`: a program that a stage starts, without the secrets of the stage's own environment.
//!
//! DOOR: starts programs, and reads the names of the environment.

use std::process::Command;

/// Families of variables that are ours or Proxmox VE's.
const FAMILIES: [&str; 4] = ["PVE_", "PROXMOX_", "HOMESTAK_", "PM_"];
/// Parts of a name that say: this is a secret.
const SECRETS: [&str; 5] = ["TOKEN", "KEY", "PASSWORD", "PASS", "SECRET"];

/// Returns a command that does not inherit API tokens and signing keys.
///
/// Everything else stays: `sops` finds its keys, and `sftp` its agent, by the environment.
#[expect(clippy::disallowed_methods, reason = "door: programs, and what they inherit")]
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_secret) {
            command.env_remove(name);
        }
    }
    command
}

/// The same for a program that has no business on the network: a proxy's URL may hold a password.
pub fn local_command(program: &str) -> Command {
    let mut command = command(program);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_ascii_uppercase());
    }
    command
}

/// Returns whether a variable holds a secret of ours, such as `PVE_API_TOKEN`.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    FAMILIES.iter().any(|family| name.starts_with(family))
        && SECRETS.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn our_secrets_are_not_inherited_and_others_are() {
        for name in ["PVE_API_TOKEN", "HOMESTAK_SIGNING_KEY", "PROXMOX_VE_PASSWORD", "pm_pass"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["PVE_FINGERPRINT", "HOMESTAK_ROOT", "SOPS_AGE_KEY", "SSH_AUTH_SOCK", "PATH"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
