//! The keys of a VM's config: who may write them, and what a running VM does with a change.
//! A table, and how it is read: does no I/O.
//!
//! It is written from PVE's source and from what PVE was seen to do, and shares nothing with the
//! table of the client, so that the two can be compared row by row.

pub(super) mod cases;
mod devices;
mod machine;
mod options;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use super::schema::numbered;

/// A release, `9.1` as a pair to compare with.
pub type Release = (u32, u32);

/// The oldest release that the table knows.
pub const OLDEST: Release = (8, 4);

/// One key of a VM's config, or a family of numbered ones.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The name; of a family without the number.
    pub stem: &'static str,
    /// How many there are of a family, as 32 of `net0` to `net31`; none for a single key.
    pub slots: Option<usize>,
    /// Whether a request may set it; the others can at most be deleted.
    pub settable: bool,
    /// What a write needs, case by case.
    pub needs: &'static [Need],
    /// What only root@pam may write.
    pub root: &'static [RootOnly],
    /// Its value decides what it needs, so PVE checks it after the others, key by key.
    pub late: bool,
    /// What a running VM does when the key comes, changes or goes.
    pub running: Running,
    /// Options of the value that a running VM treats otherwise, or that came later.
    pub options: &'static [Opt],
    /// The value that PVE takes when the key is absent; none where there is none, or another key
    /// decides.
    pub default: Option<&'static str>,
    /// The first release that has it, 8.4 for all that are older.
    pub since: Release,
    /// Where PVE says so.
    pub source: &'static str,
}

/// Privileges that a write needs in one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// When.
    pub case: Case,
    /// On which path; `{…}` stands for the VM, or for a part of the value.
    pub path: &'static str,
    /// Which privileges.
    pub privileges: &'static [&'static str],
    /// Whether one of them is enough.
    pub any: bool,
    /// The first release where it is so.
    pub since: Release,
    /// The first release where it is so no longer.
    pub until: Option<Release>,
    /// Whether a create asks for it too.
    pub at_create: bool,
}

/// Which values a rule holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// All.
    Always,
    /// A drive that is no CD.
    Disk,
    /// A CD drive, empty or with an image.
    Cdrom,
    /// The node's own CD drive.
    PhysicalCdrom,
    /// The drive of cloud-init.
    CloudInit,
    /// A disk that is still to be allocated.
    NewDisk,
    /// A device by the name of a mapping.
    Mapped,
    /// A device of the node by its own name.
    RawDevice,
    /// The node's random number generator.
    HardwareRng,
    /// A NIC on a bridge, its VLAN not looked at.
    Bridge,
    /// A NIC in a VLAN.
    Vlan,
    /// A CPU model of the site's own.
    CustomModel,
    /// A ROM file for a passed-through device.
    RomFile,
}

/// What is root's alone, and what all others are told; `{key}` stands for the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootOnly {
    /// When.
    pub case: Case,
    /// The text at create.
    pub create: &'static str,
    /// The text when a change sets it.
    pub change: &'static str,
    /// The text when a change deletes it.
    pub delete: &'static str,
    /// Whether it is the fault of a parameter, status 400; else the status is 500.
    pub as_parameter: bool,
    /// The first release where it is so.
    pub since: Release,
    /// The first release where it is so no longer.
    pub until: Option<Release>,
}

/// What a running VM does when a key comes, changes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// In force at once, even when it was left pending by an earlier request.
    Free,
    /// In force at once, through QEMU or the VM's cgroup.
    Live,
    /// In force at once where `hotplug` has this feature, else pending.
    Feature(&'static str),
    /// As a feature, and the guest must be of a kind that PVE plugs USB devices into.
    Usb,
    /// In force at once, unless it changes from or to 0.
    Balloon,
    /// In force at once, unless CPU or memory is among the old or the new features.
    Hotplug,
    /// Pending until the VM is stopped, or started.
    Restart,
}

/// An option of a value, as `tag` of a NIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opt {
    /// Its name.
    pub name: &'static str,
    /// For which values.
    pub case: Case,
    /// What a running VM does when it changes and nothing else does.
    pub effect: Effect,
    /// The first release that has it.
    pub since: Release,
}

/// What a running VM does with a changed option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is in force at once.
    Live,
    /// The config has it at once, QEMU goes on with the old one until the next start.
    Recorded,
    /// The device is unplugged and plugged again where `hotplug` has its feature, else pending.
    Replug,
    /// Pending.
    Restart,
    /// Refused while the VM runs, and pending.
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

    /// The option of a value, in a case.
    pub fn option(&self, name: &str, case: Case) -> Option<&Opt> {
        let fits = |option: &&Opt| option.case == Case::Always || option.case == case;
        self.options.iter().filter(|option| option.name == name).find(fits)
    }

    /// What is root's alone in one of these cases, in one release.
    pub fn root_only(&self, cases: &[Case], release: Release) -> Option<&RootOnly> {
        self.root.iter().find(|rule| {
            cases.contains(&rule.case)
                && reached(rule.since, release)
                && rule.until.is_none_or(|until| release < until)
        })
    }

    /// What a write needs in a case, in one release.
    pub fn needs(&self, case: Case, release: Release) -> impl Iterator<Item = &'static Need> {
        self.needs.iter().filter(move |need| {
            need.case == case
                && reached(need.since, release)
                && need.until.is_none_or(|until| release < until)
        })
    }
}

/// Whether a release has what came with another; what is older than the table has always been.
pub fn reached(since: Release, release: Release) -> bool {
    since <= OLDEST || since <= release
}

/// A need on the VM itself, in any case and release.
const fn on_vm(privileges: &'static [&'static str]) -> Need {
    on("/vms/{vmid}", privileges)
}

/// A need on a path, in any case and release.
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

/// What is root's in a case, with one text.
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

/// Where most of it stands: the privileges, and what waits.
const SOURCE: &str = "qemu-server, API2/Qemu.pm, $check_vm_modify_config_perm; QemuServer.pm, \
                      vmconfig_hotplug_pending";

/// Every key.
pub fn all() -> &'static [Key] {
    static ALL: OnceLock<Vec<Key>> = OnceLock::new();
    ALL.get_or_init(|| [machine::ROWS, options::ROWS, devices::ROWS].concat())
}

/// The row of a key, `net0` by its family; none when PVE has no such key.
pub fn find(key: &str) -> Option<&'static Key> {
    let single = all().iter().find(|row| row.slots.is_none() && row.stem == key);
    single.or_else(|| {
        let (stem, number) = numbered(key)?;
        all().iter().find(|row| row.stem == stem && row.slots.is_some_and(|slots| number < slots))
    })
}

/// How many there are of a family.
pub(super) fn slots(stem: &str) -> Option<usize> {
    all().iter().filter(|row| row.stem == stem).find_map(|row| row.slots)
}
