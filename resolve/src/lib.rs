//! `resolve`: reads a site's YAML. No other crate does.
//!
//! `load` reads the directory, `yaml` parses files into nodes, `shape` validates those and returns
//! trees of values, `site` reads and merges the trees, `deployment` builds the document. Only
//! `load` and `cli` do I/O.

mod adhoc;
mod choose;
pub mod cli;
mod command;
mod deployment;
mod init;
mod json;
mod load;
mod manual;
pub mod memory;
pub mod selection;
mod shape;
mod site;
mod source;
mod tree;
mod yaml;

pub use command::ListKind;
pub use manual::MANUAL;

use choose::choose;
use cli::{Cli, Command};
use command::{ListFormat, Listed};
use load::SecretsUse;
use selection::{Selection, VmSource};
use site::Site;
use source::{FileId, Sources};
use stage::{Console, Entry, Failure, Output, Place, Report, suggest};
use std::collections::BTreeSet;
use std::path::Path;

/// Runs the tool.
///
/// # Errors
/// The site cannot be found or read.
pub fn run(cli: Cli, console: &Console) -> Result<Output, Failure> {
    let folder = || load::site_folder(cli.site.site.clone(), &cli::environment());
    match cli.command {
        None => document(cli.select.0.selection(console), &folder()?),
        Some(Command::Init(args)) => {
            init::run(args, cli.site.site, cli::init_environment(), console)
        }
        Some(Command::Explain { target, json, select }) => {
            explain(&target, json, select.selection(console), &folder()?)
        }
        Some(Command::Check { strict, no_secrets }) => {
            let secrets = SecretsUse::unless(no_secrets);
            let check = |site: &mut Site<'_>| command::check(site, !no_secrets);
            let (text, report) = on_site(&folder()?, secrets, check)?;
            Ok(Output::bytes(text, if strict { strictly(&report) } else { report }))
        }
        Some(Command::List { kind, manifest, json, names }) => {
            if manifest.is_some() && !kind.is_some_and(ListKind::is_of_manifest) {
                let fact = "`--manifest` is only for the kinds vm and tier";
                return Err(Failure::usage(Entry::error("usage", Place::Run, fact)));
            }
            let folder = folder()?;
            let format = match (json, names) {
                (true, _) => ListFormat::Json,
                (_, true) => ListFormat::Names,
                _ => ListFormat::Table,
            };
            list(Listed { kind, manifest: manifest.as_deref() }, format, &folder)
        }
        Some(Command::AnsibleVars { posture, env }) => {
            let vars = |site: &mut Site<'_>| {
                pretty(&command::ansible_vars(site, env.as_deref(), posture.as_deref()))
            };
            on_site(&folder()?, SecretsUse::Needed, vars)
                .map(|(text, report)| Output::bytes(text, report))
        }
        Some(Command::Spec { name }) => {
            let spec = |site: &mut Site<'_>| {
                command::spec(site, &name).map(|spec| pretty(&spec)).unwrap_or_default()
            };
            on_site(&folder()?, SecretsUse::Needed, spec)
                .map(|(text, report)| Output::bytes(text, report))
        }
        Some(Command::Schema { kind }) => {
            Ok(Output::bytes(schema(&kind).unwrap_or_default(), Report::new()))
        }
    }
}

/// Returns the kinds of files that have a schema.
pub fn schema_kinds() -> impl Iterator<Item = &'static str> {
    shape::KINDS.iter().map(|(name, _)| *name)
}

/// Returns the JSON Schema of a kind of files, as checked in.
pub fn schema(kind: &str) -> Option<String> {
    let (_, shape) = shape::KINDS.iter().find(|(name, _)| *name == kind)?;
    Some(pretty(&shape::schema(shape)))
}

/// The tables of docs/site-config.md in addition to one for each kind of files.
pub const SHARED_TABLES: [&str; 2] = ["vm", "config"];

/// Returns the table of a kind of files for docs/site-config.md, or one of [`SHARED_TABLES`].
pub fn reference(kind: &str) -> Option<String> {
    match kind {
        "vm" => return Some(shape::vm_reference()),
        "config" => return Some(shape::config_reference()),
        _ => {}
    }
    let (_, shape) = shape::KINDS.iter().find(|(name, _)| *name == kind)?;
    Some(shape::reference(shape))
}

/// Lists what can be read: a file that cannot is a warning, unless it is the one that is asked for.
fn list(what: Listed<'_>, format: ListFormat, folder: &Path) -> Result<Output, Failure> {
    let sources = load::load(folder, SecretsUse::None)?;
    let mut site = Site::unread(&sources);
    let text = command::list(&mut site, what, format);
    if what.manifest.is_some() {
        return Ok(Output::bytes(text, sorted(site.into_report())));
    }
    let mut warnings = Report::new();
    for entry in sorted(site.into_report()).entries() {
        warnings.push(entry.clone().as_warning());
    }
    Ok(Output::bytes(text, warnings))
}

