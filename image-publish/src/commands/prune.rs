//! `prune`: removes versions of images that the document's VMs no longer name.
//!
//! A storage serves many deployments, so only names that this document knows are pruned, unless `--all` is given.
//! Files whose names are not of our making are never touched.

use std::collections::BTreeSet;

use pve_client::Volid;
use stage::{Console, Failure, Output};

use super::begin::{Asked, Begun};
use super::remove::removed;
use super::{named, remove_all};
use crate::cli::PruneArgs;
use crate::outcome::Outcome;
use crate::ready::{Supply, parse_stored_name};

/// Prunes. What cannot be prepared cannot be told from what is old: then nothing is pruned.
pub(crate) fn run(args: &PruneArgs, console: &Console) -> Result<Output, Failure> {
    let Begun { asked, target, work, ready } =
        Asked::read(&args.document)?.begin(&args.document, console)?;
    let mut keep: BTreeSet<String> =
        named(&asked.deployment).into_iter().map(str::to_owned).collect();
    for image in &ready {
        keep.insert(match &image.supply {
            Supply::InStorage(volid) => volid.to_string(),
            _ => target.volid(&image.file).to_string(),
        });
    }
    let names: BTreeSet<&str> = asked.wanted.iter().map(|wanted| wanted.name.as_str()).collect();
    let present = target.present()?;
    let old = present.iter().filter(|present| {
        parse_stored_name(&present.file).is_some_and(|(name, _)| args.all || names.contains(name))
    });
    let mut old: Vec<Volid> = old.map(|present| target.volid(&present.file)).collect();
    old.retain(|volid| !keep.contains(&volid.to_string()));
    remove_all(&target, &old, work.dry_run)?;
    let lines = old.iter().map(|volid| removed(volid, work.dry_run)).collect();
    Ok(Output::bytes(Outcome::new("prune", work.dry_run, lines).print(args.json), asked.report))
}
