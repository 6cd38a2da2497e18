//! The templates of a document's images: planned and checked before the first write, made once the images are
//! published, and listed in the document.

use std::collections::{BTreeMap, BTreeSet};

use pve_client::{NodeName, Vmid, Volid};
use stage::{Deployment, Entry, Failure, Place, Report, Template};

use super::volids::Volids;
use crate::away::shortened;
use crate::destination::Destinations;
use crate::node::Node;
use crate::prepared::Ready;
use crate::target::Target;
use crate::template::check::check;
use crate::template::plan::{Context, Step, Survey, plan};
use crate::template::side_by_side::{Planned, make_all, work_on};
use crate::template::survey::survey;
use crate::template::wanted::{Content, WantedTemplate, wanted};
use crate::work::Work;

/// The templates of a run.
pub(super) struct Templates<'a> {
    context: Context<'a>,
    /// Those that can be made in this run: on nodes that are online.
    wanted: Vec<WantedTemplate>,
    /// A node to ask; `None` if none is needed.
    node: Option<Node>,
    /// The lengths of the images' files, where they are known.
    lengths: BTreeMap<String, u64>,
    survey: Survey,
    planned: Planned,
    /// What each of them was planned from.
    contents: Vec<Result<Content, String>>,
}

/// Rows of the document, and whether something was made for them.
pub(super) type Rows = (Vec<Template>, bool);

impl<'a> Templates<'a> {
    /// Returns the templates that a document's VMs need; asks nothing.
    pub(super) fn of(
        deployment: &'a Deployment,
        destinations: &Destinations,
        ready: &[Ready],
        report: &mut Report,
    ) -> Self {
        let mut wanted = wanted(deployment, report);
        let mut nodes = destinations.online.iter().map(|one| &one.target);
        let node = nodes.find_map(|target| match target {
            Target::Node(node) => Some(node.clone()),
            Target::Folder(_) => None,
        });
        if node.is_none() && !destinations.online.is_empty() && !wanted.is_empty() {
            report.push(not_in_a_directory(&wanted));
        }
        let online = online(deployment, destinations);
        wanted.retain(|one| {
            let reached = node.is_some() && online.contains(one.node.as_str());
            let is_served = destinations.online.iter().any(|other| other.serves(one.node.as_str()));
            if !reached && node.is_some() && is_served {
                report.push(node_away(one));
            }
            reached
        });
        let lengths = ready
            .iter()
            .filter_map(|Ready { image, .. }| Some((image.file.clone(), image.length?)));
        let fixed = deployment.vms.iter().filter_map(|vm| Vmid::new(vm.vmid?.into()).ok());
        let context = Context {
            site: deployment.site.as_deref().unwrap_or_default(),
            range: deployment.vmid_range,
            reserved: fixed.collect(),
        };
        let wanted_is_empty = wanted.is_empty();
        Self {
            context,
            wanted,
            node: node.filter(|_| !wanted_is_empty),
            lengths: lengths.collect(),
            survey: Survey::default(),
            planned: Vec::new(),
            contents: Vec::new(),
        }
    }

    /// Plans the templates and checks, before the first write, whether they can be made; problems are added to the
    /// report. Asks nothing if there are none.
    pub(super) fn plan(&mut self, work: &Work<'_>, volids: &Volids, report: &mut Report) {
        let Some(node) = &self.node else { return };
        let wishes: Vec<_> =
            self.wanted.iter().map(|one| (one.clone(), self.content(one, volids))).collect();
        match survey(work, &self.context, node, &wishes, report) {
            Ok(survey) => self.survey = survey,
            Err(entry) => return report.push(entry),
        }
        for (wanted, content) in wishes {
            let step = plan(&self.context, &self.survey, &wanted, content.clone(), report);
            self.planned.push((wanted, step));
            self.contents.push(content);
        }
        check(&self.context, &self.survey, node, &self.planned, report);
    }

    /// Makes the templates of images that are published, and returns the rows of all.
    pub(super) fn make(mut self, work: &Work<'_>, volids: &Volids) -> Result<Rows, Failure> {
        let Some(node) = self.node.take() else { return Ok((Vec::new(), false)) };
        let mut planned = std::mem::take(&mut self.planned);
        if work.dry_run {
            planned.iter().for_each(|one| rehearse(&work_on(work, &planned, &one.0), one));
            return Ok((planned.into_iter().map(|one| row(one, None)).collect(), false));
        }
        self.plan_again(work, &node, volids, &mut planned)?;
        let changed = planned.iter().any(|(_, step)| step.writes());
        let made = make_all(work, &self.context, &self.survey, &node, &planned);
        let made = made.map_err(|stopped| {
            let failure = Failure::from(stopped.report);
            if stopped.changed { failure.after_changes() } else { failure }
        })?;
        Ok((planned.into_iter().zip(made).map(|(one, vmid)| row(one, vmid)).collect(), changed))
    }

