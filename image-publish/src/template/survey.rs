//! DOOR (reads, waits): asks PVE what the plan needs to know.

use std::collections::{BTreeMap, BTreeSet};

use pve_client::{Client, GuestKind, NodeName, Resource, Vmid};
use pve_stage::finding;
use pve_stage::image_template::is_named_so;
use stage::{Entry, Place, Report};

use super::find::find;
use super::found::{FoundTemplate, TemplateState};
use super::plan::{Context, Survey};
use super::settle::{CREATE, Occupant, left_locked, settle};
use super::wanted::{Content, WantedTemplate};
use crate::node::Node;
use crate::work::Work;

/// The cluster's guests.
type Guests<'a> = BTreeMap<Vmid, &'a Resource>;

/// A template that is wanted, and what it is made from, or why it cannot be made.
pub(crate) type Wish = (WantedTemplate, Result<Content, String>);

/// Reads the cluster's list and the templates in it and, unless all wishes are fulfilled, the storages.
///
/// Waits for creates that other runs have begun at the vmids of missing templates, except in a dry run.
///
/// # Errors
/// PVE does not answer.
pub(crate) fn survey(
    work: &Work<'_>,
    context: &Context<'_>,
    node: &Node,
    wishes: &[Wish],
    report: &mut Report,
) -> Result<Survey, Entry> {
    if wishes.iter().all(|(_, content)| content.is_err()) {
        return Ok(Survey::default());
    }
    let client = &node.client;
    let failed = |error: &pve_client::Error| {
        finding::while_doing(node.place(), "looking for templates", error)
    };
    let guests = client.cluster_resources().map_err(|error| failed(&error))?;
    let matters = |row: &Resource| matters(row, wishes);
    let found = find(client, &guests, matters).map_err(|error| failed(&error))?;
    found.left_out.into_iter().for_each(|entry| report.push(entry));
    let mut survey = Survey {
        templates: found.templates,
        taken: guests.iter().map(|row| row.vmid).collect(),
        storages: Vec::new(),
    };
    let missing = |survey: &Survey, (wanted, content): &Wish| {
        let Ok(content) = content else { return false };
        let is_done = |found: &FoundTemplate| {
            found.state == TemplateState::Finished
                && found.spoilt().is_none()
                && context.is_wanted(found, wanted, content)
        };
        !survey.templates.iter().any(is_done)
    };
    let open: Vec<&Wish> = wishes.iter().filter(|wish| missing(&survey, wish)).collect();
    let nodes: BTreeSet<&NodeName> = open.iter().map(|(wanted, _)| &wanted.node).collect();
    for name in nodes {
        survey.storages.push((name.clone(), storages(client, name)?));
    }
    if !work.dry_run {
        let by_vmid: Guests<'_> = guests.iter().map(|row| (row.vmid, row)).collect();
        for wish in open {
            await_creates(work, context, node, (&by_vmid, &mut survey), wish, report)?;
        }
    }
    Ok(survey)
}

/// Returns whether a VM may be one of the templates: on their nodes, and named after an image, named by people, or
/// without a name yet.
fn matters(row: &Resource, wishes: &[Wish]) -> bool {
    let of = |(wanted, content): &Wish| {
        let name = content.as_ref().ok().map(|content| content.template_name(&wanted.image));
        wanted.node == row.node && (name.is_some() && row.name == name || may_be_renamed(row))
    };
    wishes.iter().any(of)
}

fn may_be_renamed(row: &Resource) -> bool {
    row.name.as_deref().is_none_or(|name| !is_named_so(name))
}

fn storages(client: &Client, node: &NodeName) -> Result<Vec<pve_client::Storage>, Entry> {
    let place = Place::node(node.as_str());
    let read = client.storages(node);
    read.map_err(|error| finding::while_doing(place, "reading the storages", &error))
}

/// Waits for creates at the vmids where another run may be making a template.
fn await_creates(
    work: &Work<'_>,
    context: &Context<'_>,
    node: &Node,
    (guests, survey): (&Guests<'_>, &mut Survey),
    (wanted, content): &Wish,
    report: &mut Report,
) -> Result<(), Entry> {
    let Ok(content) = content else { return Ok(()) };
    if survey.storage(&wanted.node, &wanted.storage).is_none_or(|s| s.can_link() != Some(true)) {
        return Ok(());
    }
    let on = Node { node: wanted.node.clone(), ..node.clone() };
    for vmid in context.walk(wanted, content) {
        let Some(row) = guests.get(&vmid) else { break };
        let is_new = row.kind == GuestKind::Qemu && row.lock.as_deref() == Some(CREATE);
        if !is_new || row.node != wanted.node {
            continue;
        }
        let settled = settle(work, &on, vmid, &wanted.image);
        match settled
            .map_err(|error| finding::while_doing(on.place(), "looking for templates", &error))?
        {
            Occupant::Template(found) if !survey.templates.contains(&found) => {
                survey.templates.push(*found);
            }
            Occupant::Nothing => _ = survey.taken.remove(&vmid),
            Occupant::Dead => report.push(left_locked(&on.node, vmid)),
            Occupant::Template(_) | Occupant::Other | Occupant::Unfinished => {}
        }
    }
    Ok(())
}
