//! The filter, without a command: document in, images published, document out.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use stage::{Console, Deployment, Document, Failure, Output, Report, Template};

use super::publishing::publish;
use super::request::{PreparedRun, Request};
use super::templates::Templates;
use super::volids::Volids;
use crate::away;
use crate::cli::FilterArgs;
use crate::outcome::has_changed;
use crate::published::{Action, Published};
use crate::work::Work;

/// Publishes the images of the document's VMs, makes their templates, and sets `images` and `templates`.
pub(crate) fn run(args: &FilterArgs, console: &Console) -> Result<Output, Failure> {
    let request = Request::read(&args.document)?;
    if request.wanted.is_empty() && !request.report.has_errors() {
        return Ok(Output::document(request.document, request.report));
    }
    let nodes = request.nodes();
    let PreparedRun { request, destinations, mut work, ready } =
        request.prepare(&args.document, &nodes, args.refresh.refresh, console)?;
    let Request { mut document, deployment, wanted, mut report } = request;
    let away = away::unserved(&destinations, &wanted, Some(&deployment), "published");
    away.into_iter().for_each(|entry| report.push(entry));
    let mut volids = Volids::expected(&destinations.away, &ready);
    let expected = Volids::expected(&destinations.online, &ready);
    let mut templates = Templates::of(&deployment, &destinations, &ready, &mut report);
    let check_more = |work: &Work<'_>, report: &mut Report| templates.plan(work, &expected, report);
    let on_each = publish(&mut work, &destinations, ready, &mut report, check_more)?;
    volids.add(&destinations, &on_each);
    let published = on_each.concat();
    let changed = has_changed(&published, work.dry_run);
    let made = templates.make(&work, &volids);
    let (rows, made) = made.map_err(|f| if changed { f.after_changes() } else { f })?;
    set_images(&mut document, &deployment, &volids);
    let pending = pending(&published, work.dry_run);
    // The entries of an earlier dry run are published now.
    if !pending.is_empty() || !deployment.images_pending.is_empty() {
        document.set("images_pending", pending);
    }
    if !rows.is_empty() || !deployment.templates.is_empty() {
        document.set("templates", json(&rows));
    }
    Ok(Output::document(document, report).after_changes(changed || made))
}

/// Returns the images that a dry run has not published, with their sizes in bytes.
fn pending(published: &[Published], dry_run: bool) -> Map<String, Value> {
    let missing = published.iter().filter(|image| dry_run && image.action != Action::Present);
    missing.map(|image| (image.name.clone(), Value::from(image.length))).collect()
}

/// Sets `images` to the volids on the document's node, or else on the first node that needs the image, and
/// `images` of each node to those that differ.
fn set_images(document: &mut Document, deployment: &Deployment, volids: &Volids) {
    let mut images = strings(&deployment.images);
    for (name, on_nodes) in &volids.0 {
        let usual = on_nodes.get(&deployment.node).or_else(|| on_nodes.values().next());
        if let Some(usual) = usual {
            images.insert(name.clone(), Value::from(usual.to_string()));
        }
    }
    set_images_of_nodes(document, deployment, volids, &images);
    document.set("images", images);
}

fn set_images_of_nodes(
    document: &mut Document,
    deployment: &Deployment,
    volids: &Volids,
    usual: &Map<String, Value>,
) {
    let Some(Value::Object(mut nodes)) = document.json().get("nodes").cloned() else { return };
    for (node, fields) in &mut nodes {
        let Some(fields) = fields.as_object_mut() else { continue };
        let before = deployment.nodes.get(node).map(|node| &node.images);
        let mut own = before.map(strings).unwrap_or_default();
        for (name, on_nodes) in &volids.0 {
            if let Some(volid) = on_nodes.get(node) {
                own.insert(name.clone(), Value::from(volid.to_string()));
            }
        }
        own.retain(|name, volid| usual.get(name) != Some(volid));
        if own.is_empty() {
            fields.shift_remove("images");
        } else {
            fields.insert("images".to_owned(), Value::Object(own));
        }
    }
    document.set("nodes", nodes);
}

fn strings(map: &BTreeMap<String, String>) -> Map<String, Value> {
    map.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect()
}

fn json(rows: &[Template]) -> Vec<Value> {
    rows.iter().filter_map(|row| serde_json::to_value(row).ok()).collect()
}
