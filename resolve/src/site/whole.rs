//! What concerns the whole site: defaults, images, nodes, secrets. Does no I/O.

use super::slot::{Fields, Slot};
use crate::json;
use crate::shape::{self, Type};
use crate::source::Span;
use crate::yaml::Node;
use serde_json::{Map, Value};
use stage::Secret;
use std::collections::BTreeMap;

/// `site.yaml`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whole {
    /// The site's name.
    pub site: Slot<String>,
    /// The vmids for VMs that name none.
    pub vmid_range: Slot<String>,
    /// Time zone of guests.
    pub timezone: Slot<String>,
    /// DNS domain of guests.
    pub domain: Slot<String>,
    /// The user that cloud-init makes.
    pub vm_user: Slot<String>,
    /// The user for SSH to nodes.
    pub host_user: Slot<String>,
    /// Bridge of VMs that name none.
    pub bridge: Slot<String>,
    /// Gateway of VMs that name none.
    pub gateway: Slot<String>,
    /// DNS servers of guests.
    pub dns_servers: Slot<Vec<String>>,
    /// Packages for ansible.
    pub packages: Slot<Vec<String>>,
    /// For ansible.
    pub remove_nag: Option<bool>,
    /// Where VMs fetch their specs.
    pub server_url: Slot<String>,
    /// Images by name; `None` without an `images` section.
    pub images: Option<BTreeMap<String, Image>>,
    /// `cloud_init`, as the site gives it.
    pub cloud_init: Map<String, Value>,
}

/// Where an image comes from.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// A local file.
    pub file: Option<String>,
    /// Where it can be fetched.
    pub url: Option<String>,
    /// Its sum.
    pub checksum: Option<String>,
    /// Where its sum can be fetched.
    pub checksum_url: Option<String>,
    /// Who fetches it.
    pub mode: Option<String>,
}

/// `nodes/*.yaml`.
#[derive(Clone, Debug)]
pub(crate) struct NodeFile {
    /// The file's name.
    pub stem: String,
    /// Where it begins.
    pub at: Span,
    /// The name in PVE.
    pub node: Slot<String>,
    /// Storage for VM disks.
    pub datastore: Slot<String>,
    /// File storage with content import.
    pub image_datastore: Slot<String>,
    /// Base URL of the API.
    pub api_endpoint: Slot<String>,
    /// Key of the token.
    pub api_token: Slot<String>,
    /// The node's address.
    pub ip: Slot<String>,
    /// The user for SSH.
    pub host_user: Slot<String>,
    /// Images that are elsewhere for this node.
    pub images: Option<BTreeMap<String, Image>>,
}

/// `secrets.yaml`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets {
    /// PVE API tokens by name; `None` for one that has been reported as wrong.
    pub api_tokens: BTreeMap<String, Option<Secret<String>>>,
    /// root's password hash.
    pub vm_root: Option<Secret<String>>,
    /// Public keys by name, in the order of the file.
    pub ssh_keys: Vec<(String, String)>,
}

impl Whole {
    /// A site.yaml that has been reported: its name is not missing, it is unknown.
    pub(crate) fn unreadable(at: Span) -> Self {
        Self { site: Slot::Bad(at), ..Self::default() }
    }

    /// Reads site.yaml.
    pub(crate) fn read(node: &Node) -> Self {
        let Some(map) = node.map() else { return Self::unreadable(node.at) };
        let site = Fields::new(map, &shape::SITE);
        let whole = Self {
            site: site.text("site"),
            images: images(site.node("images")),
            cloud_init: json::object(site.node("cloud_init"), &shape::CLOUD_INIT),
            ..Self::default()
        };
        let Some(map) = site.node("defaults").and_then(Node::map) else { return whole };
        let f = Fields::new(map, &shape::DEFAULTS);
        Self {
            vmid_range: f.text("vmid_range"),
            timezone: f.text("timezone"),
            domain: f.text("domain"),
            vm_user: f.text("vm_user"),
            host_user: f.text("host_user"),
            bridge: f.text("bridge"),
            gateway: f.text("gateway"),
            dns_servers: f.texts("dns_servers"),
            packages: f.texts("packages"),
            remove_nag: f.node("pve_remove_subscription_nag").and_then(shape::bool_of),
            server_url: f.text("server_url"),
            ..whole
        }
    }
}

impl NodeFile {
    /// Reads a node.
    pub(crate) fn read(stem: &str, node: &Node) -> Self {
        let empty = crate::yaml::Map::default();
        let f = Fields::new(node.map().unwrap_or(&empty), &shape::NODE);
        Self {
            stem: stem.to_owned(),
            at: node.at,
            node: f.text("node"),
            datastore: f.text("datastore"),
            image_datastore: f.text("image_datastore"),
            api_endpoint: f.text("api_endpoint"),
            api_token: f.text("api_token"),
            ip: f.text("ip"),
            host_user: f.text("host_user"),
            images: images(f.node("images")),
        }
    }

    /// The name in PVE.
    pub(crate) fn name(&self) -> &str {
        self.node.value().unwrap_or(&self.stem)
    }
}

impl Secrets {
    /// Reads secrets.yaml.
    pub(crate) fn read(node: &Node) -> Self {
        let texts = |name: &str| -> Vec<(String, Option<String>)> {
            let map = node.get(name).and_then(Node::map);
            let ty = shape::SECRETS.field(name).map(|field| field.ty);
            let Some(Type::Named(item)) = ty else { return Vec::new() };
            let entries = map.into_iter().flat_map(|map| &map.0);
            entries
                .filter(|(_, node)| !node.is_null())
                .map(|(key, node)| {
                    let value = shape::text_of(node, item).map(str::to_owned);
                    (key.text.to_string(), value)
                })
                .collect()
        };
        let tokens = texts("api_tokens").into_iter();
        let keys = texts("ssh_keys").into_iter();
        let vm_root = node.get("passwords").and_then(|p| p.get("vm_root")).and_then(Node::text);
        Self {
            api_tokens: tokens.map(|(name, token)| (name, token.map(Secret::new))).collect(),
            vm_root: vm_root.map(|hash| Secret::new(hash.to_owned())),
            ssh_keys: keys.filter_map(|(name, key)| Some((name, key?.trim().to_owned()))).collect(),
        }
    }
}

fn images(node: Option<&Node>) -> Option<BTreeMap<String, Image>> {
    let map = node?.map()?;
    let image = |node: &Node| {
        let text = |name: &str| node.get(name).and_then(Node::text).map(str::to_owned);
        Image {
            file: text("file"),
            url: text("url"),
            checksum: text("checksum"),
            checksum_url: text("checksum_url"),
            mode: text("mode"),
        }
    };
    Some(map.0.iter().map(|(key, node)| (key.text.to_string(), image(node))).collect())
}
