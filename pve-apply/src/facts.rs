//! DOOR (reads only): reads what a node offers, limited to what a plan needs.

use crate::preflight::Facts;
use crate::read::read_api;
use crate::requested::Required;
use crate::vnets;
use pve_client::{Client, Error, MappingKind, NodeName, Storage};
use pve_stage::finding;
use stage::{Failure, Place};
use std::collections::BTreeMap;

/// Reads what is needed to check these requirements.
///
/// # Errors
/// A read failed.
pub(crate) fn read(
    client: &Client,
    node: &NodeName,
    required: &[Required],
) -> Result<Facts, Failure> {
    let facts = read_all(client, node, required);
    facts.map_err(|error| finding::of_error(Place::node(node.as_str()), &error).into())
}

fn read_all(client: &Client, node: &NodeName, required: &[Required]) -> Result<Facts, Error> {
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
        facts.storage_configs = read_api(|| client.storage_configs())?;
    }
    facts.isos = isos(client, node, required, &facts.storages)?;
    facts.permissions = read_api(|| client.permissions())?;
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
        facts.pools = read_api(|| client.pools())?;
    }
    if some(|required| matches!(required, Required::Since(..))) {
        facts.version = Some(read_api(|| client.version())?);
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
