//! DOOR: talks to a node: the files of its storage, the checks before the first write, and the writes.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use pve_client::{
    Client, Download, Error, NodeName, Storage, StorageConfig, StorageId, Upid, Upload, Volid,
};
use pve_stage::finding;
use pve_stage::patience::{Patience, poll_answer};
use pve_stage::storage::unusable;
use stage::{Entry, Place, Report};

use crate::failed_write::FailedWrite;
use crate::interrupt::keep_waiting;
use crate::own_uploads::OwnUploads;
use crate::plan::StoredFile;
use crate::room;
use crate::show;
use crate::stored::{NotSame, is_other_sum};

/// Copying or downloading an image may take hours on slow storage; after a day the task counts as hung.
const TASK_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Removing a file takes seconds, and a user who pressed Ctrl-C should not wait longer.
const CLEANING_LIMIT: Duration = Duration::from_secs(60);

/// The last line of a log may be incomplete, and the one before it about something else.
const LOG_LINES: u64 = 4;

/// Types of storage that cannot hold files.
// PVE: pve-storage, Storage/*Plugin.pm: those without a `path`.
const HOLDS_NO_FILES: [&str; 8] =
    ["lvm", "lvmthin", "zfspool", "zfs", "rbd", "iscsi", "iscsidirect", "pbs"];

/// The content type of VMs' disks.
pub(crate) const DISKS: &str = "images";

/// A storage on a node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The client of its API.
    pub(crate) client: Client,
    /// Its name.
    pub(crate) node: NodeName,
    /// The storage.
    pub(crate) storage: StorageId,
    /// The content type under which images are stored; [`DISKS`] for a storage of templates.
    pub(crate) content: &'static str,
    /// Which nodes the storage belongs to.
    pub(crate) sharing: Sharing,
    /// The uploads of this run to all nodes.
    pub(crate) uploads: Arc<OwnUploads>,
}

/// Which nodes a storage belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// PVE was not asked, because the run works on one node.
    Unknown,
    /// To its node alone.
    OfNode,
    /// To several.
    Shared,
}

impl Node {
    /// Returns the place of findings about this node.
    pub(crate) fn place(&self) -> Place {
        Place::node(self.node.as_str())
    }

    /// Returns whether a file that is written on a node may be one of this storage.
    pub(crate) fn may_be(&self, node: &str) -> bool {
        self.sharing != Sharing::OfNode || node == self.node.as_str()
    }

    /// Returns whether the run works on several nodes.
    pub(crate) fn is_one_of_several(&self) -> bool {
        self.sharing != Sharing::Unknown
    }

    /// Returns whether a task is an upload of this run to another storage: each is used through a node of its own.
    pub(crate) fn is_of_another(&self, upid: &Upid) -> bool {
        self.uploads.target(upid).is_some_and(|target| target != self.node)
    }

    /// Returns the volid of a file.
    pub(crate) fn volid(&self, file: &str) -> Volid {
        Volid::of_file(&self.storage, self.content, file)
    }

    /// Returns the files of the storage: the only GET when nothing has changed.
    pub(crate) fn present(&self) -> Result<Vec<StoredFile>, Entry> {
        self.files().map_err(|error| self.not_listed(&error))
    }

    /// Returns the error for a storage that cannot be listed.
    pub(crate) fn not_listed(&self, error: &Error) -> Entry {
        let fact = format!("listing the content of storage \"{}\"", self.storage);
        self.unusable(error).unwrap_or_else(|| finding::while_doing(self.place(), &fact, error))
    }

    /// Returns the size of a file in bytes; `None` if the storage has no such file.
    pub(crate) fn size_of(&self, file: &str) -> Result<Option<u64>, Error> {
        let files = self.files()?;
        Ok(files.iter().find(|present| present.file == file).map(|present| present.size))
    }

    /// Returns the files of the storage, or PVE's refusal.
    pub(crate) fn files(&self) -> Result<Vec<StoredFile>, Error> {
        let volumes = self.client.storage_content(&self.node, &self.storage, Some(self.content))?;
        let file = |volume: &pve_client::Volume| StoredFile {
            file: volume.volid.file().to_owned(),
            size: volume.size,
            made: volume.ctime,
        };
        Ok(volumes.iter().map(file).collect())
    }

    /// Returns why the node or the token cannot use the storage, if that explains PVE's refusal.
    fn unusable(&self, error: &Error) -> Option<Entry> {
        let Error::Status(refusal) = error else { return None };
        if !matches!(refusal.status, 403 | 500) {
            return None;
        }
        let storages = self.client.storages(&self.node).ok()?;
        match storages.iter().find(|storage| storage.storage == self.storage) {
            Some(found) => unusable(self.place(), &self.node, found, &self.configs(found)),
            None => Some(finding::with_pve_details(self.not_visible(&storages), error)),
        }
    }

