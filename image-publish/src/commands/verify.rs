//! `verify`: compares the document's images on the storages with their checksums.
//!
//! The node itself reads the stored bytes.

use pve_stage::finding;
use stage::{Console, Entry, Failure, Output, Place};

use super::request::{PreparedRun, Request};
use crate::away;
use crate::cli::VerifyArgs;
use crate::destination::{Destination, Destinations};
use crate::interrupt;
use crate::outcome::{Line, Outcome};
use crate::plan::StoredFile;
use crate::prepared::{PreparedImage, Ready};
use crate::stored::NotSame;
use crate::target::Target;

/// Verifies each image of the document's VMs.
pub(crate) fn run(args: &VerifyArgs, console: &Console) -> Result<Output, Failure> {
    let request = Request::read(&args.document)?;
    let nodes = request.nodes();
    let PreparedRun { mut request, destinations, work, ready } =
        request.prepare(&args.document, &nodes, args.refresh.refresh, console)?;
    let deployment = Some(&request.deployment);
    let away = away::unserved(&destinations, &request.wanted, deployment, "verified");
    away.into_iter().for_each(|entry| request.report.push(entry.as_error()));
    let mut lines = Vec::new();
    for (one, image) in needed(&destinations, &ready) {
        if let Err(error) = interrupt::check() {
            let fact = format!("image \"{}\" was not verified", image.name);
            request.report.push(Entry::error("not-verified", Place::Run, fact).cause(&error));
            break;
        }
        let verified = one.present();
        match verified.and_then(|present| verify(&one.target, image, present, work.dry_run)) {
            Ok(line) => lines.push(Line { warnings: work.warnings_of(&image.name), ..line }),
            Err(entry) if request.report.entries().contains(&entry) => {}
            Err(entry) => request.report.push(on_node(one, &destinations, entry)),
        }
    }
    Ok(Output::bytes(Outcome::new("verify", work.dry_run, lines).print(args.json), request.report))
}

/// Returns each image that a storage needs, with the storage.
fn needed<'a>(
    destinations: &'a Destinations,
    ready: &'a [Ready],
) -> impl Iterator<Item = (&'a Destination, &'a PreparedImage)> {
    destinations.online.iter().flat_map(move |one| {
        let images = ready.iter().filter(|ready| one.needs(&ready.wanted));
        images.map(move |ready| (one, &ready.image))
    })
}

/// Names the node in a finding whose place is a volid, which may be the same on several nodes.
fn on_node(one: &Destination, destinations: &Destinations, entry: Entry) -> Entry {
    match (one.target.node().filter(|_| destinations.are_several()), &entry.place) {
        (Some(node), Place::Named(volid)) => {
            Entry { place: Place::Named(format!("{volid} on {node}")), ..entry }
        }
        _ => entry,
    }
}

/// Verifies one image.
fn verify(
    target: &Target,
    image: &PreparedImage,
    present: &[StoredFile],
    dry_run: bool,
) -> Result<Line, Entry> {
    let volid = target.volid(&image.file);
    let place = Place::Named(volid.to_string());
    let Some(sum) = &image.sum else {
        let fact = "no checksum is known to compare it with";
        let place = Place::input(format!("images.{}", image.name));
        return Err(Entry::error("checksum-unknown", place, fact));
    };
    let Some(there) = present.iter().find(|present| present.file == image.file) else {
        return Err(Entry::error("image-not-found", place, "is not on the storage")
            .hint("run `image-publish` as a filter to publish it"));
    };
    if let Some(length) = image.length.filter(|length| *length != there.size) {
        let fact = format!(
            "has {} bytes instead of {length}, so it is not the complete image",
            there.size
        );
        return Err(Entry::error("image-truncated", place, fact)
            .hint("run `image-publish` as a filter to publish it again"));
    }
    let line = |result| Line {
        name: Some(image.name.clone()),
        node: target.node().map(ToString::to_string),
        storage: target.storage().to_string(),
        volid: volid.to_string(),
        result,
        size: Some(there.size),
        sum: crate::prepared::parse_stored_name(&image.file).map(|(_, digits)| digits.to_owned()),
        used: None,
        reason: None,
        warnings: Vec::new(),
    };
    if dry_run {
        return Ok(line("present"));
    }
    match target {
        Target::Node(node) => {
            let compared = node.compare(&image.file, sum);
            compared.map_err(|(NotSame::Different(e) | NotSame::Unknown(e))| {
                let entry = finding::while_doing(place, "comparing it with its checksum", &e);
                node.with_download_privileges(entry, &e)
            })?;
        }
        Target::Folder(folder) => {
            let stored = folder.sums_of(&image.file).map_err(|e| {
                Entry::error("unreadable", place.clone(), "cannot be read").cause(&e)
            })?;
            let is = stored.get(sum.algorithm).unwrap_or_default();
            if is != sum.hex {
                let fact = format!("{} is \"{is}\" instead of \"{}\"", sum.algorithm, sum.hex);
                return Err(Entry::error("checksum-mismatch", place, fact));
            }
        }
    }
    Ok(line("verified"))
}
