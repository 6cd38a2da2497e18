//! Runs a case folder: adding a case is adding a folder, without Rust code.
//!
//! ```text
//! tests/cases/unknown-preset/
//! ├── cmd       a shell line, or several; the tools are on PATH
//! ├── in/       what the tools read; copied to a scratch folder, where `cmd` runs
//! ├── wording   (may be empty) stderr is compared word for word: see `findings.rs`
//! ├── stdin     input of cmd [default: empty]
//! ├── stdout    expected [default: empty]; the same for stderr
//! ├── status    expected [default: 0]
//! └── out/      expected files that cmd writes under out/ [default: not compared]
//! ```
//! The scratch folder also has a copy of the project's `examples/`. Files named `secrets.yaml`, and those
//! in `secrets.d`, get mode 0600 there, which a checkout cannot preserve.
//! With a file `terminal`, stderr is a terminal: see `terminal.rs`.
//! With a `world.json`, the case runs against the PVE simulator: see `sim.rs`.
//! `UPDATE=1` writes the actual output instead of comparing; review the diff.

mod findings;
mod normal;
mod scratch;
mod sim;
mod terminal;

pub use sim::run_line;

use scratch::Scratch;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use terminal::Terminal;

/// The result of a command.
#[derive(Debug)]
pub struct Outcome {
    /// Bytes on stdout, as text.
    pub stdout: String,
    /// Bytes on stderr, as text.
    pub stderr: String,
    /// Exit code; 128 + n if signal n ended it, as in a shell.
    pub status: i32,
}

/// Runs the case of `cmd` and compares the result.
///
/// # Errors
/// The differences, as a diff.
pub fn run(cmd: &Path) -> Result<(), Box<dyn Error>> {
    let folder = cmd.parent().ok_or("a case is a folder")?;
    if folder.join("world.json").exists() {
        return sim::run(cmd, folder);
    }
    let scratch = Scratch::new(folder)?;
    let outcome = execute(cmd, &scratch, &[])?;
    let mut expected = Expected::new(folder);
    compare_outcome(&mut expected, &outcome, &scratch)?;
    expected.verdict()
}

fn compare_outcome(
    expected: &mut Expected,
    outcome: &Outcome,
    scratch: &Scratch,
) -> Result<(), Box<dyn Error>> {
    expected.compare("stdout", &outcome.stdout)?;
    expected.compare("stderr", &outcome.stderr)?;
    expected.compare("status", &status_text(outcome.status))?;
    expected.compare_folder("out", &scratch.path().join("out"))
}

/// Runs `cmd` in the scratch folder with only PATH and `variables` in its environment.
///
/// # Errors
/// The shell cannot be started.
pub fn execute(
    cmd: &Path,
    scratch: &Scratch,
    variables: &[(String, String)],
) -> Result<Outcome, Box<dyn Error>> {
    let stdin = scratch.stdin(&cmd.with_file_name("stdin"), variables)?;
    // `timeout` (coreutils): a case that hangs must fail, not block the rest.
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", "120", "sh", "-c", &std::fs::read_to_string(cmd)?])
        .current_dir(scratch.path())
        .env_clear()
        .env("PATH", search_path()?)
        .env("HOME", scratch.path())
        .env("LC_ALL", "C.UTF-8")
        .env("SOURCE_DATE_EPOCH", "1760000000")
        .env("PVE_PIPELINE_LOG", if keeps_wording(cmd) { "" } else { "codes" })
        .envs(variables.iter().map(|(name, value)| (name, value)))
        // Only the copy that `make mutants` builds reads it.
        .envs(std::env::var_os("MUTANT").map(|name| ("MUTANT", name)))
        .stdin(stdin.map_or_else(Stdio::null, Stdio::from));
    let (output, stderr) = match Terminal::open(cmd.parent().unwrap_or(cmd))? {
        None => {
            let output = command.output()?;
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            (output, stderr)
        }
        Some((terminal, written)) => {
            let output = command.env("TERM", "xterm").stderr(written).output()?;
            // It holds the terminal open.
            drop(command);
            (output, terminal.read()?)
        }
    };
    let stderr = if keeps_wording(cmd) { stderr } else { findings::reduced(&stderr) };
    Ok(Outcome {
        stdout: scratch.normal(&String::from_utf8_lossy(&output.stdout)),
        stderr: scratch.normal(&stderr),
        status: code(output.status),
    })
}

