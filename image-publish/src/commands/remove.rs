//! `remove`: removes images, by volid or by name with all versions and templates.

use std::collections::{BTreeMap, BTreeSet};

use pve_client::Volid;
use stage::{Console, Deployment, Entry, Failure, Output, Place, Report, suggest};

use super::template_census::{PrunedTemplates, TemplateCensus, users};
use super::{Users, open, sweep};
use crate::away;
use crate::cli::RemoveArgs;
use crate::destination::{Destination, Destinations};
use crate::outcome::{Line, Outcome};
use crate::plan::StoredFile;
use crate::prepared::{name_on_storage, parse_stored_name};
use crate::target::Target;
use crate::template::census::CountedTemplate;
use crate::template::remove::place;

/// Removes images; those that the document's VMs use only with `--force`. A name also means the image's templates.
pub(crate) fn run(args: &RemoveArgs, console: &Console) -> Result<Output, Failure> {
    let (destinations, deployment) =
        open(&args.connect, args.place.local_dir.as_deref(), "import", console)?;
    let mut report = Report::new();
    away::skipped(&destinations).into_iter().for_each(|entry| report.push(entry));
    let present = present(&destinations)?;
    let names: BTreeSet<&str> =
        args.what.iter().map(String::as_str).filter(|what| !what.contains(':')).collect();
    let templates = match &names {
        none if none.is_empty() => TemplateCensus::none(),
        _ => TemplateCensus::of(&destinations, args.connect.node.as_deref())?,
    };
    templates.left_out().for_each(|entry| report.push(entry));
    let found = found(&present, &args.what);
    let is_found = |what: &str| {
        is_stored(&present, what)
            || !templates.of_images(&BTreeSet::from([what]), deployment.as_ref()).is_empty()
    };
    for what in args.what.iter().filter(|what| !is_found(what)) {
        let entry = unknown(&present, what);
        report.push(of_other_sites(&templates, what).into_iter().fold(entry, Entry::note));
    }
    if let Some(deployment) = deployment.as_ref().filter(|_| !args.force) {
        found.iter().filter_map(|found| used(deployment, found)).for_each(|e| report.push(e));
        let of_images = templates.of_images(&names, Some(deployment));
        of_images.iter().filter_map(|one| cloned(deployment, one)).for_each(|e| report.push(e));
    }
    if report.has_errors() {
        return Err(report.into());
    }
    sweep(&destinations, args.place.dry_run);
    let removed = match &deployment {
        Some(found) => templates.remove_images(&names, found, args.place.dry_run),
        None => {
            of_no_site(&templates, &names).into_iter().for_each(|entry| report.push(entry));
            PrunedTemplates::default()
        }
    };
    finish(args, report, &found, removed, || match &deployment {
        Some(found) if !names.is_empty() => {
            let now = TemplateCensus::of(&destinations, args.connect.node.as_deref())?;
            Ok(made_meanwhile(&templates, &now, &names, found))
        }
        _ => Ok(Vec::new()),
    })
}

