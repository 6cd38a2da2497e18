//! Where the files stand in the guest that cloudinit-render writes. Does no I/O.

/// Where a login finds the server and the token; the path and the two names are a contract
/// with what runs in the VM.
pub(crate) const PROFILE: &str = "/etc/profile.d/homestak.sh";
/// What fetches the spec.
pub(crate) const SCRIPT: &str = "/usr/local/sbin/homestak-first-boot";
/// The certificate that the spec server is believed by.
pub(crate) const CA: &str = "/etc/homestak-ca.pem";
/// What is in this folder cloud-init runs at each boot, before the commands of the first one.
pub(crate) const RETRY: &str = "/var/lib/cloud/scripts/per-boot/homestak-first-boot";

/// The files of the bootstrap, which a site must not write itself.
pub(crate) const BOOTSTRAP: [&str; 4] = [PROFILE, SCRIPT, CA, RETRY];

/// Returns where the keys of a user that cloud-init creates are read from.
pub(crate) fn authorized_keys(user: &str) -> String {
    let home = if user == "root" { "/root".to_owned() } else { format!("/home/{user}") };
    format!("{home}/.ssh/authorized_keys")
}
