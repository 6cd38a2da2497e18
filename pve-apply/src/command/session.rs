//! The start of most subcommands: the document on stdin, the client, the run's nonce.
//!
//! DOOR: reads stdin.

use crate::action::Plan;
use crate::cli::{self, ConsentArgs, PaceArgs, TargetArgs};
use crate::connect;
use crate::desired::{self, Consent, Desired, Purpose};
use crate::interrupt::Interrupt;
use crate::network::execute;
use crate::observed::Observed;
use crate::other_run::OtherRuns;
use crate::outcome::Outcomes;
use crate::plan::{prune_networks, prune_vms, unread};
use crate::quorum;
use crate::requested::{self, RequestedVm};
use crate::run_lock::RunLock;
use crate::show::{Colour, Style, show};
use pve_client::{Client, NodeName, Vmid};
use stage::example;
use stage::{Console, Deployment, Document, Entry, Failure, Output, Place, Report, Vm, random};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// The start of a run.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) desired: Desired,
    /// What the document's VMs need from PVE.
    pub(super) requested: Vec<RequestedVm>,
    /// Names of the document's VMs, in its order.
    pub(super) order: Vec<String>,
}

impl Session {
    /// Reads the document and creates the client; reports every problem of both at once.
    pub(super) fn open(
        target: &TargetArgs,
        console: &Console,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        Ok(Self::open_for(target, console, purpose, |_| ())?.0)
    }

    /// The same, and what else `also` reads from the document.
    pub(super) fn open_for<T>(
        target: &TargetArgs,
        console: &Console,
        purpose: Purpose,
        also: impl FnOnce(&Deployment) -> T,
    ) -> Result<(Self, T), Failure> {
        let document = Document::from_stdin()?;
        let (deployment, mut report) = Deployment::read(&document);
        if report.has_errors() {
            return Err(report.into());
        }
        let parsed = requested::parse(&deployment);
        if purpose == Purpose::Apply {
            desired::contradictions(&document, &parsed).into_iter().for_each(|c| report.push(c));
        }
        // It is larger than everything made from it.
        drop(document);
        let (desired, findings) = desired::read(&deployment, &parsed, &nonce()?, purpose);
        report.extend(findings);
        let client = connect::client(&deployment, &target.trust, console);
        match (client, desired.filter(|_| !report.has_errors())) {
            (Ok(client), Some(mut desired)) => {
                report.extend(site(&desired, &client)?);
                console.report(&report);
                let order = desired.vms.iter().map(|vm| vm.name.clone()).collect();
                select(&mut desired, &deployment, target)?;
                let also = also(&deployment);
                // Problems of a `config` have been reported with the others.
                let requested = requested::of(&deployment, parsed);
                Ok((Self { client, desired, requested, order }, also))
            }
            (Err(findings), _) => {
                report.extend(findings);
                Err(report.into())
            }
            (Ok(_), None) => Err(report.into()),
        }
    }
}

impl Session {
    /// Refuses a document of `image-publish --dry-run`: a plan of it can only be shown.
    pub(super) fn refuse_unpublished(&self) -> Result<(), Failure> {
        if self.desired.unpublished.is_empty() {
            return self.refuse_unmade();
        }
        let list = self.desired.unpublished.join(", ");
        let fact = format!("these images are not published: {list}");
        let hint = "run image-publish without --dry-run";
        Err(Entry::error("images-pending", Place::input("images_pending"), fact).hint(hint).into())
    }

    /// Refuses to import what is to be cloned from a template that a dry run only announces.
    fn refuse_unmade(&self) -> Result<(), Failure> {
        let Some(vm) = self.desired.vms.iter().find(|vm| vm.awaits_template()) else {
            return Ok(());
        };
        let fact = format!("the template that \"{}\" is cloned from does not exist yet", vm.name);
        let hint = "run image-publish without --dry-run";
        Err(Entry::error("images-pending", Place::input("templates"), fact).hint(hint).into())
    }

    /// Keeps out other runs of this deployment on this machine while the lock exists.
    pub(super) fn lock(
        &self,
        pace: PaceArgs,
        interrupt: &Interrupt,
        console: &Console,
    ) -> Result<RunLock, Failure> {
        let folder = cli::state_folder();
        let endpoint = self.client.endpoint().url.to_string();
        let limit = Duration::from_secs(pace.task_timeout);
        let folder = folder.as_deref();
        let lock = RunLock::take(folder, &endpoint, &self.desired, limit, interrupt, console)?;
        // What a killed run holds keeps everybody from changing networks, whatever this run does.
        execute::recover(self.tools(console, interrupt, pace, folder))?;
        Ok(lock)
    }

