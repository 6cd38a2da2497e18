//! DOOR: moves one image to its place: by upload, by the node's own download, or into the storage's folder.
//!
//! After a failure it looks whether something half-made is left, and removes it.

use std::io::{self, Read};

use pve_client::Error;
use pve_stage::finding;
use stage::{Entry, Place, shown};

use crate::folder::{Folder, Written};
use crate::interrupt;
use crate::node::Node;
use crate::plan::Present;
use crate::prepare::{Bytes, bytes_of};
use crate::published::{Failed, What};
use crate::ready::{Local, Ready, Remote, Supply};
use crate::show;
use crate::source::examine::{Summing, sums_of};
use crate::work::{Work, pause};

/// Uploads an image; a lost connection is tried again from the start, with the reason said.
pub(crate) fn send(
    work: &Work<'_>,
    node: &Node,
    bytes: Bytes,
    name: &str,
) -> Result<String, Failed> {
    let Bytes { file, length, sha256, local } = bytes;
    let fact = format!("uploading image \"{name}\"");
    let mut attempt = 0;
    loop {
        let doing = format!("uploading {} to {}", show::bytes(length), node.volid(&file));
        let mut transfer = work.transfer(name, doing, Some(length));
        let mut reader = local.compression.unpack(local.files.open());
        let sent =
            node.upload(&file, length, &sha256, &mut reader, &mut |bytes| transfer.at(bytes));
        // From here on a lost connection says nothing of the task on the node.
        let accepted = sent.is_ok();
        let outcome = sent.and_then(|upid| node.wait(&upid));
        let error = match outcome {
            Ok(()) => return Ok(file),
            Err(error) => error,
        };
        if let Some(failed) = stopped(node, &fact, &error) {
            return Err(failed);
        }
        // Sending again is safe: the same name gets the same bytes, and PVE compares the sum each time.
        if is_lost(&error)
            && let Some(refused) = node.missing_privilege()
        {
            return Err(refused.into());
        }
        if is_lost(&error) && attempt < work.retries && !interrupt::is_asked() {
            attempt += 1;
            let reason = innermost(&error);
            work.tell(
                "step",
                name,
                &format!("sending again from the start ({attempt} of {}): {reason}", work.retries),
            );
            pause(attempt);
            continue;
        }
        let entry = if has_changed(&error, &local, &sha256) {
            let fact = format!("changed while it was sent, for image \"{name}\"");
            Entry::error(Place::file(local.files.shown()), fact)
                .hint("wait until it is written to its end")
        } else {
            finding::while_doing(node.place(), &fact, &error)
        };
        return Err(after_failure(node, &file, length, accepted, &error, entry));
    }
}

/// Returns what there is to say of a transfer that a signal has ended: an upload in the middle, of which
/// PVE keeps nothing, or the wait for a task, which goes on.
fn stopped(node: &Node, fact: &str, error: &Error) -> Option<Failed> {
    let entry = match error {
        _ if !interrupt::is_asked() => return None,
        Error::Source { .. } => Entry::error(node.place(), fact),
        Error::TaskStillRuns { upid, .. } => {
            Entry::error(node.place(), fact).note(format!("task {upid} goes on"))
        }
        _ => return None,
    };
    let left = matches!(error, Error::TaskStillRuns { .. });
    Some(Failed { entry: entry.cause(&interrupt::error()), left })
}

/// Tells whether an upload failed because its file is not what it was when it was examined.
///
/// PVE compares the sum of every upload, so it need not be made again while sending; only when
/// PVE's differs is the file asked.
fn has_changed(error: &Error, local: &Local, sha256: &str) -> bool {
    match error {
        Error::Source { .. } => true,
        Error::TaskFailed(failure) if failure.exitstatus.contains("checksum mismatch") => {
            let mut reader = local.compression.unpack(local.files.open());
            sums_of(&mut reader).is_ok_and(|sums| sums.sha256 != sha256)
        }
        _ => false,
    }
}

