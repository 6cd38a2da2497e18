//! `pve-apply privileges`.

use crate::cli::{PrivilegesArgs, WaitFor};
use crate::desired::{self, has_only_fixed, nics};
use crate::network;
use crate::privileges::{
    self, ANY_VERSION, BRIDGE_PLACEHOLDER, Scope, commands, needs, with_networks,
};
use crate::requested::{self, RequestedVm};
use pve_client::ApiToken;
use stage::{Deployment, Document, Failure, Output, Report};
use std::collections::BTreeSet;

pub(crate) fn run(args: &PrivilegesArgs) -> Result<Output, Failure> {
    let (mut asks_agent, mut has_nested) = (args.wait != WaitFor::None, false);
    let (mut own, mut clones) = (None, BTreeSet::new());
    let needs = if args.document {
        let (deployment, mut report) = Deployment::read(&Document::from_stdin()?);
        let parsed = requested::parse(&deployment);
        let problems = parsed.iter().enumerate();
        for (index, problem) in problems.flat_map(|(i, (_, list))| list.iter().map(move |p| (i, p)))
        {
            report.push(desired::config_finding(index, problem));
        }
        let networks = network::desired::read(&deployment, &mut report);
        if report.has_errors() {
            return Err(report.into());
        }
        let is_fixed = |vm| has_only_fixed(&nics(vm));
        asks_agent &= args.wait != WaitFor::Ssh || !deployment.vms.iter().all(is_fixed);
        has_nested = deployment.vms.iter().any(|vm| vm.nested_pve);
        own = token_id(&deployment);
        let vms = requested::of(&deployment, parsed);
        let vms = vms.iter().collect::<Vec<_>>();
        let mut of_vms = needs(&image_storages(&deployment), &vms, &ANY_VERSION);
        of_vms.extend(privileges::clones::of_vms(&vms));
        of_vms.extend(privileges::clones::of_templates(&vms));
        with_networks(of_vms, &networks.list)
    } else {
        clones = privileges::clones::of_any();
        let vm = RequestedVm::placeholder("DATASTORE", BRIDGE_PLACEHOLDER);
        needs(&["IMAGE_DATASTORE"], &[&vm], &ANY_VERSION)
    };
    let wait = match (has_nested, asks_agent) {
        // `wait --pve` reads a file in the guest.
        (true, _) => WaitFor::CloudInit,
        (false, true) => args.wait,
        (false, false) => WaitFor::None,
    };
    let (user, token) = own.unwrap_or_else(|| ("iac@pve".to_owned(), "pipeline".to_owned()));
    let (user, token) = (args.user.clone().unwrap_or(user), args.token.clone().unwrap_or(token));
    let scope = Scope { user, token, needs, clones, wait };
    Ok(Output::bytes(commands(&scope), Report::new()))
}

/// Returns the image storage of each node that has a VM; without VMs, that of the head.
fn image_storages(deployment: &Deployment) -> Vec<&str> {
    let nodes = deployment.vms.iter().map(|vm| deployment.node_of(vm));
    let used: BTreeSet<&str> = nodes.map(|node| deployment.image_datastore_on(node).0).collect();
    if used.is_empty() { vec![&deployment.image_datastore] } else { used.into_iter().collect() }
}

/// Returns user and name of the document's token, where it has one that can be read.
fn token_id(deployment: &Deployment) -> Option<(String, String)> {
    let token = deployment.api_token.expose().parse::<ApiToken>().ok()?;
    let (user, name) = token.id().rsplit_once('!')?;
    Some((user.to_owned(), name.to_owned()))
}
