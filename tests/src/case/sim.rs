//! A case that has a `world.json` runs against the PVE simulator.
//!
//! ```text
//! ├── world.json        the world before; `{}` is a small cluster, ready for use
//! ├── faults.json       what goes wrong [default: nothing]
//! ├── world-after.json  the world at the end; a case that sends a write has one
//! ├── requests          method and path of each request, in order [default: not compared]
//! └── once              present if a second run may change something
//! ```
//! `cmd` finds PVE_SIM_ENDPOINT, PVE_SIM_TOKEN, PVE_SIM_CA_FILE and PVE_SIM_FINGERPRINT in its
//! environment, and PVE_FINGERPRINT, so that the tools trust the simulator. In `stdin`, the text
//! `$PVE_SIM_ENDPOINT` is replaced with the address. If `cmd` creates a folder `snippets`, it is that of the
//! storage `local`.
//!
//! A case whose `cmd` contains `pve-apply apply` and succeeds is run twice: the second run must
//! succeed too and send no writes.

use super::{Expected, Outcome, Scratch, compare_outcome, execute};
use crate::pve_sim::{Options, PveSim, World, faults, requests};
use std::error::Error;
use std::path::Path;

/// Runs the case of `cmd` against its own simulator and compares the result.
pub(super) fn run(cmd: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let scratch = Scratch::new(folder)?;
    let sim = start(folder, &scratch)?;
    let variables = variables(&sim, &scratch)?;
    let outcome = execute(cmd, &scratch, &variables)?;
    let mut expected = Expected::new(folder);
    compare_outcome(&mut expected, &outcome, &scratch)?;
    sim.settle();
    let asked = scratch.normal(&requests::to_text(&sim.requests()));
    expected.compare_if_present("requests", &asked)?;
    let after = scratch.normal(&sim.world().to_json());
    // Every case compares what it wrote: otherwise unchanged snapshots would prove little.
    if sim.requests().iter().any(|request| request.is_write()) {
        expected.compare("world-after.json", &after)?;
    } else {
        expected.compare_if_present("world-after.json", &after)?;
    }
    if is_run_twice(cmd, folder, &outcome)? {
        again(&mut expected, cmd, &scratch, &sim, &variables)?;
    }
    for unknown in sim.refused() {
        expected.fault(format!("the simulator does not support {unknown}"));
    }
    expected.verdict()
}

/// Runs shell lines against a small simulated cluster, in a scratch folder with the examples.
///
/// # Errors
/// The simulator does not start, or got a request that it does not support.
pub fn run_line(line: &str) -> Result<Outcome, Box<dyn Error>> {
    let case = tempfile::tempdir()?;
    let cmd = case.path().join("cmd");
    std::fs::write(&cmd, line)?;
    std::fs::write(case.path().join("world.json"), "{}")?;
    let scratch = Scratch::new(case.path())?;
    let sim = start(case.path(), &scratch)?;
    let outcome = execute(&cmd, &scratch, &variables(&sim, &scratch)?)?;
    match sim.refused().first() {
        Some(unknown) => Err(format!("the simulator does not support {unknown}").into()),
        None => Ok(outcome),
    }
}

fn start(folder: &Path, scratch: &Scratch) -> Result<PveSim, Box<dyn Error>> {
    let world = World::from_json(&std::fs::read_to_string(folder.join("world.json"))?)?;
    let faults = folder.join("faults.json");
    let faults = match faults.exists() {
        true => faults::from_json(&std::fs::read_to_string(faults)?)?,
        false => Vec::new(),
    };
    let snippets = Some(scratch.path().join("snippets"));
    Ok(PveSim::start(world, Options { faults, snippets, ..Options::default() })?)
}

fn variables(
    sim: &PveSim,
    scratch: &Scratch,
) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
    let ca_file = scratch.path().join("pve-root-ca.pem");
    std::fs::write(&ca_file, sim.ca_pem())?;
    Ok(vec![
        ("PVE_SIM_ENDPOINT", sim.endpoint()),
        ("PVE_SIM_TOKEN", sim.token()),
        ("PVE_SIM_CA_FILE", ca_file.display().to_string()),
        ("PVE_SIM_FINGERPRINT", sim.fingerprint().to_owned()),
        ("PVE_FINGERPRINT", sim.fingerprint().to_owned()),
    ])
}

fn is_run_twice(cmd: &Path, folder: &Path, outcome: &Outcome) -> Result<bool, Box<dyn Error>> {
    let applies = std::fs::read_to_string(cmd)?.contains("pve-apply apply");
    Ok(applies && outcome.status == 0 && !folder.join("once").exists())
}

/// Runs the case again: applying twice changes once.
fn again(
    expected: &mut Expected,
    cmd: &Path,
    scratch: &Scratch,
    sim: &PveSim,
    variables: &[(&str, String)],
) -> Result<(), Box<dyn Error>> {
    sim.forget_requests();
    let outcome = execute(cmd, scratch, variables)?;
    if outcome.status != 0 {
        let Outcome { status, stderr, .. } = outcome;
        expected.fault(format!("the second run ended with {status}:\n{stderr}"));
    }
    for write in sim.requests().iter().filter(|request| request.is_write()) {
        expected.fault(format!("the second run sent {}", write.line()));
    }
    Ok(())
}
