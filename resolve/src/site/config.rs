//! The configuration of the whole site: defaults, images, nodes, secrets. Does no I/O.

use super::slot::Slot;
use crate::shape::CONFIG;
use crate::source::Span;
use crate::tree::{Content, Spanned, Tree};
use serde_json::{Map, Value};
use stage::Secret;
use stage::example::{self, ExampleSecret};
use std::collections::BTreeMap;

/// `site.yaml`.
#[derive(Clone, Default)]
pub(crate) struct SiteConfig {
    /// The site's name.
    pub site: Slot<String>,
    /// The vmids for VMs that name none.
    pub vmid_range: Slot<String>,
    /// Time zone of guests.
    pub timezone: Slot<String>,
    /// DNS domain of guests.
    pub domain: Slot<String>,
    /// The user that cloud-init creates.
    pub vm_user: Slot<String>,
    /// The user for SSH to nodes.
    pub host_user: Slot<String>,
    /// Defaults for VMs: the lowest layer of each.
    pub layer: Tree,
    /// The first half of derived MACs.
    pub mac_prefix: Slot<String>,
    /// DNS servers of guests.
    pub dns_servers: Slot<Vec<String>>,
    /// Packages for ansible.
    pub packages: Slot<Vec<String>>,
    /// For ansible.
    pub remove_nag: Option<bool>,
    /// Where VMs fetch their specs.
    pub server_url: Slot<String>,
    /// Images by name; `None` without an `images` section.
    pub images: Option<Images>,
    /// `cloud_init` of the site.
    pub cloud_init: Map<String, Value>,
}

/// A storage that every PVE has.
pub(crate) const IMAGE_DATASTORE: &str = "local";

/// Images by name; `None` for `null`, so that a node can do without an image of the site.
pub(crate) type Images = BTreeMap<String, Option<Image>>;

/// Where an image comes from.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// A local file.
    pub file: Option<String>,
    /// URL to fetch it from.
    pub url: Option<String>,
    /// Its checksum.
    pub checksum: Option<String>,
    /// URL to fetch its checksum from.
    pub checksum_url: Option<String>,
    /// How it is fetched.
    pub mode: Option<String>,
    /// Its format.
    pub format: Option<String>,
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
    /// Its cluster.
    pub cluster: Slot<String>,
    /// Storage for VM disks.
    pub datastore: Slot<String>,
    /// File storage with content import.
    pub image_datastore: Slot<String>,
    /// Base URL of the API.
    pub api_endpoint: Slot<String>,
    /// SHA-256 of the API's certificate.
    pub api_fingerprint: Slot<String>,
    /// Name of the API token.
    pub api_token: Slot<String>,
    /// The node's address.
    pub ip: Slot<String>,
    /// The user for SSH.
    pub host_user: Slot<String>,
    /// Images of this node, which override those of the site.
    pub images: Option<Images>,
    /// The node that this one runs on.
    pub parent_node: Slot<String>,
}

/// `secrets.yaml`, and the tokens of `secrets.d/`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets {
    /// PVE API tokens by name; `None` for one that has been reported as invalid.
    pub api_tokens: BTreeMap<String, Option<Secret<String>>>,
    /// Where each token is, also one without a value.
    pub token_places: BTreeMap<String, Span>,
    /// root's password hash.
    pub vm_root: Option<Secret<String>>,
    /// Public keys by name, in the order of the file.
    pub ssh_keys: Vec<(String, String)>,
    /// API tokens without a value, and where they are.
    pub empty_tokens: BTreeMap<String, Span>,
    /// Public keys without a value, and where they are.
    pub empty_keys: BTreeMap<String, Span>,
    /// Values that the examples have too.
    pub examples: Vec<Example>,
}

/// A value of secrets.yaml that the examples have too.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    /// What it is.
    pub secret: ExampleSecret,
    /// Its key.
    pub name: String,
    /// Where it is.
    pub at: Span,
}

impl SiteConfig {
    /// Stands for a site.yaml that has been reported: its name is unknown, not missing.
    pub(crate) fn unreadable(at: Span) -> Self {
        Self { site: Slot::Invalid(at), ..Self::default() }
    }

    /// Reads site.yaml.
    pub(crate) fn read(site: &Tree) -> Self {
        let empty = Tree::default();
        let f = site.map("defaults").unwrap_or(&empty);
        let flag = |key| f.get(key).and_then(Spanned::flag);
        let cloud_init = site.map("cloud_init").map(|tree| tree.to_json(false));
        Self {
            site: site.text("site"),
            images: images(site.map("images")),
            cloud_init: cloud_init.unwrap_or_default(),
            vmid_range: f.text("vmid_range"),
            timezone: f.text("timezone"),
            domain: f.text("domain"),
            vm_user: f.text("vm_user"),
            host_user: f.text("host_user"),
            layer: layer(f),
            mac_prefix: f.text("mac_prefix"),
            dns_servers: f.texts("dns_servers"),
            packages: f.texts("packages"),
            remove_nag: flag("pve_remove_subscription_nag"),
            server_url: f.text("server_url"),
        }
    }
}

/// Returns `defaults` as a layer of VMs.
fn layer(defaults: &Tree) -> Tree {
    let (mut layer, mut nic) = (Tree::default(), Tree::default());
    let mut first = None;
    if let Some(spanned) = defaults.get("create") {
        layer.set("create", spanned.clone());
    }
    for key in ["bridge", "gateway"] {
        if let Some(spanned) = defaults.get(key) {
            nic.set(key, spanned.clone());
            first.get_or_insert(spanned.at);
        }
    }
    if let (Some(at), Some(config)) = (first, first.and_then(|at| layer.map_mut(CONFIG, at))) {
        config.set("net0", Spanned { at, content: Content::Map(nic) });
    }
    layer
}

