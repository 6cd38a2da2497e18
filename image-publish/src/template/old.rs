//! Which templates are old versions: the rules of `prune`. Does no I/O.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use pve_client::Resource;

use super::census::{Census, CountedTemplate};
use super::clones::Clones;
use super::found::FoundTemplate;
use super::obstacle::Obstacle;

/// What is known about versions.
pub(crate) struct VersionRules<'a> {
    /// The site whose templates these are.
    pub(crate) site: &'a str,
    /// The images that may be pruned; `None` for all.
    pub(crate) names: Option<&'a BTreeSet<String>>,
    /// The digests of the versions that the document's VMs use, on whatever node.
    pub(crate) digests: BTreeSet<&'a str>,
    /// The images of which the version in use is not known.
    pub(crate) unknown: BTreeSet<&'a str>,
    /// How many of the newest versions are kept.
    pub(crate) keep: usize,
    /// Versions of at most this many days are kept.
    pub(crate) days: u32,
    /// The time, in seconds since 1970.
    pub(crate) now: u64,
}

/// Whether a template is kept, and why, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TemplateVerdict {
    /// The document uses its version.
    Used,
    /// Which version the document uses is not known.
    Unknown,
    /// It is among the newest of its image on this node and storage.
    Newest,
    /// It is recent, or its age is unknown.
    Young,
    /// It cannot be removed.
    Blocked(Obstacle),
    /// It is removed.
    Old,
}

impl TemplateVerdict {
    /// Returns why a template is kept or removed.
    pub(crate) fn reason(&self, rules: &VersionRules<'_>, clones: &Clones) -> String {
        let (keep, days) = (rules.keep, rules.days);
        match self {
            Self::Used => "used by a VM of the document".to_owned(),
            Self::Unknown => "it is not known which version the document uses".to_owned(),
            Self::Newest => format!("among the newest {keep}"),
            Self::Young => format!("not known to be older than {days} days"),
            Self::Blocked(obstacle) => obstacle.to_string(),
            Self::Old => {
                let old = format!("older than {days} days, and not among the newest {keep}");
                match clones {
                    // PVE keeps it if clones depend on it.
                    Clones::Seen(_) => format!("{old}; only PVE knows whether it has clones"),
                    Clones::All(_) | Clones::Untold => old,
                }
            }
        }
    }
}

/// Judges this site's templates: by image, node and storage, the newest first.
pub(crate) fn judge<'a>(
    census: &'a Census,
    rules: &VersionRules<'_>,
    is_named: impl Fn(&FoundTemplate) -> bool,
) -> Vec<(&'a CountedTemplate, TemplateVerdict)> {
    let is_ours = |one: &&CountedTemplate| {
        let mark = &one.template.mark;
        mark.site == rules.site && rules.names.is_none_or(|names| names.contains(&mark.image))
    };
    let mut ours: Vec<&CountedTemplate> = census.templates.iter().filter(is_ours).collect();
    // One of unknown age may be the newest.
    ours.sort_by_key(|one| {
        let made = one.template.made.unwrap_or(u64::MAX);
        (group(&one.template), Reverse(made), one.template.vmid)
    });
    let mut digests: Vec<&str> = Vec::new();
    let mut judged = Vec::new();
    for (at, one) in ours.iter().enumerate() {
        if at == 0 || group(&ours[at - 1].template) != group(&one.template) {
            digests.clear();
        }
        let digest = one.template.mark.digest.as_str();
        // Two templates of the same content are one version.
        let newer = digests.iter().position(|known| *known == digest).unwrap_or(digests.len());
        if newer == digests.len() {
            digests.push(digest);
        }
        let used = is_named(&one.template);
        judged.push((*one, verdict(one, rules, newer, used, &census.guests)));
    }
    judged
}

/// Returns image, node and storage: the versions of each are counted for themselves.
fn group(template: &FoundTemplate) -> (&str, &str, &str) {
    let mark = &template.mark;
    // PVE: facts-4 1: somebody may have moved it.
    let storage =
        template.disk.as_ref().map_or(mark.storage.as_str(), |disk| disk.volid.storage().as_str());
    (&mark.image, template.node.as_str(), storage)
}

/// Judges a template whose version has this number of newer ones.
fn verdict(
    one: &CountedTemplate,
    rules: &VersionRules<'_>,
    newer: usize,
    used: bool,
    guests: &[Resource],
) -> TemplateVerdict {
    let template = &one.template;
    let mark = &template.mark;
    let oldest = u64::from(rules.days) * 24 * 3600;
    let is_old = |made: u64| rules.now.saturating_sub(made) > oldest;
    if used || rules.digests.contains(mark.digest.as_str()) {
        TemplateVerdict::Used
    } else if rules.unknown.contains(mark.image.as_str()) {
        TemplateVerdict::Unknown
    } else if newer < rules.keep {
        TemplateVerdict::Newest
    } else if rules.days > 0 && !template.made.is_some_and(is_old) {
        TemplateVerdict::Young
    } else {
        Obstacle::of_counted(one, guests).map_or(TemplateVerdict::Old, TemplateVerdict::Blocked)
    }
}
