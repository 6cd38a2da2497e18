//! Each rule across keys, with a similar config that is valid. Does no I/O.

use super::{NewVm, problems};
use crate::{ConfigKey, Settings};
use serde_json::{Value, json};

/// Returns the problems, as `KEY.OPTION fact`.
fn validate(config: &Value, new: Option<&NewVm>) -> Vec<String> {
    let (settings, wrong) = Settings::read(config.as_object().unwrap());
    assert_eq!(wrong, [], "{config}");
    let text = |p: crate::Problem| match p.part {
        Some(part) => format!("{}.{part} {}", p.key, p.fact),
        None => format!("{} {}", p.key, p.fact),
    };
    problems(&settings, new).into_iter().map(text).collect()
}

fn new() -> NewVm {
    let boot_disk = ConfigKey::find("virtio0").unwrap();
    NewVm { boot_disk, cores: Some(2), memory: Some(2048) }
}

/// Each `refused` config of a new VM has exactly this problem; a `fine` one has none.
pub(super) fn check(refused: &[(Value, &str)], fine: &[Value]) {
    for (config, problem) in refused {
        assert_eq!(validate(config, Some(&new())), [*problem], "{config}");
    }
    for config in fine {
        assert_eq!(validate(config, Some(&new())), [""; 0], "{config}");
    }
}

/// Checks that there is no problem if the other value is unknown.
pub(super) fn unknown(config: &[Value]) {
    for config in config {
        assert_eq!(validate(config, None), [""; 0], "{config}");
    }
}

#[test]
fn an_empty_config_is_fine() {
    check(&[], &[json!({})]);
    unknown(&[json!({})]);
}

#[test]
fn processor_and_memory() {
    let full = "is 2048 MiB, but the NUMA nodes add up to 1024 MiB";
    check(
        &[
            (json!({"vcpus": 3}), "vcpus exceeds cores times sockets (2)"),
            (
                json!({"cores": 1, "sockets": 3, "vcpus": 4}),
                "vcpus exceeds cores times sockets (3)",
            ),
            (json!({"balloon": 4096}), "balloon exceeds the memory of 2048 MiB"),
            (
                json!({"balloon": 0, "shares": 5}),
                "shares has no effect with `balloon: 0`: the host reclaims no memory",
            ),
            (
                json!({"numa": true, "numa0": {"cpus": 0, "memory": 1024}}),
                &format!("memory {full}"),
            ),
            (
                json!({"numa": true, "numa0": {"cpus": 0, "memory": 2048, "hostnodes": 0}}),
                "numa0.hostnodes requires `policy`",
            ),
            (
                json!({"numa": true, "numa0": {"cpus": 0}}),
                "numa0 requires `memory`, the MiB of this NUMA node",
            ),
            (json!({"hotplug": ["memory"]}), "hotplug requires `numa: true` for memory"),
            (
                json!({"hotplug": ["memory"], "numa": true, "memory": 512}),
                "hotplug cannot include memory for a VM with less than 1024 MiB",
            ),
            (
                json!({"hotplug": ["memory"], "numa": true, "virtiofs0": "share"}),
                "hotplug cannot include memory when the VM has virtiofs directories",
            ),
            (
                json!({
                    "hotplug": ["memory"], "numa": true, "numa0": {"cpus": 0, "memory": 2048},
                }),
                "hotplug cannot include memory when the VM has its own NUMA nodes",
            ),
        ],
        &[
            json!({"vcpus": 2}),
            json!({"cores": 4, "vcpus": 4}),
            json!({"balloon": 2048}),
            json!({"memory": 8192, "balloon": 4096}),
            json!({"balloon": 0, "shares": 0}),
            json!({"balloon": 0, "shares": null, "memory": 4096}),
            json!({"numa": true, "numa0": {"cpus": 0, "memory": 1024},
                   "numa1": {"cpus": 1, "memory": 1024, "hostnodes": 1, "policy": "bind"}}),
            json!({"hotplug": ["memory", "disk"], "numa": true}),
        ],
    );
    unknown(&[
        json!({"vcpus": 64}),
        json!({"balloon": 65536}),
        json!({"hotplug": ["memory"]}),
        json!({"numa": true, "numa0": {"cpus": 0}}),
        json!({"numa": true, "numa0": {"cpus": 0, "memory": 1024}}),
    ]);
}

