//! Wanted × found → what to do about each template. Does no I/O.

use std::collections::BTreeSet;

use pve_client::{NodeName, Storage, StorageId, Vmid};
use pve_stage::vmid_walk;
use stage::identity::VmidRange;
use stage::{Entry, Place, Report};

use super::found::{FoundTemplate, TemplateState};
use super::wanted::{Content, WantedTemplate};

/// What to do about a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: it is finished.
    Keep(Vmid),
    /// It exists, and is not finished.
    Finish(Vmid, Content),
    /// It does not exist.
    Make(Content),
    /// There is none, and VMs import the image.
    Without(String),
}

impl Step {
    /// Returns whether it writes something.
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Self::Finish(..) | Self::Make(_))
    }
}

/// What the whole plan depends on.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// The site's name; empty for a site without one.
    pub(crate) site: &'a str,
    /// The vmids that templates may have.
    pub(crate) range: VmidRange,
    /// The vmids that the document fixes.
    pub(crate) reserved: BTreeSet<Vmid>,
}

/// What was found in PVE.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The templates of images.
    pub(crate) templates: Vec<FoundTemplate>,
    /// The vmids in use.
    pub(crate) taken: BTreeSet<Vmid>,
    /// The storages of nodes, as far as they were read.
    pub(crate) storages: Vec<(NodeName, Vec<Storage>)>,
}

impl Survey {
    /// Returns a storage of a node, if it was read.
    pub(crate) fn storage(&self, node: &NodeName, storage: &StorageId) -> Option<&Storage> {
        let (_, storages) = self.storages.iter().find(|(known, _)| known == node)?;
        storages.iter().find(|known| known.storage == *storage)
    }
}

impl Context<'_> {
    /// Returns the vmids that a template may get, in the order in which every run tries them.
    pub(crate) fn walk(
        &self,
        wanted: &WantedTemplate,
        content: &Content,
    ) -> impl Iterator<Item = Vmid> {
        let WantedTemplate { image, node, storage, .. } = wanted;
        let words =
            [self.site, "template", image, &content.digest, node.as_str(), storage.as_str()];
        let candidate = vmid_walk::candidate(self.range, &words);
        let all = vmid_walk::walk(self.range, candidate);
        all.filter(|vmid| !self.reserved.contains(vmid))
    }

    /// Returns whether a template was made of this content, and lies where it is wanted.
    pub(crate) fn is_wanted(
        &self,
        found: &FoundTemplate,
        wanted: &WantedTemplate,
        content: &Content,
    ) -> bool {
        // PVE: facts-4 1: somebody may have moved its disk.
        let storage = found.disk.as_ref().map(|disk| disk.volid.storage().as_str());
        found.mark.site == self.site
            && found.mark.image == wanted.image
            && found.mark.digest == content.digest
            && found.node == wanted.node
            && storage.unwrap_or(&found.mark.storage) == wanted.storage.as_str()
    }
}

/// Returns what to do about a template whose content is the file with this name, or unknown; problems are added to
/// the report.
pub(crate) fn plan(
    context: &Context<'_>,
    survey: &Survey,
    wanted: &WantedTemplate,
    content: Result<Content, String>,
    report: &mut Report,
) -> Step {
    let content = match content {
        Ok(content) => content,
        Err(reason) => return Step::Without(reason),
    };
    let is_wanted = |found: &&FoundTemplate| context.is_wanted(found, wanted, &content);
    let (usable, spoilt): (Vec<_>, Vec<_>) =
        survey.templates.iter().filter(is_wanted).partition(|found| found.spoilt().is_none());
    spoilt.into_iter().for_each(|found| report.extend(unused(found).into()));
    let (finished, half): (Vec<_>, Vec<_>) =
        usable.into_iter().partition(|found| found.state == TemplateState::Finished);
    if let [first, more @ ..] = &finished[..] {
        if !more.is_empty() {
            report.push(twice(&finished, wanted));
        }
        return Step::Keep(first.vmid);
    }
    if let Some(without) = cannot_link(survey, wanted) {
        return Step::Without(without);
    }
    if let Some(first) = half.first() {
        if let Some(lock) = &first.lock {
            report.push(locked(first, lock));
        }
        return Step::Finish(first.vmid, content);
    }
    if !context.walk(wanted, &content).any(|vmid| !survey.taken.contains(&vmid)) {
        let fact = format!("every vmid of {} is in use", context.range);
        report.push(
            Entry::error("no-vmid-left", Place::node(wanted.node.as_str()), fact).hint(RANGE_HINT),
        );
    }
    Step::Make(content)
}

