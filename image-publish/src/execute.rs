//! DOOR: carries the plan out, image by image, and says what became of each.
//!
//! Promises: an image is reported as published only after its bytes were compared with its sum, by PVE or
//! here; after a failure it looks whether something half-made is left and removes it.

use pve_client::Volid;
use pve_stage::finding;
use stage::{Entry, Place, Report};

use crate::folder::Folder;
use crate::interrupt;
use crate::left_over;
use crate::node::Node;
use crate::plan::{Present, Step};
use crate::prepare::bytes_of;
use crate::published::{Failed, Published, What};
use crate::ready::{Ready, Supply};
use crate::transfer::arrival::{self, Expected, There};
use crate::transfer::{download, send, write};
use crate::turn::Turn;
use crate::wanted::{Wanted, check_disks};
use crate::work::Work;

/// Where images are published.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A storage, by its node's API.
    Node(Node),
    /// A storage's folder on this machine.
    Folder(Folder),
}

impl Target {
    /// Returns the files that are there.
    pub(crate) fn present(&self) -> Result<Vec<Present>, Entry> {
        match self {
            Self::Node(node) => node.present(),
            Self::Folder(folder) => folder.present(),
        }
    }

    /// Returns the volid of a file.
    pub(crate) fn volid(&self, file: &str) -> Volid {
        match self {
            Self::Node(node) => node.volid(file),
            Self::Folder(folder) => folder.volid(file),
        }
    }

    /// Removes what killed runs have left half-written; a node's storage shows it under the image's own name.
    pub(crate) fn sweep(&self) {
        if let Self::Folder(folder) = self {
            left_over::sweep_images(&folder.import());
        }
    }

    /// Returns where it is, the same for all who mean the same place: a URL or a path.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Node(node) => node.client.endpoint().url.to_string(),
            Self::Folder(folder) => folder.address(),
        }
    }

    /// Looks right before something is written whether it is still to be done.
    fn look(&self, work: &Work<'_>, expected: Expected<'_>) -> Result<There, Entry> {
        match self {
            Self::Node(node) => arrival::look(work, node, expected).map_err(|error| {
                let fact = format!("looking for image \"{}\"", expected.name);
                finding::while_doing(node.place(), &fact, &error)
            }),
            Self::Folder(folder) => {
                let present = folder.present()?;
                let file = present.iter().find(|present| present.file == expected.file);
                Ok(expected.judge(file.map(|present| present.size)))
            }
        }
    }

    /// Returns the size of the disk in a volume that the document names in `field`; `None` where nobody here
    /// can tell, for it is in another storage than the folder's.
    fn virtual_size(&self, volid: &Volid, field: &str) -> Result<Option<u64>, Entry> {
        match self {
            Self::Node(node) => match node.client.volume_info(&node.node, volid) {
                Ok(info) => Ok(Some(info.size)),
                // PVE: facts 43 and 4: a volume that is not there is an error 500 with many wordings.
                Err(error) => {
                    let doing = format!("\"{volid}\" cannot be used");
                    Err(finding::while_doing(Place::input(field), &doing, &error))
                }
            },
            Self::Folder(folder) if *volid == folder.volid(volid.file()) => {
                folder.virtual_size(volid.file()).map(Some)
            }
            Self::Folder(_) => Ok(None),
        }
    }
}

/// Why the run stopped.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// What is to be said.
    pub(crate) report: Report,
    /// The world has changed, or may have.
    pub(crate) changed: bool,
}

