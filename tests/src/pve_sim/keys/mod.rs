//! The keys of a VM's config: who may write them, and what a change does to a running VM.
//! A table and its lookups: does no I/O.
//!
//! It is written from PVE's source and its observed behavior, and shares nothing with the
//! client's table, so that the two can be compared row by row.

pub(super) mod cases;
mod devices;
mod machine;
mod options;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use super::schema::numbered;

/// A release as a comparable pair, such as `(9, 1)`.
pub type Release = (u32, u32);

/// The oldest release in the table.
pub const OLDEST: Release = (8, 4);

/// One key of a VM's config, or a family of numbered ones.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The name; for a family, without the number.
    pub stem: &'static str,
    /// The size of a family, such as 32 for `net0` to `net31`; `None` for a single key.
    pub slots: Option<usize>,
    /// Whether a request may set it; other keys can at most be deleted.
    pub settable: bool,
    /// The privileges that a write needs, case by case.
    pub needs: &'static [Need],
    /// Values that only root@pam may write.
    pub root: &'static [RootOnly],
    /// Whether its privileges depend on its value: PVE then checks it after the others, key by key.
    pub late: bool,
    /// The effect on a running VM of adding, changing or deleting the key.
    pub running: Running,
    /// Options of the value with another effect, or from a later release.
    pub options: &'static [Opt],
    /// PVE's default value; `None` if there is none, or if another key
    /// decides.
    pub default: Option<&'static str>,
    /// The first release that has it; 8.4 for all older ones.
    pub since: Release,
    /// Where PVE defines it.
    pub source: &'static str,
}

/// Privileges that a write needs in one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The case.
    pub case: Case,
    /// The path; `{…}` is replaced with the VM or a part of the value.
    pub path: &'static str,
    /// The privileges.
    pub privileges: &'static [&'static str],
    /// Whether any one of them is enough.
    pub any: bool,
    /// The first release with this rule.
    pub since: Release,
    /// The first release without this rule.
    pub until: Option<Release>,
    /// Whether a create needs it too.
    pub at_create: bool,
}

/// The values that a rule applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// All.
    Always,
    /// A drive that is not a CD.
    Disk,
    /// A CD drive, empty or with an image.
    Cdrom,
    /// The node's own CD drive.
    PhysicalCdrom,
    /// The cloud-init drive.
    CloudInit,
    /// A disk that has to be allocated.
    NewDisk,
    /// A device from a mapping.
    Mapped,
    /// A device of the node, without a mapping.
    RawDevice,
    /// The node's random number generator.
    HardwareRng,
    /// A NIC on a bridge, whatever its VLAN.
    Bridge,
    /// A NIC in a VLAN.
    Vlan,
    /// A custom CPU model.
    CustomModel,
    /// A ROM file for a passed-through device.
    RomFile,
}

/// What only root may write, and the error for everyone else; `{key}` is replaced with the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootOnly {
    /// The case.
    pub case: Case,
    /// The error at create.
    pub create: &'static str,
    /// The error when a change sets it.
    pub change: &'static str,
    /// The error when a change deletes it.
    pub delete: &'static str,
    /// Whether it is a parameter error with status 400; otherwise the status is 500.
    pub as_parameter: bool,
    /// The first release with this rule.
    pub since: Release,
    /// The first release without this rule.
    pub until: Option<Release>,
}

/// The effect on a running VM of adding, changing or deleting a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// In effect at once, even if an earlier request left it pending.
    Free,
    /// In effect at once, through QEMU or the VM's cgroup.
    Live,
    /// In effect at once if `hotplug` has this feature, otherwise pending.
    Feature(&'static str),
    /// Like a feature, but only for guest types whose USB devices PVE can hotplug.
    Usb,
    /// In effect at once, unless it changes from or to 0.
    Balloon,
    /// In effect at once, unless CPU or memory is among the old or the new features.
    Hotplug,
    /// Pending until the VM is stopped or started.
    Restart,
}

/// An option of a value, such as `tag` of a NIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opt {
    /// Its name.
    pub name: &'static str,
    /// The case it applies to.
    pub case: Case,
    /// The effect on a running VM of changing only this option.
    pub effect: Effect,
    /// The first release that has it.
    pub since: Release,
}

/// The effect of a changed option on a running VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// In effect at once.
    Live,
    /// In the config at once; QEMU uses the old value until the next start.
    Recorded,
    /// The device is unplugged and plugged in again if `hotplug` has its feature, otherwise pending.
    Replug,
    /// Pending.
    Restart,
    /// Refused while the VM is running, and pending.
    Refused,
}

