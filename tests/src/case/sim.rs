//! A case that has a `world.json` runs against the PVE simulator.
//!
//! ```text
//! ├── world.json        the world before; `{}` is a small cluster, ready for use
//! ├── faults.json       what goes wrong [default: nothing]
//! ├── world-after.json  the world at the end; a case that sends a write has one
//! ├── requests          method and path of each request, in order [default: not compared]
//! ├── retries           present if it depends on time how often a task fails alike: then it is compared once
//! └── once              present if a second run may change something
//! ```
//! `cmd` finds PVE_SIM_ENDPOINT, PVE_SIM_TOKEN, PVE_SIM_CA_FILE and PVE_SIM_FINGERPRINT in its
//! environment, and PVE_FINGERPRINT, so that the tools trust the simulator. In `stdin`, the text
//! `$PVE_SIM_ENDPOINT` is replaced with the address. If `cmd` creates a folder `snippets`, it is that of the
//! storage `local`.
//!
//! With `world-2.json` there is a second simulator, with `world-3.json` a third; their other files have the
//! number, too. `cmd` finds PVE_SIM_2_ENDPOINT, PVE_SIM_2_TOKEN and PVE_SIM_2_FINGERPRINT, and
//! `world.json` may contain `$PVE_SIM_2_ENDPOINT` and so on: what a guest reports of the PVE in it.
//!
//! A case whose `cmd` contains `pve-apply apply` and succeeds is run twice: the second run must
//! succeed too and send no writes.

use super::{Expected, Outcome, Scratch, compare_outcome, execute};
use crate::pve_sim::world::task::Task;
use crate::pve_sim::{Options, PveSim, World, faults, requests};
use std::error::Error;
use std::path::Path;

/// A simulator of a case, and what is appended to the names of its files: nothing for the first.
type Numbered = (String, PveSim);

/// Variables for `cmd`, and their values.
type Variables = Vec<(String, String)>;

/// Runs the case of `cmd` against its own simulators and compares the result.
pub(super) fn run(cmd: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let scratch = Scratch::new(folder)?;
    let (sims, variables) = start_all(folder, &scratch)?;
    let outcome = execute(cmd, &scratch, &variables)?;
    let mut expected = Expected::new(folder);
    compare_outcome(&mut expected, &outcome, &scratch)?;
    for sim in &sims {
        compare_world(&mut expected, folder, &scratch, sim)?;
    }
    if is_run_twice(cmd, folder, &outcome)? {
        again(&mut expected, cmd, &scratch, &sims, &variables)?;
    }
    for unknown in sims.iter().flat_map(|(_, sim)| sim.refused()) {
        expected.fault(format!("the simulator does not support {unknown}"));
    }
    expected.verdict()
}

/// Compares what a simulator was asked, and its world at the end.
fn compare_world(
    expected: &mut Expected,
    folder: &Path,
    scratch: &Scratch,
    (number, sim): &Numbered,
) -> Result<(), Box<dyn Error>> {
    sim.settle();
    let asked = scratch.normal(&requests::to_text(&sim.requests()));
    expected.compare_if_present(&format!("requests{number}"), &asked)?;
    let world = sim.world();
    let world = if folder.join("retries").exists() { without_retries(world) } else { world };
    let after = scratch.normal(&world.to_json());
    let name = format!("world-after{number}.json");
    // Every case compares what it wrote: otherwise unchanged snapshots would prove little.
    if sim.requests().iter().any(|request| request.is_write()) {
        expected.compare(&name, &after)
    } else {
        expected.compare_if_present(&name, &after)
    }
}

/// Leaves the first of several tasks in a row that failed alike.
fn without_retries(mut world: World) -> World {
    let of = |task: &Task| {
        let Task { node, kind, id, user, exitstatus, .. } = task.clone();
        (node, kind, id, user, exitstatus)
    };
    let is_failed = |task: &Task| task.exitstatus.as_ref().is_some_and(|text| text != "OK");
    world.tasks.dedup_by(|next, task| is_failed(task) && of(next) == of(task));
    world
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
    let (sims, variables) = start_all(case.path(), &scratch)?;
    let outcome = execute(&cmd, &scratch, &variables)?;
    match sims.iter().flat_map(|(_, sim)| sim.refused()).next() {
        Some(unknown) => Err(format!("the simulator does not support {unknown}").into()),
        None => Ok(outcome),
    }
}

/// Starts the simulators, the last one first: each world may name those with a higher number. Returns the
/// variables for `cmd`, too.
fn start_all(
    folder: &Path,
    scratch: &Scratch,
) -> Result<(Vec<Numbered>, Variables), Box<dyn Error>> {
    let later = (2..).map(|number| format!("-{number}"));
    let later = later.take_while(|number| folder.join(format!("world{number}.json")).exists());
    let numbers: Vec<String> = std::iter::once(String::new()).chain(later).collect();
    let (mut sims, mut variables) = (Vec::new(), Vec::new());
    for number in numbers.into_iter().rev() {
        let sim = start((folder, &number), scratch, &variables)?;
        let name = |what: &str| format!("PVE_SIM{}_{what}", number.replace('-', "_"));
        variables.extend([
            (name("ENDPOINT"), sim.endpoint()),
            (name("TOKEN"), sim.token()),
            (name("FINGERPRINT"), sim.fingerprint().to_owned()),
        ]);
        sims.push((number, sim));
    }
    if let Some((_, first)) = sims.last() {
        let ca_file = scratch.path().join("pve-root-ca.pem");
        std::fs::write(&ca_file, first.ca_pem())?;
        variables.extend([
            ("PVE_SIM_CA_FILE".to_owned(), ca_file.display().to_string()),
            ("PVE_FINGERPRINT".to_owned(), first.fingerprint().to_owned()),
        ]);
    }
    sims.reverse();
    Ok((sims, variables))
}

fn start(
    (folder, number): (&Path, &str),
    scratch: &Scratch,
    variables: &[(String, String)],
) -> Result<PveSim, Box<dyn Error>> {
    let world = std::fs::read_to_string(folder.join(format!("world{number}.json")))?;
    let put =
        |text: String, (name, value): &(String, String)| text.replace(&format!("${name}"), value);
    let world = World::from_json(&variables.iter().fold(world, put))?;
    let faults = folder.join(format!("faults{number}.json"));
    let faults = match faults.exists() {
        true => faults::from_json(&std::fs::read_to_string(faults)?)?,
        false => Vec::new(),
    };
    let snippets = Some(scratch.path().join(format!("snippets{number}")));
    Ok(PveSim::start(world, Options { faults, snippets, ..Options::default() })?)
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
    sims: &[Numbered],
    variables: &[(String, String)],
) -> Result<(), Box<dyn Error>> {
    sims.iter().for_each(|(_, sim)| sim.forget_requests());
    let outcome = execute(cmd, scratch, variables)?;
    if outcome.status != 0 {
        let Outcome { status, stderr, .. } = outcome;
        expected.fault(format!("the second run ended with {status}:\n{stderr}"));
    }
    let requests = sims.iter().flat_map(|(_, sim)| sim.requests());
    for write in requests.filter(|request| request.is_write()) {
        expected.fault(format!("the second run sent {}", write.line()));
    }
    Ok(())
}
