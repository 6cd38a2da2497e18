//! `prune`: removes old versions of images that the document's VMs no longer use.
//!
//! A storage serves many deployments, and nothing on it records which of them use a version: a VM's disk is a
//! copy, and its mark does not name the image. So the newest and the recent versions are kept, whoever uses
//! them, and only names in this document are pruned, unless `--all` is given.
//! Files whose names are not ours are never touched.
//! The templates of images follow the same rules, and only those of the document's site are looked at.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use pve_client::Volid;
use stage::{Console, Entry, Failure, Output, Place, Report};

use super::request::{PreparedRun, Request};
use super::sweep;
use super::template_census::{PrunedTemplates, TemplateCensus, site};
use crate::away;
use crate::cli::{PruneArgs, Refresh};
use crate::destination::{Destination, Destinations};
use crate::image_use;
use crate::outcome::{Line, Outcome};
use crate::plan::StoredFile;
use crate::prepared::{PreparedImage, Ready, is_date, name_on_storage, parse_stored_name};
use crate::target::Target;
use crate::template::old::VersionRules;
use crate::work::seconds_now;

/// Prunes. If an image cannot be prepared, nothing is pruned, because its version in use is unknown.
pub(crate) fn run(args: &PruneArgs, console: &Console) -> Result<Output, Failure> {
    let request = Request::read(&args.document)?;
    let nodes = request.deployment.nodes.keys().cloned().collect();
    let PreparedRun { mut request, destinations, work, ready } =
        request.prepare(&args.document, &nodes, Refresh::Required, console)?;
    let mut report = std::mem::take(&mut request.report);
    away::skipped(&destinations).into_iter().for_each(|entry| report.push(entry));
    let present: Vec<_> = destinations.online.iter().map(Destination::present).collect();
    let refused: Vec<Entry> = present.iter().filter_map(|p| p.clone().err()).collect();
    if !refused.is_empty() {
        refused.into_iter().for_each(|entry| report.push(entry));
        return Err(report.into());
    }
    let templates = match TemplateCensus::of(&destinations, None) {
        Ok(templates) => templates,
        Err(entry) => {
            report.push(entry);
            return Err(report.into());
        }
    };
    templates.left_out().for_each(|entry| report.push(entry));
    let used = used(&request, &destinations, &ready);
    let (mut lines, mut old) = (Vec::new(), Vec::new());
    for (one, present) in destinations.online.iter().zip(present.into_iter().flatten()) {
        let rules = Rules::new(&request, &used, one, &ready, present, args);
        let judged = rules.judge(&one.target, present);
        warn(&judged, &one.target, destinations.are_several(), &mut report);
        let removed = judged.iter().filter(|version| version.verdict == Verdict::Old);
        old.extend(removed.map(|version| (&one.target, version.volid.clone())));
        lines.extend(judged.iter().map(|version| version.line(&rules, &one.target, work.dry_run)));
    }
    sweep(&destinations, work.dry_run);
    let mut pruned = prune_templates(&templates, &request, &used, &ready, args, work.dry_run);
    pruned.warnings.drain(..).for_each(|entry| report.push(entry));
    if let Err(failure) = pruned.then_files(&old, work.dry_run) {
        return Err(Failure::from(report).and(failure));
    }
    let changed = !pruned.done.is_empty();
    let outcome = Outcome::new("prune", work.dry_run, lines).with_templates(pruned.lines);
    Ok(Output::bytes(outcome.print(args.json), report).after_changes(changed))
}

