//! Seed data as snippets: which files, under which names, and how they get onto the node. Does no I/O.

use pve_client::{PropertyString, StorageId, Volid};
use serde::{Deserialize, Serialize};

/// PVE: reference 1: `cicustom` takes no larger file; three of them stay within its 3 MiB for all.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// Where snippets lie, and the way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snippets {
    /// The storage, with content `snippets`.
    pub(crate) storage: StorageId,
    /// How files are written; `None`: they can only be found and deleted.
    pub(crate) to: Option<Delivery>,
}

/// How a snippet is written: PVE's API stores none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub(crate) enum Delivery {
    /// Into a folder of this machine.
    Dir {
        /// The folder.
        path: String,
    },
    /// By the system's `sftp`.
    Sftp {
        /// As `[USER@]HOST`.
        host: String,
        /// The folder there.
        path: String,
    },
}

impl Delivery {
    /// Says where to.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Dir { path } => path.clone(),
            Self::Sftp { host, path } => format!("{host}:{path}"),
        }
    }
}

/// The keys of `cicustom`, and how the names of their files end.
const PARTS: [(&str, &str); 3] =
    [("user", ".user.yaml"), ("meta", ".meta.yaml"), ("network", ".network.yaml")];

/// The names of a VM's snippets: all begin with `base`; without network-config there are two.
pub(crate) fn names(base: &str, with_network: bool) -> Vec<(&'static str, String)> {
    let parts = PARTS.iter().filter(|(part, _)| with_network || *part != "network");
    parts.map(|(part, ending)| (*part, format!("{base}{ending}"))).collect()
}

/// The value of `cicustom` that names these files.
pub(crate) fn cicustom(storage: &StorageId, base: &str, with_network: bool) -> String {
    let names = names(base, with_network).into_iter();
    let list = names.map(|(part, file)| format!("{part}={}", volid(storage, &file)));
    list.collect::<Vec<_>>().join(",")
}

/// Says whether two values of `cicustom` name the same files.
pub(crate) fn is_same_cicustom(one: &str, other: &str) -> bool {
    let parts = |text| PropertyString::parse(text, PropertyString::UNNAMED);
    let (one, other) = (parts(one), parts(other));
    // PVE: reference 1: there are four.
    ["user", "meta", "network", "vendor"].iter().all(|key| one.get(key) == other.get(key))
}

/// A snippet's volid.
pub(crate) fn volid(storage: &StorageId, file: &str) -> Volid {
    Volid::of_file(storage, "snippets", file)
}

/// The snippets of ours that a `cicustom` names.
pub(crate) fn of_cicustom(text: &str) -> Vec<Volid> {
    let parts = PropertyString::parse(text, PropertyString::UNNAMED);
    let volids = PARTS.iter().filter_map(|(part, _)| parts.get(part)?.parse::<Volid>().ok());
    volids.filter(|volid| super::is_seed_file(volid.file())).collect()
}

/// What stands before the ending, if a name ends like a snippet's, be it half written.
pub(crate) fn strip_ending(file: &str) -> Option<&str> {
    let whole = file.strip_suffix(PART_WRITTEN).unwrap_or(file);
    PARTS.iter().find_map(|(_, ending)| whole.strip_suffix(ending))
}

/// How the name of a file ends that is not whole yet.
pub(crate) const PART_WRITTEN: &str = ".part";

/// Says whether a text can be given to `sftp` as its destination.
pub(crate) fn is_destination(text: &str) -> bool {
    let brackets = text.contains('[');
    let part = |c: char| c.is_ascii_alphanumeric() || "._-@%".contains(c);
    let fits = |c: char| part(c) || brackets && "[]:".contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(fits)
}

/// Says whether a text can stand in a command of `sftp` as a folder: nothing in it is a wildcard or
/// ends the word.
pub(crate) fn is_remote_folder(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_control() || "\"\\*?[".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cicustom_names_the_files_and_is_read_back() {
        let storage: StorageId = "local".parse().unwrap();
        let text = cicustom(&storage, "pve-pipeline-seed_dev_edge_5eed", true);
        assert_eq!(
            text,
            "user=local:snippets/pve-pipeline-seed_dev_edge_5eed.user.yaml,\
             meta=local:snippets/pve-pipeline-seed_dev_edge_5eed.meta.yaml,\
             network=local:snippets/pve-pipeline-seed_dev_edge_5eed.network.yaml"
        );
        assert_eq!(of_cicustom(&text).len(), 3);
        assert_eq!(of_cicustom("user=local:snippets/by-hand.yaml"), Vec::new());
        assert_eq!(of_cicustom(&cicustom(&storage, "pve-pipeline-seed_a_b_c", false)).len(), 2);
    }

    fn check(text: &str, expected: bool) {
        assert_eq!(is_destination(text), expected, "{text}");
    }

    #[test]
    fn a_destination_is_no_option_and_no_path() {
        check("root@pve1.example.net", true);
        check("root@[fe80::1]", true);
        check("pve1", true);
        check("-oProxyCommand=x", false);
        check("pve1:/etc", false);
        check("pve1 -v", false);
        check("", false);
    }
}
