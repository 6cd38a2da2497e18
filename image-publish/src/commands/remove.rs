//! `remove`: removes images, by volid or by name with all versions.

use std::collections::{BTreeMap, BTreeSet};

use pve_client::Volid;
use stage::{Console, Deployment, Entry, Failure, Output, Place, Report, suggest};

use super::{Users, open, remove_all};
use crate::cli::RemoveArgs;
use crate::outcome::{Line, Outcome};
use crate::plan::StoredFile;
use crate::prepared::parse_stored_name;
use crate::target::Target;

/// Removes images; those that the document's VMs use only with `--force`.
pub(crate) fn run(args: &RemoveArgs, console: &Console) -> Result<Output, Failure> {
    let (target, deployment) =
        open(&args.connect, args.place.local_dir.as_deref(), "import", console)?;
    let present = target.present()?;
    let mut report = Report::new();
    let mut found: BTreeMap<Volid, u64> = BTreeMap::new();
    for what in &args.what {
        let matching = matching(&target, &present, what);
        if matching.is_empty() {
            report.push(unknown(&target, &present, what));
        }
        found.extend(matching);
    }
    let volids: Vec<Volid> = found.keys().cloned().collect();
    if let Some(deployment) = deployment.filter(|_| !args.force) {
        volids.iter().filter_map(|volid| used(&deployment, volid)).for_each(|e| report.push(e));
    }
    if report.has_errors() {
        return Err(report.into());
    }
    remove_all(&target, &volids, args.place.dry_run)?;
    let dry_run = args.place.dry_run;
    let lines = found.iter().map(|(volid, size)| removed(volid, *size, dry_run)).collect();
    let changed = !volids.is_empty() && !dry_run;
    let outcome = Outcome::new("remove", args.place.dry_run, lines);
    Ok(Output::bytes(outcome.print(args.json), report).after_changes(changed))
}

/// Returns an error if VMs of the document use a volume, or may use it.
fn used(deployment: &Deployment, volid: &Volid) -> Option<Entry> {
    let place = Place::Named(volid.to_string());
    let users = Users::of(volid, deployment);
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
    let by_name = |file: &str| parse_stored_name(file).is_some_and(|(name, _)| name == what);
    let all = present.iter().map(|present| (target.volid(&present.file), present.size));
    all.filter(|(volid, _)| volid.to_string() == what || by_name(volid.file())).collect()
}

/// Returns the error for an argument that matches no image. The hint suggests volids for a volid, and otherwise
/// image names, and the volids of files that have none.
fn unknown(target: &Target, present: &[StoredFile], what: &str) -> Entry {
    let name = |present: &StoredFile| match parse_stored_name(&present.file) {
        Some((name, _)) if !what.contains(':') => name.to_owned(),
        _ => target.volid(&present.file).to_string(),
    };
    let names: BTreeSet<String> = present.iter().map(name).collect();
    let place = if what.is_empty() { "VOLID|NAME" } else { what };
    let fact = "no image of this name or volid is on the storage";
    let hint = suggest::reference(what, "the storage", names.iter().map(String::as_str));
    Entry::error("image-not-found", Place::Named(place.to_owned()), fact).hint(hint)
}

/// Returns a line of the result.
fn removed(volid: &Volid, size: u64, dry_run: bool) -> Line {
    let parts = parse_stored_name(volid.file());
    Line {
        name: parts.map(|(name, _)| name.to_owned()),
        volid: volid.to_string(),
        result: if dry_run { "would be removed" } else { "removed" },
        size: Some(size),
        sum: parts.map(|(_, sum)| sum.to_owned()),
        used: None,
        reason: None,
        warnings: Vec::new(),
    }
}
