//! What other tools call the keys of a VM. Does no I/O.
//!
//! From the documentation of Telmate/proxmox, bpg/proxmox, hashicorp/proxmox and community.proxmox;
//! only names that nothing of ours resembles, or the wrong thing.

/// The names of other tools, and what to write here.
const FOREIGN: &[(&[&str], &str)] = &[
    (&["target_node", "node_name"], "write `node` in the env, or give --node"),
    (
        &["clone", "full_clone", "clone_id", "template_id", "template_name"],
        "`image` names what the boot disk is made from",
    ),
    (
        &["disks", "disk0", "disk_size", "disk_gb"],
        "`disk` is the size of the boot disk in GiB; more disks are scsi1, virtio1 and so on",
    ),
    (
        &["network", "networks", "network_device", "network_interface", "nics", "interfaces"],
        "NICs are net0, net1 and so on; `bridge`, `vlan` and `mac` are short for net0",
    ),
    (&["vlan_id", "vlan_tag"], "write `vlan`"),
    (&["mac_address", "macaddr"], "write `mac`"),
    (
        &["ip_address", "ip_config", "ipv4", "ipv4_address", "netmask", "cidr"],
        "write `ip` with the prefix length, such as 10.0.12.124/24",
    ),
    (&["dns", "nameservers"], "write `dns_servers`"),
    (&["ram", "mem"], "write `memory` in MiB"),
    (&["cpu_cores"], "write `cores`"),
    (&["hostname", "vm_name"], "write `name`"),
    (&["desc", "notes"], "write `description`"),
    (&["pool_id"], "write `pool`"),
    (&["operating_system"], "write `ostype`"),
    (&["bios_type"], "write `bios`"),
    (&["agent_enabled", "qemu_agent"], "write `agent`"),
    (&["iso", "iso_file"], "a CD drive is a slot such as `ide2: local:iso/NAME.iso`"),
    (
        &["initialization", "user_account"],
        "write `user`, `ssh_keys` and `password_hash`; `ip`, `gateway` and `dns_servers`; `cloud_init`",
    ),
    (&["ha", "hastate", "hagroup"], "high availability is set up in Proxmox VE: Datacenter > HA"),
];

/// Returns what to write instead of a key of another tool.
pub(super) fn hint(key: &str) -> Option<&'static str> {
    FOREIGN.iter().find(|(names, _)| names.contains(&key)).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::FOREIGN;
    use crate::shape::tables::ENV_VM;

    #[test]
    fn none_of_them_is_a_key_of_ours() {
        for name in FOREIGN.iter().flat_map(|(names, _)| *names) {
            assert!(machine::ConfigKey::find(name).is_none(), "{name}");
            assert!(ENV_VM.field(name).is_none(), "{name}");
        }
    }
}
