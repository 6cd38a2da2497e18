//! DOOR: carries out the plan, image by image, and returns the result for each.
//!
//! Guarantees: an image is reported as published only after PVE or this machine has verified its checksum;
//! after a failure, an incomplete file is removed.

use stage::{Entry, Place, Report};

use crate::interrupt;
use crate::plan::Step;
use crate::prepare::bytes_of;
use crate::prepared::{PreparedImage, Supply};
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

/// Reports volids of the document that do not exist or do not fit the disks.
pub(crate) fn check_kept(
    target: &Target,
    wanted: &[Wanted],
    todo: &[(PreparedImage, Step)],
    report: &mut Report,
) {
    for (image, _) in todo {
        let Supply::InStorage(volid) = &image.supply else { continue };
        match target.virtual_size(volid, &format!("images.{}", image.name)) {
            Ok(Some(size)) => {
                for wanted in wanted.iter().filter(|wanted| wanted.name == image.name) {
                    check_disks(wanted, size, report);
                }
            }
            Ok(None) => {}
            Err(entry) => report.push(entry),
        }
    }
}

/// Shows what would be done, and does nothing.
pub(crate) fn rehearse(
    work: &Work<'_>,
    target: &Target,
    todo: Vec<(PreparedImage, Step)>,
) -> Vec<Published> {
    let one = |(image, step): (PreparedImage, Step)| {
        let volid = match &image.supply {
            Supply::InStorage(volid) => volid.clone(),
            _ => target.volid(&image.file),
        };
        let action = match step {
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
        Published { name: image.name, volid, action, length: image.length }
    };
    todo.into_iter().map(one).collect()
}

/// Carries out the plan. Stops at the first failure, and reports what is done and what was not started.
pub(crate) fn execute(
    work: &Work<'_>,
    target: &Target,
    todo: Vec<(PreparedImage, Step)>,
) -> Result<Vec<Published>, Stopped> {
    let names: Vec<String> = todo.iter().map(|(image, _)| image.name.clone()).collect();
    let mut done: Vec<Published> = Vec::new();
    work.console.expect(todo.iter().filter(|(_, step)| *step != Step::Keep).count());
    for (index, (image, step)) in todo.into_iter().enumerate() {
        match check_not_interrupted(&image.name).and_then(|()| one(work, target, image, step)) {
            Ok(published) => done.push(published),
            Err(Failed { mut entry, left }) => {
                let written: Vec<_> = done
                    .iter()
                    .filter(|p| p.action != Action::Present)
                    .map(|p| p.name.as_str())
                    .collect();
                let missed = names[index + 1..].join(", ");
                if !written.is_empty() {
                    entry = entry.note(format!("done: {}", written.join(", ")));
                }
                if !missed.is_empty() {
                    entry = entry.note(format!("not started: {missed}"));
                }
                return Err(Stopped { report: entry.into(), changed: left || !written.is_empty() });
            }
        }
    }
    Ok(done)
}

/// Carries out one step.
fn one(
    work: &Work<'_>,
    target: &Target,
    image: PreparedImage,
    step: Step,
) -> Result<Published, Failed> {
    let name = image.name.clone();
    let length = image.length;
    let (file, action) = match (step, &image.supply) {
        (Step::Keep, Supply::InStorage(volid)) => {
            return Ok(Published { name, volid: volid.clone(), action: Action::Present, length });
        }
        (Step::Keep, _) => (image.file, Action::Present),
        (step, _) => in_turn(work, target, image, step)?,
    };
    if action != Action::Present {
        work.tell("done", &name, &format!("published as {}", target.volid(&file)));
    }
    Ok(Published { name, volid: target.volid(&file), action, length })
}

/// Publishes an image, unless another run has published it since the plan was made.
fn in_turn(
    work: &Work<'_>,
    target: &Target,
    image: PreparedImage,
    step: Step,
) -> Result<(String, Action), Failed> {
    let name = image.name.clone();
    let _turn = Turn::take(work, target, &name, &image.file)?;
    let look = |file: &str, length| {
        let there = target.look(work, Expected { name: &name, file, length })?;
        check_not_interrupted(&name)?;
        if there == Presence::Whole {
            let text = format!("another run has published {}", target.volid(file));
            work.tell("step", &name, &text);
        }
        Ok::<_, Failed>(there)
    };
    let there = look(&image.file, image.length)?;
    if there == Presence::Whole {
        return Ok((image.file, Action::Present));
    }
    match (step, target) {
        (Step::Download, Target::Node(node)) => {
            download(work, node, image, there == Presence::Half)
        }
        (_, Target::Node(node)) => {
            let takes_time = !matches!(image.supply, Supply::Local(_));
            let bytes = bytes_of(work, image)?;
            if takes_time && look(&bytes.file, Some(bytes.length))? == Presence::Whole {
                return Ok((bytes.file, Action::Present));
            }
            Ok((send(work, node, bytes, &name)?, Action::Sent))
        }
        (_, Target::Folder(folder)) => {
            Ok((write(work, folder, bytes_of(work, image)?, &name)?, Action::Sent))
        }
    }
}

/// Returns an error if a signal asked the run to stop.
fn check_not_interrupted(name: &str) -> Result<(), Failed> {
    interrupt::check().map_err(|error| {
        let fact = format!("image \"{name}\" was not published");
        Entry::error("not-started", Place::Run, fact).cause(&error).into()
    })
}