#[test]
fn drives() {
    check(
        &[
            (
                json!({"scsi1": {"ssd": true}}),
                "scsi1 requires `size` in GiB or `import` with an image",
            ),
            (json!({"scsi1": {"file": "local:iso/a.iso"}}), "scsi1.file is for CD drives only"),
            (
                json!({"scsi1": {"file": "none", "media": "disk"}}),
                "scsi1.file is for CD drives only",
            ),
            (
                json!({"ide2": {"file": "none", "size": 5}}),
                "ide2.size cannot be combined with `file`: it is for disks only",
            ),
            (json!({"ide2": {"media": "cdrom"}}), "ide2 requires `file` for a CD drive"),
            (
                json!({"ide2": {"file": "none", "detect_zeroes": true}}),
                "ide2.detect_zeroes is for disks only",
            ),
            (json!({"virtio0": {"file": "none"}}), "virtio0.file cannot be set on the boot disk"),
            (
                json!({"ide2": "tank:cloudinit", "scsi1": "tank:cloudinit"}),
                "scsi1.file cannot be a cloud-init drive: ide2 already is one",
            ),
            (
                json!({"scsi1": {"size": 1, "aio": "native", "cache": "writeback"}}),
                "scsi1.aio cannot be native with `cache: writeback`",
            ),
            (
                json!({"virtio1": {"file": "none", "media": "cdrom"}}),
                "virtio1.file is for CD drives, which virtio does not support",
            ),
            (json!({"ide2": {"file": "none", "format": "raw"}}), "ide2.format is for disks only"),
            (
                json!({"ide2": {"file": "none", "snapshot": true}}),
                "ide2.snapshot is for disks only",
            ),
        ],
        &[
            json!({"virtio0": {"cache": "none", "aio": "native"}}),
            json!({"ide2": {"file": "none", "snapshot": false}}),
            json!({"scsi1": {"size": 5, "import": "data"}, "sata0": {"import": "data"}}),
            json!({"ide2": {"file": "local:iso/a.iso", "media": "cdrom"}}),
            json!({"ide2": "none", "ide3": "tank:cloudinit", "scsi1": null}),
        ],
    );
    unknown(&[json!({"scsi1": {"ssd": true}, "ide2": {"media": "cdrom"}})]);
    let not_a_bus = NewVm { boot_disk: ConfigKey::find("efidisk0").unwrap(), ..new() };
    assert_eq!(
        validate(&json!({}), Some(&not_a_bus)),
        ["boot_disk must be a disk slot, not efidisk0"]
    );
}

#[test]
fn nets() {
    check(
        &[
            (
                json!({"net0": {"model": "e1000", "mtu": 1400}}),
                "net0.mtu is for virtio NICs, but this one is e1000",
            ),
            (
                json!({"net1": {"model": "e1000", "queues": 2}}),
                "net1.queues is for virtio NICs, but this one is e1000",
            ),
            (json!({"net0": {"model": null}}), "net0 requires `model`"),
            (
                json!({"net0": {"mtu": 500}}),
                "net0.mtu must be at least 576, or 1 for the bridge's MTU",
            ),
            (json!({"ipconfig0": {"gw": "192.0.2.1"}}), "ipconfig0.gw requires `ip`"),
            (
                json!({"ipconfig0": {"gw": "192.0.2.1", "ip": "dhcp"}}),
                "ipconfig0.gw cannot be combined with `ip: dhcp`",
            ),
            (
                json!({"ipconfig0": {"gw6": "2001:db8::1", "ip6": "auto"}}),
                "ipconfig0.gw6 cannot be combined with `ip6: auto`",
            ),
            (json!({"net1": {"model": null, "bridge": "lan"}}), "net1 requires `model`"),
        ],
        &[
            json!({"net0": {"mtu": 1, "queues": 4}, "net1": {"bridge": "lan", "mtu": 9000}}),
            json!({"ipconfig1": {"gw": "192.0.2.1", "ip": "192.0.2.5/24", "ip6": "auto"}}),
        ],
    );
    unknown(&[json!({"net0": {"mtu": 1400}, "ipconfig0": {"gw": "192.0.2.1"}})]);
}

