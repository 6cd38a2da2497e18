//! `publish`: publishes files or URLs on a storage, with or without a document.

use std::path::PathBuf;

use machine::rule::IMAGE;
use stage::{Console, Entry, Failure, Output, Place, Report, shown};

use super::open;
use super::request::work;
use crate::cli::{Content, PublishArgs};
use crate::execute::{self, execute};
use crate::outcome::{Line, Outcome, has_changed};
use crate::plan::{Step, StoredFile, plan};
use crate::prepare;
use crate::prepared::{PreparedImage, Supply};
use crate::published::Published;
use crate::room;
use crate::source::address::Address;
use crate::source::checksum::{ExpectedSum, Sum};
use crate::source::examine::UrlFacts;
use crate::target::Target;
use crate::wanted::{Mode, Origin, Wanted};
use crate::work::Work;

/// Publishes.
pub(crate) fn run(args: &PublishArgs, console: &Console) -> Result<Output, Failure> {
    let mut report = Report::new();
    let wanted = wanted(args, &mut report);
    if report.has_errors() {
        return Err(report.into());
    }
    let content = match args.content {
        Content::Import => "import",
        Content::Iso => "iso",
    };
    let (target, _) = open(&args.connect, args.place.local_dir.as_deref(), content, console)?;
    let mut work = work(&args.source, args.place.dry_run, args.refresh.refresh, console);
    let mut ready = prepare::prepare(&mut work, &wanted, Some(&target), &mut report);
    if report.has_errors() {
        return Err(report.into());
    }
    if args.content == Content::Iso {
        for image in &mut ready {
            // PVE: reference 1: content `iso` accepts .iso and .img.
            image.file =
                std::path::Path::new(&image.file).with_extension("img").display().to_string();
        }
        report.push(
            Entry::warning("iso-content", Place::Named("--content iso".to_owned()), "PVE cannot create disks from content `iso`")
                .hint("use it for a CD drive, or copy it by hand on the node; a VM's `image` needs content `import`"),
        );
    }
    let published = publish(&mut work, &target, &wanted, ready, &mut report)?;
    let line = |image: &Published| Line::of(image, work.dry_run, work.warnings_of(&image.name));
    let lines: Vec<Line> = published.iter().map(line).collect();
    let outcome = Outcome::new("publish", work.dry_run, lines);
    let changed = has_changed(&published, work.dry_run);
    Ok(Output::bytes(outcome.print(args.json), report).after_changes(changed))
}

/// Publishes the missing images: plans, checks the node, and carries out the plan.
pub(super) fn publish(
    work: &mut Work<'_>,
    target: &Target,
    wanted: &[Wanted],
    ready: Vec<PreparedImage>,
    report: &mut Report,
) -> Result<Vec<Published>, Failure> {
    let in_storage_only = ready.iter().all(|image| matches!(image.supply, Supply::InStorage(_)));
    // The only GET when nothing has changed.
    let present = match work.listed.take() {
        Some(listed) => listed,
        None if in_storage_only => Vec::new(),
        None => target.present()?,
    };
    let steps = plan(&ready, &present);
    let todo: Vec<_> = ready.into_iter().zip(steps).collect();
    execute::check_kept(target, wanted, &todo, report);
    if report.has_errors() {
        return Err(std::mem::take(report).into());
    }
    let missing: Vec<&PreparedImage> =
        todo.iter().filter(|(_, step)| *step != Step::Keep).map(|(image, _)| image).collect();
    // Before the check of free space, because sweeping frees some.
    if !work.dry_run {
        target.sweep();
    }
    if !missing.is_empty() {
        check_place(target, &missing, &present)?;
    }
    if work.dry_run {
        return Ok(execute::rehearse(work, target, todo));
    }
    let verified_urls: Vec<_> = todo.iter().filter_map(|(image, _)| unverified(image)).collect();
    let published = execute(work, target, todo).map_err(|stopped| {
        if stopped.changed { Failure::part_way(stopped.report) } else { stopped.report.into() }
    })?;
    for (url, sum, facts) in verified_urls {
        work.cache.keep_url(&url, &sum, &facts);
    }
    work.cache.save();
    Ok(published)
}

