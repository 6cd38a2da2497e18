//! `bench`: speed and memory of the tools, against their limits.
//!
//! Run by `make bench` on release binaries. Exits with 1 if a limit is exceeded.
//! CPU time is the minimum of several runs, since other load on the machine only adds to it.

mod clones;
mod cluster;
mod existing;
mod images;
mod measure;
mod networks;
mod site;
mod table;

use measure::{Measure, Tool};
use serde_json::Value;
use std::error::Error;
use std::ffi::OsString;
use std::io::{BufWriter, Read as _, Write as _};
use std::process::ExitCode;
use table::Table;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if args.first().is_some_and(|first| first == measure::MEASURED) {
        return measure::measured(&args[1..]).unwrap_or_else(|error| failed(error.as_ref()));
    }
    if args.first().is_some_and(|first| first == PASS_THROUGH) {
        let passed = pass_through();
        return passed.map_or_else(|error| failed(error.as_ref()), |()| ExitCode::SUCCESS);
    }
    let mut table = Table::default();
    if let Err(error) = run(&mut table) {
        return failed(error.as_ref());
    }
    print!("{table}");
    if table.all_within() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The argument of a process that passes a document through.
const PASS_THROUGH: &str = "--pass-through";

/// Prints the document of stdin as it is: what any stage costs, on any machine.
fn pass_through() -> Result<(), Box<dyn Error>> {
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text)?;
    let document: Value = serde_json::from_slice(&text)?;
    let mut stdout = BufWriter::new(std::io::stdout().lock());
    serde_json::to_writer_pretty(&mut stdout, &document)?;
    Ok(stdout.flush()?)
}

fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("bench: {error}");
    ExitCode::FAILURE
}

/// Runs the groups given as arguments, or all: `start`, `documents`, `cluster`, `nodes`, `clones`,
/// `networks`, `images`.
fn run(table: &mut Table) -> Result<(), Box<dyn Error>> {
    let named: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |group: &str| named.is_empty() || named.iter().any(|name| name == group);
    if wanted("start") {
        start(table)?;
    }
    if wanted("documents") {
        documents(table, 2_000)?;
        documents(table, 20_000)?;
        check(table)?;
    }
    if wanted("cluster") {
        cluster::measure(table)?;
    }
    if wanted("nodes") {
        cluster::several_nodes(table, 2_000, 16)?;
    }
    if wanted("clones") {
        clones::measure(table)?;
    }
    if wanted("networks") {
        networks::measure(table)?;
    }
    if wanted("images") {
        images::measure(table)?;
    }
    Ok(())
}

/// Measures the cost of starting each tool.
fn start(table: &mut Table) -> Result<(), Box<dyn Error>> {
    for tool in ["resolve", "mint-token", "cloudinit-render", "image-publish", "pve-apply"] {
        let measure = Tool::new(tool).arg("--version").best_of(10)?;
        table.at_most(&format!("{tool} --version: CPU, ms"), measure.cpu_ms(), 5.0);
    }
    Ok(())
}

/// Measures the three pure stages on a generated env.
fn documents(table: &mut Table, vms: usize) -> Result<(), Box<dyn Error>> {
    let site = site::generate(vms)?;
    let folder = site.path().to_str().ok_or("the path of the scratch folder is not UTF-8")?;
    let resolve = Tool::new("resolve").args(["--site", folder, "--env", "bench", "--node", "pve1"]);
    let resolved = stage(table, "resolve", &resolve, vms, 1.6)?;
    let mint = Tool::new("mint-token").args(["--site", folder]).stdin(resolved.stdout);
    let minted = stage(table, "mint-token", &mint, vms, 1.2)?;
    let render = Tool::new("cloudinit-render").stdin(minted.stdout);
    stage(table, "cloudinit-render", &render, vms, 1.2)?;
    Ok(())
}

/// Measures a whole site of 500 files.
fn check(table: &mut Table) -> Result<(), Box<dyn Error>> {
    let site = site::generate_files(500)?;
    let folder = site.path().to_str().ok_or("the path of the scratch folder is not UTF-8")?;
    let measure = Tool::new("resolve").args(["check", "--site", folder]).best_of(5)?;
    table.at_most("resolve check, 500 files: CPU, ms", measure.cpu_ms(), 150.0);
    Ok(())
}

/// Measures a stage on a document of `vms` VMs. Its CPU time is compared with that of passing its output through, of
/// which it is at most `times`; so both the machine and the number of VMs make no difference.
fn stage(
    table: &mut Table,
    name: &str,
    tool: &Tool,
    vms: usize,
    times: f64,
) -> Result<Measure, Box<dyn Error>> {
    // A run of tens of milliseconds is easily disturbed, so short ones are repeated more often.
    let runs = if vms > 2_000 { 5 } else { 15 };
    let measure = tool.best_of(runs)?;
    let pass = Tool::new("bench").arg(PASS_THROUGH).stdin(measure.stdout.clone()).best_of(runs)?;
    let ratio = measure.cpu_ms() / pass.cpu_ms();
    table.at_most(&format!("{name}, {vms} VMs: CPU, times passing through"), ratio, times);
    table.seen(&format!("{name}, {vms} VMs: CPU, ms"), measure.cpu_ms());
    if vms == 2_000 {
        let mib = if name == "resolve" { 48.0 } else { 64.0 };
        table.at_most(&format!("{name}, {vms} VMs: peak memory, MiB"), measure.peak_mib(), mib);
    }
    Ok(measure)
}
