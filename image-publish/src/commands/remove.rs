//! `remove`: removes images, by volid or by name with all versions.

use pve_client::Volid;
use stage::{Console, Deployment, Entry, Failure, Output, Place, Report};

use super::{is_named, open, remove_all};
use crate::cli::RemoveArgs;
use crate::outcome::{Line, Outcome};
use crate::plan::Present;
use crate::ready::parse_stored_name;
use crate::target::Target;

/// Removes; what the document's VMs name only with `--force`.
pub(crate) fn run(args: &RemoveArgs, console: &Console) -> Result<Output, Failure> {
    let (target, deployment) =
        open(&args.connect, args.place.local_dir.as_deref(), "import", console)?;
    let present = target.present()?;
    let mut report = Report::new();
    let mut volids: Vec<Volid> = Vec::new();
    for what in &args.what {
        let found = matching(&target, &present, what);
        if found.is_empty() {
            report.error(
                "image-not-found",
                Place::Named(what.clone()),
                "no image of this name or volid is on the storage",
            );
        }
        volids.extend(found);
    }
    volids.sort();
    volids.dedup();
    if let Some(deployment) = deployment.filter(|_| !args.force) {
        volids.iter().filter_map(|volid| used(&deployment, volid)).for_each(|e| report.push(e));
    }
    if report.has_errors() {
        return Err(report.into());
    }
    remove_all(&target, &volids, args.place.dry_run)?;
    let lines = volids.iter().map(|volid| removed(volid, args.place.dry_run)).collect();
    let changed = !volids.is_empty() && !args.place.dry_run;
    let outcome = Outcome::new("remove", args.place.dry_run, lines);
    Ok(Output::bytes(outcome.print(args.json), report).after_changes(changed))
}

/// Makes the finding of a volume that VMs of the document name, or may name.
fn used(deployment: &Deployment, volid: &Volid) -> Option<Entry> {
    let place = Place::Named(volid.to_string());
    match is_named(deployment, volid) {
        Some(false) => None,
        Some(true) => Some(
            Entry::error("image-in-use", place, "VMs of the document name it")
                .hint("`--force` removes it all the same; VMs that exist keep their disks"),
        ),
        None => Some(
            Entry::error("image-in-use", place, "VMs of the document name this image, and `images` does not say which version")
                .hint("pipe the document through `image-publish` first; or `--force`: VMs that exist keep their disks"),
        ),
    }
}

/// Returns the volids that an argument means.
fn matching(target: &Target, present: &[Present], what: &str) -> Vec<Volid> {
    let by_name = |file: &str| parse_stored_name(file).is_some_and(|(name, _)| name == what);
    let all = present.iter().map(|present| target.volid(&present.file));
    all.filter(|volid| volid.to_string() == what || by_name(volid.file())).collect()
}

/// Makes a line of the result.
fn removed(volid: &Volid, dry_run: bool) -> Line {
    let parts = parse_stored_name(volid.file());
    Line {
        name: parts.map(|(name, _)| name.to_owned()),
        volid: volid.to_string(),
        result: if dry_run { "would be removed" } else { "removed" },
        size: None,
        sum: parts.map(|(_, sum)| sum.to_owned()),
        used: None,
        reason: None,
        warnings: Vec::new(),
    }
}
