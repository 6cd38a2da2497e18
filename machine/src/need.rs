//! `Need`: a privilege that a write of a config key takes. Does no I/O.

use crate::version::Version;

/// A privilege that a write takes, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The path.
    pub on: On,
    /// As `VM.Config.CPU`.
    pub privilege: &'static str,
    /// Only values of this kind take it.
    pub when: When,
    /// The first PVE that asks for it.
    pub since: Version,
    /// The first PVE that no longer asks for it.
    pub before: Option<Version>,
}

/// The path that a privilege is needed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// `/vms/VMID`.
    Vm,
    /// `/`.
    Root,
    /// The bridge or vnet that the option `bridge` names. With a tag, PVE is content with the
    /// privilege on that tag below it.
    Bridge,
    /// The storage of the volume, or the one that a scalar key names.
    Storage,
    /// `/mapping/KIND/ID`, where the named option holds the id.
    Mapping(&'static str, &'static str),
    /// `/mapping/cpu/NAME`, of a CPU model `custom-NAME`.
    CpuModel,
    /// This very path.
    Path(&'static str),
    /// `/pool/ID`, where the value is the id.
    Pool,
}

/// The values that a privilege is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All.
    Always,
    /// A disk: no CD drive.
    Disk,
    /// A CD drive, that of cloud-init included.
    Cd,
    /// A CD drive with a volume in it, which is not that of cloud-init.
    CdVolume,
    /// The drive of cloud-init.
    CloudInit,
    /// The option is set.
    Has(&'static str),
    /// The option has this value.
    Is(&'static str, &'static str),
    /// A CPU model of the cluster's own, `custom-…`.
    CustomModel,
}

impl Need {
    /// What every value takes.
    pub(crate) const fn new(on: On, privilege: &'static str) -> Self {
        Self { on, privilege, when: When::Always, since: Version::OLDEST, before: None }
    }

    /// What only some values take.
    pub(crate) const fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// The first PVE that asks for it.
    pub(crate) const fn since(mut self, major: u8, minor: u8) -> Self {
        self.since = Version(major, minor);
        self
    }

    /// The first PVE that no longer asks for it.
    pub(crate) const fn before(mut self, major: u8, minor: u8) -> Self {
        self.before = Some(Version(major, minor));
        self
    }
}