    /// Plans those again whose images have other names than expected: they were compressed or unpacked first.
    fn plan_again(
        &mut self,
        work: &Work<'_>,
        node: &Node,
        volids: &Volids,
        planned: &mut Planned,
    ) -> Result<(), Report> {
        let mut report = Report::new();
        let wishes: Vec<_> =
            planned.iter().map(|(one, _)| (one.clone(), self.content(one, volids))).collect();
        if wishes.iter().map(|(_, content)| content).eq(&self.contents) {
            return Ok(());
        }
        // The first look was for templates of the expected content.
        self.survey = survey(work, &self.context, node, &wishes, &mut report)?;
        for ((step, wish), before) in planned.iter_mut().zip(wishes).zip(&self.contents) {
            let (wanted, content) = wish;
            if content != *before {
                step.1 = plan(&self.context, &self.survey, &wanted, content, &mut report);
            }
        }
        if report.has_errors() { Err(report) } else { Ok(()) }
    }

    /// Returns what a template is made from, or why that is not known.
    fn content(&self, wanted: &WantedTemplate, volids: &Volids) -> Result<Content, String> {
        let volid = volids.get(&wanted.image, wanted.node.as_str());
        let length = |volid: &Volid| self.lengths.get(volid.file()).copied();
        match volid {
            Some(volid) => Content::of(volid, length(volid))
                .ok_or_else(|| format!("the name of {volid} has no checksum")),
            None => Err(format!("image {} is not on node {}", wanted.image, wanted.node)),
        }
    }
}

/// Returns the row of a template in the document.
fn row((wanted, step): (WantedTemplate, Step), made: Option<Vmid>) -> Template {
    let kept = match &step {
        Step::Keep(vmid) => Some(*vmid),
        _ => made,
    };
    Template {
        image: wanted.image,
        node: wanted.node.to_string(),
        storage: wanted.storage.to_string(),
        vmid: kept.map(Vmid::get),
        reason: match step {
            Step::Without(reason) => Some(reason),
            _ => None,
        },
    }
}

/// Shows what would be done.
fn rehearse(work: &Work<'_>, (wanted, step): &(WantedTemplate, Step)) {
    let text = match step {
        Step::Keep(_) | Step::Without(_) => return,
        Step::Finish(vmid, _) => format!("would finish template {vmid} on {}", wanted.storage),
        Step::Make(_) => format!("would make a template on {}", wanted.storage),
    };
    work.tell("step", &wanted.image, &text);
}

/// Returns the nodes that are online.
fn online<'a>(deployment: &'a Deployment, destinations: &'a Destinations) -> BTreeSet<&'a str> {
    if deployment.nodes.is_empty() {
        return BTreeSet::from([deployment.node.as_str()]);
    }
    let of = |one: &'a crate::destination::Destination| {
        let others = one.others.iter().map(NodeName::as_str);
        one.target.node().map(NodeName::as_str).into_iter().chain(others)
    };
    destinations.online.iter().flat_map(of).collect()
}

/// Returns the warning about a node that is offline although its images could be published through another one.
fn node_away(wanted: &WantedTemplate) -> Entry {
    let WantedTemplate { image, node, storage, vms } = wanted;
    let fact = format!(
        "the node is offline, so the template of image \"{image}\" on \"{storage}\" is not made"
    );
    let vms: Vec<&str> = vms.iter().map(String::as_str).collect();
    Entry::warning("node-away", Place::node(node.as_str()), fact)
        .note(format!("for {}", shortened(&vms)))
        .hint("run the pipe again when the node is online")
}

/// Returns the warning about a run that writes to a directory.
fn not_in_a_directory(wanted: &[WantedTemplate]) -> Entry {
    let vms: Vec<&str> = wanted.iter().flat_map(|one| &one.vms).map(String::as_str).collect();
    let place = Place::Named("--local-dir".to_owned());
    let fact = "templates are not made, so VMs with `create: clone` import their images";
    Entry::warning("no-templates", place, fact)
        .note(format!("for {}", shortened(&vms)))
        .hint("without `--local-dir`, templates are made through the API")
}
