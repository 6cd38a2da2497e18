//! Where the files stand in the guest that cloudinit-render writes. Does no I/O.

/// Where a login finds the server and the token; the path and the two names are a contract
/// with what runs in the VM.
pub(crate) const PROFILE: &str = "/etc/profile.d/homestak.sh";
/// What fetches the spec.
pub(crate) const SCRIPT: &str = "/usr/local/sbin/homestak-first-boot";
/// The certificate that the spec server is believed by.
pub(crate) const CA: &str = "/etc/homestak-ca.pem";
/// cloud-init runs the scripts in this folder at each boot, before the commands of the first one.
pub(crate) const RETRY: &str = "/var/lib/cloud/scripts/per-boot/homestak-first-boot";
/// Runs the script once more, started by the timer.
pub(crate) const SERVICE: &str = "/etc/systemd/system/homestak-first-boot.service";
/// The further tries of one boot. No target wants it: a try that failed starts it.
pub(crate) const TIMER: &str = "/etc/systemd/system/homestak-first-boot.timer";

/// The files of the bootstrap, which a site must not write itself.
pub(crate) const BOOTSTRAP: [&str; 6] = [PROFILE, SCRIPT, CA, RETRY, SERVICE, TIMER];

/// Returns where the keys of a user that cloud-init creates are read from.
pub(crate) fn authorized_keys(user: &str) -> String {
    let home = if user == "root" { "/root".to_owned() } else { format!("/home/{user}") };
    format!("{home}/.ssh/authorized_keys")
}