impl Key {
    const fn new(
        stem: &'static str,
        needs: &'static [Need],
        running: Running,
        source: &'static str,
    ) -> Self {
        Self {
            stem,
            slots: None,
            settable: true,
            needs,
            root: &[],
            late: false,
            running,
            options: &[],
            default: None,
            since: OLDEST,
            source,
        }
    }

    const fn slots(mut self, slots: usize) -> Self {
        self.slots = Some(slots);
        self
    }

    const fn unsettable(mut self) -> Self {
        self.settable = false;
        self
    }

    const fn root(mut self, root: &'static [RootOnly]) -> Self {
        self.root = root;
        self
    }

    const fn late(mut self) -> Self {
        self.late = true;
        self
    }

    const fn options(mut self, options: &'static [Opt]) -> Self {
        self.options = options;
        self
    }

    const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    const fn since(mut self, since: Release) -> Self {
        self.since = since;
        self
    }

    /// Returns an option of the value in a case.
    pub fn option(&self, name: &str, case: Case) -> Option<&Opt> {
        let fits = |option: &&Opt| option.case == Case::Always || option.case == case;
        self.options.iter().filter(|option| option.name == name).find(fits)
    }

    /// Returns what only root may write in one of these cases and in one release.
    pub fn root_only(&self, cases: &[Case], release: Release) -> Option<&RootOnly> {
        self.root.iter().find(|rule| {
            cases.contains(&rule.case)
                && reached(rule.since, release)
                && rule.until.is_none_or(|until| release < until)
        })
    }

    /// Returns what a write needs in a case and in one release.
    pub fn needs(&self, case: Case, release: Release) -> impl Iterator<Item = &'static Need> {
        self.needs.iter().filter(move |need| {
            need.case == case
                && reached(need.since, release)
                && need.until.is_none_or(|until| release < until)
        })
    }
}

/// Returns whether a release has something introduced in another; older features always exist.
pub fn reached(since: Release, release: Release) -> bool {
    since <= OLDEST || since <= release
}

/// Privileges on the VM itself, in any case and release.
const fn on_vm(privileges: &'static [&'static str]) -> Need {
    on("/vms/{vmid}", privileges)
}

/// Privileges on a path, in any case and release.
const fn on(path: &'static str, privileges: &'static [&'static str]) -> Need {
    Need {
        case: Case::Always,
        path,
        privileges,
        any: false,
        since: OLDEST,
        until: None,
        at_create: true,
    }
}

impl Need {
    const fn not_at_create(mut self) -> Self {
        self.at_create = false;
        self
    }

    const fn when(mut self, case: Case) -> Self {
        self.case = case;
        self
    }
}

const CPU: &[Need] = &[on_vm(&["VM.Config.CPU"])];
const MEMORY: &[Need] = &[on_vm(&["VM.Config.Memory"])];
const HARDWARE: &[Need] = &[on_vm(&["VM.Config.HWType"])];
const OPTIONS: &[Need] = &[on_vm(&["VM.Config.Options"])];
const DISK: &[Need] = &[on_vm(&["VM.Config.Disk"])];
const CLOUD_INIT: &[Need] =
    &[Need { any: true, ..on_vm(&["VM.Config.Cloudinit", "VM.Config.Network"]) }];

const ALL_ROOT: &[RootOnly] = &[root_only(Case::Always, "only root can set '{key}' config")];

/// Something only root may write in a case, with the same text for every write.
const fn root_only(case: Case, text: &'static str) -> RootOnly {
    RootOnly {
        case,
        create: text,
        change: text,
        delete: text,
        as_parameter: false,
        since: OLDEST,
        until: None,
    }
}

/// The source of most rows: privileges, and what stays pending.
const SOURCE: &str = "qemu-server, API2/Qemu.pm, $check_vm_modify_config_perm; QemuServer.pm, \
                      vmconfig_hotplug_pending";

/// Every key.
pub fn all() -> &'static [Key] {
    static ALL: OnceLock<Vec<Key>> = OnceLock::new();
    ALL.get_or_init(|| [machine::ROWS, options::ROWS, devices::ROWS].concat())
}

/// Returns the row of a key, `net0` by its family; `None` if PVE has no such key.
pub fn find(key: &str) -> Option<&'static Key> {
    let single = all().iter().find(|row| row.slots.is_none() && row.stem == key);
    single.or_else(|| {
        let (stem, number) = numbered(key)?;
        all().iter().find(|row| row.stem == stem && row.slots.is_some_and(|slots| number < slots))
    })
}

/// Returns the size of a family.
pub(super) fn slots(stem: &str) -> Option<usize> {
    all().iter().filter(|row| row.stem == stem).find_map(|row| row.slots)
}
