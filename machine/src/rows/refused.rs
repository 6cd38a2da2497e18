//! Config keys and options that YAML must not set, with reasons. Does no I/O.

use crate::row::Key;

/// A refused config key.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    /// Its name; for a family, the stem.
    pub name: &'static str,
    /// Completes "cannot be set: …".
    pub reason: &'static str,
}

/// A refused option.
#[derive(Clone, Copy, Debug)]
pub struct RefusedOption {
    /// The keys that have it; for a family, the stem.
    pub keys: &'static [&'static str],
    /// Its name.
    pub name: &'static str,
    /// Completes "cannot be set: …".
    pub reason: &'static str,
}

const ROOT: &str = "only root may set it, not an API token";
const OURS: &str = "pve-apply sets it";
const CALL: &str = "it is a parameter of an API call, not a VM setting";
const STATE: &str = "PVE stores internal state in it";

const fn refuse(name: &'static str, reason: &'static str) -> Refused {
    Refused { name, reason }
}

/// The refused keys. PVE: qemu-server, API2/Qemu.pm, check_vm_modify_config_perm: only root may set
/// keys that no list there has.
pub static REFUSED: &[Refused] = &[
    refuse("affinity", ROOT),
    refuse("amd-sev", ROOT),
    refuse("arch", ROOT),
    refuse("args", ROOT),
    refuse("hookscript", ROOT),
    refuse("hugepages", ROOT),
    refuse("intel-tdx", ROOT),
    refuse("ivshmem", ROOT),
    refuse("keephugepages", ROOT),
    refuse("parallel", ROOT),
    refuse("spice_enhancements", ROOT),
    refuse("vmgenid", ROOT),
    refuse("lock", OURS),
    refuse("name", "use the VM's field `name`"),
    refuse("vmid", "use the VM's field `vmid`"),
    refuse("node", "use the env's field `node`"),
    refuse("pool", "use the VM's field `pool`"),
    refuse("tags", "use the VM's field `tags`"),
    refuse("template", "pve-apply creates VMs, not templates; `clone_from` clones one"),
    refuse("cipassword", "PVE never returns it; use `password_hash`"),
    refuse("autostart", "PVE ignores it; use `onboot`"),
    refuse("bootdisk", "it is deprecated; use `boot` with `order`"),
    refuse("cdrom", "it is an alias of `ide2`"),
    refuse("smp", "it is deprecated; use `sockets`"),
    refuse("unused", "it holds a detached volume; assign that to a drive to use it again"),
    refuse("meta", STATE),
    refuse("parent", STATE),
    refuse("runningcpu", STATE),
    refuse("runningmachine", STATE),
    refuse("running-nets-host-mtu", STATE),
    refuse("snaptime", STATE),
    refuse("vmstate", STATE),
    refuse("archive", CALL),
    refuse("background_delay", CALL),
    refuse("bwlimit", CALL),
    refuse("delete", CALL),
    refuse("digest", CALL),
    refuse("force", CALL),
    refuse("ha-managed", CALL),
    refuse("import-working-storage", CALL),
    refuse("live-restore", CALL),
    refuse("revert", CALL),
    refuse("skiplock", CALL),
    refuse("start", "use the VM's field `started`"),
    refuse("storage", "use a disk's `storage` or the VM's field `datastore`"),
    refuse("unique", CALL),
];

const BUSES: &[&str] = &["ide", "sata", "scsi", "virtio"];
const STATES: &[&str] = &["efidisk0", "tpmstate0"];

/// The refused options.
pub static REFUSED_OPTIONS: &[RefusedOption] = &[
    RefusedOption { keys: &["boot"], name: "legacy", reason: "it is deprecated; use `order`" },
    RefusedOption {
        keys: &["cpu"],
        name: "reported-model",
        reason: "PVE allows it only in custom CPU models",
    },
    RefusedOption {
        keys: &["hostpci"],
        name: "host",
        reason: "only root may set it; use `mapping`",
    },
    RefusedOption { keys: &["hostpci"], name: "romfile", reason: ROOT },
    RefusedOption { keys: &["smbios1"], name: "uuid", reason: OURS },
    RefusedOption { keys: &["smbios1"], name: "base64", reason: "write the texts unencoded" },
    RefusedOption { keys: BUSES, name: "import-from", reason: "use `import` with an image name" },
    RefusedOption { keys: BUSES, name: "cyls", reason: "PVE 9 removed it" },
    RefusedOption { keys: BUSES, name: "heads", reason: "PVE 9 removed it" },
    RefusedOption { keys: BUSES, name: "secs", reason: "PVE 9 removed it" },
    RefusedOption { keys: BUSES, name: "trans", reason: "PVE 9 removed it" },
    RefusedOption { keys: STATES, name: "file", reason: "PVE creates its volume on `storage`" },
    RefusedOption { keys: STATES, name: "volume", reason: "PVE creates its volume on `storage`" },
    RefusedOption { keys: STATES, name: "size", reason: "PVE sets it" },
    RefusedOption { keys: STATES, name: "import-from", reason: "it is always created new" },
];

/// Returns why a key is refused.
pub fn refusal(name: &str) -> Option<&'static str> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let find = |name: &str| REFUSED.iter().find(|refused| refused.name == name);
    find(name).or_else(|| find(stem)).map(|refused| refused.reason)
}

/// Returns why an option of a key is refused.
pub fn option_refusal(key: &Key, name: &str) -> Option<&'static str> {
    let is_it =
        |refused: &&RefusedOption| refused.name == name && refused.keys.contains(&key.part.name);
    REFUSED_OPTIONS.iter().find(is_it).map(|refused| refused.reason)
}
