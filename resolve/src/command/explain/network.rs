//! Explains the values of a network. Does no I/O.

use super::{Explained, Link, Subject};
use crate::site::{NetworkFile, Peers};
use crate::source::Span;
use crate::tree::{Content, Spanned, Tree};
use serde_json::Value;
use stage::{Entry, Network, Place, suggest};

/// Explains `ZONE`, `ZONE.OPTION`, `ZONE.VNET.OPTION` or `ZONE.VNET.CIDR.OPTION`; `None` if the site
/// has no such zone.
pub(super) fn explain(
    subject: &Subject<'_>,
    target: &str,
) -> Option<Result<Vec<Explained>, Entry>> {
    let (zone, path) = target.split_once('.').unwrap_or((target, ""));
    let network = subject.site.networks().iter().find(|network| network.zone == zone)?;
    let explainer = Explainer { subject, network, document: of_document(subject, network) };
    let all = explainer.all();
    let is_below = |title: &str| {
        let rest = title.strip_prefix(path);
        path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let found: Vec<Explained> = all
        .iter()
        .filter(|leaf| is_below(&leaf.title()))
        .map(|leaf| explainer.explain(leaf))
        .collect();
    if !found.is_empty() || path.is_empty() {
        return Some(Ok(found));
    }
    let titles: Vec<String> = all.iter().map(Leaf::title).collect();
    let fact = format!("network \"{zone}\" has no value for `{path}`");
    let hint = suggest::key(path, titles.iter().map(String::as_str));
    Some(Err(Entry::error("unknown-key", Place::Run, fact).hint(hint)))
}

/// Returns the network as it is in the document, or would be with other VMs.
fn of_document(subject: &Subject<'_>, network: &NetworkFile) -> Network {
    let used = subject.deployment.networks.iter().flatten();
    let found = used.into_iter().find(|used| used.zone == network.zone);
    found.cloned().unwrap_or_else(|| {
        let peers = match network.peers() {
            Peers::Given(peers) => Some(peers),
            Peers::None | Peers::OfNodes(_) => None,
        };
        network.document(peers)
    })
}

/// A value in the tree of a network.
struct Leaf {
    /// Its keys, such as `vnets`, `lan`, `tag`.
    path: Vec<String>,
    /// Where it is written.
    at: Span,
    value: Value,
}

impl Leaf {
    /// Returns its path without the words that every path has: `lan.tag`.
    fn title(&self) -> String {
        let words: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match words[..] {
            ["vnets", vnet, "subnets", cidr, ref rest @ ..] => [&[vnet, cidr], rest].concat(),
            ["vnets", vnet, ref rest @ ..] => [&[vnet], rest].concat(),
            ref all => all.to_vec(),
        }
        .join(".")
    }
}

struct Explainer<'a> {
    subject: &'a Subject<'a>,
    network: &'a NetworkFile,
    document: Network,
}

impl Explainer<'_> {
    /// Returns all values, and the vnets and subnets that have none.
    fn all(&self) -> Vec<Leaf> {
        let mut all = Vec::new();
        leaves(&self.network.tree, &mut Vec::new(), &mut all);
        all
    }

    fn explain(&self, leaf: &Leaf) -> Explained {
        let field = format!("{}.{}", self.network.zone, leaf.title());
        let peers = self.document.config.get("peers").filter(|_| leaf.path == ["peers"]);
        let value = peers.unwrap_or(&leaf.value).clone();
        Explained { field, value, chain: vec![self.link(leaf)] }
    }

    fn link(&self, leaf: &Leaf) -> Link {
        if self.network.implied.contains(&leaf.path) {
            return self.subject.link("default of the short form", leaf.value.clone(), None);
        }
        let layer = match self.network.peers() {
            Peers::OfNodes(_) if leaf.path == ["peers"] => {
                format!("`nodes`: each `ip` of cluster \"{}\"", self.subject.node.cluster())
            }
            _ => format!("network \"{}\"", self.network.zone),
        };
        self.subject.link(layer, leaf.value.clone(), Some(leaf.at))
    }
}

fn leaves(tree: &Tree, path: &mut Vec<String>, all: &mut Vec<Leaf>) {
    for (key, spanned) in tree.iter() {
        path.push(key.to_owned());
        match &spanned.content {
            Content::Map(tree) if !tree.is_empty() => leaves(tree, path, all),
            Content::Invalid => {}
            _ => all.push(leaf(path, spanned)),
        }
        path.pop();
    }
}

fn leaf(path: &[String], spanned: &Spanned) -> Leaf {
    Leaf { path: path.to_vec(), at: spanned.at, value: spanned.to_json(false) }
}