/// Prunes the templates of the document's site. `used` are the volids that VMs of the document use.
fn prune_templates(
    templates: &TemplateCensus,
    request: &Request,
    used: &BTreeSet<String>,
    ready: &[Ready],
    args: &PruneArgs,
    dry_run: bool,
) -> PrunedTemplates {
    let names: BTreeSet<String> = request.wanted.iter().map(|wanted| wanted.name.clone()).collect();
    let digits = |file| parse_stored_name(file).map(|(_, digits)| digits);
    let rules = VersionRules {
        site: site(&request.deployment),
        names: (!args.all).then_some(&names),
        digests: used
            .iter()
            .filter_map(|volid| digits(volid.rsplit('/').next().unwrap_or_default()))
            .collect(),
        unknown: ready
            .iter()
            .map(|ready| &ready.image)
            .filter(|image| digits(&image.file).is_none_or(is_date))
            .map(|image| image.name.as_str())
            .collect(),
        keep: args.keep,
        days: args.older_than,
        now: seconds_now(),
    };
    templates.prune(&rules, &request.deployment, dry_run)
}

/// Whether a version is kept, and why, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// A VM of the document uses it.
    Used,
    /// The version of this name that the document uses is missing or incomplete on the storage.
    UsedVersionMissing,
    /// Its name may not be one of ours.
    Date,
    /// It is among the newest of its name.
    Newest,
    /// It is recent, or its age is unknown.
    Young,
    /// It is removed.
    Old,
}

/// A version of an image on the storage.
struct Version<'a> {
    name: &'a str,
    digits: &'a str,
    present: &'a StoredFile,
    volid: Volid,
    verdict: Verdict,
}

impl Version<'_> {
    fn line(&self, rules: &Rules<'_>, target: &Target, dry_run: bool) -> Line {
        let (keep, days) = (rules.keep, rules.days);
        let reason = match self.verdict {
            Verdict::Used => "used by a VM of the document".to_owned(),
            Verdict::UsedVersionMissing => {
                "the version that the document uses is not on the storage".to_owned()
            }
            Verdict::Date => "its name may end in a date instead of a checksum".to_owned(),
            Verdict::Newest => format!("among the newest {keep}"),
            Verdict::Young => format!("not known to be older than {days} days"),
            Verdict::Old => format!("older than {days} days, and not among the newest {keep}"),
        };
        Line {
            name: Some(self.name.to_owned()),
            node: target.node().map(ToString::to_string),
            storage: target.storage().to_string(),
            volid: self.volid.to_string(),
            result: match (self.verdict, dry_run) {
                (Verdict::Old, false) => "removed",
                (Verdict::Old, true) => "would be removed",
                (_, false) => "kept",
                (_, true) => "would be kept",
            },
            size: Some(self.present.size),
            sum: Some(self.digits.to_owned()),
            used: Some(self.verdict == Verdict::Used),
            reason: Some(reason),
            warnings: Vec::new(),
        }
    }
}

/// Returns the volids that VMs of the document use, on whatever node. One of them is kept on all nodes: its VM may
/// be moved, and nodes may share a storage under more than one name.
fn used(request: &Request, destinations: &Destinations, ready: &[Ready]) -> BTreeSet<String> {
    let deployment = &request.deployment;
    let vms = deployment.vms.iter().enumerate();
    let in_document = vms.flat_map(|(index, vm)| {
        let node = deployment.node_of(vm);
        let images = image_use::images(index, vm).into_iter();
        images.filter_map(move |named| {
            deployment.image_on(node, &named.image).map(|(volid, _)| volid.to_owned())
        })
    });
    let all = destinations.online.iter().chain(&destinations.away);
    let prepared = all.flat_map(|one| {
        let needed = ready.iter().filter(|ready| one.needs(&ready.wanted));
        needed.map(|ready| one.target.volid_of(&ready.image).to_string())
    });
    in_document.chain(prepared).collect()
}

/// The rules of what to keep on a storage.
struct Rules<'a> {
    /// Volids that the document uses.
    used: &'a BTreeSet<String>,
    /// Names in the document, as on the storage.
    known: BTreeSet<String>,
    /// Those whose version in use is not on the storage, although VMs need it there.
    missing: BTreeSet<String>,
    /// Prune names that are not in the document too.
    all: bool,
    /// Number of newest versions of each name to keep.
    keep: usize,
    /// Versions of at most this age are kept.
    days: u32,
    /// In seconds since 1970.
    now: u64,
}

