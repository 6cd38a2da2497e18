//! Refusals that come from the state of the cluster: no quorum, or HA that has given up.
//! Does no I/O.

use crate::error::Error;

impl Error {
    /// Returns whether the cluster currently has no quorum: then `/etc/pve` is read-only.
    pub fn lacks_quorum(&self) -> bool {
        // PVE: pve-cluster, Cluster.pm, check_cfs_quorum and cfs_lock. Of `ha-manager`, only the log has the reason.
        self.text_or_log_matches(|text| text.contains("no quorum") || is_read_only(text))
    }

    /// Returns whether HA has given up on the VM: it takes no request before the VM is `disabled` there.
    pub fn is_ha_error(&self) -> bool {
        // PVE: pve-ha-manager, API2/HA/Resources.pm, check_service_state; the log of `hastart` and `hastop` has it.
        self.text_or_log_matches(|text| text.contains("in error state, must be disabled"))
    }

    /// Tests PVE's own text, from an answer, from a task's exit status or from the task's log.
    fn text_or_log_matches(&self, test: impl Fn(&str) -> bool) -> bool {
        let is_in_log = match self {
            Self::TaskFailed(failure) => failure.log.iter().any(|line| test(line)),
            _ => false,
        };
        is_in_log || self.text_matches(test)
    }
}

/// Returns whether a text says that a file in `/etc/pve` could not be written.
///
/// PVE: without quorum pmxcfs answers EACCES to every write, and with it to none of root's (pve-cluster,
/// pmxcfs/dcdb.c); pve-common, File.pm, file_set_contents; pve-guest-common, AbstractConfig.pm, destroy_config and
/// move_config_to_node.
fn is_read_only(text: &str) -> bool {
    let is_write = [
        "open file '/etc/pve/",
        "write '/etc/pve/",
        "atomic file '/etc/pve/",
        "move config file to node",
        "remove config file",
    ];
    text.contains("Permission denied") && is_write.iter().any(|part| text.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Call, Refusal, TaskFailure};

    fn answer(text: &str) -> Error {
        let call = Call { method: "POST", path: "/x".to_owned() };
        let message = text.to_owned();
        Error::Status(Box::new(Refusal { call, status: 500, message, errors: [].into() }))
    }

    fn task(exitstatus: &str, log: &[&str]) -> Error {
        let upid = "UPID:pve1:00001001:00100064:69000001:hastop:101:root@pam:".parse().unwrap();
        let log = log.iter().map(|line| (*line).to_owned()).collect();
        Error::TaskFailed(Box::new(TaskFailure { upid, exitstatus: exitstatus.to_owned(), log }))
    }

    #[test]
    fn what_pve_says_without_quorum() {
        for text in [
            "cluster not ready - no quorum?",
            "cfs-lock 'domain-ha' error: no quorum!",
            "update pools failed: cfs-lock 'file-user_cfg' error: no quorum!",
            "unable to open file '/etc/pve/nodes/pve1/qemu-server/101.conf.tmp.4000' - Permission denied",
            "unable to create VM 101 - unable to open file \
             '/etc/pve/nodes/pve1/qemu-server/101.conf.tmp.4000' - Permission denied",
            "could not write '/etc/pve/user.cfg.tmp.4000' - Permission denied",
            "close (rename) atomic file '/etc/pve/user.cfg' failed: Permission denied",
            "could not move config file to node 'pve2': Permission denied",
            "could not remove config file: Permission denied",
        ] {
            assert!(answer(text).lacks_quorum(), "{text}");
            assert!(task(text, &[]).lacks_quorum(), "{text}");
        }
        let failed = "command 'ha-manager crm-command stop vm:101 60' failed: exit code 255";
        assert!(task(failed, &["cfs-lock 'domain-ha' error: no quorum!"]).lacks_quorum());
    }

    #[test]
    fn other_refusals_have_another_cause() {
        for text in [
            "unable to open file '/mnt/pve/nfs/images/x.qcow2.tmp.1' - Permission denied",
            "unable to open file '/etc/pve/storage.cfg' - No such file or directory",
            "Permission check failed (/vms/101, VM.Config.CPU)",
            "could not read '/etc/pve/priv/x' - Permission denied",
        ] {
            assert!(!answer(text).lacks_quorum(), "{text}");
        }
        let failed = "command 'ha-manager set vm:101 --state started' failed: exit code 255";
        assert!(!task(failed, &[]).lacks_quorum());
        assert!(!task(failed, &[]).is_ha_error());
    }

    #[test]
    fn an_error_of_ha_is_in_the_log() {
        let failed = "command 'ha-manager set vm:101 --state started' failed: exit code 255";
        let line = "service 'vm:101' in error state, must be disabled and fixed first";
        assert!(task(failed, &["Requesting HA start for VM 101", line]).is_ha_error());
        assert!(answer(line).is_ha_error());
    }
}
