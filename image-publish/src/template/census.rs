//! DOOR (reads only): asks PVE. The templates of images on nodes, and what depends on them.

use std::collections::{BTreeMap, BTreeSet};

use pve_client::{Client, Error, NodeName, Permissions, Resource, Storage, StorageId, Volume};
use stage::Entry;

use super::clones::{self, Clones, tells};
use super::find::find;
use super::found::{FoundTemplate, TemplateDisk};

/// The templates of some nodes.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// Every guest that the token sees.
    pub(crate) guests: Vec<Resource>,
    /// The templates, of any site, by vmid.
    pub(crate) templates: Vec<CountedTemplate>,
    /// Warnings about VMs that may be templates and cannot be read.
    pub(crate) left_out: Vec<Entry>,
}

/// A template, and what depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CountedTemplate {
    /// The template.
    pub(crate) template: FoundTemplate,
    /// Its linked clones.
    pub(crate) clones: Clones,
}

/// Finds the templates on some nodes. Where there are none, this costs one read.
///
/// # Errors
/// PVE does not answer.
pub(crate) fn take_census(client: &Client, nodes: &BTreeSet<String>) -> Result<Census, Error> {
    let guests = client.cluster_resources()?;
    let found = find(client, &guests, |row| nodes.contains(row.node.as_str()))?;
    let mut read =
        Reading { client, permissions: None, kinds: BTreeMap::new(), volumes: BTreeMap::new() };
    let mut templates = Vec::new();
    for template in found.templates {
        let clones = read.clones(&template)?;
        templates.push(CountedTemplate { template, clones });
    }
    Ok(Census { guests, templates, left_out: found.left_out })
}

/// What has been read; each list is read once.
struct Reading<'a> {
    client: &'a Client,
    permissions: Option<Permissions>,
    kinds: BTreeMap<NodeName, Vec<Storage>>,
    volumes: BTreeMap<(NodeName, StorageId), Vec<Volume>>,
}

impl Reading<'_> {
    fn clones(&mut self, template: &FoundTemplate) -> Result<Clones, Error> {
        let Some(TemplateDisk { volid, .. }) = &template.disk else {
            return Ok(Clones::All(Vec::new()));
        };
        let kind = self.kind(&template.node, volid.storage())?;
        if !tells(&kind, volid) {
            return Ok(Clones::Untold);
        }
        let sees_all = clones::sees_all(self.permissions()?, volid.storage().as_str());
        let volumes = self.volumes(&template.node, volid.storage())?;
        Ok(Clones::of(volid, &kind, volumes, sees_all))
    }

    /// Returns a storage's type; empty if the token does not see the storage.
    fn kind(&mut self, node: &NodeName, storage: &StorageId) -> Result<String, Error> {
        if !self.kinds.contains_key(node) {
            let storages = or_nothing(self.client.storages(node))?;
            self.kinds.insert(node.clone(), storages);
        }
        let storages = self.kinds.get(node).into_iter().flatten();
        let found = storages.into_iter().find(|found| found.storage == *storage);
        Ok(found.map(|found| found.kind.clone()).unwrap_or_default())
    }

    fn permissions(&mut self) -> Result<&Permissions, Error> {
        let permissions = match self.permissions.take() {
            Some(permissions) => permissions,
            None => self.client.permissions()?,
        };
        Ok(self.permissions.insert(permissions))
    }

    fn volumes(&mut self, node: &NodeName, storage: &StorageId) -> Result<&[Volume], Error> {
        let key = (node.clone(), storage.clone());
        if !self.volumes.contains_key(&key) {
            let volumes = self.client.storage_content(node, storage, Some("images"));
            self.volumes.insert(key.clone(), or_nothing(volumes)?);
        }
        Ok(self.volumes.get(&key).map(Vec::as_slice).unwrap_or_default())
    }
}

/// Takes a refusal for an empty list: the disk itself is not in it then, so nothing is concluded from it.
fn or_nothing<T>(read: Result<Vec<T>, Error>) -> Result<Vec<T>, Error> {
    match read {
        Err(error) if error.refusal().is_some() || error.is_node_unreachable() => Ok(Vec::new()),
        read => read,
    }
}
