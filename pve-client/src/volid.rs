//! Volid: `storage:name`, the name of a volume. Does no I/O.

use std::fmt;
use std::str::FromStr;

use crate::ids::{BadName, StorageId};

/// The name of a volume: `local:import/debian-12.qcow2`, `local-lvm:vm-100-disk-0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Volid {
    storage: StorageId,
    name: String,
}

impl Volid {
    /// The rule for a volid.
    pub const RULE: &str = "a volid: `storage:name`";

    /// Returns the volid of a file in a storage's content folder, such as `local:import/NAME`.
    pub fn of_file(storage: &StorageId, content: &str, file: &str) -> Self {
        Self { storage: storage.clone(), name: format!("{content}/{file}") }
    }

    /// Returns the storage that holds the volume.
    pub fn storage(&self) -> &StorageId {
        &self.storage
    }

    /// Returns the part after the colon.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the content folder of a file volume: `iso`, `import`, `snippets`, `vztmpl`.
    pub fn content(&self) -> Option<&str> {
        let (folder, _) = self.name.split_once('/')?;
        ["iso", "import", "snippets", "vztmpl", "backup"].contains(&folder).then_some(folder)
    }

    /// Returns the last part of the name: the file or disk itself.
    pub fn file(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// Returns whether it is a base image, which linked clones may depend on.
    // PVE: pve-storage, Storage/Plugin.pm, parse_volname.
    pub fn is_base(&self) -> bool {
        self.file().starts_with("base-")
    }

    /// Returns the base image of a linked clone. LVM-thin and raw images on BTRFS do not tell.
    // PVE: facts-3 1.1, facts-4 20.
    pub fn base(&self) -> Option<Self> {
        let (above, _) = self.name.rsplit_once('/')?;
        let at = above.rfind("base-")?;
        let end = above[at..].find('/').map_or(above.len(), |length| at + length);
        let is_segment = at == 0 || above.as_bytes().get(at - 1) == Some(&b'/');
        is_segment.then(|| Self { storage: self.storage.clone(), name: above[..end].to_owned() })
    }
}

impl FromStr for Volid {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { text: text.to_owned(), rule: Self::RULE };
        let (storage, name) = text.split_once(':').ok_or_else(bad)?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == ',';
        // A comma would end the volid inside a drive's property string.
        if name.is_empty() || name.contains(odd) {
            return Err(bad());
        }
        Ok(Self { storage: storage.parse().map_err(|_| bad())?, name: name.to_owned() })
    }
}

impl fmt::Display for Volid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.storage, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, Option<&str>, &str)>) {
        let got = text.parse::<Volid>().ok();
        let parts = got.as_ref().map(|v| (v.storage().as_str(), v.content(), v.file()));
        assert_eq!(parts, expected, "{text}");
        if let Some(volid) = got {
            assert_eq!(volid.to_string(), text);
        }
    }

    #[test]
    fn parses_files_and_disks() {
        check("local:import/debian-12.qcow2", Some(("local", Some("import"), "debian-12.qcow2")));
        check("local:100/vm-100-disk-0.qcow2", Some(("local", None, "vm-100-disk-0.qcow2")));
        check("local-lvm:vm-100-disk-0", Some(("local-lvm", None, "vm-100-disk-0")));
    }

    #[test]
    fn a_linked_clone_names_its_base() {
        for (volid, base) in [
            (
                "dir:9000/base-9000-disk-0.qcow2/1/vm-1-disk-0.qcow2",
                "dir:9000/base-9000-disk-0.qcow2",
            ),
            (
                "dir:9000/base-9000-disk-0.raw/7/base-7-disk-0.qcow2",
                "dir:9000/base-9000-disk-0.raw",
            ),
            ("tank:base-9000-disk-0/vm-1-disk-0", "tank:base-9000-disk-0"),
            ("dir:9000/base-9000-disk-0.qcow2", ""),
            ("tank:base-9000-disk-0", ""),
            ("thin:vm-1-disk-0", ""),
            ("dir:1/vm-1-disk-0.raw", ""),
            ("dir:import/my-base-1/vm-1.raw", ""),
        ] {
            let read: Volid = volid.parse().unwrap();
            let seen = read.base().map(|base| base.to_string());
            assert_eq!(seen.unwrap_or_default(), base, "{volid}");
            assert_eq!(
                read.is_base(),
                volid.rsplit(['/', ':']).next().unwrap().starts_with("base-")
            );
        }
    }

    #[test]
    fn refuses_other_texts() {
        check("local", None);
        check("local:", None);
        check(":import/x.qcow2", None);
        check("local:import/x.qcow2,size=1G", None);
    }
}