#[test]
fn usb_devices() {
    check(
        &[
            (json!({"usb0": {"usb3": true}}), "usb0 requires `mapping` or `host: spice`"),
            (
                json!({"usb0": {"host": "spice", "mapping": "stick"}}),
                "usb0.mapping cannot be combined with `host`",
            ),
            (
                json!({"usb5": {"mapping": "stick"}, "ostype": "win7"}),
                "usb5 cannot be used with `ostype: win7`, which supports only usb0 to usb4",
            ),
            (
                json!({"usb5": {"mapping": "stick"}, "machine": "pc-q35-7.0+pve1"}),
                "usb5 cannot be used with a machine type older than 7.1, which supports only usb0 to usb4",
            ),
        ],
        &[
            json!({"usb13": {"mapping": "stick"}, "usb0": "spice"}),
            json!({"usb5": {"mapping": "stick"}, "ostype": "win10", "machine": "pc-q35-7.1"}),
        ],
    );
    unknown(&[json!({"usb9": {"mapping": "stick"}, "usb0": {"usb3": true}})]);
}

#[test]
fn devices_of_the_host() {
    check(
        &[
            (json!({"hostpci0": {"pcie": false}}), "hostpci0 requires `mapping`"),
            (
                json!({"hostpci0": {"mapping": "gpu", "pcie": true}}),
                "hostpci0.pcie requires a q35 machine",
            ),
            (
                json!({"hostpci0": {"mapping": "gpu", "legacy-igd": true}}),
                "hostpci0.legacy-igd requires `vga: none`",
            ),
            (
                json!({"hostpci0": {"mapping": "gpu", "legacy-igd": true, "rombar": false},
                       "vga": "none"}),
                "hostpci0.legacy-igd requires `rombar`",
            ),
            (
                json!({"hostpci0": {"mapping": "gpu", "legacy-igd": true, "mdev": "a"},
                       "vga": "none"}),
                "hostpci0.legacy-igd cannot be combined with `mdev`",
            ),
            (
                json!({"hostpci0": {"mapping": "gpu", "legacy-igd": true},
                       "vga": "none", "machine": "q35"}),
                "hostpci0.legacy-igd cannot be used with a q35 machine",
            ),
            (
                json!({"hostpci0": {"mapping": "one", "legacy-igd": true},
                       "hostpci1": {"mapping": "two", "legacy-igd": true}, "vga": "none"}),
                "hostpci1.legacy-igd is already set on hostpci0",
            ),
            (
                json!({"virtiofs0": {"dirid": "share", "expose-acl": true}, "ostype": "win11"}),
                "virtiofs0.expose-acl cannot be used with Windows",
            ),
            (json!({"rng0": {"max_bytes": 5}}), "rng0 requires `source`"),
            (json!({"audio0": {"driver": "none"}}), "audio0 requires `device`"),
            (json!({"agent": {"enabled": null, "type": "isa"}}), "agent requires `enabled`"),
        ],
        &[
            json!({"hostpci0": {"mapping": "gpu", "pcie": true}, "machine": "pc-q35-9.2+pve1"}),
            json!({"hostpci0": {"mapping": "gpu", "legacy-igd": true, "x-vga": false},
                   "vga": "none"}),
            json!({"virtiofs0": {"dirid": "share", "expose-acl": true}}),
            json!({"rng0": "/dev/urandom", "agent": {"type": "isa"}}),
        ],
    );
    unknown(&[
        json!({"hostpci0": {"mapping": "gpu", "pcie": true}}),
        json!({"hostpci0": {"mapping": "gpu", "legacy-igd": true}}),
        json!({"virtiofs0": {"dirid": "share", "expose-acl": true}}),
        json!({"rng0": {"max_bytes": 5}}),
    ]);
}

