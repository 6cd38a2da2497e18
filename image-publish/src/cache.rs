//! DOOR: reads and writes the cache, so that unchanged images are not read again.
//!
//! An entry is valid as long as the size, times, inode and device of each file are unchanged.
//! The cache may be deleted at any time. If it is corrupt, it counts as empty; if it cannot be written,
//! only time is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stage::whole_file::WholeFile;

use crate::show;
use crate::source::checksum::{ExpectedSum, Sum};
use crate::source::examine::{Facts, UrlFacts};
use crate::source::parts::{Files, Identity};

/// What is known about images, by path or URL.
#[derive(Debug)]
pub(crate) struct Cache {
    path: Option<PathBuf>,
    content: Content,
    /// What this run has learned.
    news: Content,
}

/// The cache file. Other versions count as empty. `sums` was added to version 2 later, so it is optional.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    version: u32,
    #[serde(default)]
    files: BTreeMap<String, FileEntry>,
    #[serde(default)]
    urls: BTreeMap<String, UrlFacts>,
    #[serde(default)]
    sums: BTreeMap<String, KnownSum>,
}

/// A checksum that a web server listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownSum {
    /// The checksum.
    pub(crate) sum: Sum,
    /// The list that had it, for messages.
    pub(crate) list: String,
    /// When it was fetched, in seconds since 1970.
    pub(crate) learned: i64,
}

impl KnownSum {
    /// Returns the day on which the checksum was fetched, such as `2026-11-29`.
    pub(crate) fn day(&self) -> String {
        show::day(self.learned).unwrap_or_default()
    }

    /// Returns the checksum with its origin.
    pub(crate) fn expected(&self) -> ExpectedSum {
        let by = format!("{} on {}", self.list, self.day());
        ExpectedSum { sum: self.sum.clone(), by, pinned: false }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct FileEntry {
    identity: Vec<Identity>,
    facts: Facts,
}

/// Incremented when a new release would misread old entries.
const VERSION: u32 = 2;

impl Cache {
    /// Reads the cache in a directory; without one, nothing is stored.
    pub(crate) fn load(folder: Option<&Path>) -> Self {
        let path = folder.map(|folder| folder.join("images.json"));
        let content = path.as_deref().map(read).unwrap_or_default();
        Self { path, content, news: Content::default() }
    }

    /// Returns what is known about files, if they have not changed since.
    pub(crate) fn files(&self, files: &Files, variant: &str) -> Option<&Facts> {
        let key = key(files, variant)?;
        let entry = self.news.files.get(&key).or_else(|| self.content.files.get(&key))?;
        (files.identity().ok()? == entry.identity).then_some(&entry.facts)
    }

    /// Stores what is known about files; `identity` is from before they were read.
    pub(crate) fn keep_files(
        &mut self,
        files: &Files,
        variant: &str,
        identity: Vec<Identity>,
        facts: &Facts,
    ) {
        if let Some(key) = key(files, variant) {
            self.news.files.insert(key, FileEntry { identity, facts: facts.clone() });
        }
    }

    /// Returns what is known about the file with this checksum at this address.
    pub(crate) fn url(&self, url: &str, sum: &str) -> Option<&UrlFacts> {
        let key = format!("{url}#{sum}");
        self.news.urls.get(&key).or_else(|| self.content.urls.get(&key))
    }

    /// Stores what is known about the file with this checksum at this address.
    pub(crate) fn keep_url(&mut self, url: &str, sum: &str, facts: &UrlFacts) {
        self.news.urls.insert(format!("{url}#{sum}"), facts.clone());
    }

    /// Returns the last checksum that a web server listed for a source.
    pub(crate) fn known(&self, source: &str) -> Option<&KnownSum> {
        self.news.sums.get(source).or_else(|| self.content.sums.get(source))
    }

    /// Stores the checksum that a web server listed for a source.
    pub(crate) fn keep_known(&mut self, source: String, known: KnownSum) {
        self.news.sums.insert(source, known);
    }

    /// Writes the cache atomically if there is something new, merged with what other runs have written
    /// in the meantime.
    #[expect(clippy::disallowed_methods, reason = "door: the cache")]
    pub(crate) fn save(&mut self) {
        let Some(path) = self.path.as_deref().filter(|_| !self.news.is_empty()) else { return };
        // Before it is read: meanwhile no other run writes it, or this one does not.
        let folder = path.parent().unwrap_or(Path::new("."));
        let file = std::fs::create_dir_all(folder).and_then(|()| WholeFile::open(path));
        let Content { files, urls, sums, .. } = std::mem::take(&mut self.news);
        self.content = read(path);
        self.content.version = VERSION;
        self.content.files.extend(files);
        self.content.urls.extend(urls);
        self.content.sums.extend(sums);
        let Ok(bytes) = serde_json::to_vec(&self.content) else { return };
        if let Ok(file) = file {
            let _ = file.commit(&bytes);
        }
    }
}

impl Content {
    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.urls.is_empty() && self.sums.is_empty()
    }
}

/// Reads the file; a corrupt one counts as empty.
#[expect(clippy::disallowed_methods, reason = "door: the cache")]
fn read(path: &Path) -> Content {
    let content = std::fs::read(path).ok();
    let content = content.and_then(|bytes| serde_json::from_slice::<Content>(&bytes).ok());
    content.filter(|content| content.version == VERSION).unwrap_or_default()
}

/// Returns the key of files: their absolute path, and the variant.
fn key(files: &Files, variant: &str) -> Option<String> {
    let path = std::path::absolute(&files.path).ok()?;
    Some(format!("{}{variant}", path.to_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn known(hex: char) -> KnownSum {
        let sum = Sum::of_hex(&hex.to_string().repeat(64)).unwrap();
        KnownSum { sum, list: "https://x/SHA256SUMS".to_owned(), learned: 1_764_417_600 }
    }

    #[test]
    fn concurrent_runs_keep_the_entries_of_both() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = Cache::load(Some(folder.path()));
        let mut two = Cache::load(Some(folder.path()));
        one.keep_known("a".to_owned(), known('a'));
        two.keep_known("b".to_owned(), known('b'));
        one.save();
        two.save();
        let both = Cache::load(Some(folder.path()));
        assert_eq!(both.known("a"), Some(&known('a')));
        assert_eq!(both.known("b"), Some(&known('b')));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes files and looks at them")]
    fn the_cache_is_private_and_does_not_follow_links() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let temporary = folder.path().join("images.json.part");
        std::os::unix::fs::symlink(&victim, temporary).unwrap();
        let mut cache = Cache::load(Some(folder.path()));
        cache.keep_known("a".to_owned(), known('a'));
        cache.save();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        let mode = folder.path().join("images.json").symlink_metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }

    #[test]
    fn the_day_on_which_a_checksum_was_fetched() {
        assert_eq!(known('a').day(), "2025-11-29");
        assert_eq!(KnownSum { learned: i64::MAX, ..known('a') }.day(), "");
    }
}