    /// Returns what changes of networks need.
    pub(super) fn tools<'a>(
        &'a self,
        console: &'a Console,
        interrupt: &'a Interrupt,
        pace: PaceArgs,
        folder: Option<&'a Path>,
    ) -> execute::Tools<'a> {
        execute::Tools {
            client: &self.client,
            console,
            interrupt,
            task_limit: Duration::from_secs(pace.task_timeout),
            folder,
        }
    }

    /// Returns the wait for unfinished work of other runs.
    pub(super) fn other_runs<'a>(
        &'a self,
        pace: PaceArgs,
        interrupt: &'a Interrupt,
        console: &'a Console,
        lock: &'a RunLock,
    ) -> OtherRuns<'a> {
        let limit = Duration::from_secs(pace.task_timeout);
        OtherRuns { client: &self.client, console, interrupt, limit, lock }
    }
}

/// Checks the site's name: without one, nothing separates the VMs of two sites.
fn site(desired: &Desired, client: &Client) -> Result<Report, Failure> {
    let place = || Place::input("site");
    if desired.site.is_empty() {
        let fact = "is missing: VMs of another site with the same names would count as ours";
        return Ok(Entry::warning("site-without-name", place(), fact)
            .hint(example::NAME_HINT)
            .into());
    }
    match example::name_warning(&desired.site, place()) {
        Some(entry) if !client.endpoint().url.is_loopback() => Err(entry.as_error().into()),
        _ => Ok(Report::new()),
    }
}

/// Keeps the VMs that were asked for, by name or by tag.
fn select(
    desired: &mut Desired,
    deployment: &Deployment,
    target: &TargetArgs,
) -> Result<(), Failure> {
    if !target.is_selection() {
        return Ok(());
    }
    let mut report = Report::new();
    let known: Vec<&str> = desired.vms.iter().map(|vm| vm.name.as_str()).collect();
    for name in target.vms.iter().filter(|name| !known.contains(&name.as_str())) {
        let entry = Entry::error(
            "unknown-vm",
            Place::Named("--vm".to_owned()),
            format!("the document has no VM \"{name}\""),
        );
        report.push(entry.hint(format!("available: {}", known.join(", "))));
    }
    let unused = target.tags.iter().filter(|tag| !deployment.vms.iter().any(|vm| has(vm, tag)));
    unused.for_each(|tag| report.push(unknown_tag(tag, deployment)));
    if report.has_errors() {
        return Err(report.into());
    }
    let is_tagged = |vm: &&Vm| target.tags.iter().any(|tag| has(vm, tag));
    let tagged = deployment.vms.iter().filter(is_tagged).map(|vm| &vm.name);
    let names: BTreeSet<&str> = target.vms.iter().chain(tagged).map(String::as_str).collect();
    desired.vms.retain(|vm| names.contains(vm.name.as_str()));
    Ok(())
}

/// Returns whether the document gives a VM this tag. PVE stores tags in lower case by default.
fn has(vm: &Vm, tag: &str) -> bool {
    vm.tags.iter().any(|known| known.eq_ignore_ascii_case(tag))
}

