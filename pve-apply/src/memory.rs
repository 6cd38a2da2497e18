//! Plans without a command line: a document, PVE's answers and plans in, plans out. Reads only.
//!
//! For tests that need thousands of them, and for the fuzzer.

use crate::desired::{self, Desired, Purpose};
use crate::network::desired::Purpose as Role;
use crate::observe::{self, Scope};
use crate::plan::{self, Removal};
use crate::{plan_file, requested};
use pve_client::Client;
use stage::{Deployment, Document, Failure, Report};
use std::path::Path;

/// What the VMs and networks of a document are planned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// `plan`: as the document describes them.
    Apply,
    /// `destroy --prune`: removed, also those that left the document.
    Destroy,
}

/// Reads a document as `apply` does before its first request, and returns the problems.
pub fn check(document: &Document) -> Report {
    match desired(document, Purpose::Apply) {
        Ok((_, report)) => report,
        Err(failure) => failure.report().clone(),
    }
}

/// Plans a document with what PVE answers, and returns the plan as `plan --json` prints it.
///
/// # Errors
/// The document cannot be used, or PVE's answers cannot.
pub fn plan(document: &Document, client: &Client, goal: Goal) -> Result<Vec<u8>, Failure> {
    let purpose = if goal == Goal::Apply { Purpose::Apply } else { Purpose::Find };
    let (mut desired, _) = desired(document, purpose)?;
    let plan = match goal {
        Goal::Apply => {
            desired.networks.purpose = Role::Compare;
            plan::plan(&desired, &observe::observe(client, &desired, Scope::Apply)?)
        }
        Goal::Destroy => {
            desired.networks.purpose = Role::Remove;
            desired.networks.prune = true;
            let observed = observe::observe_for_work(client, &desired, Scope::Remove)?;
            let mut plan = plan::plan_destroy(&Removal::new(&desired, &observed));
            plan::prune_vms(&mut plan, &desired, &observed);
            plan::remove_networks(&mut plan, &desired, &observed);
            plan
        }
    };
    Ok(plan_file::to_bytes(&plan))
}

/// Reads a plan as `apply --plan` does, and returns it as `plan --out` writes it, without what is judged anew.
///
/// # Errors
/// It is not a plan of this version.
pub fn plan_again(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let saved = plan_file::parse(bytes, Path::new("plan.json"))?;
    Ok(plan_file::to_bytes(&saved.plan))
}

fn desired(document: &Document, purpose: Purpose) -> Result<(Desired, Report), Failure> {
    let (deployment, mut report) = Deployment::read(document);
    if report.has_errors() {
        return Err(report.into());
    }
    let parsed = requested::parse(&deployment);
    if purpose == Purpose::Apply {
        desired::contradictions(document, &parsed).into_iter().for_each(|c| report.push(c));
    }
    let (desired, findings) = desired::read(&deployment, &parsed, "", purpose);
    report.extend(findings);
    match desired {
        Some(desired) if !report.has_errors() => Ok((desired, report)),
        _ => Err(report.into()),
    }
}
