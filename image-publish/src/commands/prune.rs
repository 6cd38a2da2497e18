//! `prune`: removes versions of images that the document's VMs no longer name.
//!
//! A storage serves many deployments, so only names that this document knows are pruned, unless `--all` is given.
//! Files whose names are not of our making are never touched.

use std::collections::BTreeSet;

use pve_client::Volid;
use stage::{Console, Entry, Failure, Output, Place, Report};

use super::begin::{Asked, Begun};
use super::remove::removed;
use super::remove_all;
use crate::cli::{PruneArgs, Refresh};
use crate::execute::Target;
use crate::named;
use crate::outcome::Outcome;
use crate::plan::Present;
use crate::ready::{Ready, Supply, parse_stored_name};

/// Prunes. What cannot be prepared cannot be told from what is old: then nothing is pruned.
pub(crate) fn run(args: &PruneArgs, console: &Console) -> Result<Output, Failure> {
    let Begun { mut asked, target, work, ready } =
        Asked::read(&args.document)?.begin(&args.document, Refresh::Required, console)?;
    let listed = work.listed.take();
    let present = listed.map_or_else(|| target.present(), Ok)?;
    let rules = Rules::new(&asked, &target, &ready, &present, args.all);
    let old = rules.old(&target, &present, &mut asked.report);
    remove_all(&target, &old, work.dry_run)?;
    let lines = old.iter().map(|volid| removed(volid, work.dry_run)).collect();
    let changed = !old.is_empty() && !work.dry_run;
    let outcome = Outcome::new("prune", work.dry_run, lines);
    Ok(Output::bytes(outcome.print(args.json), asked.report).after_changes(changed))
}

/// What stays.
struct Rules {
    /// Volids that the document means.
    meant: BTreeSet<String>,
    /// Names that the document knows.
    known: BTreeSet<String>,
    /// Those of them whose meant version is not on the storage.
    missing: BTreeSet<String>,
    /// Names that the document does not know are pruned too.
    all: bool,
}

impl Rules {
    fn new(
        asked: &Asked,
        target: &Target,
        ready: &[Ready],
        present: &[Present],
        all: bool,
    ) -> Self {
        let images = &asked.deployment.images;
        let vms = asked.deployment.vms.iter().enumerate();
        let in_vms = vms.flat_map(|(index, vm)| named::images(index, vm));
        let named = in_vms.filter_map(|named| images.get(&named.image).cloned());
        let meant = ready.iter().map(|image| match &image.supply {
            Supply::InStorage(volid) => volid.to_string(),
            _ => target.volid(&image.file).to_string(),
        });
        let is_missing = |image: &&Ready| {
            let is_whole = |size| image.length.is_none_or(|length| length == size);
            let is_there = present.iter().any(|p| p.file == image.file && is_whole(p.size));
            !is_there && !matches!(image.supply, Supply::InStorage(_))
        };
        Self {
            meant: named.chain(meant).collect(),
            known: asked.wanted.iter().map(|wanted| wanted.name.clone()).collect(),
            missing: ready.iter().filter(is_missing).map(|image| image.name.clone()).collect(),
            all,
        }
    }

    /// Returns what is to go; what stays although it looks old is told.
    fn old(&self, target: &Target, present: &[Present], report: &mut Report) -> Vec<Volid> {
        let mut old = Vec::new();
        let mut spared = BTreeSet::new();
        for file in present {
            let Some((name, digits)) = parse_stored_name(&file.file) else { continue };
            let volid = target.volid(&file.file);
            if self.meant.contains(&volid.to_string()) || !(self.all || self.known.contains(name)) {
                continue;
            }
            if self.missing.contains(name) {
                spared.insert(name);
            } else if is_date(digits) {
                let fact = "stays: its name may end in a date instead of a sum";
                let hint = "`image-publish remove VOLID` removes it";
                report.push(Entry::warning(Place::Named(volid.to_string()), fact).hint(hint));
            } else {
                old.push(volid);
            }
        }
        for name in spared {
            let fact = "all versions stay: the one that the document means is not on the storage";
            let place = Place::Named(format!("image \"{name}\""));
            let hint = "`image-publish` as a filter publishes it";
            report.push(Entry::warning(place, fact).hint(hint));
        }
        old
    }
}

/// Tells digits that people write behind a name too: a date and time, as 202611231516.
fn is_date(digits: &str) -> bool {
    let two = |at: usize| digits.get(at..at + 2).and_then(|two| two.parse::<u8>().ok());
    let [Some(century), Some(_), Some(month), Some(day), Some(hour), Some(minute)] =
        [0, 2, 4, 6, 8, 10].map(two)
    else {
        return false;
    };
    (19..=20).contains(&century)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
}

#[cfg(test)]
mod tests {
    use super::is_date;

    #[test]
    fn dates_and_sums() {
        assert!(is_date("202611231516") && is_date("199901010000"));
        for sum in
            ["8424d4d9960a", "202613231516", "000000000000", "212611231516", "2026112315", "x"]
        {
            assert!(!is_date(sum), "{sum}");
        }
    }
}