fn unknown_tag(tag: &str, deployment: &Deployment) -> Entry {
    let known: BTreeSet<&str> =
        deployment.vms.iter().flat_map(|vm| &vm.tags).map(String::as_str).collect();
    let fact = format!("no VM of the document has the tag \"{tag}\"");
    let hint = match known.is_empty() {
        true => "the VMs of the document have no tags".to_owned(),
        false => format!("tags: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    };
    Entry::error("unknown-tag", Place::Named("--tag".to_owned()), fact).hint(hint)
}

/// Returns 64 random bits, which identify this run's creates.
fn nonce() -> Result<String, Failure> {
    Ok(random::hex::<8>()?)
}

impl From<&ConsentArgs> for Consent {
    fn from(args: &ConsentArgs) -> Self {
        Self {
            reboot: args.allow_reboot,
            stop: args.allow_stop,
            reseed: args.reseed,
            pending: args.pending,
            detach: args.allow_detach,
            move_disks: args.allow_move,
            migrate: args.allow_migrate,
            shutdown_seconds: args.shutdown_timeout,
        }
    }
}

/// Reports what is blocked, and refuses to do anything.
///
/// With `skip` work continues on the other VMs and networks, and the result says which were left out; but
/// when the owner of one is in doubt, nothing at all is done.
pub(super) fn refuse_blocked(plan: &Plan, skip: bool) -> Result<Report, Failure> {
    let mut report = Report::new();
    let networks = &plan.networks.blocked;
    networks.iter().for_each(|blocked| report.push(blocked.entry()));
    plan.blocked.iter().for_each(|blocked| report.push(blocked.entry()));
    let in_doubt = plan.blocked.iter().any(|blocked| blocked.reason.is_about_identity())
        || networks.iter().any(|blocked| blocked.reason.is_about_identity());
    if !report.has_errors() || skip && !in_doubt {
        return Ok(report);
    }
    if !plan.vms.is_empty() || !plan.networks.planned.is_empty() {
        let entry = Entry::error("nothing-done", Place::Run, nothing_done(plan));
        let others = "--skip-blocked continues with the others, unless the owner of a VM or network is in doubt";
        report.push(if in_doubt { entry } else { entry.hint(others) });
    }
    Err(report.into())
}

/// Refuses to begin what the cluster is known not to accept.
pub(super) fn refuse_without_quorum(
    session: &Session,
    plan: &Plan,
    observed: &Observed,
) -> Result<(), Failure> {
    let report = quorum::check(&session.client, plan, observed);
    if report.has_errors() { Err(report.into()) } else { Ok(()) }
}

/// Returns how many VMs and networks keep the others from being worked on.
fn nothing_done(plan: &Plan) -> String {
    let vms: BTreeSet<&str> = plan.blocked.iter().map(|blocked| blocked.name.as_str()).collect();
    let networks: BTreeSet<&str> =
        plan.networks.blocked.iter().map(|blocked| blocked.name.as_str()).collect();
    let counted = |count: usize, one: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {one}s")),
    };
    let list = [counted(networks.len(), "network"), counted(vms.len(), "VM")];
    let list: Vec<String> = list.into_iter().flatten().collect();
    let are = if vms.len() + networks.len() == 1 { "is" } else { "are" };
    format!("nothing was done: {} {are} blocked", list.join(" and "))
}

/// Adds the destruction of VMs that left the document to a plan.
///
/// # Errors
/// The document does not list the names of the whole deployment, so what left it is unknown.
pub(super) fn prune(
    session: &Session,
    observed: &Observed,
    plan: &mut Plan,
    console: &Console,
) -> Result<(), Failure> {
    let is_all = session.desired.networks.are_all;
    if session.desired.vm_names.is_none() && !is_all {
        let fact = "is missing: what left the document is unknown";
        let hint = "`resolve` writes it: start the pipe with its document";
        return Err(Entry::error("missing-field", Place::input("vm_names"), fact)
            .hint(hint)
            .into());
    }
    if is_all {
        return Ok(());
    }
    let mut report = Report::new();
    unread(&session.desired, observed).for_each(|vm| report.push(unknown(vm)));
    console.report(&report);
    prune_vms(plan, &session.desired, observed);
    Ok(())
}

/// Adds the removal of what left the document to a plan that also creates and changes VMs.
///
/// # Errors
/// What left the document is unknown, or it has no VMs at all: that is more often a truncated file than
/// the end of a deployment.
pub(super) fn prune_beside(
    session: &Session,
    observed: &Observed,
    plan: &mut Plan,
    console: &Console,
) -> Result<(), Failure> {
    let desired = &session.desired;
    if desired.vms.is_empty() && !desired.networks.are_all && !plan.left_over.is_empty() {
        let names: Vec<&str> = plan.left_over.iter().map(|left| left.name.as_str()).collect();
        let fact = format!("has no VMs: --prune would destroy {}", names.join(", "));
        let hint = "if the deployment should end, use `pve-apply destroy --prune`";
        return Err(Entry::error("nothing-left", Place::input("vms"), fact).hint(hint).into());
    }
    prune(session, observed, plan, console)?;
    prune_networks(plan, desired, observed);
    Ok(())
}

/// Returns the warning that a VM may have left the document and is not pruned.
fn unknown((vmid, node): (Vmid, &NodeName)) -> Entry {
    let fact = "cannot be read, so it is unknown whether it left the document; it is not pruned";
    let entry = Entry::warning("not-pruned", Place::vm(node.as_str(), vmid.get()), fact);
    entry.hint("prune again when its node answers and the token may read it")
}

/// Returns the warnings of a plan that was carried out.
///
/// # Errors
/// Not all of it was done. What was skipped is reported with it.
pub(super) fn unless_done(outcomes: &Outcomes, skipped: &Report) -> Result<Report, Failure> {
    if outcomes.all_done() {
        return Ok(outcomes.warnings());
    }
    let mut report = outcomes.report();
    report.extend(skipped.clone());
    Err(if outcomes.any_changed() { Failure::part_way(report) } else { report.into() })
}

/// Ends a run that has carried out its plan.
///
/// # Errors
/// Something was skipped: not everything that the document asks for was done, whatever became of the rest. Or what
/// came after the plan has failed.
pub(super) fn end(
    result: Vec<u8>,
    mut report: Report,
    skipped: Report,
    changed: bool,
) -> Result<Output, Failure> {
    let is_part_way = changed || skipped.has_errors();
    report.extend(skipped);
    if report.has_errors() {
        return Err(if is_part_way { Failure::part_way(report) } else { report.into() });
    }
    Ok(Output::bytes(result, report).after_changes(changed))
}

/// The command that prunes in the course of an apply.
pub(super) const APPLY_PRUNES: &str = "apply --prune";

/// Prints a plan for people.
pub(super) fn print_plan(console: &Console, plan: &Plan) {
    print_plan_of(console, plan, APPLY_PRUNES);
}

/// The same, in a command that prunes by another option than apply.
pub(super) fn print_plan_of(console: &Console, plan: &Plan, pruned_by: &'static str) {
    let colour = Colour::choose(console.is_terminal(), cli::no_color().as_deref());
    console.text(&show(plan, Style { colour, verbose: console.verbose(), pruned_by }));
}
