//! Paths of the files that cloudinit-render writes in the guest. Does no I/O.

/// Exports the server and the token at login. Programs in the VM rely on its path and on the names
/// of both variables.
pub(crate) const PROFILE: &str = "/etc/profile.d/homestak.sh";
/// Fetches the spec.
pub(crate) const SCRIPT: &str = "/usr/local/sbin/homestak-first-boot";
/// The certificate that the spec server's is verified with.
pub(crate) const CA: &str = "/etc/homestak-ca.pem";
/// cloud-init runs the scripts in this folder at each boot, before the commands of the first one.
pub(crate) const RETRY: &str = "/var/lib/cloud/scripts/per-boot/homestak-first-boot";
/// Runs the script again, started by the timer.
pub(crate) const SERVICE: &str = "/etc/systemd/system/homestak-first-boot.service";
/// Retries within one boot. Not wanted by any target: a failed try starts it.
pub(crate) const TIMER: &str = "/etc/systemd/system/homestak-first-boot.timer";

/// Makes the token of a nested PVE node.
pub(crate) const NODE_SCRIPT: &str = "/usr/local/sbin/pve-pipeline-node";
/// Runs that script.
pub(crate) const NODE_SERVICE: &str = "/etc/systemd/system/pve-pipeline-node.service";

/// The files of the bootstrap and of nested nodes, which a site must not write itself.
pub(crate) const BOOTSTRAP: [&str; 8] =
    [PROFILE, SCRIPT, CA, RETRY, SERVICE, TIMER, NODE_SCRIPT, NODE_SERVICE];

/// Returns the authorized_keys file of a user that cloud-init creates.
pub(crate) fn authorized_keys(user: &str) -> String {
    let home = if user == "root" { "/root".to_owned() } else { format!("/home/{user}") };
    format!("{home}/.ssh/authorized_keys")
}