/// Removes the files, and returns the result. The templates are removed already; `look_again` finds those that another
/// run has made since.
fn finish(
    args: &RemoveArgs,
    mut report: Report,
    found: &[Found<'_>],
    mut templates: PrunedTemplates,
    look_again: impl FnOnce() -> Result<Vec<Entry>, Entry>,
) -> Result<Output, Failure> {
    let dry_run = args.place.dry_run;
    templates.warnings.drain(..).for_each(|entry| report.push(entry));
    let removals: Vec<_> =
        found.iter().map(|found| (&found.one.target, found.volid.clone())).collect();
    if let Err(failure) = templates.then_files(&removals, dry_run) {
        return Err(Failure::from(report).and(failure));
    }
    if !dry_run && !removals.is_empty() {
        look_again().unwrap_or_else(|entry| vec![entry]).into_iter().for_each(|e| report.push(e));
    }
    if report.has_errors() {
        return Err(Failure::part_way(report));
    }
    let lines = found.iter().map(|found| removed(found, dry_run)).collect();
    let changed = !templates.done.is_empty();
    let outcome = Outcome::new("remove", dry_run, lines).with_templates(templates.lines);
    Ok(Output::bytes(outcome.print(args.json), report).after_changes(changed))
}

/// Returns errors about templates of the images that another run has made while the files were removed.
fn made_meanwhile(
    before: &TemplateCensus,
    now: &TemplateCensus,
    names: &BTreeSet<&str>,
    deployment: &Deployment,
) -> Vec<Entry> {
    let of = |census: &TemplateCensus| -> BTreeMap<String, Place> {
        let all = census.of_images(names, Some(deployment)).into_iter();
        all.map(|one| (one.template.mark.uuid.clone(), place(&one.template))).collect()
    };
    let known = of(before);
    let could_be_read = |place: &Place| before.left_out().all(|entry| entry.place != *place);
    let new = of(now).into_iter();
    let new = new.filter(|(uuid, place)| !known.contains_key(uuid) && could_be_read(place));
    let made = |(_, place)| {
        let fact = "another run has made this template while its image was removed";
        Entry::error("made-meanwhile", place, fact).hint("to remove it too, run the command again")
    };
    new.map(made).collect()
}

/// Returns the files that the arguments mean.
fn found<'a>(present: &[(&'a Destination, &[StoredFile])], what: &[String]) -> Vec<Found<'a>> {
    let mut found: Vec<Found<'_>> = Vec::new();
    for (one, files) in present {
        let matching = what.iter().flat_map(|what| matching(&one.target, files, what));
        let matching: BTreeMap<Volid, u64> = matching.collect();
        found.extend(matching.into_iter().map(|(volid, size)| Found { one, volid, size }));
    }
    found
}

/// Returns whether an argument means a file.
fn is_stored(present: &[(&Destination, &[StoredFile])], what: &str) -> bool {
    present.iter().any(|(one, files)| !matching(&one.target, files, what).is_empty())
}

/// Returns that an image has templates, for an image of which the document's site has none.
fn of_other_sites(templates: &TemplateCensus, what: &str) -> Option<String> {
    let others = templates.of_images(&BTreeSet::from([what]), None);
    let shown = |one: &&CountedTemplate| match one.template.mark.site.as_str() {
        "" => format!("{} of a site without a name", one.template.vmid),
        site => format!("{} of site {site}", one.template.vmid),
    };
    let shown: Vec<String> = others.iter().map(shown).collect();
    (!shown.is_empty()).then(|| format!("other sites have templates of it: {}", shown.join(", ")))
}

/// Returns an error if VMs of the document are cloned from a template, or may be.
fn cloned(deployment: &Deployment, one: &CountedTemplate) -> Option<Entry> {
    let users = users(deployment, &one.template);
    if users.is_empty() {
        return None;
    }
    let mark = &one.template.mark;
    let fact = match deployment.image_on(one.template.node.as_str(), &mark.image) {
        None if deployment.vms.iter().any(|vm| vm.image == mark.image) => format!(
            "may be used by VMs of the document, as `images` does not say which version they use: {}",
            users.join(", ")
        ),
        _ => format!("is used by VMs of the document: {}", users.join(", ")),
    };
    let entry = Entry::error("image-in-use", place(&one.template), fact);
    Some(entry.hint("`--force` removes it anyway, unless volumes depend on its disk"))
}

/// Returns a warning about the templates of images that are removed without a document.
fn of_no_site(templates: &TemplateCensus, names: &BTreeSet<&str>) -> Option<Entry> {
    let kept = templates.of_images(names, None);
    let kept = kept.iter().map(|one| format!("{} on {}", one.template.vmid, one.template.node));
    let kept: Vec<String> = kept.collect();
    if kept.is_empty() {
        return None;
    }
    let fact = format!("kept: the templates of these images: {}", kept.join(", "));
    let hint = "with a document on stdin, `remove NAME` also removes the templates of its site";
    Some(Entry::warning("kept", Place::Run, fact).hint(hint))
}