impl<'a> Rules<'a> {
    fn new(
        request: &Request,
        used: &'a BTreeSet<String>,
        one: &Destination,
        ready: &[Ready],
        present: &[StoredFile],
        args: &PruneArgs,
    ) -> Self {
        let needed = ready.iter().filter(|ready| one.needs(&ready.wanted));
        let is_missing = |image: &&PreparedImage| {
            let is_whole = |size| image.length.is_none_or(|length| length == size);
            let is_there = present.iter().any(|p| p.file == image.file && is_whole(p.size));
            !is_there && !image.is_stored()
        };
        Self {
            used,
            known: request.wanted.iter().map(|wanted| name_on_storage(&wanted.name)).collect(),
            missing: needed
                .map(|ready| &ready.image)
                .filter(is_missing)
                .map(|image| name_on_storage(&image.name))
                .collect(),
            all: args.all,
            keep: args.keep,
            days: args.older_than,
            now: seconds_now(),
        }
    }

    /// Judges each version of the names that may be pruned, sorted by name, the newest first.
    fn judge<'b>(&self, target: &Target, present: &'b [StoredFile]) -> Vec<Version<'b>> {
        let version = |present: &'b StoredFile| {
            let (name, digits) = parse_stored_name(&present.file)?;
            let volid = target.volid(&present.file);
            let is_ours = self.all || self.known.contains(name);
            is_ours.then_some(Version { name, digits, present, volid, verdict: Verdict::Old })
        };
        let mut versions: Vec<Version<'b>> = present.iter().filter_map(version).collect();
        // A version of unknown age may be the newest.
        versions.sort_by_key(|version| {
            let made = version.present.made.unwrap_or(u64::MAX);
            (version.name, Reverse(made), &version.present.file)
        });
        let mut rank = 0;
        for at in 0..versions.len() {
            let is_first = at == 0 || versions[at - 1].name != versions[at].name;
            rank = if is_first { 0 } else { rank + 1 };
            versions[at].verdict = self.verdict(&versions[at], rank);
        }
        versions
    }

    /// Judges a version that has this number of newer ones.
    fn verdict(&self, version: &Version<'_>, newer: usize) -> Verdict {
        let oldest = u64::from(self.days) * 24 * 3600;
        let is_old = |made: u64| self.now.saturating_sub(made) > oldest;
        match version {
            _ if self.used.contains(&version.volid.to_string()) => Verdict::Used,
            _ if self.missing.contains(version.name) => Verdict::UsedVersionMissing,
            _ if is_date(version.digits) => Verdict::Date,
            _ if newer < self.keep => Verdict::Newest,
            _ if self.days > 0 && !version.present.made.is_some_and(is_old) => Verdict::Young,
            _ => Verdict::Old,
        }
    }
}

/// Warns about old versions that are kept for a reason that the user can change.
fn warn(judged: &[Version<'_>], target: &Target, on_several: bool, report: &mut Report) {
    let on = target.node().filter(|_| on_several).map(|node| format!(" on {node}"));
    let on = on.unwrap_or_default();
    let mut missing = BTreeSet::new();
    for version in judged {
        match version.verdict {
            Verdict::Date => {
                let fact = "kept: its name may end in a date instead of a checksum";
                let hint = "`image-publish remove VOLID` removes it";
                let place = Place::Named(format!("{}{on}", version.volid));
                report.push(Entry::warning("kept", place, fact).hint(hint));
            }
            Verdict::UsedVersionMissing => {
                missing.insert(version.name);
            }
            _ => {}
        }
    }
    for name in missing {
        let fact =
            "all versions are kept, because the one that the document uses is not on the storage";
        let place = Place::Named(format!("image \"{name}\"{on}"));
        let hint = "run `image-publish` as a filter to publish it";
        report.push(Entry::warning("kept", place, fact).hint(hint));
    }
}