impl NodeFile {
    /// Reads a node.
    pub(crate) fn read(stem: &str, at: Span, f: &Tree) -> Self {
        Self {
            stem: stem.to_owned(),
            at,
            node: f.text("node"),
            cluster: f.text("cluster"),
            datastore: f.text("datastore"),
            image_datastore: f.text("image_datastore"),
            api_endpoint: f.text("api_endpoint"),
            api_fingerprint: f.text("api_fingerprint"),
            api_token: f.text("api_token"),
            ip: f.text("ip"),
            host_user: f.text("host_user"),
            images: images(f.map("images")),
            parent_node: f.text("parent_node"),
        }
    }

    /// Returns the name in PVE.
    pub(crate) fn name(&self) -> &str {
        self.node.value().unwrap_or(&self.stem)
    }

    /// Returns the storage for images and seeds.
    pub(crate) fn image_datastore(&self) -> &str {
        self.image_datastore.value().map_or(IMAGE_DATASTORE, String::as_str)
    }

    /// Returns the cluster's name.
    pub(crate) fn cluster(&self) -> &str {
        self.cluster.value().map_or_else(|| self.name(), String::as_str)
    }
}

impl Secrets {
    /// Reads secrets.yaml.
    pub(crate) fn read(tree: &Tree) -> Self {
        let texts = |name: &str| -> Vec<(String, Option<String>)> {
            let entries = tree.map(name).into_iter().flat_map(Tree::iter);
            entries
                .filter(|(_, spanned)| !spanned.is_null())
                .map(|(key, spanned)| (key.to_owned(), spanned.text().map(str::to_owned)))
                .collect()
        };
        let tokens = texts("api_tokens").into_iter();
        let keys = texts("ssh_keys").into_iter();
        let vm_root = tree.find(&["passwords", "vm_root"]).and_then(Spanned::text);
        Self {
            api_tokens: tokens.map(|(name, token)| (name, token.map(Secret::new))).collect(),
            token_places: places(tree.map("api_tokens")),
            vm_root: vm_root.map(|hash| Secret::new(hash.to_owned())),
            ssh_keys: keys.filter_map(|(name, key)| Some((name, key?.trim().to_owned()))).collect(),
            empty_tokens: empty(tree.map("api_tokens")),
            empty_keys: empty(tree.map("ssh_keys")),
            examples: examples(tree),
        }
    }
}

impl Secrets {
    /// Adds the tokens of a file in secrets.d/. Returns those that exist already, with both places.
    pub(crate) fn add_tokens(&mut self, tree: &Tree) -> Vec<(String, Span, Span)> {
        let more = Self::read(tree);
        let known =
            |(name, at): (&String, &Span)| Some((name.clone(), *self.token_places.get(name)?, *at));
        let twice: Vec<_> = more.token_places.iter().filter_map(known).collect();
        for (name, token) in more.api_tokens {
            self.api_tokens.entry(name).or_insert(token);
        }
        for (name, at) in more.token_places {
            self.token_places.entry(name).or_insert(at);
        }
        self.empty_tokens.extend(more.empty_tokens);
        self.examples.extend(more.examples);
        twice
    }
}

/// Returns where each entry is.
fn places(map: Option<&Tree>) -> BTreeMap<String, Span> {
    let all = map.into_iter().flat_map(Tree::iter);
    all.map(|(name, spanned)| (name.to_owned(), spanned.at)).collect()
}

/// Returns the names without a value.
fn empty(map: Option<&Tree>) -> BTreeMap<String, Span> {
    let empty = map.into_iter().flat_map(Tree::iter).filter(|(_, spanned)| spanned.is_null());
    empty.map(|(name, spanned)| (name.to_owned(), spanned.at)).collect()
}

/// The values of secrets.yaml that the examples have too.
fn examples(tree: &Tree) -> Vec<Example> {
    use ExampleSecret::{ApiToken, PasswordHash, SigningKey};
    let entries = |secret, map: Option<&Tree>| -> Vec<Example> {
        let known = map.into_iter().flat_map(Tree::iter);
        let known = known.filter(|(_, said)| said.text().is_some_and(example::has));
        known.map(|(name, said)| Example { secret, name: name.to_owned(), at: said.at }).collect()
    };
    let keys = tree.map("auth").and_then(|auth| auth.map("signing_keys"));
    [
        entries(ApiToken, tree.map("api_tokens")),
        entries(PasswordHash, tree.map("passwords")),
        entries(SigningKey, tree.map("auth")),
        entries(SigningKey, keys),
    ]
    .concat()
}

fn images(tree: Option<&Tree>) -> Option<Images> {
    let image = |spanned: &Spanned| {
        let text = |name: &str| spanned.map()?.get(name).and_then(Spanned::text).map(str::to_owned);
        Image {
            file: text("file"),
            url: text("url"),
            checksum: text("checksum"),
            checksum_url: text("checksum_url"),
            mode: text("mode"),
            format: text("format"),
        }
    };
    let entry = |(key, spanned): (&str, &Spanned)| {
        (key.to_owned(), (!spanned.is_null()).then(|| image(spanned)))
    };
    Some(tree?.iter().map(entry).collect())
}
