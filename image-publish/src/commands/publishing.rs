//! What the filter and `publish` share: prepared images → published ones, on each storage.

use std::sync::Arc;

use stage::{Entry, Failure, Report};

use crate::destination::{Destination, Destinations};
use crate::execute::{self, Todo};
use crate::node::Node;
use crate::plan::{Step, StoredFile, plan};
use crate::prepare::SharedImage;
use crate::prepared::{PreparedImage, Ready, Supply};
use crate::room;
use crate::side_by_side::{OnEach, execute_all, work_on};
use crate::source::examine::UrlFacts;
use crate::target::Target;
use crate::wanted::Wanted;
use crate::work::Work;

/// Publishes the missing images: plans, checks each node, and carries out the plans. `check_more` checks whatever
/// else must be right before the first write.
pub(super) fn publish(
    work: &mut Work<'_>,
    destinations: &Destinations,
    ready: Vec<Ready>,
    report: &mut Report,
    check_more: impl FnOnce(&Work<'_>, &mut Report),
) -> Result<OnEach, Failure> {
    let plans = plans(destinations, ready, report);
    // Of several storages, all are checked, and their problems are reported together.
    let is_refused = |report: &Report| report.has_errors() && !destinations.are_several();
    if is_refused(report) {
        return Err(std::mem::take(report).into());
    }
    for (one, todo) in destinations.online.iter().zip(&plans) {
        execute::check_kept(&one.target, todo, report);
    }
    if is_refused(report) {
        return Err(std::mem::take(report).into());
    }
    // Before the check of free space, because sweeping frees some.
    super::sweep(destinations, work.dry_run);
    check_places(destinations, &plans, report);
    check_more(work, report);
    if report.has_errors() {
        return Err(std::mem::take(report).into());
    }
    if work.dry_run {
        return Ok(rehearse_all(work, destinations, &plans));
    }
    let verified_urls: Vec<_> =
        plans.iter().flatten().filter_map(|todo| unverified(&todo.shared.image)).collect();
    let published = execute_all(work, destinations, plans).map_err(|stopped| {
        if stopped.changed { Failure::part_way(stopped.report) } else { stopped.report.into() }
    })?;
    for (url, sum, facts) in verified_urls {
        work.cache.keep_url(&url, &sum, &facts);
    }
    work.cache.save();
    Ok(published)
}

/// Returns the plan for each storage that is online; one that cannot be listed is reported, and has none.
fn plans(destinations: &Destinations, ready: Vec<Ready>, report: &mut Report) -> Vec<Vec<Todo>> {
    let mut steps: Vec<Vec<(usize, Step)>> = Vec::new();
    for one in &destinations.online {
        let needed: Vec<(usize, &Ready)> =
            ready.iter().enumerate().filter(|(_, ready)| one.needs(&ready.wanted)).collect();
        let images: Vec<&PreparedImage> = needed.iter().map(|(_, ready)| &ready.image).collect();
        let planned = present(one, &images).map(|present| plan(&images, present));
        let planned = planned.map_err(|entry| report.push(entry)).unwrap_or_default();
        steps.push(needed.iter().map(|(index, _)| *index).zip(planned).collect());
    }
    let uploads = |index: usize| {
        steps.iter().flatten().filter(|(at, step)| *at == index && *step == Step::Send).count()
    };
    let shared: Vec<(Arc<Wanted>, Arc<SharedImage>)> = ready
        .into_iter()
        .enumerate()
        .map(|(index, Ready { wanted, image })| {
            (wanted, Arc::new(SharedImage::new(image, uploads(index))))
        })
        .collect();
    let todo = |(index, step): (usize, Step)| {
        let (wanted, shared) = shared.get(index)?;
        Some(Todo { wanted: Arc::clone(wanted), shared: Arc::clone(shared), step })
    };
    steps.into_iter().map(|of_one| of_one.into_iter().filter_map(todo).collect()).collect()
}

/// Returns the files of a storage: the only GET when nothing has changed.
fn present<'a>(one: &'a Destination, images: &[&PreparedImage]) -> Result<&'a [StoredFile], Entry> {
    let in_document = |image: &&PreparedImage| matches!(image.supply, Supply::InStorage(_));
    if images.iter().all(in_document) { Ok(&[]) } else { one.present() }
}

/// Shows what would be done on each storage, and does nothing.
fn rehearse_all(work: &Work<'_>, destinations: &Destinations, plans: &[Vec<Todo>]) -> OnEach {
    let jobs = destinations.online.iter().zip(plans);
    jobs.map(|(one, todo)| {
        if destinations.are_several() {
            execute::rehearse(&work_on(work, one), &one.target, todo)
        } else {
            execute::rehearse(work, &one.target, todo)
        }
    })
    .collect()
}

/// Returns what the first bytes of a URL showed, with its address and checksum. Once the image is published,
/// they are verified.
fn unverified(image: &PreparedImage) -> Option<(String, String, UrlFacts)> {
    let (Supply::Fetch(remote) | Supply::Node { remote, .. }) = &image.supply else { return None };
    let sum = image.sum.as_ref()?;
    Some((remote.url.to_string(), sum.hex.clone(), remote.unverified.clone()?))
}

/// Checks, before the first write, whether each storage can store its missing images.
fn check_places(destinations: &Destinations, plans: &[Vec<Todo>], report: &mut Report) {
    for (one, todo) in destinations.online.iter().zip(plans) {
        let missing: Vec<&PreparedImage> = todo
            .iter()
            .filter(|todo| todo.step != Step::Keep)
            .map(|todo| &todo.shared.image)
            .collect();
        if missing.is_empty() {
            continue;
        }
        if let Err(entries) = check_place(one, &missing) {
            report.extend(entries);
        }
    }
}

/// Checks whether a storage can store images; leftovers of failed uploads are replaced, so their space counts as
/// free.
fn check_place(one: &Destination, missing: &[&PreparedImage]) -> Result<(), Report> {
    match &one.target {
        Target::Node(node) => {
            let present = one.present().unwrap_or_default();
            let left = |image: &PreparedImage| {
                let half = present.iter().find(|present| present.file == image.file);
                half.map_or(0, |half| half.size)
            };
            let bytes_needed =
                |image: &PreparedImage| image.length.unwrap_or(0).saturating_sub(left(image));
            let needed = missing.iter().map(|image| bytes_needed(image)).sum();
            node.check(missing.len(), needed)?;
            check_sharing(node, one)
        }
        Target::Folder(folder) => {
            let needed = missing.iter().map(|image| room::needed_for(image)).sum();
            folder.check_room(missing.len(), needed).map_err(Report::from)
        }
    }
}

/// Checks whether the other nodes that share a storage can use it. One that does not answer is skipped.
fn check_sharing(node: &Node, one: &Destination) -> Result<(), Report> {
    let mut report = Report::new();
    for name in &one.others {
        let other = Node { node: name.clone(), ..node.clone() };
        other.cannot_use().into_iter().for_each(|entry| report.push(entry));
    }
    if report.has_errors() { Err(report) } else { Ok(()) }
}
