//! DOOR: writes snippets: into a folder, or onto a node by the system's `sftp`.
//!
//! Promises: a snippet appears whole or not at all, readable by its owner only; no secret stands in an
//! argument; a copy for `sftp` lies in a folder of its own with mode 0700 and goes with it.

use crate::desired::snippets::{Delivery, PART_WRITTEN, is_destination, is_remote_folder};
use crate::whole_file;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A snippet that could not be written.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Why.
    pub(crate) error: io::Error,
    /// A file may be there all the same.
    pub(crate) maybe: bool,
}

/// Writes files, given as name and content.
///
/// # Errors
/// One of them could not be written.
pub(crate) fn write(to: &Delivery, files: &[(String, &str)]) -> Result<(), Failed> {
    match to {
        Delivery::Dir { path } => write_into(Path::new(path), files),
        Delivery::Sftp { host, path } => send(host, path, files),
    }
}

fn write_into(folder: &Path, files: &[(String, &str)]) -> Result<(), Failed> {
    for (index, (name, content)) in files.iter().enumerate() {
        whole_file::write(&folder.join(name), content.as_bytes())
            .map_err(|error| Failed { error, maybe: index > 0 })?;
    }
    Ok(())
}

fn send(host: &str, path: &str, files: &[(String, &str)]) -> Result<(), Failed> {
    let before = |error| Failed { error, maybe: false };
    // The command line is looked at where it is read; a plan's file could say anything.
    if !is_destination(host) || !is_remote_folder(path) {
        let text = "the host or the folder cannot be given to sftp";
        return Err(before(io::Error::new(io::ErrorKind::InvalidInput, text)));
    }
    let copies = tempfile::Builder::new().prefix("pve-apply-").tempdir().map_err(before)?;
    for (name, content) in files {
        whole_file::create(&copies.path().join(name), content.as_bytes()).map_err(before)?;
    }
    let output = sftp(host, copies.path(), &batch(path, files)).map_err(before)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let text = if said.is_empty() { output.status.to_string() } else { said.join("; ") };
    Err(Failed { error: io::Error::other(format!("sftp says: {text}")), maybe: true })
}

/// The commands for `sftp`, which ends at the first that fails, but for those that begin with `-`.
fn batch(path: &str, files: &[(String, &str)]) -> String {
    let mut lines = String::new();
    for (name, _) in files {
        let target = quoted(&format!("{}/{name}", path.trim_end_matches('/')));
        let part = quoted(&format!("{}/{name}{PART_WRITTEN}", path.trim_end_matches('/')));
        // A new file gets the copy's mode, 0600, from its first byte; an old one would keep its own.
        lines.push_str(&format!(
            "-rm {part}\nput -f {} {part}\nrename {part} {target}\n",
            quoted(name)
        ));
    }
    lines
}

/// A word of `sftp`'s; [`is_remote_folder`] has kept out what would end it.
fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}

#[expect(clippy::disallowed_methods, reason = "door: the program `sftp`")]
fn sftp(host: &str, folder: &Path, batch: &str) -> io::Result<Output> {
    let mut child = Command::new("sftp")
        .args(["-q", "-b", "-", "-oBatchMode=yes", "-oStrictHostKeyChecking=yes"])
        .args(["-oConnectTimeout=30", "-oServerAliveInterval=15", host])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            io::Error::new(error.kind(), format!("sftp cannot be started: {error}"))
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends before it has read all says why on stderr.
        let _ = stdin.write_all(batch.as_bytes());
    }
    child.wait_with_output()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_folder_is_an_error_before_anything_is_written() {
        let to = Delivery::Dir { path: "/nonexistent/snippets".to_owned() };
        assert!(write(&to, &[("a".to_owned(), "")]).is_err_and(|failed| !failed.maybe));
    }

    #[test]
    fn a_path_with_blanks_stays_one_word() {
        let batch = batch("/a b/", &[("n".to_owned(), "")]);
        let expected = "-rm \"/a b/n.part\"\nput -f \"n\" \"/a b/n.part\"\n\
                        rename \"/a b/n.part\" \"/a b/n\"\n";
        assert_eq!(batch, expected);
    }

    fn check(host: &str, path: &str) {
        let to = Delivery::Sftp { host: host.to_owned(), path: path.to_owned() };
        let failed = write(&to, &[("n".to_owned(), "")]).unwrap_err();
        assert!(
            !failed.maybe && failed.error.kind() == io::ErrorKind::InvalidInput,
            "{host} {path}"
        );
    }

    #[test]
    fn what_a_plan_file_says_becomes_no_option_and_no_command() {
        check("-oProxyCommand=x", "/a");
        check("pve1", "/a\n!x");
        check("pve1", "/a\" \"");
        check("pve1", "/a*");
    }
}