/// Lets the node download an image; where the token must not ask for that, this machine fetches and sends it.
pub(crate) fn download(
    work: &Work<'_>,
    node: &Node,
    image: Ready,
    remove_first: bool,
) -> Result<(String, What), Failed> {
    let Ready { name, file, length, sum, supply } = &image;
    let (Supply::Node { remote: Remote { url, .. }, may_send }, Some(sum)) = (supply, sum) else {
        return Err(Entry::error(node.place(), format!("image \"{name}\" has no URL")).into());
    };
    let fact = format!("downloading image \"{name}\" to the node");
    let fail = |error: &Error| {
        // The node's log repeats the URL, and those that a server sends it on to.
        let mut entry = finding::while_doing(node.place(), &fact, error);
        entry.notes = entry.notes.iter().map(|note| shown::text(note)).collect();
        match error {
            // PVE: pve-storage, API2/Storage/Status.pm, download_url, assert_file_validity.
            Error::TaskFailed(failure) if failure.exitstatus.contains("qemu-img: Could not open") => {
                entry.hint(format!("write the format of the file as `format:` under `images.{name}` of the site's YAML; for a compressed file leave `mode` out"))
            }
            _ => entry,
        }
    };
    if remove_first {
        let removed = node.remove(&node.volid(file));
        removed
            .map_err(|error| Failed { left: error.is_outcome_unknown(), entry: fail(&error) })?;
    }
    let downloaded = node.download(url.expose(), file, sum).and_then(|upid| {
        let transfer = work.transfer(name, format!("{} downloads {url}", node.node), *length);
        node.wait_reading(&upid, &mut |log| {
            if let Some(percent) = log.iter().rev().find_map(|line| percent_in(line)) {
                transfer.at_percent(percent);
            }
        })
    });
    let error = match downloaded {
        Ok(()) => return Ok((file.clone(), What::Downloaded)),
        Err(error) => error,
    };
    if let Some(failed) = stopped(node, &fact, &error) {
        return Err(failed);
    }
    match not_for_the_node(&error).filter(|_| *may_send) {
        Some(reason) => {
            work.tell("step", name, &format!("{reason}: fetched here and uploaded"));
            let name = name.clone();
            Ok((send(work, node, bytes_of(work, image)?, &name)?, What::Sent))
        }
        // Nothing is cleaned up: PVE downloads under another name, and removes that itself.
        None => {
            Err(Failed { left: remove_first || error.is_outcome_unknown(), entry: fail(&error) })
        }
    }
}

/// Returns why the node cannot download what another machine may.
fn not_for_the_node(error: &Error) -> Option<&'static str> {
    match error {
        Error::Status(_) if error.is_permission() => {
            Some("the token must not let the node download (Sys.AccessNetwork)")
        }
        // wget's exit codes: 4 is the network or the name, 5 the certificate.
        Error::TaskFailed(failure) => match failure.exitstatus.as_str() {
            "download failed: exit code 4" => Some("the node cannot reach the URL"),
            // PVE: tests/answers: a name that it cannot resolve ends the task with wget's own words.
            text if text.starts_with("download failed: wget: unable to resolve host") => {
                Some("the node cannot reach the URL")
            }
            "download failed: exit code 5" => Some("the node does not trust the server"),
            _ => None,
        },
        _ => None,
    }
}

/// Writes an image into the storage's folder.
pub(crate) fn write(
    work: &Work<'_>,
    folder: &Folder,
    bytes: Bytes,
    name: &str,
) -> Result<String, Failed> {
    let Bytes { file, length, sha256, local } = bytes;
    let shown = folder.path_of(&file).display().to_string();
    let mut transfer =
        work.transfer(name, format!("writing {} to {shown}", show::bytes(length)), Some(length));
    let summing =
        std::cell::RefCell::new(Summing::new(local.compression.unpack(local.files.open()), false));
    let mut reader = Shared(&summing);
    let is_right =
        || summing.replace(Summing::new(Box::new(io::empty()), false)).finish().sha256 == sha256;
    let written = folder.write(&file, &mut reader, &mut |bytes| transfer.at(bytes), is_right);
    match written {
        Ok(Written::Whole) => Ok(file),
        Ok(Written::WrongSum) => {
            let fact = format!("changed while it was copied, for image \"{name}\"");
            Err(Entry::error(Place::file(local.files.shown()), fact)
                .hint("wait until it is written to its end")
                .into())
        }
        Err(error) => {
            Err(Entry::error(Place::file(shown), "cannot be written").cause(&error).into())
        }
    }
}

