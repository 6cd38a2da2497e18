//! `pve-sim`: the PVE simulator as a program, for demos and tests of whole processes.
//!
//! DOOR: reads and writes files, starts the given command, prints one line of JSON.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use serde_json::json;

use test_support::pve_sim::{Options, Pace, PveSim, World, faults, requests};

/// A simulated Proxmox VE 9.1, in memory, over HTTPS on loopback.
#[derive(Debug, Parser)]
#[command(name = "pve-sim", color = clap::ColorChoice::Never)]
struct Cli {
    /// Initial world, JSON [default: a small cluster with one node]
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Scripted faults, JSON
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Port on 127.0.0.1; 0 chooses a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// Duration of tasks in milliseconds; N-M draws one for each type and ID
    #[arg(long, value_name = "N[-M]", value_parser = milliseconds, conflicts_with = "task_polls")]
    task_ms: Option<Pace>,
    /// Number of status reads for which a task is running
    #[arg(long, value_name = "N", default_value_t = 1)]
    task_polls: u64,
    /// Duration of one type of task, such as qmcreate=2000 or qmcreate=20-90000; repeatable
    #[arg(long, value_name = "TYPE=N[-M]", value_parser = length)]
    task_length: Vec<(String, (u64, u64))>,
    /// Seed for durations between N and M
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// MiB that each storage can write in a second, so that copies take time by size
    #[arg(long, value_name = "N", requires = "task_ms")]
    copy_rate: Option<u64>,
    /// Close idle connections after this many milliseconds
    #[arg(long, value_name = "N", default_value_t = 5000)]
    idle_ms: u64,
    /// Also write the line of JSON to this file once it listens
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Write the world to this file at the end
    #[arg(long, value_name = "FILE")]
    world_after: Option<PathBuf>,
    /// Write the requests to this file at the end
    #[arg(long, value_name = "FILE")]
    requests: Option<PathBuf>,
    /// Write type, ID, start and duration of each task to this file at the end
    #[arg(long, value_name = "FILE")]
    tasks: Option<PathBuf>,
    /// Write how many bytes each storage has written to this file at the end, as JSON
    #[arg(long, value_name = "FILE")]
    written: Option<PathBuf>,
    /// Write the bytes of small volumes to this directory at the end
    #[arg(long, value_name = "DIR")]
    volumes: Option<PathBuf>,
    /// Command to run with PVE_SIM_* in its environment [default: run until stdin closes]
    #[arg(last = true)]
    command: Vec<OsString>,
}

fn length(text: &str) -> Result<(String, (u64, u64)), String> {
    let (kind, numbers) = text.split_once('=').ok_or("must be TYPE=N or TYPE=N-M")?;
    Ok((kind.to_owned(), span(numbers)?))
}

fn milliseconds(text: &str) -> Result<Pace, String> {
    let (least, most) = span(text)?;
    Ok(if least == most { Pace::Millis(least) } else { Pace::MillisBetween(least, most) })
}

