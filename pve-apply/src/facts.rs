//! DOOR (reads only): asks what a node offers, as far as somebody asks for it.

use crate::ask::ask;
use crate::asked::Wanted;
use crate::preflight::Facts;
use pve_client::{Client, Error, MappingKind, NodeName};
use pve_stage::finding;
use stage::{Failure, Place};

/// Reads what is needed to judge these demands.
///
/// # Errors
/// A read failed.
pub(crate) fn read(client: &Client, node: &NodeName, wanted: &[Wanted]) -> Result<Facts, Failure> {
    let facts = read_all(client, node, wanted);
    facts.map_err(|error| finding::of_error(Place::node(node.as_str()), &error).into())
}

fn read_all(client: &Client, node: &NodeName, wanted: &[Wanted]) -> Result<Facts, Error> {
    let some = |is: fn(&Wanted) -> bool| wanted.iter().any(is);
    let mut facts = Facts {
        storages: ask(|| client.storages(node))?,
        token_id: client.endpoint().token.id().to_owned(),
        ..Facts::default()
    };
    if some(|wanted| matches!(wanted, Wanted::Bridge(_))) {
        facts.bridges = ask(|| client.bridges(node))?;
    }
    facts.permissions = ask(|| client.permissions())?;
    for kind in MappingKind::ALL {
        if wanted.iter().any(|wanted| matches!(wanted, Wanted::Mapping(of, _) if *of == kind)) {
            facts.mappings.insert(kind, ask(|| client.mappings(kind, node))?);
        }
    }
    if some(|wanted| matches!(wanted, Wanted::CpuModel(_))) {
        facts.cpu_models = ask(|| client.cpu_models(node))?;
    }
    if some(|wanted| matches!(wanted, Wanted::Machine(_))) {
        facts.machines = ask(|| client.machine_types(node))?;
    }
    if some(|wanted| matches!(wanted, Wanted::Pool(_))) {
        facts.pools = ask(|| client.pools())?;
    }
    if some(|wanted| matches!(wanted, Wanted::Since(..))) {
        facts.version = Some(ask(|| client.version())?);
    }
    Ok(facts)
}