/// A file to remove.
struct Found<'a> {
    /// The storage that has it.
    one: &'a Destination,
    volid: Volid,
    /// In bytes.
    size: u64,
}

/// Returns the files of each storage.
///
/// # Errors
/// Storages cannot be listed.
fn present(destinations: &Destinations) -> Result<Vec<(&Destination, &[StoredFile])>, Report> {
    let mut report = Report::new();
    let mut all = Vec::new();
    for one in &destinations.online {
        match one.present() {
            Ok(present) => all.push((one, present)),
            Err(entry) => report.push(entry),
        }
    }
    if report.has_errors() { Err(report) } else { Ok(all) }
}

/// Returns an error if VMs of the document use a volume, or may use it.
fn used(deployment: &Deployment, found: &Found<'_>) -> Option<Entry> {
    let volid = &found.volid;
    let place = Place::Named(volid.to_string());
    let users = Users::of(volid, found.one, deployment);
    let names = |users: &BTreeSet<&str>| users.iter().copied().collect::<Vec<_>>().join(", ");
    match users.any() {
        Some(false) => None,
        Some(true) => Some(
            Entry::error("image-in-use", place, format!("is used by VMs of the document: {}", names(&users.certain)))
                .hint("`--force` removes it anyway; existing VMs keep their disks"),
        ),
        None => Some(
            Entry::error("image-in-use", place, format!("may be used by VMs of the document, as `images` does not say which version they use: {}", names(&users.possible)))
                .hint("pipe the document through `image-publish` first, or use `--force`; existing VMs keep their disks"),
        ),
    }
}

/// Returns the volids that match an argument, with their sizes in bytes.
fn matching(target: &Target, present: &[StoredFile], what: &str) -> Vec<(Volid, u64)> {
    let stored = name_on_storage(what);
    let by_name = |file: &str| parse_stored_name(file).is_some_and(|(name, _)| name == stored);
    let all = present.iter().map(|present| (target.volid(&present.file), present.size));
    all.filter(|(volid, _)| volid.to_string() == what || by_name(volid.file())).collect()
}

/// Returns the error for an argument that matches no image. The hint suggests volids for a volid, and otherwise
/// image names, and the volids of files that have none.
fn unknown(present: &[(&Destination, &[StoredFile])], what: &str) -> Entry {
    let name = |target: &Target, present: &StoredFile| match parse_stored_name(&present.file) {
        Some((name, _)) if !what.contains(':') => name.to_owned(),
        _ => target.volid(&present.file).to_string(),
    };
    let names_on = |(one, files): &(&Destination, &[StoredFile])| {
        files.iter().map(|file| name(&one.target, file)).collect::<Vec<_>>()
    };
    let names: BTreeSet<String> = present.iter().flat_map(names_on).collect();
    let place = if what.is_empty() { "VOLID|NAME" } else { what };
    let fact = "no image of this name or volid is on the storage";
    let hint = suggest::reference(what, "the storage", names.iter().map(String::as_str));
    Entry::error("image-not-found", Place::Named(place.to_owned()), fact).hint(hint)
}

/// Returns a line of the result.
fn removed(found: &Found<'_>, dry_run: bool) -> Line {
    let Found { one, volid, size } = found;
    let parts = parse_stored_name(volid.file());
    Line {
        name: parts.map(|(name, _)| name.to_owned()),
        node: one.target.node().map(ToString::to_string),
        storage: one.target.storage().to_string(),
        volid: volid.to_string(),
        result: if dry_run { "would be removed" } else { "removed" },
        size: Some(*size),
        sum: parts.map(|(_, sum)| sum.to_owned()),
        used: None,
        reason: None,
        warnings: Vec::new(),
    }
}
