//! Brings the images that a document's VMs name onto Proxmox VE storage: whole, once, and verified.
//!
//! wanted (what the VMs name) → prepare (read, judged, sums compared) → plan (what is missing) → execute.
//! Nothing is sent before every image is read and every check that can be made here is made.

mod cache;
mod cli;
mod commands;
mod connect;
mod execute;
mod folder;
mod node;
mod outcome;
mod plan;
mod prepare;
mod ready;
mod show;
mod source;
mod spool;
mod sums;
mod transfer;
mod wanted;
mod work;

use serde_json::{Map, Value};
use stage::{Console, Deployment, Document, Failure, Output, Report};

pub use cli::Cli;

use cache::Cache;
use cli::{Command, FilterArgs, SourceArgs};
use execute::{Published, Target, execute};
use plan::{Step, plan};
use ready::{Ready, Supply};
use wanted::Wanted;
use work::Work;

/// Runs a command, or the filter.
pub fn run(cli: Cli, console: &Console) -> Result<Output, Failure> {
    match &cli.command {
        None => filter(&cli.filter, console),
        Some(Command::Publish(args)) => commands::publish::run(args, console),
        Some(Command::List(args)) => commands::list::run(args, console),
        Some(Command::Verify(args)) => commands::verify::run(args, console),
        Some(Command::Remove(args)) => commands::remove::run(args, console),
        Some(Command::Prune(args)) => commands::prune::run(args, console),
    }
}

/// The filter: document in, images published, document out.
fn filter(args: &FilterArgs, console: &Console) -> Result<Output, Failure> {
    let mut document = Document::from_stdin()?;
    let (deployment, mut report) = Deployment::read(&document);
    let all = wanted::wanted(&deployment, &args.source.image_dir, &mut report);
    if all.is_empty() && !report.has_errors() {
        return Ok(Output::document(&document, report));
    }
    let target =
        connect::of_document(&deployment, args.place.local_dir.as_deref(), &args.trust, console);
    let target = target.map_err(|faults| report.extend(faults)).ok();
    let mut work = work(&args.source, args.place.dry_run, console);
    let ready = prepare::prepare(&mut work, &all, &mut report);
    let (Some(target), false) = (target, report.has_errors()) else { return Err(report.into()) };
    let published = publish(&work, &target, &all, ready, &mut report)?;
    let mut images: Map<String, Value> =
        deployment.images.into_iter().map(|(name, volid)| (name, Value::from(volid))).collect();
    for image in &published {
        images.insert(image.name.clone(), Value::from(image.volid.to_string()));
    }
    document.set("images", images);
    Ok(Output::document(&document, report))
}

/// Makes what a run carries along.
fn work<'a>(args: &SourceArgs, dry_run: bool, console: &'a Console) -> Work<'a> {
    let folder = args.cache_folder();
    let mut work = Work::new(console, Cache::load(Some(&folder)), folder);
    work.compress = args.compress;
    work.retries = args.retries;
    work.dry_run = dry_run;
    work
}

/// Publishes what is not there: plans, checks the node, and carries the plan out.
fn publish(
    work: &Work<'_>,
    target: &Target,
    wanted: &[Wanted],
    ready: Vec<Ready>,
    report: &mut Report,
) -> Result<Vec<Published>, Failure> {
    let in_storage_only = ready.iter().all(|image| matches!(image.supply, Supply::InStorage(_)));
    // The one GET that an unchanged image costs.
    let present =
        if in_storage_only { Vec::new() } else { target.present().map_err(Failure::from)? };
    let steps = plan(&ready, &present);
    let todo: Vec<_> = ready.into_iter().zip(steps).collect();
    execute::check_kept(target, wanted, &todo, report);
    if report.has_errors() {
        return Err(std::mem::take(report).into());
    }
    let needed = todo
        .iter()
        .filter(|(_, step)| *step != Step::Keep)
        .map(|(image, _)| image.length.unwrap_or(0))
        .sum();
    if let (Target::Node(node), true) = (target, todo.iter().any(|(_, step)| *step != Step::Keep)) {
        node.check(needed).map_err(Failure::from)?;
    }
    if work.dry_run {
        return Ok(execute::rehearse(work, target, todo));
    }
    execute(work, target, todo).map_err(|stopped| {
        if stopped.changed { Failure::part_way(stopped.report) } else { stopped.report.into() }
    })
}
