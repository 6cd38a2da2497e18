//! The filter, without a command: document in, images published, document out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use stage::{Console, Deployment, Document, Failure, Output};

use super::publishing::publish;
use super::request::{PreparedRun, Request};
use crate::away;
use crate::cli::FilterArgs;
use crate::destination::Destinations;
use crate::outcome::has_changed;
use crate::prepared::PreparedImage;
use crate::published::{Action, Published};
use crate::side_by_side::OnEach;
use crate::wanted::Wanted;

/// Publishes the images of the document's VMs, and sets `images`.
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
    let mut volids = Volids::away(&destinations, &wanted, &ready);
    let on_each = publish(&mut work, &destinations, &wanted, ready, &mut report)?;
    volids.add(&destinations, &wanted, &on_each);
    let published = on_each.concat();
    set_images(&mut document, &deployment, &volids);
    let pending = pending(&published, work.dry_run);
    // The entries of an earlier dry run are published now.
    if !pending.is_empty() || !deployment.images_pending.is_empty() {
        document.set("images_pending", pending);
    }
    let changed = has_changed(&published, work.dry_run);
    Ok(Output::document(document, report).after_changes(changed))
}

/// Returns the images that a dry run has not published, with their sizes in bytes.
fn pending(published: &[Published], dry_run: bool) -> Map<String, Value> {
    let missing = published.iter().filter(|image| dry_run && image.action != Action::Present);
    missing.map(|image| (image.name.clone(), Value::from(image.length))).collect()
}

/// The volid of each image on each node that needs it: image → node → volid. For a document without `nodes`,
/// the node is empty.
#[derive(Default)]
struct Volids(BTreeMap<String, BTreeMap<String, String>>);

impl Volids {
    /// Returns the volids that images will have on nodes that are offline. The file's name is known all the same.
    fn away(destinations: &Destinations, wanted: &[Wanted], ready: &[PreparedImage]) -> Self {
        let mut all = Self::default();
        for away in &destinations.away {
            let needed = wanted.iter().zip(ready).filter(|(wanted, _)| away.needs(wanted));
            for (wanted, image) in needed {
                all.set(wanted, &away.nodes, &away.target.volid_of(image).to_string());
            }
        }
        all
    }

    /// Adds the volids of images that are published.
    fn add(&mut self, destinations: &Destinations, wanted: &[Wanted], on_each: &OnEach) {
        for (one, published) in destinations.online.iter().zip(on_each) {
            for image in published {
                if let Some(wanted) = wanted.get(image.index) {
                    self.set(wanted, &one.nodes, &image.volid.to_string());
                }
            }
        }
    }

    fn set(&mut self, wanted: &Wanted, served: &BTreeSet<String>, volid: &str) {
        let of_image = self.0.entry(wanted.name.clone()).or_default();
        if served.is_empty() {
            of_image.insert(String::new(), volid.to_owned());
        }
        for node in wanted.nodes.intersection(served) {
            of_image.insert(node.clone(), volid.to_owned());
        }
    }
}

/// Sets `images` to the volids on the document's node, or else on the first node that needs the image, and
/// `images` of each node to those that differ.
fn set_images(document: &mut Document, deployment: &Deployment, volids: &Volids) {
    let mut images = strings(&deployment.images);
    for (name, on_nodes) in &volids.0 {
        let usual = on_nodes.get(&deployment.node).or_else(|| on_nodes.values().next());
        if let Some(usual) = usual {
            images.insert(name.clone(), Value::from(usual.as_str()));
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
                own.insert(name.clone(), Value::from(volid.as_str()));
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
