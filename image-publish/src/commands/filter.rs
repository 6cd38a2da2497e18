//! The filter, without a command: document in, images published, document out.

use serde_json::{Map, Value};
use stage::{Console, Failure, Output};

use super::publish::publish;
use super::request::{PreparedRun, Request};
use crate::cli::FilterArgs;
use crate::outcome::has_changed;
use crate::published::{Action, Published};

/// Publishes the images of the document's VMs, and sets `images`.
pub(crate) fn run(args: &FilterArgs, console: &Console) -> Result<Output, Failure> {
    let request = Request::read(&args.document)?;
    if request.wanted.is_empty() && !request.report.has_errors() {
        return Ok(Output::document(request.document, request.report));
    }
    let PreparedRun { request, target, mut work, ready } =
        request.prepare(&args.document, args.refresh.refresh, console)?;
    let Request { mut document, deployment, wanted, mut report } = request;
    let published = publish(&mut work, &target, &wanted, ready, &mut report)?;
    let mut images: Map<String, Value> = deployment
        .images
        .iter()
        .map(|(name, volid)| (name.clone(), Value::from(volid.as_str())))
        .collect();
    for image in &published {
        images.insert(image.name.clone(), Value::from(image.volid.to_string()));
    }
    document.set("images", images);
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
