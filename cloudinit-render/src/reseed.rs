//! Removes what a guest must not keep after a reseed: replaced SSH keys and a former automation
//! user. Does no I/O.
//!
//! cloud-init only adds: a key that was removed from the document could still log in, with sudo.
//! docs/cloud-init.md says what happens to each kind of login.

use crate::guest::Guest;
use crate::paths;
use crate::write_file::WriteFile;

/// Returns the file with the automation user's SSH keys: exactly those of the document.
///
/// `None` without keys: an empty file would lock everybody out.
pub(crate) fn authorized_keys(user: &str, keys: &[&str]) -> Option<WriteFile> {
    let content: String = keys.iter().map(|key| format!("{key}\n")).collect();
    (!keys.is_empty()).then(|| WriteFile::of_user(user, &paths::authorized_keys(user), content))
}

/// Returns the command for `bootcmd`, which runs at each boot, before users are set up and before
/// sshd starts: a key that was replaced is gone before anybody can log in with it.
pub(crate) fn command<'a>(guest: &Guest<'a>) -> Vec<&'a str> {
    let keys = if guest.ssh_keys.is_empty() { "keep" } else { "replace" };
    vec!["/bin/sh", "-c", SCRIPT, "pve-pipeline", guest.user, keys]
}

/// Arguments: the automation user, and `replace` or `keep` for its SSH keys.
///
/// The instance-id is a hash of the seed, so a guest that gets an earlier seed back already knows
/// its id. cloud-init would consider its work done and leave the keys of the seed in between. So the
/// command deletes cloud-init's semaphores (`sem`) whenever the seed differs from the last one.
///
/// SSH host keys are kept only if SMBIOS still has the UUID of the machine that they were created
/// on. PVE gives each VM and each clone its own UUID, so no two VMs share the keys of an image or a
/// template. Without a UUID each seed creates new keys, which is cloud-init's default.
const SCRIPT: &str = r#"umask 077
user=$1
state=/var/lib/pve-pipeline
sudoers=/etc/sudoers.d/90-cloud-init-users
recorded() { cat "$state/$1" 2>/dev/null; }
record() { mkdir -p "$state" && echo "$2" >"$state/$1.new" && mv -f "$state/$1.new" "$state/$1"; }
forget_keys() {
    home=$(getent passwd "$1" | cut -d: -f6)
    [ -z "$home" ] || rm -f "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2"
}
# The expiry matters: a locked password alone does not stop a login by key.
lock() {
    [ ! -e "$sudoers" ] || sed -i "/^# User rules for $1\$/d; /^$1 /d" "$sudoers" || return 1
    ! getent passwd "$1" >/dev/null || usermod --lock --expiredate 1 "$1"
}

known=$(recorded instance)
machine=$(cat /sys/class/dmi/id/product_uuid 2>/dev/null)
if [ "$machine" != "$(recorded machine)" ] || { [ -z "$machine" ] && [ "$known" != "$INSTANCE_ID" ]; }; then
    rm -f /etc/ssh/ssh_host_*key* /var/lib/cloud/instance/sem/config_ssh
    record machine "$machine"
fi
[ "$known" != "$INSTANCE_ID" ] || exit 0
rm -f /var/lib/cloud/instance/sem/config_*
if [ "$(getent shadow "$user" | cut -d: -f8)" = 1 ]; then
    usermod --expiredate '' "$user"
fi
[ "$2" = keep ] || forget_keys "$user"
former=$(recorded automation-user)
if [ -n "$former" ] && [ "$former" != "$user" ]; then
    forget_keys "$former"
    # Still on record, it is tried again with the next seed.
    [ "$former" = root ] || lock "$former" || user=$former failed=1
fi
record automation-user "$user" && record instance "$INSTANCE_ID" && [ -z "$failed" ]
"#;
