//! `publish`: publishes files or URLs on a storage, with or without a document.

use std::collections::BTreeSet;
use std::path::PathBuf;

use machine::rule::IMAGE;
use stage::{Console, Entry, Failure, Output, Place, Report, shown};

use super::open;
use super::publishing::publish;
use super::request::work;
use crate::away;
use crate::cli::{Content, PublishArgs};
use crate::origin::{Mode, Origin};
use crate::outcome::{Line, Outcome, has_changed};
use crate::prepare;
use crate::prepared::Ready;
use crate::published::Published;
use crate::source::address::Address;
use crate::source::checksum::{ExpectedSum, Sum};
use crate::wanted::Wanted;

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
    let (destinations, _) = open(&args.connect, args.place.local_dir.as_deref(), content, console)?;
    let mut work = work(&args.source, args.place.dry_run, args.refresh.refresh, console);
    let mut ready = prepare::prepare(&mut work, &wanted, Some(&destinations), &mut report);
    let away = away::unserved(&destinations, &wanted, None, "published");
    away.into_iter().for_each(|entry| report.push(entry));
    if report.has_errors() {
        return Err(report.into());
    }
    if args.content == Content::Iso {
        for Ready { image, .. } in &mut ready {
            // PVE: reference 1: content `iso` accepts .iso and .img.
            image.file =
                std::path::Path::new(&image.file).with_extension("img").display().to_string();
        }
        report.push(
            Entry::warning("iso-content", Place::Named("--content iso".to_owned()), "PVE cannot create disks from content `iso`")
                .hint("use it for a CD drive, or copy it by hand on the node; a VM's `image` needs content `import`"),
        );
    }
    let published = publish(&mut work, &destinations, ready, &mut report, |_, _| {})?.concat();
    let line = |image: &Published| Line::of(image, work.dry_run, work.warnings_of(&image.name));
    let lines: Vec<Line> = published.iter().map(line).collect();
    let outcome = Outcome::new("publish", work.dry_run, lines);
    let changed = has_changed(&published, work.dry_run);
    Ok(Output::bytes(outcome.print(args.json), report).after_changes(changed))
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
            field: String::new(),
            name,
            origin,
            sum: sum.clone(),
            sum_list: None,
            format: None,
            disks: Vec::new(),
            nodes: BTreeSet::new(),
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
