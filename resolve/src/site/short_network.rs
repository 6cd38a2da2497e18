//! The short form of a network with one vnet: the variables of the OpenTofu module `proxmox-sdn`.
//! Does no I/O.

use super::Site;
use crate::source::{FileId, Span};
use crate::tree::{Content, Spanned, Tree};
use serde_json::Value;

/// The module's default for `vxlan_tag`.
const TAG: u32 = 100;
/// The module's default for `mtu`.
const MTU: u32 = 1450;

/// Keys that need `vnet_id`.
const OF_VNET: [&str; 3] = ["vxlan_tag", "subnet_cidr", "subnet_gateway"];

/// Returns a network in the long form, and the paths of values that the short form implies.
pub(super) fn expand(
    site: &mut Site<'_>,
    zone: &str,
    file: FileId,
    mut tree: Tree,
) -> (Tree, Vec<Vec<String>>) {
    file_name(site, zone, file, tree.take("zone_id"));
    let vnet = tree.take("vnet_id").filter(|spanned| !spanned.is_null());
    let [tag, cidr, gateway] =
        OF_VNET.map(|key| tree.take(key).filter(|spanned| !spanned.is_null()));
    let Some(vnet) = vnet else {
        for (key, spanned) in OF_VNET.into_iter().zip([tag, cidr, gateway]) {
            if let Some(spanned) = spanned {
                missing(site, key, "vnet_id", spanned.at);
            }
        }
        return (tree, Vec::new());
    };
    let Some(id) = vnet.text() else { return (tree, Vec::new()) };
    let (at, mut implied) = (vnet.at, Vec::new());
    let value = |value: Value| Spanned { at, content: Content::Value(value) };
    if tree.get("type").is_none_or(Spanned::is_null) {
        tree.set("type", value("vxlan".into()));
        implied.push(vec!["type".to_owned()]);
    }
    let is_vxlan = tree.get("type").and_then(Spanned::text) == Some("vxlan");
    if is_vxlan && tree.get("mtu").is_none() {
        tree.set("mtu", value(MTU.into()));
        implied.push(vec!["mtu".to_owned()]);
    }
    let mut options = Tree::default();
    if let Some(tag) = tag {
        options.set("tag", tag);
    } else if is_vxlan {
        options.set("tag", value(TAG.into()));
        implied.push(["vnets", id, "tag"].map(str::to_owned).to_vec());
    }
    if let Some(subnets) = subnets(site, cidr, gateway) {
        options.set("subnets", Spanned { at, content: Content::Map(subnets) });
    }
    let mut vnets = Tree::default();
    vnets.set(id.to_owned(), Spanned { at, content: Content::Map(options) });
    tree.set("vnets", Spanned { at, content: Content::Map(vnets) });
    (tree, implied)
}

/// Reports a `zone_id` other than the name of the file, which identifies the network.
fn file_name(site: &mut Site<'_>, zone: &str, file: FileId, zone_id: Option<Spanned>) {
    let rule = &machine::sdn::rule::ZONE_ID;
    if !rule.accepts(zone) {
        let fact = format!("the file name must be {}, not \"{zone}\"", rule.must);
        let entry = site.sources.error("invalid-name", Span::start(file), fact);
        site.report.push(entry);
    }
    let Some(written) = zone_id else { return };
    let Some(id) = written.text().filter(|id| *id != zone) else { return };
    let fact = format!("`zone_id` is \"{id}\", but the file makes the zone \"{zone}\"");
    let entry = site.sources.error("invalid-name", written.at, fact);
    site.report.push(entry.hint(format!("rename the file to networks/{id}.yaml")));
}

fn subnets(site: &mut Site<'_>, cidr: Option<Spanned>, gateway: Option<Spanned>) -> Option<Tree> {
    let Some(cidr) = cidr else {
        if let Some(gateway) = gateway {
            missing(site, "subnet_gateway", "subnet_cidr", gateway.at);
        }
        return None;
    };
    let mut options = Tree::default();
    if let Some(gateway) = gateway {
        options.set("gateway", gateway);
    }
    let mut subnets = Tree::default();
    subnets.set(cidr.text()?.to_owned(), Spanned { at: cidr.at, content: Content::Map(options) });
    Some(subnets)
}

fn missing(site: &mut Site<'_>, key: &str, required: &str, at: Span) {
    let entry = site.sources.error("missing-field", at, format!("`{key}` requires `{required}`"));
    site.report.push(entry);
}
