//! Names of VM keys in other tools. Does no I/O.
//!
//! From the documentation of Telmate/proxmox, bpg/proxmox, hashicorp/proxmox and community.proxmox;
//! only names without a similar key of ours, or with a misleading one.

/// Names in other tools, and hints on what to use.
const FOREIGN: &[(&[&str], &str)] = &[
    (&["target_node", "node_name"], "use `node`, or set it in the env for all VMs"),
    (
        &[
            "clone",
            "clone_id",
            "clone_name",
            "clone_template",
            "clone_vm",
            "clone_vmid",
            "source_vm",
            "source_vmid",
            "template_id",
            "template_name",
            "template_vm",
            "template_vmid",
            "vm_template",
        ],
        "`clone_from: {vmid: 9000}` clones a template in PVE; without one, `image` is the image to create the boot disk from",
    ),
    (
        &["full_clone", "clone_full"],
        "use `full: true` or `false` in `clone_from`; with an `image`, `create: clone` makes linked clones",
    ),
    (
        &["linked_clone", "clone_linked"],
        "with an `image`, `create: clone` makes linked clones; in `clone_from`, use `full: false`",
    ),
    (
        &["disks", "disk0", "disk_size", "disk_gb"],
        "`disk` is the size of the boot disk in GiB; more disks are scsi1, virtio1 and so on",
    ),
    (
        &["network", "networks", "network_device", "network_interface", "nics", "interfaces"],
        "NICs are net0, net1 and so on; `bridge`, `vlan` and `mac` are short for net0",
    ),
    (&["vlan_id", "vlan_tag"], "use `vlan`"),
    (&["mac_address", "macaddr"], "use `mac`"),
    (
        &["ip_address", "ip_config", "ipv4", "ipv4_address", "netmask", "cidr"],
        "use `ip` with the prefix length, such as 10.0.12.124/24",
    ),
    (&["dns", "nameservers"], "use `dns_servers`"),
    (&["ram", "mem"], "use `memory` in MiB"),
    (&["cpu_cores"], "use `cores`"),
    (&["hostname", "vm_name"], "use `name`"),
    (&["desc", "notes"], "use `description`"),
    (&["pool_id"], "use `pool`"),
    (&["operating_system"], "use `ostype`"),
    (&["bios_type"], "use `bios`"),
    (&["agent_enabled", "qemu_agent"], "use `agent`"),
    (&["iso", "iso_file"], "a CD drive is a slot such as `ide2: local:iso/NAME.iso`"),
    (
        &["initialization", "user_account"],
        "use `user`, `ssh_keys` and `password_hash`; `ip`, `gateway` and `dns_servers`; `cloud_init`",
    ),
    (&["ha", "hastate", "hagroup"], "high availability is set up in Proxmox VE: Datacenter > HA"),
];

/// Returns what to use instead of a key of another tool.
pub(super) fn hint(key: &str) -> Option<&'static str> {
    FOREIGN.iter().find(|(names, _)| names.contains(&key)).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::FOREIGN;
    use crate::shape::tables::ENV_VM;

    #[test]
    fn foreign_names_are_not_our_keys() {
        for name in FOREIGN.iter().flat_map(|(names, _)| *names) {
            assert!(machine::ConfigKey::find(name).is_none(), "{name}");
            assert!(ENV_VM.field(name).is_none(), "{name}");
        }
    }
}
