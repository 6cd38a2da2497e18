//! `Site`: the files of a site as values, read on demand. Does no I/O.
//!
//! A run parses only the files that it needs: a mistake in one preset does not stop VMs that do not
//! use it. `check` reads all files.

mod config;
mod file_kind;
mod first_boots;
mod layers;
mod network;
mod network_check;
mod reference;
mod secrets;
mod short_network;
mod slot;
mod vm_set;

pub(crate) use config::{IMAGE_DATASTORE, Image, Images, NodeFile, Secrets, SiteConfig};
pub(crate) use file_kind::{
    DEFAULT_POSTURE, ENVS, FileKind, HOSTS, MANIFESTS, NETWORKS, NODES, OLDER_POSTURES, POSTURES,
    PRESETS, SPECS, TEMPLATES,
};
pub(crate) use first_boots::FirstBoots;
pub(crate) use layers::{BOOT_DISK, Level, Merged, boot_key};
pub(crate) use network::{NetworkFile, Peers};
pub(crate) use slot::Slot;
pub(crate) use vm_set::{Origin, VmEntry, VmSet};

use crate::shape::{self, Shape, walk};
use crate::source::{FileId, Sources, Span};
use crate::tree::Tree;
use crate::yaml::{self, Node};
use layers::Bases;
use stage::{Entry, Place, Report};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Findings after this many get no hint: each hint compares a name with all others.
pub(crate) const MAX_HINTED: usize = 200;

/// The site, as far as it has been read.
pub(crate) struct Site<'s> {
    /// The texts.
    pub sources: &'s Sources,
    /// The findings so far.
    pub report: Report,
    /// site.yaml.
    pub config: SiteConfig,
    /// secrets.yaml; `None` if secrets are omitted or there are none.
    pub secrets: Option<Secrets>,
    /// secrets.yaml is omitted or cannot be read, so missing names in it are not reported.
    pub secrets_unknown: bool,
    presets: BTreeMap<String, Option<Tree>>,
    templates: BTreeMap<String, Option<Tree>>,
    /// The networks; `None` until they are read.
    networks: Option<Vec<NetworkFile>>,
    /// Gateways that no node gets, and the findings for those that no VM has either.
    gateways: Vec<(IpAddr, Entry)>,
    /// The static addresses of the VMs that have been resolved, in a site with networks.
    addresses: BTreeSet<IpAddr>,
    /// For VMs with a template, and for the others.
    bases: [Bases; 2],
    named: BTreeSet<FileId>,
    unreadable_reported: BTreeSet<&'s str>,
    former: BTreeSet<Span>,
    /// Whether VMs set themselves up at their first boot.
    pub first_boots: FirstBoots,
}

impl<'s> Site<'s> {
    /// Returns a site from which nothing has been read.
    pub(crate) fn unread(sources: &'s Sources) -> Self {
        Self {
            sources,
            report: sources.report.clone(),
            config: SiteConfig::default(),
            secrets: None,
            secrets_unknown: true,
            presets: BTreeMap::new(),
            templates: BTreeMap::new(),
            networks: None,
            gateways: Vec::new(),
            addresses: BTreeSet::new(),
            bases: Default::default(),
            named: BTreeSet::new(),
            unreadable_reported: BTreeSet::new(),
            former: BTreeSet::new(),
            first_boots: FirstBoots::default(),
        }
    }

    /// Reads site.yaml and, if requested, the secrets.
    pub(crate) fn open(sources: &'s Sources, with_secrets: bool) -> Self {
        let mut site = Self { secrets_unknown: !with_secrets, ..Self::unread(sources) };
        if let Some(file) = sources.find("site.yaml") {
            site.config = match site.read(file, &shape::SITE) {
                Some(tree) => SiteConfig::read(&tree),
                None => SiteConfig::unreadable(Span::start(file)),
            };
        }
        if with_secrets {
            site.read_secrets();
        }
        site
    }

    /// Reads a file and validates it; `None` if it cannot be parsed or is not a mapping.
    pub(crate) fn read(&mut self, file: FileId, shape: &Shape) -> Option<Tree> {
        let node = self.parse(file)?;
        self.validate(&node, shape)
    }

    /// Reads a file whose keys are not ours; `None` if it cannot be parsed.
    pub(crate) fn parse(&mut self, file: FileId) -> Option<Node> {
        yaml::parse(self.sources, file, &mut self.report)
    }

    /// Validates the content of a file and what it refers to.
    pub(crate) fn validate(&mut self, node: &Node, shape: &Shape) -> Option<Tree> {
        let walked = walk(self.sources, node, shape, &mut self.report);
        for reference in &walked.references {
            if !walked.tree.as_ref().is_some_and(|tree| reference::is_nested(tree, reference)) {
                self.check_reference(reference);
            }
        }
        self.former.extend(walked.former);
        walked.tree
    }

