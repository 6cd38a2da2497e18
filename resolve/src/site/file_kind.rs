//! The kinds of files, and the directories of a site that have them. Does no I/O.

/// A kind of files that are identified by their stem.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileKind {
    /// Its name in messages.
    pub noun: &'static str,
    /// Their directories; a name must exist in only one of them.
    pub folders: &'static [&'static str],
    /// Directories of the oldest layout, for names that the others do not have.
    pub older: &'static [&'static str],
}

impl FileKind {
    /// Returns all directories.
    pub(crate) fn all_folders(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.folders.iter().chain(self.older).copied()
    }
}

/// `nodes/`.
pub(crate) const NODES: FileKind = FileKind { noun: "node", folders: &["nodes"], older: &[] };
/// `networks/`.
pub(crate) const NETWORKS: FileKind =
    FileKind { noun: "network", folders: &["networks"], older: &[] };
/// `envs/`.
pub(crate) const ENVS: FileKind = FileKind { noun: "env", folders: &["envs"], older: &[] };
/// `manifests/`.
pub(crate) const MANIFESTS: FileKind =
    FileKind { noun: "manifest", folders: &["manifests"], older: &[] };
/// `presets/`, and `vms/presets/` in older sites.
pub(crate) const PRESETS: FileKind =
    FileKind { noun: "preset", folders: &["presets", "vms/presets"], older: &["v2/presets"] };
/// `vms/`.
pub(crate) const TEMPLATES: FileKind = FileKind { noun: "template", folders: &["vms"], older: &[] };
/// `specs/`.
pub(crate) const SPECS: FileKind =
    FileKind { noun: "spec", folders: &["specs"], older: &["v2/specs"] };
/// `postures/`.
pub(crate) const POSTURES: FileKind =
    FileKind { noun: "posture", folders: &["postures"], older: &["v2/postures"] };
/// The same for specs in `v2/`.
pub(crate) const OLDER_POSTURES: FileKind =
    FileKind { noun: "posture", folders: &["v2/postures"], older: &["postures"] };
/// The posture that applies where none is written.
pub(crate) const DEFAULT_POSTURE: &str = "dev";
/// `hosts/`.
pub(crate) const HOSTS: FileKind = FileKind { noun: "host", folders: &["hosts"], older: &[] };
