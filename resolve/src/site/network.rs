//! `NetworkFile`: a zone with its vnets and subnets, from `networks/`. Does no I/O.

use super::short_network;
use super::{NETWORKS, Site};
use crate::shape;
use crate::source::{FileId, Span};
use crate::tree::{Content, Spanned, Tree};
use machine::sdn::{At, Object, ZoneType};
use serde_json::{Map, Value};
use stage::{Network, Subnet, Vnet};

/// The key of vnets in a network's tree.
const VNETS: &str = "vnets";
/// The key of subnets in a vnet's tree.
const SUBNETS: &str = "subnets";

/// A network of `networks/`.
pub(crate) struct NetworkFile {
    /// The zone's ID, which is the name of the file.
    pub zone: String,
    /// Its file.
    pub file: FileId,
    /// The zone's type; `None` if it has been reported.
    pub ty: Option<ZoneType>,
    /// Its values, in the long form.
    pub tree: Tree,
    /// The paths of values that the short form implies.
    pub implied: Vec<Vec<String>>,
    /// Whether it is written in the short form.
    pub is_short: bool,
    /// Whether it has values that have been reported, so that others may be missing.
    pub incomplete: bool,
}

/// The peers of a vxlan zone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Peers {
    /// None are set.
    None,
    /// `peers: nodes`, and where that is written.
    OfNodes(Span),
    /// Addresses.
    Given(Vec<String>),
}

impl Site<'_> {
    /// Reads all networks once and checks them: IDs and VNIs are unique in the whole site.
    pub(crate) fn read_networks(&mut self) {
        if self.networks.is_some() {
            return;
        }
        let names = self.names(&NETWORKS);
        let files = names.into_iter().filter_map(|name| self.network(name));
        let networks: Vec<NetworkFile> = files.collect();
        self.check_networks(&networks);
        self.networks = Some(networks);
    }

    /// Returns the networks that have been read, sorted by zone.
    pub(crate) fn networks(&self) -> &[NetworkFile] {
        self.networks.as_deref().unwrap_or_default()
    }

    fn network(&mut self, zone: &str) -> Option<NetworkFile> {
        let file = self.sources.find(&format!("{}/{zone}.yaml", NETWORKS.folders[0]))?;
        let before = self.report.entries().len();
        let tree = self.read(file, &shape::NETWORK).unwrap_or_default();
        let is_short = tree.get("vnet_id").is_some();
        let (tree, implied) = short_network::expand(self, zone, file, tree);
        let incomplete = self.report.entries().len() > before;
        let ty = tree.get("type").and_then(Spanned::text).and_then(ZoneType::find);
        Some(NetworkFile { zone: zone.to_owned(), file, ty, tree, implied, is_short, incomplete })
    }

    /// Marks a network as used.
    pub(crate) fn use_network(&mut self, file: FileId) {
        self.named.insert(file);
    }
}

impl NetworkFile {
    /// Returns the vnets; the place of each is that of its key.
    pub(crate) fn vnets(&self) -> impl Iterator<Item = (&str, &Spanned)> {
        self.tree.map(VNETS).into_iter().flat_map(Tree::iter)
    }

    /// Returns the subnets of a vnet; the place of each is that of its key.
    pub(crate) fn subnets(vnet: &Spanned) -> impl Iterator<Item = (&str, &Spanned)> {
        vnet.map().and_then(|tree| tree.map(SUBNETS)).into_iter().flat_map(Tree::iter)
    }

    /// Returns the nodes that have the zone, by their names in PVE; `None` for all.
    pub(crate) fn nodes(&self) -> Option<Vec<String>> {
        match &self.tree.get("nodes")?.content {
            Content::Value(Value::Array(names)) => {
                Some(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            _ => None,
        }
    }

    /// Returns the peers.
    pub(crate) fn peers(&self) -> Peers {
        let Some(peers) = self.tree.get("peers") else { return Peers::None };
        match &peers.content {
            Content::List(_) => Peers::Given(peers.texts().unwrap_or_default()),
            Content::Value(Value::String(text)) if text == "nodes" => Peers::OfNodes(peers.at),
            Content::Value(Value::String(text)) => {
                let items = text.split([',', ' ']).filter(|item| !item.is_empty());
                Peers::Given(items.map(str::to_owned).collect())
            }
            _ => Peers::None,
        }
    }

    /// Returns the network for the document. The order of vnets and subnets is that of the file.
    pub(crate) fn document(&self, peers: Option<Vec<String>>) -> Network {
        let mut config = options(Object::Zone, &self.tree);
        if let Some(row) = Object::Zone.row("peers")
            && let Some(normal) = peers.and_then(|peers| row.normal_of_json(&peers.into()))
        {
            config.insert(row.part.name.to_owned(), row.to_json(&normal));
        }
        let subnet = |(cidr, spanned): (&str, &Spanned)| Subnet {
            subnet: cidr.to_owned(),
            config: spanned.map().map(|tree| options(Object::Subnet, tree)).unwrap_or_default(),
        };
        let vnet = |(id, spanned): (&str, &Spanned)| Vnet {
            vnet: id.to_owned(),
            config: spanned.map().map(|tree| options(Object::Vnet, tree)).unwrap_or_default(),
            subnets: Self::subnets(spanned).map(subnet).collect(),
        };
        Network {
            zone: self.zone.clone(),
            ty: self.ty.map(|ty| ty.name().to_owned()).unwrap_or_default(),
            config,
            vnets: self.vnets().map(vnet).collect(),
        }
    }

    /// Returns where a zone, vnet, subnet or one of its options is written.
    pub(crate) fn place(&self, at: At, option: Option<&str>) -> Span {
        let vnet = at.vnet.and_then(|index| self.vnets().nth(index)).map(|(_, vnet)| vnet);
        let subnet = vnet.zip(at.subnet).and_then(|(vnet, index)| Self::subnets(vnet).nth(index));
        let object = subnet.map(|(_, subnet)| subnet).or(vnet);
        let tree = match object {
            Some(spanned) => spanned.map(),
            None => Some(&self.tree),
        };
        let option = option.and_then(|name| tree?.get(name));
        let ty = || self.tree.get("type").filter(|_| object.is_none());
        let found = option.or(object).or_else(ty);
        found.map_or_else(|| Span::start(self.file), |spanned| spanned.at)
    }
}

/// Returns the options of an object as the document's `config`. `peers` is not among them.
fn options(object: Object, tree: &Tree) -> Map<String, Value> {
    let option = |(name, spanned): (&str, &Spanned)| match &spanned.content {
        Content::Value(value) if name != "peers" => {
            Some((object.row(name)?.part.name.to_owned(), value.clone()))
        }
        _ => None,
    };
    tree.iter().filter_map(option).collect()
}