    /// Returns the error for a storage that PVE does not list.
    // PVE: facts 54: the list only has storages that the token can see.
    pub(crate) fn not_visible(&self, storages: &[Storage]) -> Entry {
        let names: Vec<_> = storages.iter().map(|s| s.storage.as_str()).collect();
        let seen = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let fact =
            format!("storage \"{}\" does not exist or is not visible to the token", self.storage);
        Entry::error("storage-not-found", self.place(), fact).hint(format!(
            "available: {seen}; to see another storage, the token needs Datastore.Audit on /storage/{}",
            self.storage
        ))
    }

    /// Returns why a storage without images cannot hold any; `None` if it can, or if PVE does not answer.
    pub(crate) fn holds_no_images(&self) -> Option<Entry> {
        let storages = self.client.storages(&self.node).ok()?;
        self.unfit(storages.iter().find(|storage| storage.storage == self.storage)?)
    }

    /// Returns why a storage cannot hold images, or disks.
    pub(crate) fn unfit(&self, storage: &Storage) -> Option<Entry> {
        if self.content != DISKS && HOLDS_NO_FILES.contains(&storage.kind.as_str()) {
            let fact = format!(
                "storage \"{}\" has type {}, which cannot hold files",
                self.storage, storage.kind
            );
            let hint = "use a storage that holds files, such as `local`";
            return Some(Entry::error("storage-without-files", self.place(), fact).hint(hint));
        }
        if storage.has_content(self.content) {
            return None;
        }
        let all = [&storage.content[..], &[self.content.to_owned()]].concat().join(",");
        let fact =
            format!("storage \"{}\" does not allow content `{}`", self.storage, self.content);
        let hint = format!("run on the node: pvesm set {} --content {all}", self.storage);
        Some(Entry::error("storage-content", self.place(), fact).hint(hint))
    }

    /// Returns the storage configuration of the cluster; empty if it is not needed or not readable, which
    /// makes the error less specific.
    pub(crate) fn configs(&self, found: &Storage) -> Vec<StorageConfig> {
        if found.enabled { Vec::new() } else { self.client.storage_configs().unwrap_or_default() }
    }

    /// Checks, before the first write, whether the node can store `images` images, which need `needed` bytes
    /// in total as far as their lengths are known.
    pub(crate) fn check(&self, images: usize, needed: u64) -> Result<(), Report> {
        let storages = self.check_version().and_then(|()| {
            let asked = self.client.storages(&self.node);
            asked.map_err(|e| finding::while_doing(self.place(), "reading the storages", &e))
        })?;
        let Some(storage) = storages.iter().find(|s| s.storage == self.storage) else {
            return Err(self.not_visible(&storages).into());
        };
        let mut report = Report::new();
        if let Some(entry) = unusable(self.place(), &self.node, storage, &self.configs(storage)) {
            report.push(entry);
        }
        if let Some(entry) = self.unfit(storage) {
            report.push(entry);
        }
        if storage.total > 0 && storage.avail < needed {
            let (free, needed) = (show::bytes(storage.avail), show::bytes(needed));
            let fact = format!(
                "storage \"{}\" has {free} free, but {} {needed}",
                self.storage,
                room::need(images)
            );
            report.push(
                Entry::error("storage-full", self.place(), fact)
                    .hint("`image-publish prune` removes old versions of images"),
            );
        }
        if let Some(entry) = self.missing_privilege() {
            report.push(entry);
        }
        if report.has_errors() { Err(report) } else { Ok(()) }
    }

    /// Returns why the node cannot use the storage that it shares with others, if PVE answers.
    pub(crate) fn cannot_use(&self) -> Option<Entry> {
        let storages = self.client.storages(&self.node).ok()?;
        match storages.iter().find(|storage| storage.storage == self.storage) {
            Some(found) => unusable(self.place(), &self.node, found, &self.configs(found)),
            None => Some(self.not_visible(&storages)),
        }
    }

    /// Returns an error if the token is not allowed to upload. If PVE does not answer, the upload will show.
    pub(crate) fn missing_privilege(&self) -> Option<Entry> {
        // PVE: facts 40: a refused upload may end in a closed connection without an answer, when
        // part of the file is already sent; so this is checked before an upload and after a lost one.
        let path = format!("/storage/{}", self.storage);
        let held = self.client.privileges_on(&path).ok()?;
        if held.contains("Datastore.AllocateTemplate") {
            return None;
        }
        let fact = format!("the token lacks Datastore.AllocateTemplate on {path}");
        let hint = "`pve-apply privileges` prints what the token needs; grant it to the token and to its user";
        Some(Entry::error("permission", self.place(), fact).hint(hint))
    }

    /// Returns an error if PVE is too old to accept disk images as content `import`.
    fn check_version(&self) -> Result<(), Entry> {
        let version = self
            .client
            .version()
            .map_err(|e| finding::while_doing(self.place(), "reading the version", &e))?;
        // PVE: reference 1: qcow2, raw and vmdk are accepted since pve-storage 8.3.6, PVE 8.4.
        if self.content == "import" && !version.at_least(8, 4) {
            let fact = format!(
                "Proxmox VE is {}, but content `import` for disk images needs 8.4 or later",
                version.version
            );
            return Err(Entry::error("pve-too-old", self.place(), fact).hint("upgrade the node"));
        }
        Ok(())
    }

