//! `command`: starts programs without the secrets in the stage's own environment.
//!
//! DOOR: starts programs, and reads the names of the environment.

use std::process::Command;

/// Prefixes of our variables and of Proxmox VE's.
const FAMILIES: [&str; 4] = ["PVE_", "PROXMOX_", "HOMESTAK_", "PM_"];
/// Parts of a name that mark a secret.
const SECRETS: [&str; 5] = ["TOKEN", "KEY", "PASSWORD", "PASS", "SECRET"];

/// Returns a command that does not inherit API tokens and signing keys.
///
/// It inherits everything else: `sops` finds its keys, and `sftp` its agent, in the environment.
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

/// Like [`command`], for a program that does not need the network: the URL of a proxy may contain a
/// password.
pub fn local_command(program: &str) -> Command {
    let mut command = command(program);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_ascii_uppercase());
    }
    command
}

/// Returns whether a variable contains one of our secrets, such as `PVE_API_TOKEN`.
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
