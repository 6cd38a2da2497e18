//! `Need`: a privilege that a write of a config key takes. Does no I/O.

use crate::parts::Parts;
use crate::row::Version;

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
    /// The bridge or vnet that the option `bridge` names.
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

    /// Returns whether a PVE asks for it when this value is written, or taken away.
    pub fn is_asked(&self, parts: &Parts, pve: Version) -> bool {
        self.since <= pve && self.before.is_none_or(|before| pve < before) && self.fits(parts)
    }

    fn fits(&self, parts: &Parts) -> bool {
        match self.when {
            When::Always => true,
            When::Disk => !parts.is_cd(),
            When::Cd => parts.is_cd(),
            When::CdVolume => {
                let volume = parts.get("file").is_some_and(|file| file.contains(':'));
                parts.is_cd() && volume && !parts.is_cloud_init()
            }
            When::CloudInit => parts.is_cloud_init(),
            When::Has(option) => parts.get(option).is_some(),
            When::Is(option, value) => parts.get(option) == Some(value),
            When::CustomModel => {
                parts.get("cputype").is_some_and(|model| model.starts_with("custom-"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{ConfigKey, Parts, Version};

    fn check(name: &str, text: &str, pve: Version, expected: &[&str]) {
        let key = ConfigKey::find(name).unwrap().key;
        let parts = Parts::read(key, text);
        let asked = key.needs.iter().filter(|need| need.is_asked(&parts, pve));
        let asked: Vec<_> = asked.map(|need| need.privilege).collect();
        assert_eq!(asked, expected, "{name}: {text}");
    }

    #[test]
    fn privileges_follow_the_value() {
        let new = Version(9, 2);
        check("scsi1", "tank:8", new, &["VM.Config.Disk", "Datastore.AllocateSpace"]);
        check("scsi1", "none,media=cdrom", new, &["VM.Config.CDROM"]);
        check("ide2", "none", new, &["VM.Config.CDROM"]);
        check("ide2", "local:iso/a.iso,media=cdrom", new, &["VM.Config.CDROM", "Datastore.Audit"]);
        check("ide2", "cdrom,media=cdrom", new, &["VM.Config.CDROM", "Sys.Console"]);
        for text in ["tank:cloudinit", "tank:vm-100-cloudinit,media=cdrom"] {
            check("ide2", text, new, &["VM.Config.CDROM", "VM.Config.Cloudinit"]);
        }
        check("rng0", "source=/dev/urandom", new, &["VM.Config.HWType"]);
        check("rng0", "source=/dev/hwrng", new, &["VM.Config.HWType", "Mapping.Use"]);
        check("cpu", "host", new, &["VM.Config.CPU"]);
        check("cpu", "custom-a", new, &["VM.Config.CPU", "Mapping.Use"]);
        check("cpu", "custom-a", Version(9, 1), &["VM.Config.CPU", "Sys.Audit"]);
    }
}
