//! Adds user-data, meta-data and network-config to each VM of the document, with a fingerprint of
//! them, or writes them as NoCloud directories or a seed image.
//!
//! Everything is serialised from a model, so no value can change the structure. A value that cannot
//! be made safe, or cannot work, is an error with its place. docs/cloud-init.md has the rules.

mod additions;
mod bootstrap;
mod cli;
mod export;
mod field;
mod fingerprint;
mod fragment;
mod guest;
mod manual;
mod meta_data;
mod network_config;
mod nic;
mod paths;
mod pve_node;
mod render;
mod reseed;
mod shell;
mod user_data;
mod validate;
mod write_file;
mod yaml;

pub use cli::Cli;
pub use fragment::Fragment;
pub use manual::MANUAL;

use additions::Additions;
use guest::Guests;
use render::{Rendered, render};
use stage::{Console, Deployment, Document, Entry, Failure, Output, Place, Report, short_field};

/// Runs the tool.
///
/// # Errors
/// The document or a fragment is invalid.
pub fn run(cli: Cli, _console: &Console) -> Result<Output, Failure> {
    let fragments = fragment::load(&cli.fragment)?;
    let mut document = Document::from_stdin()?;
    if cli.wants_export() {
        let (deployment, rendered, report) = read(&document, &fragments)?;
        return export(&cli, &deployment, &rendered, report);
    }
    let report = fill(&mut document, &fragments)?;
    Ok(Output::document(document, report))
}

/// Sets what is rendered in each VM of the document. Does no I/O.
///
/// # Errors
/// Each value that cannot be made safe or cannot work, with its place.
pub fn fill(document: &mut Document, fragments: &[Fragment]) -> Result<Report, Failure> {
    let (_, rendered, report) = read(document, fragments)?;
    for (index, rendered) in rendered.into_iter().enumerate() {
        rendered.fill(document, index);
    }
    Ok(report)
}

fn read(
    document: &Document,
    fragments: &[Fragment],
) -> Result<(Deployment, Vec<Rendered>, Report), Failure> {
    let (deployment, mut report) = Deployment::read_guests(document);
    let typed = !report.has_errors();
    let users = guest::users(&deployment);
    let mut additions = Additions::read_document(&deployment, &users, &mut report);
    for fragment in fragments {
        additions.merge(fragment.read(&users, &mut report));
    }
    let guests = Guests::read(&deployment, &additions, &mut report);
    // A value of the wrong type was read as an empty one; further errors would be misleading.
    let nics = match typed {
        true => validate::deployment(&deployment, &guests, &mut report),
        false => Vec::new(),
    };
    short_field::contradicted_addresses(document).into_iter().for_each(|entry| report.push(entry));
    if report.has_errors() {
        return Err(report.into());
    }
    let rendered = render(&deployment, &guests, nics, &mut report);
    if report.has_errors() { Err(report.into()) } else { Ok((deployment, rendered, report)) }
}

/// Writes the requested output in place of the document.
fn export(
    cli: &Cli,
    deployment: &Deployment,
    rendered: &[Rendered],
    report: Report,
) -> Result<Output, Failure> {
    let all = || deployment.vms.iter().map(|vm| vm.name.as_str()).zip(rendered);
    let chosen: Vec<_> =
        all().filter(|(name, _)| cli.vm.as_deref().is_none_or(|vm| vm == *name)).collect();
    if let (Some(vm), []) = (&cli.vm, chosen.as_slice()) {
        let names: Vec<_> = all().map(|(name, _)| name).take(20).collect();
        let entry = Entry::error(
            "unknown-vm",
            Place::Named("--vm".into()),
            format!("the document has no VM \"{vm}\""),
        );
        return Err(entry.hint(format!("available: {}", names.join(", "))).into());
    }
    if let Some(folder) = &cli.seed_dir {
        export::folders(folder, &chosen)?;
        return Ok(Output::bytes([], report));
    }
    let [(_, one)] = chosen.as_slice() else {
        let fact = format!("the document has {} VMs, expected one", chosen.len());
        return Err(Entry::error("several-vms", Place::input("vms"), fact)
            .hint("choose one with --vm")
            .into());
    };
    if let Some(file) = &cli.seed_image {
        let image = export::image(file, &one.texts)?;
        if file.as_os_str() == "-" {
            return Ok(Output::bytes(image, report));
        }
        export::write(file, &image)?;
        return Ok(Output::bytes([], report));
    }
    Ok(Output::bytes(cli.part.map_or("", |part| part.of(&one.texts)), report))
}