/// Looks at the images that the document names as volumes: they must be there, and fit the disks.
pub(crate) fn check_kept(
    target: &Target,
    wanted: &[Wanted],
    todo: &[(Ready, Step)],
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

/// Tells what would be done, and does nothing.
pub(crate) fn rehearse(
    work: &Work<'_>,
    target: &Target,
    todo: Vec<(Ready, Step)>,
) -> Vec<Published> {
    let one = |(image, step): (Ready, Step)| {
        let volid = match &image.supply {
            Supply::InStorage(volid) => volid.clone(),
            _ => target.volid(&image.file),
        };
        let what = match step {
            Step::Keep => What::Present,
            Step::Send => What::Sent,
            Step::Download => What::Downloaded,
        };
        match what {
            What::Present => {}
            What::Sent => work.tell("step", &image.name, &format!("would upload {volid}")),
            What::Downloaded => {
                work.tell("step", &image.name, &format!("the node would download {volid}"))
            }
        }
        Published { name: image.name, volid, what, length: image.length }
    };
    todo.into_iter().map(one).collect()
}

/// Carries the plan out; at the first failure it stops and says what is done and what was not reached.
pub(crate) fn execute(
    work: &Work<'_>,
    target: &Target,
    todo: Vec<(Ready, Step)>,
) -> Result<Vec<Published>, Stopped> {
    let names: Vec<String> = todo.iter().map(|(image, _)| image.name.clone()).collect();
    let mut done: Vec<Published> = Vec::new();
    for (index, (image, step)) in todo.into_iter().enumerate() {
        match not_begun(&image.name).and_then(|()| one(work, target, image, step)) {
            Ok(published) => done.push(published),
            Err(Failed { mut entry, left }) => {
                let written: Vec<_> = done
                    .iter()
                    .filter(|p| p.what != What::Present)
                    .map(|p| p.name.as_str())
                    .collect();
                let missed = names[index + 1..].join(", ");
                if !written.is_empty() {
                    entry = entry.note(format!("done: {}", written.join(", ")));
                }
                if !missed.is_empty() {
                    entry = entry.note(format!("not reached: {missed}"));
                }
                return Err(Stopped { report: entry.into(), changed: left || !written.is_empty() });
            }
        }
    }
    Ok(done)
}

/// Carries one step out.
fn one(work: &Work<'_>, target: &Target, image: Ready, step: Step) -> Result<Published, Failed> {
    let name = image.name.clone();
    let length = image.length;
    let (file, what) = match (step, &image.supply) {
        (Step::Keep, Supply::InStorage(volid)) => {
            return Ok(Published { name, volid: volid.clone(), what: What::Present, length });
        }
        (Step::Keep, _) => (image.file, What::Present),
        (step, _) => in_turn(work, target, image, step)?,
    };
    if what != What::Present {
        work.tell("done", &name, &format!("published as {}", target.volid(&file)));
    }
    Ok(Published { name, volid: target.volid(&file), what, length })
}

/// Brings an image, unless another run has brought it since the plan was made.
fn in_turn(
    work: &Work<'_>,
    target: &Target,
    image: Ready,
    step: Step,
) -> Result<(String, What), Failed> {
    let name = image.name.clone();
    let _turn = Turn::take(work, target, &name, &image.file)?;
    let look = |file: &str, length| {
        let there = target.look(work, Expected { name: &name, file, length })?;
        not_begun(&name)?;
        if there == There::Whole {
            let text = format!("another run has published {}", target.volid(file));
            work.tell("step", &name, &text);
        }
        Ok::<_, Failed>(there)
    };
    let there = look(&image.file, image.length)?;
    if there == There::Whole {
        return Ok((image.file, What::Present));
    }
    match (step, target) {
        (Step::Download, Target::Node(node)) => download(work, node, image, there == There::Half),
        (_, Target::Node(node)) => {
            let takes_time = !matches!(image.supply, Supply::Local(_));
            let bytes = bytes_of(work, image)?;
            if takes_time && look(&bytes.file, Some(bytes.length))? == There::Whole {
                return Ok((bytes.file, What::Present));
            }
            Ok((send(work, node, bytes, &name)?, What::Sent))
        }
        (_, Target::Folder(folder)) => {
            Ok((write(work, folder, bytes_of(work, image)?, &name)?, What::Sent))
        }
    }
}

/// Ends the run before an image is begun, once a signal asks for it.
fn not_begun(name: &str) -> Result<(), Failed> {
    interrupt::check().map_err(|error| {
        let fact = format!("image \"{name}\" was not begun");
        Entry::error(Place::Run, fact).cause(&error).into()
    })
}
