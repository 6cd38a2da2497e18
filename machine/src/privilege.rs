//! Which privileges a value requires. Does no I/O.

use crate::need::{Need, When};
use crate::parts::Parts;
use crate::version::Version;

impl Need {
    /// Returns whether a PVE version requires it to write or remove this value.
    pub fn applies(&self, parts: &Parts, pve: Version) -> bool {
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
        let asked = key.needs.iter().filter(|need| need.applies(&parts, pve));
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