#[test]
fn the_boot_order() {
    check(
        &[
            (json!({"boot": "order=scsi0"}), "boot.order names scsi0, which the VM does not have"),
            (
                json!({"boot": "order=virtio0;net0", "net0": null}),
                "boot.order names net0, which the VM does not have",
            ),
            (json!({"boot": "order=virtio0;virtio0"}), "boot.order names virtio0 twice"),
            (
                json!({"boot": "order=efidisk0", "efidisk0": {"storage": "tank"}, "bios": "ovmf"}),
                "boot.order names efidisk0, which is not a boot device",
            ),
            (
                json!({"boot": "order=serial0"}),
                "boot.order names serial0, which is not a boot device",
            ),
        ],
        &[json!({
            "boot": "order=virtio0;scsi1;net0;usb2", "scsi1": {"size": 1}, "usb2": "spice",
        })],
    );
    unknown(&[json!({"boot": "order=scsi5;ide2"})]);
}

#[test]
fn firmware_and_board() {
    let long = "x".repeat(200);
    check(
        &[
            (json!({"machine": {"viommu": "intel"}}), "machine.viommu cannot be intel without q35"),
            (
                json!({"machine": "q35,viommu=intel,aw-bits=40"}),
                "machine.aw-bits must be 39 or 48 with `viommu: intel`",
            ),
            (json!({"machine": "q35,aw-bits=40"}), "machine.aw-bits requires `viommu`"),
            (
                json!({"efidisk0": {"storage": "tank"}}),
                "efidisk0 has no effect with `bios: seabios`",
            ),
            (
                json!({"efidisk0": {"pre-enrolled-keys": true}, "bios": "ovmf"}),
                "efidisk0.pre-enrolled-keys requires `efitype: 4m`",
            ),
            (
                json!({"smbios1": {"product": long, "serial": long}}),
                "smbios1 is too long: PVE allows 512 characters in base64, including the uuid",
            ),
            (
                json!({"vga": "serial0,clipboard=vnc"}),
                "vga.clipboard cannot be used with `type: serial0`",
            ),
            (json!({"vga": "serial1"}), "vga.type is serial1, which the VM does not have"),
            (
                json!({"vga": "serial0", "serial0": null}),
                "vga.type is serial0, which the VM does not have",
            ),
        ],
        &[
            json!({"machine": "q35,viommu=intel,aw-bits=48"}),
            json!({"machine": "viommu=virtio,aw-bits=40"}),
            json!({"bios": "ovmf", "efidisk0": {"efitype": "4m", "pre-enrolled-keys": true}}),
            json!({"bios": "ovmf"}),
            json!({"smbios1": {"product": "a", "serial": "b"}}),
            json!({"vga": "serial0"}),
            json!({"vga": "std,clipboard=vnc"}),
        ],
    );
    unknown(&[
        json!({"machine": {"viommu": "intel"}}),
        json!({"efidisk0": {"pre-enrolled-keys": true}, "vga": "serial1"}),
        json!({"machine": {"aw-bits": 40}}),
    ]);
}

#[test]
fn every_problem_is_reported() {
    let config = json!({"balloon": 4096, "vcpus": 9, "boot": "order=scsi0", "rng0": {"period": 5}});
    assert_eq!(validate(&config, Some(&new())).len(), 4);
}
