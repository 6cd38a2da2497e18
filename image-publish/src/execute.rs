//! DOOR: carries out the plan for one storage, image by image, and returns the result for each.
//!
//! Guarantees: an image is reported as published only after PVE or this machine has verified its checksum;
//! after a failure, an incomplete file is removed.

use std::sync::Arc;

use stage::{Entry, Place, Report};

use crate::interrupt;
use crate::plan::Step;
use crate::prepare::SharedImage;
use crate::prepared::Supply;
use crate::published::{Action, Failed, Published};
use crate::target::Target;
use crate::transfer::arrival::{Expected, Presence};
use crate::transfer::{download, send, write};
use crate::turn::Turn;
use crate::wanted::{Wanted, check_disks};
use crate::work::Work;

/// Why the run stopped.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// The error to report.
    pub(crate) report: Report,
    /// Something was changed, or may have been.
    pub(crate) changed: bool,
}

/// What to do about an image on one storage.
#[derive(Debug)]
pub(crate) struct Todo {
    /// What the document wants.
    pub(crate) wanted: Arc<Wanted>,
    /// The image.
    pub(crate) shared: Arc<SharedImage>,
    /// What to do.
    pub(crate) step: Step,
}

impl Todo {
    /// Returns the result of an action.
    fn published(&self, target: &Target, file: &str, action: Action) -> Published {
        let image = &self.shared.image;
        Published {
            wanted: Arc::clone(&self.wanted),
            name: image.name.clone(),
            node: target.node().map(ToString::to_string),
            volid: match &image.supply {
                Supply::InStorage(volid) => volid.clone(),
                _ => target.volid(file),
            },
            action,
            length: image.length,
        }
    }
}

/// Reports volids of the document that do not exist or do not fit the disks.
pub(crate) fn check_kept(target: &Target, todo: &[Todo], report: &mut Report) {
    for todo in todo.iter().filter(|todo| todo.shared.image.is_stored()) {
        let wanted = &todo.wanted;
        match target.virtual_size(&target.volid_of(&todo.shared.image), &wanted.field) {
            Ok(Some(size)) => check_disks(wanted, size, report),
            Ok(None) => {}
            Err(entry) => match target.node().filter(|_| !wanted.nodes.is_empty()) {
                Some(node) => report.push(entry.note(format!("on node {node}"))),
                None => report.push(entry),
            },
        }
    }
}

/// Shows what would be done, and does nothing.
pub(crate) fn rehearse(work: &Work<'_>, target: &Target, todo: &[Todo]) -> Vec<Published> {
    let one = |todo: &Todo| {
        let image = &todo.shared.image;
        let volid = target.volid_of(image);
        let action = match todo.step {
            Step::Keep => Action::Present,
            Step::Send => Action::Sent,
            Step::Download => Action::Downloaded,
        };
        match action {
            Action::Present => {}
            Action::Sent => work.tell("step", &image.name, &format!("would upload {volid}")),
            Action::Downloaded => {
                work.tell("step", &image.name, &format!("the node would download {volid}"))
            }
        }
        todo.published(target, &image.file, action)
    };
    todo.iter().map(one).collect()
}

/// Carries out the plan. Stops at the first failure, and reports what is done and what was not started.
pub(crate) fn execute(
    work: &Work<'_>,
    target: &Target,
    todo: Vec<Todo>,
) -> Result<Vec<Published>, Stopped> {
    let names: Vec<String> = todo.iter().map(|todo| todo.shared.image.name.clone()).collect();
    let mut done: Vec<Published> = Vec::new();
    for (index, todo) in todo.into_iter().enumerate() {
        match check_not_interrupted(work, &names[index]).and_then(|()| one(work, target, todo)) {
            Ok(published) => done.push(published),
            Err(failed) => return Err(stopped(work, failed, &done, &names[index..])),
        }
    }
    Ok(done)
}

/// Returns what to report after a failure; `rest` starts with the image that failed.
fn stopped(work: &Work<'_>, failed: Failed, done: &[Published], rest: &[String]) -> Stopped {
    let Failed { mut entry, left } = failed;
    let on = work.on_node().map(|node| format!(" on {node}")).unwrap_or_default();
    let (name, missed) = rest.split_first().map_or(("", &[][..]), |(name, rest)| (name, rest));
    if work.on_node().is_some() {
        work.tell("failed", name, &entry.fact);
        if !matches!(entry.place, Place::Node { .. }) {
            entry = entry.note(format!("not published{on}: {name}"));
        }
    }
    let written = names_written(done);
    if !written.is_empty() {
        entry = entry.note(format!("done{on}: {}", written.join(", ")));
    }
    if !missed.is_empty() {
        entry = entry.note(format!("not started{on}: {}", missed.join(", ")));
    }
    Stopped { report: entry.into(), changed: left || !written.is_empty() }
}

/// Returns the names of the images that the run has written.
pub(crate) fn names_written(done: &[Published]) -> Vec<&str> {
    let written = done.iter().filter(|published| published.action != Action::Present);
    written.map(|published| published.name.as_str()).collect()
}

/// Carries out one step.
fn one(work: &Work<'_>, target: &Target, todo: Todo) -> Result<Published, Failed> {
    let image = &todo.shared.image;
    let (file, action) = match todo.step {
        Step::Keep => (image.file.clone(), Action::Present),
        step => in_turn(work, target, &todo.shared, step)?,
    };
    if action != Action::Present {
        work.tell("done", &image.name, &format!("published as {}", target.volid(&file)));
    }
    Ok(todo.published(target, &file, action))
}

/// Publishes an image, unless another run has published it since the plan was made.
fn in_turn(
    work: &Work<'_>,
    target: &Target,
    shared: &SharedImage,
    step: Step,
) -> Result<(String, Action), Failed> {
    let image = &shared.image;
    let name = &image.name;
    let _turn = Turn::take(work, target, name, &image.file)?;
    let look = |file: &str, length| {
        let there = target.look(work, Expected { name, file, length })?;
        check_not_interrupted(work, name)?;
        if there == Presence::Whole {
            let text = format!("another run has published {}", target.volid(file));
            work.tell("step", name, &text);
        }
        Ok::<_, Failed>(there)
    };
    let there = look(&image.file, image.length)?;
    if there == Presence::Whole {
        return Ok((image.file.clone(), Action::Present));
    }
    match (step, target) {
        (Step::Download, Target::Node(node)) => {
            download(work, node, shared, there == Presence::Half)
        }
        (_, Target::Node(node)) => {
            let takes_time = !matches!(image.supply, Supply::Local(_));
            let bytes = shared.bytes(work)?;
            if takes_time && look(&bytes.file, Some(bytes.length))? == Presence::Whole {
                return Ok((bytes.file, Action::Present));
            }
            Ok((send(work, node, bytes, name)?, Action::Sent))
        }
        (_, Target::Folder(folder)) => {
            Ok((write(work, folder, shared.bytes(work)?, name)?, Action::Sent))
        }
    }
}

/// Returns an error if a signal asked the run to stop.
fn check_not_interrupted(work: &Work<'_>, name: &str) -> Result<(), Failed> {
    interrupt::check().map_err(|error| {
        let fact = format!("image \"{name}\" was not published");
        Entry::error("not-started", work.place(), fact).cause(&error).into()
    })
}
