//! DOOR: lets the node download an image.

use pve_client::{Error, Upid};
use pve_stage::finding;
use stage::{Entry, shown};

use super::arrival::{self, Expected};
use super::reason::stopped;
use super::upload::send;
use crate::failed_write::FailedWrite;
use crate::node::Node;
use crate::prepare::{SharedImage, moved};
use crate::prepared::{PreparedImage, Remote, Supply};
use crate::published::{Action, Failed};
use crate::source::address::Address;
use crate::source::checksum::Sum;
use crate::stored::NotSame;
use crate::work::Work;

/// Lets the node download an image. With `is_there`, an apparently incomplete file of this name exists, which a
/// download does not overwrite. If the token is not allowed to ask for downloads, this machine fetches and sends it.
pub(crate) fn download(
    work: &Work<'_>,
    node: &Node,
    shared: &SharedImage,
    is_there: bool,
) -> Result<(String, Action), Failed> {
    let PreparedImage { name, file, length, sum, supply } = &shared.image;
    let (Supply::Node { remote: Remote { url, .. }, may_send }, Some(sum)) = (supply, sum) else {
        return Err(Entry::error(
            "missing-field",
            node.place(),
            format!("image \"{name}\" has no URL"),
        )
        .into());
    };
    let fact = format!("downloading image \"{name}\" to the node");
    let fail = |error: &Error| explained(node, &fact, (name, url), error);
    let way = if is_there { remove_wrong_file(node, file, sum) } else { Ok(ExistingFile::Removed) };
    let (way, may_be_removed, removing) = match way {
        Ok(ExistingFile::Complete) => return Ok((file.clone(), Action::Present)),
        Ok(ExistingFile::Removed) => (Ok(()), is_there, None),
        Err(failed) => {
            let may_be_removed = failed.may_be_done();
            (Err(failed.error), may_be_removed, failed.upid)
        }
    };
    let expected = Expected { name, file, length: *length };
    let (error, upid) = match way.and_then(|()| node.download(url.expose(), file, sum)) {
        Ok(upid) => match follow(work, node, expected, &upid, &url.to_string()) {
            Ok(()) => {
                arrival::check(node, expected, &upid)?;
                return Ok((file.clone(), Action::Downloaded));
            }
            Err(error) => (error, Some(upid)),
        },
        Err(error) => (error, None),
    };
    if let Some(failed) = stopped(node, &fact, &error) {
        return Err(failed);
    }
    // A task that cannot be read may be at work, or may have ended.
    if let Some(upid) = upid.filter(|_| !matches!(error, Error::TaskFailed(_))) {
        return match arrival::check(node, expected, &upid) {
            Ok(()) => Ok((file.clone(), Action::Downloaded)),
            Err(_) => Err(Failed { entry: fail(&error).note(format!("task {upid}")), left: true }),
        };
    }
    match not_for_the_node(&error).filter(|_| *may_send) {
        Some(reason) => {
            work.tell("step", name, &format!("{reason}: fetching it here and uploading it"));
            Ok((send(work, node, shared.bytes(work)?, name)?, Action::Sent))
        }
        // Nothing is cleaned up: PVE downloads under another name, and removes that itself.
        None => {
            let left = may_be_removed || error.is_outcome_unknown();
            let entry = fail(&error);
            Err(Failed { left, entry: FailedWrite { error, upid: removing }.with_task(entry) })
        }
    }
}

/// Returns the finding about a download that failed.
fn explained(node: &Node, fact: &str, (name, url): (&str, &Address), error: &Error) -> Entry {
    // The node's log repeats the URL and the targets of redirects.
    let mut entry = finding::while_doing(node.place(), fact, error);
    entry.notes = entry.notes.iter().map(|note| shown::text(note)).collect();
    match error {
        // PVE: pve-storage, API2/Storage/Status.pm, download_url, assert_file_validity.
        Error::TaskFailed(failure) if failure.exitstatus.contains("qemu-img: Could not open") => {
            entry.hint(format!("set the format of the file as `format:` under `images.{name}` of the site's YAML; for a compressed file, remove `mode`"))
        }
        Error::TaskFailed(failure) if is_missing(&failure.log) => entry.hint(moved(url)),
        error => node.with_download_privileges(entry, error),
    }
}

/// Waits for the node's task, and shows its progress.
fn follow(
    work: &Work<'_>,
    node: &Node,
    expected: Expected<'_>,
    upid: &Upid,
    url: &str,
) -> Result<(), Error> {
    let doing = format!("{} is downloading {url}", node.node);
    let transfer = work.transfer(expected.name, doing, expected.length);
    node.wait_reading(upid, &mut |log| {
        if let Some(percent) = log.iter().rev().find_map(|line| percent_in(line)) {
            transfer.at_percent(percent);
        }
    })
}

/// What happened to an existing file with an image's name.
enum ExistingFile {
    /// It was a wrong one, and is removed.
    Removed,
    /// It is the complete image.
    Complete,
}

/// Removes an existing file with an image's name, unless it has the image's checksum.
fn remove_wrong_file(node: &Node, file: &str, sum: &Sum) -> Result<ExistingFile, FailedWrite> {
    match node.compare(file, sum) {
        Ok(()) => Ok(ExistingFile::Complete),
        Err(NotSame::Different(_)) => {
            node.remove(&node.volid(file)).map(|()| ExistingFile::Removed)
        }
        Err(NotSame::Unknown(error)) => Err(error.into()),
    }
}

/// Returns why the node cannot download a file that another machine may be able to fetch.
fn not_for_the_node(error: &Error) -> Option<&'static str> {
    match error {
        Error::Status(_) if error.is_permission() => {
            Some("the token is not allowed to let the node download (Sys.AccessNetwork)")
        }
        // wget's exit codes: 4 is the network or the name, 5 the certificate.
        Error::TaskFailed(failure) => match failure.exitstatus.as_str() {
            "download failed: exit code 4" => Some("the node cannot reach the URL"),
            // PVE: tests/answers: if the name cannot be resolved, the task ends with wget's message.
            text if text.starts_with("download failed: wget: unable to resolve host") => {
                Some("the node cannot reach the URL")
            }
            "download failed: exit code 5" => Some("the node does not trust the server"),
            _ => None,
        },
        _ => None,
    }
}

/// Returns whether wget's lines in a task log report that the server has no such file.
fn is_missing(log: &[String]) -> bool {
    let is_not_found = |line: &String| {
        ["403", "404", "410"].iter().any(|status| line.contains(&format!("ERROR {status}:")))
    };
    log.iter().any(is_not_found)
}

/// Returns the percentage in a line of wget's progress in the node's task log.
///
/// wget writes it after each 32 MiB of dots, so the current line has none.
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
    fn problems_of_the_node_alone() {
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
