//! DOOR (file): what a run must remember of PVE's SDN lock until it is released: the lock never expires, and PVE
//! does not say who holds it.
//!
//! One file for each endpoint, next to the lock files between runs, readable only by its owner. Only the holder of
//! the machine's SDN lock reads or writes it.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stage::whole_file::WholeFile;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Memory {
    /// PVE was asked for the lock when it was free; no answer has come yet.
    Asked {
        /// What the SDN looked like: nobody else can change it while the lock is ours.
        looked: String,
    },
    /// The lock is ours.
    Held {
        /// Its token.
        token: String,
    },
}

/// The file; without a directory to keep it in, only this process remembers.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: Option<PathBuf>,
    /// What this process has written last.
    own: RefCell<Option<Memory>>,
}

impl TokenFile {
    /// Returns the file of an endpoint.
    pub(super) fn of(folder: Option<&Path>, endpoint: &str) -> Self {
        let digest = Sha256::digest(endpoint);
        let name = HEXLOWER.encode(digest.get(..12).unwrap_or_default());
        let path = folder.map(|folder| folder.join(format!("{PREFIX}{name}.token")));
        Self { path, own: RefCell::default() }
    }

    /// Returns what this run remembers, or an earlier one has left. A file that cannot be read counts as none.
    #[expect(clippy::disallowed_methods, reason = "door: the lock's token")]
    pub(super) fn read(&self) -> Option<Memory> {
        let left = || serde_json::from_slice(&std::fs::read(self.path.as_ref()?).ok()?).ok();
        self.own.borrow().clone().or_else(left)
    }

    /// Remembers. A folder that cannot be written only means that nobody can clean up after a killed run.
    pub(super) fn write(&self, memory: &Memory) {
        self.own.replace(Some(memory.clone()));
        let Some(path) = &self.path else { return };
        let Ok(text) = serde_json::to_vec(memory) else { return };
        let _ = WholeFile::open(path).and_then(|file| file.commit(&text));
    }

    /// Forgets.
    #[expect(clippy::disallowed_methods, reason = "door: the lock's token")]
    pub(super) fn remove(&self) {
        self.own.replace(None);
        if let Some(path) = &self.path {
            // What stays is looked at by the next run, and is harmless.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The start of the names of SDN's files, among those of the other locks.
pub(super) const PREFIX: &str = "sdn-";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_was_written_is_read_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::of(Some(folder.path()), "https://192.0.2.1:8006");
        let other = TokenFile::of(Some(folder.path()), "https://192.0.2.2:8006");
        assert_eq!(file.read(), None);
        for memory in [
            Memory::Asked { looked: "ab".to_owned() },
            Memory::Held { token: "01900000-0000-7000-8000-000000000000".to_owned() },
        ] {
            file.write(&memory);
            assert_eq!(file.read(), Some(memory.clone()));
            let later = TokenFile::of(Some(folder.path()), "https://192.0.2.1:8006");
            assert_eq!(later.read(), Some(memory));
        }
        let mode = file.path.as_ref().unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(other.read(), None);
        file.remove();
        assert_eq!(file.read(), None);
    }

    #[test]
    fn without_a_folder_only_this_run_remembers() {
        let file = || TokenFile::of(None, "https://192.0.2.1:8006");
        let (this, next) = (file(), file());
        this.write(&Memory::Held { token: "x".to_owned() });
        assert_eq!(this.read(), Some(Memory::Held { token: "x".to_owned() }));
        assert_eq!(next.read(), None);
        this.remove();
        assert_eq!(this.read(), None);
    }
}