    /// Uploads a file; returns PVE's task, which verifies the checksum and moves the file to its place.
    pub(crate) fn upload(
        &self,
        file: &str,
        length: u64,
        sha256: &str,
        reader: &mut dyn std::io::Read,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<Upid, Error> {
        let upload = Upload { content: self.content, filename: file, length, sha256 };
        self.uploads.during(&self.node, || {
            self.client.upload(&self.node, &self.storage, &upload, reader, on_progress)
        })
    }

    /// Lets the node download a file.
    pub(crate) fn download(
        &self,
        url: &str,
        file: &str,
        sum: &crate::source::checksum::Sum,
    ) -> Result<Upid, Error> {
        let download = Download {
            url: url.to_owned(),
            content: self.content.to_owned(),
            filename: file.to_owned(),
            checksum: Some((sum.algorithm.name().to_owned(), sum.hex.clone())),
            verify_certificates: true,
        };
        self.client.download_url(&self.node, &self.storage, &download)
    }

    /// Adds a hint about the privileges for downloads by the node, if some are missing.
    // PVE: pve-storage, API2/Storage/Status.pm, download_url; its refusal names no privilege.
    pub(crate) fn with_download_privileges(&self, entry: Entry, error: &Error) -> Entry {
        if !error.is_permission() {
            return entry;
        }
        entry.hint(format!(
            "the token needs Datastore.AllocateTemplate on /storage/{} and Sys.AccessNetwork on /nodes/{}",
            self.storage, self.node
        ))
    }

    /// Lets the node compare a stored file with a checksum.
    ///
    /// # Errors
    /// The file has another one, or nobody knows.
    pub(crate) fn compare(
        &self,
        file: &str,
        sum: &crate::source::checksum::Sum,
    ) -> Result<(), NotSame> {
        // PVE: facts 42: if the target of a download exists, PVE compares that file with the checksum
        // before it uses the URL, so this URL is never fetched.
        let upid =
            self.download("https://localhost/verify-only", file, sum).map_err(NotSame::Unknown)?;
        self.wait(&upid).map_err(|error| match is_other_sum(&error) {
            true => NotSame::Different(error),
            false => NotSame::Unknown(error),
        })
    }

    /// Waits for a task; a signal ends the wait, and leaves the task running.
    pub(crate) fn wait(&self, upid: &Upid) -> Result<(), Error> {
        self.client.wait(upid, TASK_LIMIT, &mut |_, _| keep_waiting()).map(drop)
    }

    /// Waits for a task of this run; `tell` gets a line now and then, so that a long wait is not silent.
    pub(crate) fn wait_with_progress(&self, upid: &Upid, tell: &dyn Fn(&str)) -> Result<(), Error> {
        let mut patience = Patience::default();
        let what = format!("task {}", upid.kind());
        let finished = self.client.wait(upid, TASK_LIMIT, &mut |waited, lost| {
            if let Some(text) = patience.message(waited, &what, &poll_answer(lost)) {
                tell(&text);
            }
            keep_waiting()
        });
        finished.map(drop)
    }

    /// Waits for any task; calls `still` now and then, which may end the wait.
    pub(crate) fn wait_telling(
        &self,
        upid: &Upid,
        still: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut on_progress = |_, _: Option<&Error>| still();
        self.client.wait(upid, TASK_LIMIT, &mut on_progress).map(drop)
    }

    /// Waits for a task; while it runs, `on_log` gets the last lines of its log about once a second.
    pub(crate) fn wait_reading(
        &self,
        upid: &Upid,
        on_log: &mut dyn FnMut(&[String]),
    ) -> Result<(), Error> {
        let mut asked = Duration::ZERO;
        let finished = self.client.wait(upid, TASK_LIMIT, &mut |waited, lost| {
            if lost.is_none() && waited >= asked + Duration::from_secs(1) {
                asked = waited;
                // If the log cannot be read, only a line of progress is missing.
                if let Ok(lines) = self.client.task_log_tail(upid, LOG_LINES) {
                    on_log(&lines);
                }
            }
            keep_waiting()
        });
        finished.map(drop)
    }

    /// Removes the leftovers of a failed upload, and waits until they are gone, even after a signal, because
    /// nothing may be left behind then.
    pub(crate) fn clean_up(&self, volid: &Volid) -> Result<(), Error> {
        match self.client.delete_volume(&self.node, volid)? {
            Some(upid) => {
                let mut on_progress = |_, _: Option<&Error>| ControlFlow::Continue(());
                self.client.wait(&upid, CLEANING_LIMIT, &mut on_progress).map(drop)
            }
            None => Ok(()),
        }
    }

    /// Removes a volume, and waits for the end of the task.
    pub(crate) fn remove(&self, volid: &Volid) -> Result<(), FailedWrite> {
        match self.client.delete_volume(&self.node, volid)? {
            Some(upid) => self.wait(&upid).map_err(|error| FailedWrite::of_task(&upid, error)),
            None => Ok(()),
        }
    }
}