/// Returns whether the case of `cmd` compares what a message says, and not only its code and place.
fn keeps_wording(cmd: &Path) -> bool {
    cmd.with_file_name("wording").exists() || cmd.with_file_name("terminal").exists()
}

const TOOLS: [&str; 5] =
    ["resolve", "mint-token", "cloudinit-render", "image-publish", "pve-apply"];

/// Returns the folder where Cargo puts the tools, next to the running test.
///
/// # Errors
/// The test does not run from Cargo's target folder, or the tools are missing: Cargo builds the tools
/// for `cargo test --workspace`, but not for this package alone.
pub fn tool_folder() -> Result<PathBuf, Box<dyn Error>> {
    let test = std::env::current_exe()?;
    let folder = test.ancestors().nth(2).ok_or("no target folder")?;
    match TOOLS.iter().any(|tool| folder.join(tool).exists()) {
        true => Ok(folder.to_owned()),
        false => Err("the tools are not built: run `make build` first".into()),
    }
}

/// Returns PATH with the tools of this build in front.
///
/// # Errors
/// As `tool_folder`.
pub fn search_path() -> Result<std::ffi::OsString, Box<dyn Error>> {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tool_folder()?).chain(std::env::split_paths(&old));
    Ok(std::env::join_paths(folders)?)
}

fn code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

fn status_text(status: i32) -> String {
    if status == 0 { String::new() } else { format!("{status}\n") }
}

/// The expected files of a case, and the differences found.
pub struct Expected {
    folder: PathBuf,
    update: bool,
    differences: Vec<String>,
}

impl Expected {
    /// Loads the expectations in `folder`.
    pub fn new(folder: &Path) -> Self {
        let update = std::env::var_os("UPDATE").is_some_and(|v| v == "1");
        Self { folder: folder.to_owned(), update, differences: Vec::new() }
    }

    /// Compares a file of the case with the actual text [default: empty].
    ///
    /// # Errors
    /// The file cannot be read or, with `UPDATE=1`, written.
    pub fn compare(&mut self, name: &str, came: &str) -> Result<(), Box<dyn Error>> {
        let path = self.folder.join(name);
        let wanted = if path.exists() { std::fs::read_to_string(&path)? } else { String::new() };
        if wanted == came {
            return Ok(());
        }
        if self.update {
            return update(&path, came);
        }
        let diff = similar::TextDiff::from_lines(wanted.as_str(), came);
        let diff = diff.unified_diff().header("expected", "came").to_string();
        self.differences.push(format!("{}:\n{diff}", path.display()));
        Ok(())
    }

    /// Compares a file of the case with the actual text, if the case has the file.
    ///
    /// # Errors
    /// As [`Expected::compare`].
    pub fn compare_if_present(&mut self, name: &str, came: &str) -> Result<(), Box<dyn Error>> {
        let path = self.folder.join(name);
        if !path.exists() {
            return Ok(());
        }
        self.compare(name, came)?;
        // An empty file means that the output must be empty; do not delete it.
        if path.exists() { Ok(()) } else { Ok(std::fs::write(path, "")?) }
    }

    /// Adds a fault that is not about a file.
    pub fn fault(&mut self, fault: String) {
        self.differences.push(fault);
    }

    /// Compares each file in a folder of the case with the actual one.
    ///
    /// # Errors
    /// As [`Expected::compare`].
    pub fn compare_folder(&mut self, name: &str, came: &Path) -> Result<(), Box<dyn Error>> {
        let wanted = self.folder.join(name);
        if !(wanted.exists() || self.update && came.exists()) {
            return Ok(());
        }
        let mut files = scratch::files(&wanted)?;
        files.extend(scratch::files(came)?);
        for file in files {
            let bytes = std::fs::read(came.join(&file)).unwrap_or_default();
            let text = normal::lossless(&bytes);
            self.compare(&format!("{name}/{}", file.display()), &text)?;
        }
        Ok(())
    }

    /// Fails if there are differences.
    ///
    /// # Errors
    /// All differences, as diffs.
    pub fn verdict(self) -> Result<(), Box<dyn Error>> {
        if self.differences.is_empty() {
            return Ok(());
        }
        let all = self.differences.join("\n");
        Err(format!("{all}\nUPDATE=1 writes the actual output; read the diff before you commit it")
            .into())
    }
}

fn update(path: &Path, came: &str) -> Result<(), Box<dyn Error>> {
    if came.is_empty() {
        std::fs::remove_file(path)?;
    } else {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, came)?;
    }
    Ok(())
}