    /// Returns whether a value is written under a former name of its key.
    pub(crate) fn is_former(&self, at: Span) -> bool {
        self.former.contains(&at)
    }

    /// Returns the file of a name, if there is exactly one.
    fn only(&self, kind: &FileKind, name: &str) -> Option<FileId> {
        match self.files(kind, name)[..] {
            [one] => Some(one),
            _ => None,
        }
    }

    fn files(&self, kind: &FileKind, name: &str) -> Vec<FileId> {
        let found = self.files_in(kind.folders, name);
        if !found.is_empty() {
            return found;
        }
        // The executor of the oldest layout cut `vm-` off the presets of manifests.
        let plain = name.strip_prefix("vm-").filter(|_| *kind == PRESETS).unwrap_or(name);
        let others = [(&kind.folders[1..], plain), (kind.older, name), (kind.older, plain)];
        let found = others.iter().map(|(folders, name)| self.files_in(folders, name));
        found.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
    }

    fn files_in(&self, folders: &[&str], name: &str) -> Vec<FileId> {
        let paths = folders.iter().map(|folder| format!("{folder}/{name}.yaml"));
        paths.filter_map(|path| self.sources.find(&path)).collect()
    }

    /// Finds the file of a name. A missing file is reported at `place`, or at the directory.
    pub(crate) fn find(
        &mut self,
        kind: &FileKind,
        name: &str,
        place: Option<Place>,
    ) -> Option<FileId> {
        let found = self.files(kind, name);
        if found.is_empty() && self.report_unreadable(kind) {
            return None;
        }
        let fact = match found[..] {
            [one] => {
                self.named.insert(one);
                return Some(one);
            }
            [] => format!("{} \"{name}\" does not exist", kind.noun),
            _ => format!(
                "{} \"{name}\" exists in both {}",
                kind.noun,
                kind.folders.join("/ and ") + "/"
            ),
        };
        let folder = || Place::file(format!("{}/{}", self.sources.root, kind.folders[0]));
        let place = place.unwrap_or_else(folder);
        let entry = Entry::error("not-found", place, fact);
        self.report.push(match found.is_empty() {
            true if self.report.entries().len() > MAX_HINTED => entry,
            true => entry.hint(self.hint(kind, name)),
            false => entry.hint("remove one of them"),
        });
        None
    }

    /// Finds the posture that applies where none is written. A missing one is reported at `place`,
    /// or at the directory; `hint` says how to choose another one.
    pub(crate) fn default_posture(
        &mut self,
        kind: &FileKind,
        place: Option<Place>,
        hint: &str,
    ) -> Option<FileId> {
        if !self.files(kind, DEFAULT_POSTURE).is_empty() || self.report_unreadable(kind) {
            return self.find(kind, DEFAULT_POSTURE, place);
        }
        let folder = || Place::file(format!("{}/{}", self.sources.root, POSTURES.folders[0]));
        let fact = format!("the default posture \"{DEFAULT_POSTURE}\" does not exist");
        let hint = format!("add postures/{DEFAULT_POSTURE}.yaml, or {hint}");
        let entry = Entry::error("not-found", place.unwrap_or_else(folder), fact);
        self.report.push(entry.hint(hint));
        None
    }

    /// Reports directories of a kind that cannot be read, and returns whether there are any.
    pub(crate) fn report_unreadable(&mut self, kind: &FileKind) -> bool {
        let unreadable = self.sources.unreadable.keys();
        let folders: Vec<_> = unreadable.filter(|folder| kind.folders.contains(folder)).collect();
        for folder in &folders {
            if self.unreadable_reported.insert(folder) {
                self.report.push(self.unreadable(folder));
            }
        }
        !folders.is_empty()
    }

    /// Reports every directory that cannot be read.
    pub(crate) fn report_all_unreadable(&mut self) {
        for folder in self.sources.unreadable.keys() {
            if self.unreadable_reported.insert(folder) {
                self.report.push(self.unreadable(folder));
            }
        }
    }

    /// Warns about directories that cannot be read and that this run does not need, and returns
    /// all findings.
    pub(crate) fn into_report(mut self) -> Report {
        for folder in self.sources.unreadable.keys() {
            if self.unreadable_reported.insert(folder) {
                self.report.push(self.unreadable(folder).as_warning());
            }
        }
        self.report
    }

    fn unreadable(&self, folder: &str) -> Entry {
        let place = Place::file(format!("{}/{folder}", self.sources.root));
        let cause = self.sources.unreadable.get(folder).map_or("", String::as_str);
        Entry::error("unreadable", place, format!("the directory cannot be read: {cause}"))
    }