fn span(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| "must be N or N-M".to_owned());
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let (least, most) = (number(least)?, number(most)?);
    if least > most {
        return Err("must be N-M with N at most M".to_owned());
    }
    Ok((least, most))
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(status) => ExitCode::from(status),
        Err(message) => {
            say(&message);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<u8, String> {
    let (world, options) = prepare(cli)?;
    let sim = PveSim::start(world, options).map_err(|error| format!("cannot listen: {error}"))?;
    let folder = tempfile::tempdir()
        .map_err(|error| format!("cannot create a temporary directory: {error}"))?;
    let ca_file = folder.path().join("pve-root-ca.pem");
    write(&ca_file, sim.ca_pem())?;
    let ready = json!({
        "endpoint": sim.endpoint(),
        "fingerprint": sim.fingerprint(),
        "ca_file": ca_file,
        "token": sim.token(),
    });
    let line = format!("{ready}\n");
    if let Some(path) = &cli.ready_file {
        write(path, &line)?;
    }
    let status = if cli.command.is_empty() {
        until_stdin_closes(&line)?
    } else {
        command(cli, &sim, &ca_file)?
    };
    finish(cli, sim, status)
}

fn prepare(cli: &Cli) -> Result<(World, Options), String> {
    let named = |path: &Path, error: String| format!("{}: {error}", path.display());
    let world = match &cli.world {
        Some(path) => World::from_json(&read(path)?).map_err(|error| named(path, error))?,
        None => World::default(),
    };
    let faults = match &cli.faults {
        Some(path) => faults::from_json(&read(path)?).map_err(|error| named(path, error))?,
        None => Vec::new(),
    };
    let pace = cli.task_ms.clone().unwrap_or(Pace::Polls(cli.task_polls));
    let options = Options {
        port: cli.port,
        pace,
        lengths: cli.task_length.iter().cloned().collect(),
        seed: cli.seed,
        copy_rate: cli.copy_rate.map(|mib| mib << 20),
        idle: std::time::Duration::from_millis(cli.idle_ms),
        faults,
        ..Options::default()
    };
    Ok((world, options))
}

/// Runs until stdin closes: its parent holds stdin open, so it ends with the parent.
fn until_stdin_closes(line: &str) -> Result<u8, String> {
    print!("{line}");
    let text = |error: io::Error| format!("stdin or stdout: {error}");
    io::stdout().flush().map_err(text)?;
    io::copy(&mut io::stdin(), &mut io::sink()).map_err(text)?;
    Ok(0)
}

/// Runs the command. Its stdout is its own, so the line of JSON is not printed.
fn command(cli: &Cli, sim: &PveSim, ca_file: &Path) -> Result<u8, String> {
    let Some((program, arguments)) = cli.command.split_first() else {
        return Ok(0);
    };
    let status = Command::new(program)
        .args(arguments)
        .env("PVE_SIM_ENDPOINT", sim.endpoint())
        .env("PVE_SIM_FINGERPRINT", sim.fingerprint())
        .env("PVE_SIM_CA_FILE", ca_file)
        .env("PVE_SIM_TOKEN", sim.token())
        // For our tools, so that they trust the simulator without an option.
        .env("PVE_FINGERPRINT", sim.fingerprint())
        .status()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    // As a shell reports a signal.
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    Ok(u8::try_from(code).unwrap_or(1))
}

fn finish(cli: &Cli, sim: PveSim, status: u8) -> Result<u8, String> {
    let asked = sim.requests();
    let refused = sim.refused();
    let volumes = cli.volumes.is_some().then(|| kept_volumes(&sim));
    let world = sim.shutdown();
    if let Some(path) = &cli.world_after {
        write(path, &world.to_json())?;
    }
    if let Some(path) = &cli.requests {
        write(path, &requests::to_text(&asked))?;
    }
    if let Some(path) = &cli.tasks {
        write(path, &task_lines(&world))?;
    }
    if let Some(path) = &cli.written {
        write(path, &format!("{:#}\n", json!(world.written())))?;
    }
    if let (Some(folder), Some(volumes)) = (&cli.volumes, volumes) {
        for (name, bytes) in volumes {
            write_bytes(&folder.join(name.replace(['/', ':'], "_")), &bytes)?;
        }
    }
    if refused.is_empty() {
        return Ok(status);
    }
    for line in &refused {
        say(&format!("not served: {line}"));
    }
    Ok(if status == 0 { 70 } else { status })
}

/// Returns the tasks in the order of their start, so that a bench can find the critical path.
fn task_lines(world: &World) -> String {
    let mut tasks: Vec<_> = world.tasks.iter().collect();
    tasks.sort_by_key(|task| task.started());
    tasks
        .iter()
        .map(|task| format!("{} {} {} {}\n", task.kind, task.id, task.started(), task.length()))
        .collect()
}

fn kept_volumes(sim: &PveSim) -> Vec<(String, Vec<u8>)> {
    sim.settle();
    let world = sim.world();
    let volumes = world.volumes.iter();
    volumes
        .filter_map(|volume| {
            let node = volume.node.as_deref().unwrap_or_default();
            Some((volume.volid.clone(), sim.volume_bytes(node, &volume.volid)?))
        })
        .collect()
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    write_bytes(path, text.as_bytes())
}

/// Writes a file atomically: someone waiting for the ready file must not read half of it.
fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let text = |error: io::Error| format!("{}: {error}", path.display());
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(text)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(text)?;
    file.write_all(bytes).map_err(text)?;
    file.persist(path).map_err(|error| text(error.error))?;
    Ok(())
}

fn say(message: &str) {
    eprintln!("pve-sim: {message}");
}
