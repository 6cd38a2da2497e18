//! The filter and the commands, and what they share: where the document and the storage come from.

pub(crate) mod filter;
pub(crate) mod list;
pub(crate) mod prune;
pub(crate) mod publish;
mod publishing;
pub(crate) mod remove;
mod request;
mod template_census;
mod templates;
pub(crate) mod verify;
mod volids;

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::Path;

use pve_client::Volid;
use pve_stage::finding;
use stage::{Console, Deployment, Document, Entry, Failure, Place};

use crate::cli::{ConnectArgs, Environment};
use crate::connect;
use crate::destination::{Destination, Destinations};
use crate::image_use;
use crate::interrupt;
use crate::prepared::{name_on_storage, parse_stored_name};
use crate::target::Target;

/// Returns the document on stdin; `None` if options name the storage, or if the environment does and stdin
/// is empty.
fn document(
    connect: &ConnectArgs,
    local_dir: Option<&Path>,
) -> Result<Option<Deployment>, Failure> {
    if connect.endpoint.is_some() || local_dir.is_some() {
        return Ok(None);
    }
    match Document::from_stdin_if_any()? {
        Some(document) => {
            let (deployment, report) = Deployment::read(&document);
            if report.has_errors() { Err(report.into()) } else { Ok(Some(deployment)) }
        }
        None if Environment::read().endpoint.is_some() => Ok(None),
        None => Err(no_storage().into()),
    }
}

/// Returns the error for a run without a document and without options.
fn no_storage() -> Entry {
    let fact = "expected a document, or `--endpoint` and `--node`, or `--local-dir`";
    let hint = "without a document: `--endpoint https://HOST:8006 --node NODE`, with the API token in PVE_API_TOKEN";
    if std::io::stdin().is_terminal() {
        return Entry::error("no-document", Place::input(""), fact).hint(hint);
    }
    // The previous stage may have reported why it printed nothing.
    Entry::aftermath("no-document", Place::input(""), fact).hint(hint)
}

/// Returns the storages, and the document if there is one.
fn open(
    connect: &ConnectArgs,
    local_dir: Option<&Path>,
    content: &'static str,
    console: &Console,
) -> Result<(Destinations, Option<Deployment>), Failure> {
    let deployment = document(connect, local_dir)?;
    let found = connect::of_options(connect, deployment.as_ref(), local_dir, content, console)?;
    Ok((found, deployment))
}

/// Which VMs of the document use a volume of a storage.
struct Users<'a> {
    /// The names of those that use it.
    certain: BTreeSet<&'a str>,
    /// The names of those that use its image, if `images` does not have the version, because the document has
    /// not passed through the filter yet.
    possible: BTreeSet<&'a str>,
}

impl<'a> Users<'a> {
    /// Finds the users of a volume.
    fn of(volid: &Volid, destination: &Destination, deployment: &'a Deployment) -> Self {
        let name = parse_stored_name(volid.file()).map(|(name, _)| name);
        let mut users = Self { certain: BTreeSet::new(), possible: BTreeSet::new() };
        for (index, vm) in deployment.vms.iter().enumerate() {
            let node = deployment.node_of(vm);
            if !destination.serves(node) {
                continue;
            }
            for named in image_use::images(index, vm) {
                match deployment.image_on(node, &named.image) {
                    Some((found, _)) if *found == volid.to_string() => {
                        users.certain.insert(&vm.name)
                    }
                    None if name == Some(&name_on_storage(&named.image)) => {
                        users.possible.insert(&vm.name)
                    }
                    _ => false,
                };
            }
        }
        users
    }

    /// Returns whether VMs use it; `None` if unknown.
    fn any(&self) -> Option<bool> {
        match (self.certain.is_empty(), self.possible.is_empty()) {
            (false, _) => Some(true),
            (true, false) => None,
            (true, true) => Some(false),
        }
    }
}

/// Removes a file from a storage.
fn remove(target: &Target, volid: &Volid) -> Result<(), (Entry, bool)> {
    match target {
        Target::Node(node) => node.remove(volid).map_err(|failed| {
            let doing = format!("removing {volid}");
            let entry = finding::while_doing(node.place(), &doing, &failed.error);
            (failed.with_task(entry), failed.may_be_done())
        }),
        Target::Folder(folder) => folder.remove(volid.file()).map_err(|error| {
            let place = Place::file(folder.path_of(volid.file()).display().to_string());
            (Entry::error("not-removed", place, "cannot be removed").cause(&error), false)
        }),
    }
}

/// A file to remove, and its storage.
type Removal<'a> = (&'a Target, Volid);

/// Removes files one after the other; in a dry run, none. `before` is what the run has removed already.
fn remove_all(removals: &[Removal<'_>], before: &[String], dry_run: bool) -> Result<(), Failure> {
    if dry_run {
        return Ok(());
    }
    interrupt::listen();
    let nodes: BTreeSet<_> = removals.iter().map(|(target, _)| target.node()).collect();
    let shown = |(target, volid): &Removal<'_>| match target.node().filter(|_| nodes.len() > 1) {
        Some(node) => format!("{volid} on {node}"),
        None => volid.to_string(),
    };
    let failed = |entry: Entry, unknown: bool, removed: &[Removal<'_>]| {
        let done: Vec<_> = before.iter().cloned().chain(removed.iter().map(shown)).collect();
        if done.is_empty() && !unknown {
            return Failure::from(entry);
        }
        let is_alone = done.is_empty();
        let note = format!("done: {}", done.join(", "));
        Failure::part_way(if is_alone { entry } else { entry.note(note) }.into())
    };
    for (index, removal) in removals.iter().enumerate() {
        let (target, volid) = removal;
        let begun = interrupt::check().map_err(|error| {
            let entry =
                Entry::error("not-removed", Place::Named(shown(removal)), "was not removed");
            (entry.cause(&error), false)
        });
        begun
            .and_then(|()| remove(target, volid))
            .map_err(|(entry, unknown)| failed(entry, unknown, &removals[..index]))?;
    }
    for target in targets(removals) {
        let of_target = removals.iter().filter(|(other, _)| std::ptr::eq(*other, target));
        let volids: Vec<&Volid> = of_target.map(|(_, volid)| volid).collect();
        check_gone(target, &volids).map_err(|entry| Failure::part_way(entry.into()))?;
    }
    Ok(())
}

/// Returns the storages of some files, each once.
fn targets<'a>(removals: &[Removal<'a>]) -> Vec<&'a Target> {
    let mut targets: Vec<&Target> = Vec::new();
    for (target, _) in removals {
        if !targets.iter().any(|known| std::ptr::eq(*known, *target)) {
            targets.push(target);
        }
    }
    targets
}

/// Checks that files whose tasks have succeeded are gone: the end of a task proves nothing.
fn check_gone(target: &Target, volids: &[&Volid]) -> Result<(), Entry> {
    // What is removed from a directory is removed by us.
    let Target::Node(node) = target else { return Ok(()) };
    let present = node
        .files()
        .map_err(|error| finding::while_doing(node.place(), "checking what was removed", &error))?;
    let is_there = |volid: &&&Volid| present.iter().any(|file| file.file == volid.file());
    match volids.iter().find(is_there) {
        None => Ok(()),
        Some(volid) => {
            let fact = format!("{volid} still exists after its removal");
            Err(Entry::error("still-there", node.place(), fact))
        }
    }
}

/// Removes half-written files of killed runs from directories, except in a dry run.
fn sweep(destinations: &Destinations, dry_run: bool) {
    if !dry_run {
        destinations.online.iter().for_each(|destination| destination.target.sweep());
    }
}