    /// Returns the names of a kind, sorted.
    pub(crate) fn names(&self, kind: &FileKind) -> Vec<&'s str> {
        let sources = self.sources;
        let mut names: Vec<&str> =
            kind.all_folders().flat_map(|folder| sources.stems(folder)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Warns when the site has no name, which is an error if it has networks.
    pub(crate) fn check_name(&mut self) {
        if !self.networks().is_empty() {
            return;
        }
        let fact = "the site has no name, so its VMs cannot be distinguished from those of \
                    another site";
        if let Some(entry) = self.without_name(fact) {
            self.report.push(entry);
        }
    }

    /// Returns the warning about a site without a name, which the file or only its key may lack.
    fn without_name(&self, fact: &str) -> Option<Entry> {
        let file = || Place::file(format!("{}/site.yaml", self.sources.root));
        let (place, fact) = match self.config.site {
            Slot::Set(..) | Slot::Invalid(_) => return None,
            Slot::Null(at) => (self.sources.place(at), fact.to_owned()),
            Slot::Absent if self.sources.find("site.yaml").is_none() => {
                (file(), format!("the file does not exist: {fact}"))
            }
            Slot::Absent => (file(), fact.to_owned()),
        };
        let hint = "add `site: NAME` with a name that is unique on the cluster";
        Some(Entry::warning("site-without-name", place, fact).hint(hint))
    }

    /// Reads a node. A missing one is reported at `at`, or at the directory.
    pub(crate) fn node(&mut self, name: &str, place: Option<Place>) -> Option<NodeFile> {
        let file = self.find(&NODES, name, place)?;
        let node = yaml::parse(self.sources, file, &mut self.report)?;
        let tree = self.validate(&node, &shape::NODE)?;
        Some(NodeFile::read(name, node.at, &tree))
    }

    /// Reads an env.
    pub(crate) fn env(&mut self, name: &str) -> Option<VmSet> {
        let file = self.find(&ENVS, name, None)?;
        let tree = self.read(file, &shape::ENV)?;
        Some(VmSet::env(name, tree, Origin::Env, (self.sources, &mut self.report)))
    }

    /// Reads a manifest.
    pub(crate) fn manifest(&mut self, name: &str) -> Option<VmSet> {
        let file = self.find(&MANIFESTS, name, None)?;
        let tree = self.read(file, &shape::MANIFEST)?;
        Some(VmSet::manifest(name, tree, (self.sources, &mut self.report)))
    }

    /// Reads the templates and presets of a VM set.
    pub(crate) fn read_layers(&mut self, vm_set: &VmSet) {
        for vm_entry in &vm_set.entries {
            if let Some((name, _)) = vm_entry.text("template").set() {
                self.read_template(name);
            }
            if let Some((name, _)) = vm_entry.preset().set() {
                self.read_preset(name);
            }
        }
    }

    /// Returns the preset, if it has been read and exists.
    fn preset(&self, name: &str) -> Option<&Tree> {
        self.presets.get(name)?.as_ref()
    }

    /// Returns the template, if it has been read and exists.
    fn template(&self, name: &str) -> Option<&Tree> {
        self.templates.get(name)?.as_ref()
    }

    /// Reads a template and its preset. A missing one has been reported where it is named.
    pub(crate) fn read_template(&mut self, name: &str) {
        if self.templates.contains_key(name) {
            return;
        }
        let template =
            self.only(&TEMPLATES, name).and_then(|file| self.read(file, &shape::TEMPLATE));
        if let Some(preset) = template.as_ref().and_then(|t| t.text("preset").value().cloned()) {
            self.read_preset(&preset);
        }
        self.templates.insert(name.to_owned(), template);
    }

    /// Reads a preset. A missing one has been reported where it is named.
    pub(crate) fn read_preset(&mut self, name: &str) {
        if self.presets.contains_key(name) {
            return;
        }
        let preset = self.only(&PRESETS, name).and_then(|file| self.read(file, &shape::PRESET));
        self.presets.insert(name.to_owned(), preset);
    }

    /// Returns whether anything refers to a file so far.
    pub(crate) fn is_named(&self, file: FileId) -> bool {
        self.named.contains(&file)
    }

    /// Returns the file in `nodes/` of a node with this name in PVE.
    fn node_called(&self, name: &str) -> Option<&'s str> {
        let is_called = |stem: &&str| {
            let file = self.only(&NODES, stem)?;
            let node = yaml::parse(self.sources, file, &mut Report::default())?;
            Some(node.map()?.entry("node")?.1.text()? == name)
        };
        self.names(&NODES).into_iter().find(|stem| is_called(stem).unwrap_or(false))
    }
}