/// A reader that can be looked at after its bytes have gone.
struct Shared<'a, R>(&'a std::cell::RefCell<R>);

impl<R: Read> Read for Shared<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

/// Looks whether a failed transfer has left something half-made, and removes it.
fn after_failure(
    node: &Node,
    file: &str,
    length: u64,
    accepted: bool,
    error: &Error,
    entry: Entry,
) -> Failed {
    // A refusal comes before anything is stored, and without a connection nothing can be asked.
    let refused = matches!(error, Error::NeverSent { .. })
        || matches!(error, Error::Status(_)) && !error.is_outcome_unknown();
    if refused && !accepted {
        return Failed { entry, left: false };
    }
    let volid = node.volid(file);
    let Ok(present) = node.present() else {
        return Failed {
            entry: entry.note(format!("whether a part of it is left is not known: {volid}")),
            left: true,
        };
    };
    // What a failed task leaves is not trusted, whatever its size; after a lost answer only the size can tell.
    let task_failed = matches!(error, Error::TaskFailed(_));
    let is_half = |present: &Present| task_failed || length == 0 || present.size != length;
    let half = present.iter().any(|present| present.file == file && is_half(present));
    if !half {
        // PVE may still be at work on what it was sent; it will be the whole image or nothing.
        return Failed { entry, left: error.is_outcome_unknown() };
    }
    match node.remove(&volid) {
        Ok(()) => Failed {
            entry: entry.note(format!("what was left of it is removed: {volid}")),
            left: false,
        },
        Err(_) => Failed {
            entry: entry
                .note(format!("a part of it is left, and is not taken for the image: {volid}")),
            left: true,
        },
    }
}

/// Tells the errors after which the same upload may succeed.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::NeverSent { .. } => error.certificate().is_none(),
        Error::MaybeSent { .. } => true,
        _ => {
            error.is_outcome_unknown()
                || error.is_node_unreachable()
                || error.is_worker_start_failure()
        }
    }
}

/// Returns the reason behind an error: the last link of its chain.
fn innermost(error: &Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    chain.last().map(ToString::to_string).unwrap_or_default()
}

/// Finds the percentage in a line of wget's progress, as the node's task log has it.
///
/// wget writes it behind 32 MiB of dots, so the line that it is at has none.
fn percent_in(line: &str) -> Option<u8> {
    line.split_whitespace()
        .rev()
        .find_map(|word| word.strip_suffix('%')?.parse().ok())
        .filter(|percent| *percent <= 100)
}

#[cfg(test)]
mod tests {
    use super::{Error, not_for_the_node, percent_in};

    fn check(line: &str, expected: Option<u8>) {
        assert_eq!(percent_in(line), expected, "{line}");
    }

    #[test]
    fn progress_in_a_task_log() {
        check("  1024K ........ ........ ........ ........ 42% 10.1M 5s", Some(42));
        check("100%", Some(100));
        check(" 32768K ........ ......", None);
        check("downloading https://x/50%25.qcow2", None);
        check("", None);
    }

    fn check_exitstatus(exitstatus: &str, expected: Option<&str>) {
        let upid = "UPID:pve1:00001000:00100000:69000000:download:a:a@pve!b:".parse().unwrap();
        let failure =
            pve_client::TaskFailure { upid, exitstatus: exitstatus.to_owned(), log: Vec::new() };
        let found = not_for_the_node(&Error::TaskFailed(Box::new(failure)));
        assert_eq!(found, expected, "{exitstatus}");
    }

    #[test]
    fn what_only_the_node_cannot_do_is_told_from_what_nobody_can() {
        check_exitstatus("download failed: exit code 4", Some("the node cannot reach the URL"));
        let unresolved = "download failed: wget: unable to resolve host address 'images.example'";
        check_exitstatus(unresolved, Some("the node cannot reach the URL"));
        check_exitstatus(
            "download failed: exit code 5",
            Some("the node does not trust the server"),
        );
        check_exitstatus("download failed: exit code 8", None);
        check_exitstatus("checksum mismatch: got 'a' != expect 'b'", None);
    }
}
