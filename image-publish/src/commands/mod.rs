//! The filter and the commands beside it, and what they share: where the document and the storage come from.

mod begin;
pub(crate) mod filter;
pub(crate) mod list;
pub(crate) mod prune;
pub(crate) mod publish;
pub(crate) mod remove;
pub(crate) mod verify;

use std::path::Path;

use pve_client::Volid;
use pve_stage::finding;
use stage::{Console, Deployment, Document, Entry, Failure, Place};

use crate::cli::ConnectArgs;
use crate::connect;
use crate::interrupt;
use crate::named;
use crate::ready::parse_stored_name;
use crate::target::Target;

/// Returns the document on stdin, unless the options say which storage is meant.
fn document(
    connect: &ConnectArgs,
    local_dir: Option<&Path>,
) -> Result<Option<Deployment>, Failure> {
    if connect.endpoint.is_some() || local_dir.is_some() {
        return Ok(None);
    }
    let (deployment, report) = Deployment::read(&Document::from_stdin()?);
    if report.has_errors() { Err(report.into()) } else { Ok(Some(deployment)) }
}

/// Returns the storage to work on, and the document when there is one.
fn open(
    connect: &ConnectArgs,
    local_dir: Option<&Path>,
    content: &'static str,
    console: &Console,
) -> Result<(Target, Option<Deployment>), Failure> {
    let deployment = document(connect, local_dir)?;
    let target = connect::of_options(connect, deployment.as_ref(), local_dir, content, console)?;
    Ok((target, deployment))
}

/// Tells whether VMs of the document name a volume; `None` when they name its image and `images` does not
/// say which version that is, as in a document that no filter has filled.
fn is_named(deployment: &Deployment, volid: &Volid) -> Option<bool> {
    let name = parse_stored_name(volid.file()).map(|(name, _)| name);
    let mut answer = Some(false);
    let vms = deployment.vms.iter().enumerate();
    for named in vms.flat_map(|(index, vm)| named::images(index, vm)) {
        match deployment.images.get(&named.image) {
            Some(said) if *said == volid.to_string() => return Some(true),
            None if name == Some(&named.image) => answer = None,
            _ => {}
        }
    }
    answer
}

/// Removes a file from a storage.
fn remove(target: &Target, volid: &Volid) -> Result<(), (Entry, bool)> {
    match target {
        Target::Node(node) => node.remove(volid).map_err(|error| {
            use pve_client::Error::{TaskFailed, TaskStillRuns};
            let unknown =
                error.is_outcome_unknown() || matches!(error, TaskFailed(_) | TaskStillRuns { .. });
            (finding::while_doing(node.place(), &format!("removing {volid}"), &error), unknown)
        }),
        Target::Folder(folder) => folder.remove(volid.file()).map_err(|error| {
            let place = Place::file(folder.path_of(volid.file()).display().to_string());
            (Entry::error("not-removed", place, "cannot be removed").cause(&error), false)
        }),
    }
}

/// Removes files one after the other; with a dry run none.
fn remove_all(target: &Target, volids: &[Volid], dry_run: bool) -> Result<(), Failure> {
    if dry_run {
        return Ok(());
    }
    interrupt::listen();
    target.sweep();
    for (index, volid) in volids.iter().enumerate() {
        let begun = interrupt::check().map_err(|error| {
            let entry =
                Entry::error("not-removed", Place::Named(volid.to_string()), "was not removed");
            (entry.cause(&error), false)
        });
        begun.and_then(|()| remove(target, volid)).map_err(|(entry, unknown)| {
            let done: Vec<_> = volids[..index].iter().map(ToString::to_string).collect();
            if done.is_empty() && !unknown {
                return Failure::from(entry);
            }
            let entry = if done.is_empty() {
                entry
            } else {
                entry.note(format!("done: {}", done.join(", ")))
            };
            Failure::part_way(entry.into())
        })?;
    }
    Ok(())
}