/// Returns what the first bytes of a URL showed, with its address and checksum. Once the image is published,
/// they are verified.
fn unverified(image: &PreparedImage) -> Option<(String, String, UrlFacts)> {
    let (Supply::Fetch(remote) | Supply::Node { remote, .. }) = &image.supply else { return None };
    let sum = image.sum.as_ref()?;
    Some((remote.url.to_string(), sum.hex.clone(), remote.unverified.clone()?))
}

/// Checks, before the first write, whether the target can store the missing images; leftovers of failed
/// uploads are replaced, so their space counts as free.
fn check_place(
    target: &Target,
    missing: &[&PreparedImage],
    present: &[StoredFile],
) -> Result<(), Failure> {
    match target {
        Target::Node(node) => {
            let left = |image: &PreparedImage| {
                let half = present.iter().find(|present| present.file == image.file);
                half.map_or(0, |half| half.size)
            };
            let bytes_needed =
                |image: &PreparedImage| image.length.unwrap_or(0).saturating_sub(left(image));
            let needed = missing.iter().map(|image| bytes_needed(image)).sum();
            node.check(missing.len(), needed).map_err(Failure::from)
        }
        Target::Folder(folder) => {
            let needed = missing.iter().map(|image| room::needed_for(image)).sum();
            folder.check_room(missing.len(), needed).map_err(Failure::from)
        }
    }
}

/// Converts the arguments into wanted images.
fn wanted(args: &PublishArgs, report: &mut Report) -> Vec<Wanted> {
    if args.content == Content::Iso && args.place.local_dir.is_some() {
        report.error(
            "exclusive-options",
            Place::Run,
            "`--content iso` cannot be combined with `--local-dir`",
        );
    }
    if args.what.len() > 1 && (args.name.is_some() || args.checksum.is_some()) {
        report.error(
            "exclusive-options",
            Place::Run,
            "`--name` and `--checksum` need a single file",
        );
    }
    let sum = args.checksum.as_deref().and_then(|text| {
        let sum = Sum::parse(text);
        if sum.is_none() {
            let fact = format!(
                "\"{text}\" must be `sha256:` followed by 64, or `sha512:` followed by 128, hexadecimal digits"
            );
            report.error("invalid-value", Place::Named("--checksum".to_owned()), fact);
        }
        sum.map(|sum| ExpectedSum { sum, by: "`--checksum`".to_owned(), pinned: true })
    });
    let mut all = Vec::new();
    for what in &args.what {
        let name = args.name.clone().unwrap_or_else(|| name_of(what));
        if !IMAGE.accepts(&name) {
            let place = Place::Named(if what.is_empty() {
                "FILE|URL".to_owned()
            } else {
                shown::address(what)
            });
            let fact = format!("\"{name}\" must be {}", IMAGE.must);
            report.push(
                Entry::error("invalid-name", place, fact).hint("choose a name with `--name`"),
            );
            continue;
        }
        let origin = Address::parse(what).map_or_else(
            || Origin::File(PathBuf::from(what)),
            |url| Origin::Url { url, mode: Mode::Auto },
        );
        all.push(Wanted {
            name,
            origin,
            sum: sum.clone(),
            sum_list: None,
            format: None,
            disks: Vec::new(),
        });
    }
    all
}

/// Returns a file's name without the extensions of image formats and compression.
fn name_of(what: &str) -> String {
    let address = Address::parse(what);
    let mut name = match &address {
        Some(address) => address.file(),
        None => what.rsplit('/').next().unwrap_or(what),
    };
    for endings in [&["gz", "xz", "zst", "bz2"][..], &["qcow2", "raw", "vmdk", "img"][..]] {
        let ending = name.rsplit_once('.').filter(|(_, ending)| endings.contains(ending));
        name = ending.map_or(name, |(stem, _)| stem);
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::name_of;

    fn check(what: &str, expected: &str) {
        assert_eq!(name_of(what), expected, "{what}");
    }

    #[test]
    fn names_lose_their_endings() {
        check("images/debian-12/debian-12.qcow2", "debian-12");
        check("jammy-server.img.xz", "jammy-server");
        check("https://x/deb12.8-custom.qcow2?sig=a/b", "deb12.8-custom");
        check("disk", "disk");
    }
}