fn document(selection: Option<Selection>, folder: &Path) -> Result<Output, Failure> {
    let selection = selection.ok_or_else(nothing_selected)?;
    let (sources, own) = sources(folder, &selection)?;
    let mut site = Site::open(&sources, selection.options.secrets);
    let chosen = choose(&mut site, &selection, own);
    let deployment = chosen
        .map(|(vm_set, node)| deployment::build(&mut site, &vm_set, &node, &selection.options));
    // An ad-hoc VM has what its command line says, and no other.
    if !matches!(selection.source, VmSource::CommandLine(_)) {
        deployment::check_first_boots(&mut site, "document");
    }
    let report = sorted(site.into_report());
    let bytes = deployment.unwrap_or_default().to_bytes();
    let bytes = bytes.map_err(|e| {
        Entry::error("not-rendered", Place::Run, "cannot render the document").cause(&e)
    })?;
    Ok(Output::bytes(bytes, report))
}

fn explain(
    target: &str,
    json: bool,
    selection: Option<Selection>,
    folder: &Path,
) -> Result<Output, Failure> {
    let mut selection = selection.ok_or_else(nothing_selected)?;
    selection.options.secrets = false;
    let (sources, own) = sources(folder, &selection)?;
    let mut site = Site::open(&sources, false);
    let Some((vm_set, node)) = choose(&mut site, &selection, own) else {
        return Err(sorted(site.into_report()).into());
    };
    let options = &selection.options;
    let (deployment, nodes) = deployment::build_with_nodes(&mut site, &vm_set, &node, options);
    let (vm_set, node, deployment, nodes) = (&vm_set, &node, &deployment, &nodes);
    let subject = command::Subject { site: &site, vm_set, node, nodes, deployment, options };
    let text = command::explain(&subject, target, json)?;
    Ok(Output::bytes(text, sorted(site.into_report())))
}

fn on_site(
    folder: &Path,
    secrets: SecretsUse,
    text: impl FnOnce(&mut Site<'_>) -> String,
) -> Result<(String, Report), Failure> {
    let sources = load::load(folder, secrets)?;
    let mut site = Site::open(&sources, secrets != SecretsUse::None);
    let text = text(&mut site);
    Ok((text, sorted(site.into_report())))
}

/// Returns the findings with warnings as errors.
fn strictly(report: &Report) -> Report {
    let mut errors = Report::new();
    for entry in report.entries() {
        errors.push(entry.clone().as_error());
    }
    errors
}

fn pretty(json: &serde_json::Value) -> String {
    serde_json::to_string_pretty(json).unwrap_or_default() + "\n"
}

fn nothing_selected() -> Failure {
    let entry = Entry::error("nothing-selected", Place::Run, "nothing selected");
    let hint = "use `--env NAME`, `--manifest NAME`, `--manifest-file FILE` or `--vm NAME`";
    Failure::usage(entry.hint(hint))
}

/// Returns the site's texts, and the file that the command line adds.
fn sources(folder: &Path, selection: &Selection) -> Result<(Sources, Option<FileId>), Failure> {
    let mut sources = load::load(folder, SecretsUse::unless(!selection.options.secrets))?;
    let own = match &selection.source {
        VmSource::ManifestFile(path) => Some(load::load_file(path, &mut sources)),
        VmSource::CommandLine(ad_hoc) => Some(adhoc::add(ad_hoc, &mut sources)),
        VmSource::Env(_) | VmSource::Manifest(_) => None,
    };
    match missing(&sources, selection) {
        Some(report) => Err(report.into()),
        None => Ok((sources, own)),
    }
}

/// Returns the findings if the env or manifest does not exist: then nothing else of the site
/// matters, whatever is wrong with it.
fn missing(sources: &Sources, selection: &Selection) -> Option<Report> {
    let mut site = Site::unread(sources);
    let (kind, name) = match &selection.source {
        VmSource::Env(name) => (&site::ENVS, name),
        VmSource::Manifest(name) => (&site::MANIFESTS, name),
        VmSource::ManifestFile(_) | VmSource::CommandLine(_) => return None,
    };
    if site.find(kind, name, None).is_some() {
        return None;
    }
    if let Some(node) = &selection.node {
        let place = (node.by != "--node").then(|| Place::Named(node.by.clone()));
        site.find(&site::NODES, &node.value, place);
    }
    Some(sorted(site.report))
}

/// Sorts findings by file and line and removes duplicates; findings without a place come first.
fn sorted(mut report: Report) -> Report {
    report.sort_by_key(|entry| match &entry.place {
        Place::File { path, position, .. } => (path.clone(), *position),
        _ => (String::new(), None),
    });
    let mut once = Report::new();
    let mut seen = BTreeSet::new();
    for entry in report.entries() {
        let place = entry.place.to_string();
        if seen.insert((place, &entry.fact, &entry.causes, &entry.notes, &entry.hint)) {
            once.push(entry.clone());
        }
    }
    once
}