/// What to do about a range without a free vmid.
pub(crate) const RANGE_HINT: &str = "widen `defaults.vmid_range` in site.yaml";

/// Returns why a storage has no templates; `None` if it can link, or is not known.
fn cannot_link(survey: &Survey, wanted: &WantedTemplate) -> Option<String> {
    let storage = survey.storage(&wanted.node, &wanted.storage)?;
    let name = &wanted.storage;
    match storage.can_link() {
        Some(true) => None,
        Some(false) => Some(format!("{name} cannot link")),
        None => Some(format!("{name} has type {}, which is not known to link", storage.kind)),
    }
}

impl FoundTemplate {
    /// Returns why it must not be used.
    pub(crate) fn spoilt(&self) -> Option<String> {
        // PVE: qemu-server, QemuServer.pm: the snapshot that the present state came from.
        if self.extras.iter().any(|key| key == "parent") {
            return Some("it has snapshots, so PVE cannot make a template of it".to_owned());
        }
        if !self.extras.is_empty() {
            return Some(format!(
                "it also has {}, which its clones would get",
                self.extras.join(", ")
            ));
        }
        if self.running {
            return Some("it is running, so its disk is no longer that of the image".to_owned());
        }
        match (&self.disk, self.state) {
            (None, _) => Some("it has lost its disk".to_owned()),
            (_, TemplateState::CannotLink) => Some("PVE cannot link to its disk".to_owned()),
            _ => None,
        }
    }
}

fn unused(found: &FoundTemplate) -> Entry {
    let why = found.spoilt().unwrap_or_default();
    let fact = format!("the template of image \"{}\" is not used: {why}", found.mark.image);
    Entry::warning("template-changed", Place::vm(found.node.as_str(), found.vmid.get()), fact)
        .hint("undo the change, or remove the template when nothing is cloned from it")
}

fn twice(all: &[&FoundTemplate], wanted: &WantedTemplate) -> Entry {
    let vmids: Vec<String> = all.iter().map(|found| found.vmid.to_string()).collect();
    let fact = format!(
        "image \"{}\" has several templates on storage \"{}\": {}; the first is used",
        wanted.image,
        wanted.storage,
        vmids.join(", ")
    );
    Entry::warning("duplicate-template", Place::node(wanted.node.as_str()), fact)
        .hint("remove the others when nothing is cloned from them")
}

