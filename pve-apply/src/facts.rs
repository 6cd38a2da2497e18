//! DOOR (reads only): reads what nodes offer, limited to what a plan needs.

use crate::preflight::{Facts, Preflight};
use crate::read::read_api;
use crate::requested::Required;
use crate::vnets;
use pve_client::{
    Client, Error, MappingKind, NodeName, Permissions, Storage, StorageConfig, Version,
};
use pve_stage::finding;
use stage::{Failure, Place};
use std::collections::BTreeMap;

/// Reads what is needed to check this work; returns the facts of each node.
///
/// # Errors
/// A read failed.
pub(crate) fn read(client: &Client, works: &[Preflight<'_>]) -> Result<Vec<Facts>, Failure> {
    let mut cluster = Cluster::default();
    let mut all = Vec::new();
    for work in works {
        let facts = read_all(client, work.node, &work.required(), &mut cluster);
        all.push(
            facts.map_err(|error| finding::of_error(Place::node(work.node.as_str()), &error))?,
        );
    }
    Ok(all)
}

/// What is the same for all nodes, once it was read.
#[derive(Default)]
struct Cluster {
    storage_configs: Option<Vec<StorageConfig>>,
    permissions: Option<Permissions>,
    pools: Option<Vec<String>>,
    version: Option<Version>,
}

/// Returns what was read before, or reads it.
fn once<T: Clone>(
    known: &mut Option<T>,
    read: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    match known {
        Some(known) => Ok(known.clone()),
        None => Ok(known.insert(read_api(read)?).clone()),
    }
}

fn read_all(
    client: &Client,
    node: &NodeName,
    required: &[Required],
    cluster: &mut Cluster,
) -> Result<Facts, Error> {
    let some = |is: fn(&Required) -> bool| required.iter().any(is);
    let mut facts = Facts {
        storages: read_api(|| client.storages(node))?,
        token_id: client.endpoint().token.id().to_owned(),
        ..Facts::default()
    };
    let bridges: Vec<&str> = required.iter().filter_map(Required::bridge).collect();
    if !bridges.is_empty() {
        let known = read_api(|| client.bridges(node))?;
        (facts.vnets, facts.vnet_objects) = vnets::read(client, node, &bridges, &known)?;
        facts.bridges = known.into_iter().map(|bridge| bridge.name).collect();
    }
    let is_off = |required: &Required| match required {
        Required::Storage { name, .. } => {
            facts.storages.iter().any(|s| s.storage.as_str() == name && !s.enabled)
        }
        _ => false,
    };
    if required.iter().any(is_off) {
        facts.storage_configs = once(&mut cluster.storage_configs, || client.storage_configs())?;
    }
    facts.isos = isos(client, node, required, &facts.storages)?;
    facts.permissions = once(&mut cluster.permissions, || client.permissions())?;
    for kind in MappingKind::ALL {
        if required
            .iter()
            .any(|required| matches!(required, Required::Mapping(of, _) if *of == kind))
        {
            facts.mappings.insert(kind, read_api(|| client.mappings(kind, node))?);
        }
    }
    if some(|required| matches!(required, Required::CpuModel(_))) {
        facts.cpu_models = read_api(|| client.cpu_models(node))?;
    }
    if some(|required| matches!(required, Required::Machine(_))) {
        facts.machines = read_api(|| client.machine_types(node))?;
    }
    if some(|required| matches!(required, Required::Pool(_))) {
        facts.pools = once(&mut cluster.pools, || client.pools())?;
    }
    if some(|required| matches!(required, Required::Since(..))) {
        facts.version = Some(once(&mut cluster.version, || client.version())?);
    }
    Ok(facts)
}

/// Returns the ISO images of the required storages, if they can be listed.
fn isos(
    client: &Client,
    node: &NodeName,
    required: &[Required],
    storages: &[Storage],
) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut isos = BTreeMap::new();
    for storage in storages.iter().filter(|s| s.enabled && s.active && s.has_content("iso")) {
        let id = &storage.storage;
        let is_on_it = |volid: &str| volid.split(':').next() == Some(id.as_str());
        let is_asked =
            |required: &Required| matches!(required, Required::Iso(volid) if is_on_it(volid));
        if !required.iter().any(is_asked) {
            continue;
        }
        match read_api(|| client.storage_content(node, id, Some("iso"))) {
            Ok(list) => {
                let names = list.into_iter().map(|volume| volume.volid.to_string()).collect();
                isos.insert(id.to_string(), names);
            }
            // A missing privilege is reported with the token's privileges.
            Err(error) if error.is_permission() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(isos)
}
