//! `Need`: a privilege that is required to write a config key. Does no I/O.

use crate::version::Version;

/// A required privilege and its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The path.
    pub on: On,
    /// The privilege, such as `VM.Config.CPU`.
    pub privilege: &'static str,
    /// The values that require it.
    pub when: When,
    /// The first PVE version that requires it.
    pub since: Version,
    /// The first PVE version that no longer requires it.
    pub before: Option<Version>,
}

/// The path of a required privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// `/vms/VMID`.
    Vm,
    /// `/`.
    Root,
    /// The bridge or vnet of the option `bridge`. With a tag, the privilege on that tag is enough.
    Bridge,
    /// The storage of the volume, or the value of a scalar key.
    Storage,
    /// `/mapping/KIND/ID`: the kind, and the option with the ID.
    Mapping(&'static str, &'static str),
    /// `/mapping/cpu/NAME`, of a CPU model `custom-NAME`.
    CpuModel,
    /// A fixed path.
    Path(&'static str),
    /// `/pool/ID`, where the value is the ID.
    Pool,
}

/// The values that require a privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All values.
    Always,
    /// A disk, not a CD drive.
    Disk,
    /// A CD drive, including cloud-init's.
    Cd,
    /// A CD drive with a volume, except cloud-init's.
    CdVolume,
    /// The cloud-init drive.
    CloudInit,
    /// The option is set.
    Has(&'static str),
    /// The option has this value.
    Is(&'static str, &'static str),
    /// A custom CPU model, `custom-…`.
    CustomModel,
}

impl Need {
    /// A privilege that every value requires.
    pub(crate) const fn new(on: On, privilege: &'static str) -> Self {
        Self { on, privilege, when: When::Always, since: Version::OLDEST, before: None }
    }

    /// Limits it to some values.
    pub(crate) const fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// Sets the first PVE version that requires it.
    pub(crate) const fn since(mut self, major: u8, minor: u8) -> Self {
        self.since = Version(major, minor);
        self
    }

    /// Sets the first PVE version that no longer requires it.
    pub(crate) const fn before(mut self, major: u8, minor: u8) -> Self {
        self.before = Some(Version(major, minor));
        self
    }
}