fn locked(found: &FoundTemplate, lock: &str) -> Entry {
    let fact = format!(
        "the template of image \"{}\" is not finished, and is locked ({lock})",
        found.mark.image
    );
    Entry::error("locked", Place::vm(found.node.as_str(), found.vmid.get()), fact)
        .hint("run again when the lock is released")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::found::TemplateDisk;
    use pve_stage::image_template::ImageMark;

    fn vmid(number: u64) -> Vmid {
        Vmid::new(number).unwrap()
    }

    fn wanted() -> WantedTemplate {
        WantedTemplate {
            image: "deb".to_owned(),
            node: "pve1".parse().unwrap(),
            storage: "tank".parse().unwrap(),
            vms: Vec::new(),
        }
    }

    fn content() -> Content {
        Content::of(&"local:import/deb-0123456789ab.qcow2".parse().unwrap(), None).unwrap()
    }

    fn found(number: u64, state: TemplateState) -> FoundTemplate {
        FoundTemplate {
            vmid: vmid(number),
            node: "pve1".parse().unwrap(),
            name: String::new(),
            mark: ImageMark {
                site: "home".to_owned(),
                image: "deb".to_owned(),
                digest: "0123456789ab".to_owned(),
                node: "pve0".to_owned(),
                storage: "elsewhere".to_owned(),
                vmid: 0,
                uuid: String::new(),
            },
            disk: Some(TemplateDisk { volid: "tank:base-1-disk-0".parse().unwrap(), size: None }),
            state,
            lock: None,
            running: false,
            holds: Vec::new(),
            made: None,
            protected: false,
            extras: Vec::new(),
        }
    }

    /// Plans with these templates on a storage of this type; returns the step, and the codes of findings.
    fn check(kind: &str, templates: Vec<FoundTemplate>, expected: &Step, codes: &[&str]) {
        let context = Context {
            site: "home",
            range: VmidRange::parse("200-202").unwrap(),
            reserved: BTreeSet::from([vmid(201)]),
        };
        let storage = Storage {
            storage: "tank".parse().unwrap(),
            kind: kind.to_owned(),
            content: Vec::new(),
            enabled: true,
            active: true,
            shared: false,
            total: 0,
            used: 0,
            avail: 0,
        };
        let mut taken: BTreeSet<Vmid> = templates.iter().map(|found| found.vmid).collect();
        taken.insert(vmid(202));
        let storages = vec![("pve1".parse().unwrap(), vec![storage])];
        let survey = Survey { templates, taken, storages };
        let mut report = Report::new();
        let step = plan(&context, &survey, &wanted(), Ok(content()), &mut report);
        let seen: Vec<_> = report.entries().iter().map(|entry| entry.code).collect();
        assert_eq!((&step, &seen[..]), (expected, codes));
    }

    #[test]
    fn a_finished_one_is_kept_and_a_half_made_one_is_finished() {
        use TemplateState::{Created, Finished, Flagged};
        let make = Step::Make(content());
        check("zfspool", vec![], &make, &[]);
        check("zfspool", vec![found(300, Finished)], &Step::Keep(vmid(300)), &[]);
        let two = vec![found(300, Flagged), found(301, Finished), found(302, Finished)];
        check("zfspool", two, &Step::Keep(vmid(301)), &["duplicate-template"]);
        for half in [Created, Flagged] {
            let step = Step::Finish(vmid(300), content());
            check("zfspool", vec![found(300, half), found(301, Created)], &step, &[]);
            let lock = Some("backup".to_owned());
            let locked = FoundTemplate { lock, ..found(300, half) };
            check("zfspool", vec![locked], &step, &["locked"]);
        }
        check(
            "zfspool",
            vec![found(200, TemplateState::CannotLink)],
            &make,
            &["template-changed", "no-vmid-left"],
        );
    }

    #[test]
    fn what_is_not_bare_or_not_the_same_is_not_used() {
        let make = Step::Make(content());
        let with = |change: &dyn Fn(&mut FoundTemplate)| {
            let mut one = found(300, TemplateState::Finished);
            change(&mut one);
            vec![one]
        };
        let changed = &["template-changed"];
        check("dir", with(&|f| f.extras.push("net0".into())), &make, changed);
        check("dir", with(&|f| f.running = true), &make, changed);
        check("dir", with(&|f| f.mark.site = "other".into()), &make, &[]);
        check("dir", with(&|f| f.mark.image = "other".into()), &make, &[]);
        check("dir", with(&|f| f.mark.digest = "ba9876543210".into()), &make, &[]);
        check("dir", with(&|f| f.node = "pve2".parse().unwrap()), &make, &[]);
        let moved = TemplateDisk { volid: "other:base-1-disk-0".parse().unwrap(), size: None };
        check("dir", with(&|f| f.disk = Some(moved.clone())), &make, &[]);
        check("dir", with(&|f| f.disk = None), &make, &[]);
        let lost = |f: &mut FoundTemplate| {
            f.disk = None;
            f.mark.storage = "tank".into();
        };
        check("dir", with(&lost), &make, changed);
    }

    #[test]
    fn only_storages_that_are_known_to_link_get_one() {
        let without = |text: &str| Step::Without(text.to_owned());
        check("lvm", vec![], &without("tank cannot link"), &[]);
        check("drbd", vec![], &without("tank has type drbd, which is not known to link"), &[]);
        check("drbd", vec![found(300, TemplateState::Finished)], &Step::Keep(vmid(300)), &[]);
    }

    #[test]
    fn the_range_is_checked_before_the_first_write() {
        let other =
            FoundTemplate { node: "pve2".parse().unwrap(), ..found(200, TemplateState::Finished) };
        check("dir", vec![other], &Step::Make(content()), &["no-vmid-left"]);
    }
}
