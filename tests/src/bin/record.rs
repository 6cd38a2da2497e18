//! `record`: asks a node what `tests/answers/` asks, and writes its answers as data. Run by `make record`.
//!
//! DOOR: reads the environment and files, writes the recording.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde_json::Value;

use test_support::recording::checks::{self, Found};
use test_support::recording::line::{self, Request};
use test_support::recording::names::Names;
use test_support::recording::node::{Node, Trust};
use test_support::recording::record::Program;
use test_support::recording::stage::Stage;

/// Requests that no recording has.
const MORE: &str = include_str!("../recording/requests.jsonl");

/// Records a node's answers to the requests of tests/answers.
///
/// It uses the vmids 900000100 to 900000999, pools named pve-record-*, and two empty storages of its own.
/// Without --yes it only reads, and says what it would do.
#[derive(Debug, Parser)]
#[command(name = "record", color = clap::ColorChoice::Never)]
struct Cli {
    /// URL of the PVE API
    #[arg(long, value_name = "URL", env = "PVE_ENDPOINT")]
    endpoint: String,
    /// Node to record
    #[arg(long, value_name = "NAME", env = "PVE_NODE")]
    node: String,
    /// Trust certificates signed by this CA (PEM)
    #[arg(
        long,
        value_name = "FILE",
        env = "PVE_CA_FILE",
        default_value = "/etc/ssl/certs/ca-certificates.crt"
    )]
    ca_file: PathBuf,
    /// Trust the certificate with this fingerprint instead
    #[arg(long, value_name = "SHA256", env = "PVE_FINGERPRINT")]
    fingerprint: Option<String>,
    /// Empty directory storage for disks; its name contains `record`
    #[arg(long, value_name = "NAME", env = "RECORD_DISKS", default_value = "record-disks")]
    disks: String,
    /// Empty directory storage for images and ISOs; its name contains `record`
    #[arg(long, value_name = "NAME", env = "RECORD_FILES", default_value = "record-files")]
    files: String,
    /// Recordings whose requests are sent
    #[arg(long, value_name = "FILE", default_value = "tests/answers/9.1.jsonl")]
    from: PathBuf,
    /// File to write [default: tests/answers/nodes/VERSION.jsonl]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also change and commit the networks of the whole cluster, which must have none
    #[arg(long)]
    networks: bool,
    /// Only every Nth scene
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
    /// Record although the cluster has other guests
    #[arg(long)]
    beside_guests: bool,
    /// First remove what an interrupted recording has left
    #[arg(long)]
    clean: bool,
    /// Do it
    #[arg(long)]
    yes: bool,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("record: error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), String> {
    let token = std::env::var("PVE_API_TOKEN")
        .map_err(|_| "PVE_API_TOKEN is not set: USER@REALM!NAME=SECRET")?;
    let node = Node::new(&cli.endpoint, &token, &trust(cli)?)?;
    checks::may_everything(&node)?;
    let names = names(cli, &node, &token)?;
    let found = checks::check(&node, &names, cli.networks)?;
    let program = program(cli)?;
    let out = cli.out.clone().unwrap_or_else(|| {
        Path::new("tests/answers/nodes").join(format!("{}.jsonl", found.version))
    });
    announce(cli, &program, &found, &out);
    refuse(cli, &found)?;
    if !cli.yes {
        eprintln!("record: nothing was written; --yes does it");
        return Ok(());
    }
    let stage = Stage { node: &node, names: &names };
    let text = program.run(&node, &names, &found.version, cli.networks);
    let text = text.map_err(|error| match stage.clear(cli.networks) {
        Ok(()) => format!("{error}\n  what was made has been removed"),
        Err(left) => format!(
            "{error}\n  not everything could be removed: {left}\n  hint: run it again with --clean"
        ),
    })?;
    save(&out, &text)?;
    eprintln!("record: {} answers in {}", program.requests.len(), out.display());
    Ok(())
}

fn trust(cli: &Cli) -> Result<Trust, String> {
    if let Some(fingerprint) = &cli.fingerprint {
        return Ok(Trust::Fingerprint(fingerprint.clone()));
    }
    std::fs::read(&cli.ca_file)
        .map(Trust::Authorities)
        .map_err(|e| format!("{}: {e}", cli.ca_file.display()))
}

fn names(cli: &Cli, node: &Node, token: &str) -> Result<Names, String> {
    let directory = |id: &str| -> Result<String, String> {
        let storage = node.call("GET", &format!("/storage/{id}"), &[])?;
        Ok(storage["path"].as_str().unwrap_or_default().to_owned())
    };
    let (disks, files) = (directory(&cli.disks)?, directory(&cli.files)?);
    let token = token.split('=').next().unwrap_or_default();
    Ok(Names::new(&cli.node, (&cli.disks, &disks), (&cli.files, &files), token))
}

fn program(cli: &Cli) -> Result<Program, String> {
    let text =
        std::fs::read_to_string(&cli.from).map_err(|e| format!("{}: {e}", cli.from.display()))?;
    let (worlds, mut requests) = line::parse::<Request>(&text)?;
    let last = requests.last().map_or(0, |request| request.scene);
    let (_, more) = line::parse::<Request>(MORE)?;
    let mut program =
        Program::choose(worlds.clone(), std::mem::take(&mut requests), cli.networks, cli.every);
    let more = more.into_iter().map(|request| Request { scene: request.scene + last, ..request });
    let more = Program::choose(worlds, more.collect(), cli.networks, 1);
    program.requests.extend(more.requests);
    Ok(program)
}

/// Says what will be done, before anything is.
fn announce(cli: &Cli, program: &Program, found: &Found, out: &Path) {
    let mut scenes: Vec<u32> = program.requests.iter().map(|request| request.scene).collect();
    scenes.dedup();
    eprintln!(
        "record: PVE {} on node {}, {} guests of others",
        found.version, cli.node, found.guests
    );
    eprintln!(
        "  sends {} requests in {} scenes; before each scene, its own VMs, volumes and pools are removed",
        program.requests.len(),
        scenes.len()
    );
    eprintln!(
        "  uses vmids 900000100 to 900000999, pools pve-record-*, storages {} and {}",
        cli.disks, cli.files
    );
    if cli.networks {
        eprintln!(
            "  creates, commits and removes networks of the whole cluster; every node reloads its network"
        );
    }
    for (reason, count) in &program.left_out {
        eprintln!("  leaves out {count} requests: {reason}");
    }
    eprintln!("  writes {}", out.display());
}

fn refuse(cli: &Cli, found: &Found) -> Result<(), String> {
    let mut problems = found.problems.clone();
    if !found.left.is_empty() && !cli.clean {
        problems.push(format!(
            "exists already: {}; --clean removes what an interrupted recording has left",
            found.left.join(", ")
        ));
    }
    if found.guests > 0 && cli.yes && !cli.beside_guests {
        problems.push(format!(
            "the cluster has {} guests; --beside-guests records all the same",
            found.guests
        ));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\nrecord: error: ")) }
}

fn save(out: &Path, text: &str) -> Result<(), String> {
    let shown = |e: std::io::Error| format!("{}: {e}", out.display());
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder).map_err(shown)?;
    }
    debug_assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    std::fs::write(out, text).map_err(shown)
}
