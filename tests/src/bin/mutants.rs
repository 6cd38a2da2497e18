//! Checks that the deadly mutants of `tests/mutants/deadly.toml` do not survive: changes of the code with which it would
//! destroy what is not ours, or show a secret. The test that is named for each of them must fail.
//!
//! All mutants are built at once, into a copy of the sources: each waits for its name in the variable `MUTANT`.
//! The copy shares the build of the dependencies, but not of our crates, with the checkout.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The tests of a package's library.
const LIB: &str = "lib";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

/// A change of the code, and the test that must fail with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    name: String,
    /// The source file, from the project's root on.
    file: PathBuf,
    /// The text before the expression, where the expression alone is in the file more often.
    #[serde(default)]
    after: String,
    /// An expression that the file has once.
    find: String,
    /// What is in its place.
    put: String,
    /// `lib` or the name of an integration test of the same package, and the full name of the test in it.
    test: [String; 2],
}

/// Where things are.
struct Folders {
    root: PathBuf,
    /// The copy of the sources.
    copy: PathBuf,
    /// The tools of the copy.
    tools: PathBuf,
}

/// The test programs of the copy, by package and target.
type Programs = BTreeMap<(String, String), PathBuf>;

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(survivors) => {
            eprintln!("deadly mutants that survive: {survivors}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the number of survivors among the mutants whose names contain one of `wanted`.
fn run(wanted: &[String]) -> Result<usize> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let base = root.join("target/mutants");
    let folders = Folders { root, copy: base.join("tree"), tools: base.join("tools") };
    let list = std::fs::read_to_string(folders.root.join("tests/mutants/deadly.toml"))?;
    let mut mutants = toml::from_str::<List>(&list)?.mutant;
    mutants.retain(|mutant| wanted.is_empty() || wanted.iter().any(|w| mutant.name.contains(w)));
    if mutants.is_empty() {
        return Err("no mutant has such a name".into());
    }
    copy_sources(&folders, &switched(&folders.root, &mutants)?)?;
    let programs = build(&folders, &mutants)?;
    let mut survivors = 0;
    for mutant in &mutants {
        let is_killed = judge(&folders, &programs, mutant)?;
        let verdict = if is_killed { "killed" } else { "SURVIVES" };
        println!("{verdict}: {} ({})", mutant.name, mutant.test[1]);
        survivors += usize::from(!is_killed);
    }
    println!("{} deadly mutants, {survivors} survive", mutants.len());
    Ok(survivors)
}

impl Mutant {
    fn package(&self) -> Result<&str> {
        let first = self.file.iter().next().and_then(|name| name.to_str());
        first.ok_or_else(|| format!("{}: `file` has no package", self.name).into())
    }

    fn target(&self) -> Result<(String, String)> {
        Ok((self.package()?.to_owned(), self.test[0].clone()))
    }
}

/// Returns the changed files with every mutant behind its switch.
///
/// # Errors
/// A file does not have a mutant's text exactly once: the list is outdated.
fn switched(root: &Path, mutants: &[Mutant]) -> Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for Mutant { name, file, after, find, put, .. } in mutants {
        if !files.contains_key(file) {
            files.insert(file.clone(), std::fs::read_to_string(root.join(file))?);
        }
        let text = files.get_mut(file).ok_or("a file that was just read")?;
        let place = format!("{after}{find}");
        let count = text.matches(&place).count();
        if count != 1 {
            let file = file.display();
            return Err(format!("{name}: {file} has this text {count} times: {place}").into());
        }
        let is_on = format!(r#"std::env::var_os("MUTANT").is_some_and(|name| name == "{name}")"#);
        let either = format!("{after}(if {is_on} {{ {put} }} else {{ {find} }})");
        *text = text.replace(&place, &either);
    }
    Ok(files)
}

/// Brings the copy up to date. Unchanged files keep their times, so that Cargo builds only what has changed.
fn copy_sources(folders: &Folders, switched: &BTreeMap<PathBuf, String>) -> Result<()> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&folders.root)
        .output()?;
    for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        let from = folders.root.join(name);
        // A file that was deleted is still listed until that is committed.
        if !from.is_file() {
            continue;
        }
        let bytes = match switched.get(Path::new(name)) {
            Some(text) => text.clone().into_bytes(),
            None => std::fs::read(&from)?,
        };
        let to = folders.copy.join(name);
        if !std::fs::read(&to).is_ok_and(|old| old == bytes) {
            std::fs::create_dir_all(to.parent().ok_or("a file has a folder")?)?;
            std::fs::write(&to, bytes)?;
        }
    }
    Ok(())
}

/// Builds the test programs that the mutants name. All at once, because Cargo builds a dependency again for other packages
/// that need other features of it.
fn build(folders: &Folders, mutants: &[Mutant]) -> Result<Programs> {
    let wanted = mutants.iter().map(Mutant::target).collect::<Result<BTreeSet<_>>>()?;
    let packages: BTreeSet<&str> = wanted.iter().map(|(package, _)| package.as_str()).collect();
    let targets: BTreeSet<&str> = wanted.iter().map(|(_, target)| target.as_str()).collect();
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.args(["test", "--no-run", "--locked", "--quiet", "--message-format=json"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    for target in targets {
        match target {
            LIB => cargo.arg("--lib"),
            name => cargo.args(["--test", name]),
        };
    }
    // What `cargo run` tells this program about its package would make build scripts run again.
    for (name, _) in std::env::vars_os() {
        let is_of_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_of_package) {
            cargo.env_remove(name);
        }
    }
    // A wrapper of our own crates gives their builds other names, as for clippy; `env` only starts rustc.
    cargo
        .current_dir(&folders.copy)
        .env("RUSTC_WORKSPACE_WRAPPER", "env")
        .env("CARGO_BUILD_BUILD_DIR", folders.root.join("target"))
        .env("CARGO_TARGET_DIR", &folders.tools)
        .stderr(Stdio::inherit());
    let output = cargo.output()?;
    if !output.status.success() {
        return Err("the copy with its mutants cannot be built".into());
    }
    let messages = String::from_utf8(output.stdout)?;
    let built = messages.lines().filter_map(|line| test_program(&serde_json::from_str(line).ok()?));
    let mut programs = Programs::new();
    for (target, program) in built {
        if wanted.contains(&target) {
            programs.insert(target, beside_tools(folders, &program)?);
        }
    }
    Ok(programs)
}

/// Returns package, target and file of a test program in one of Cargo's messages.
fn test_program(message: &serde_json::Value) -> Option<((String, String), PathBuf)> {
    let program = PathBuf::from(message["executable"].as_str()?);
    let package = Path::new(message["manifest_path"].as_str()?).parent()?.file_name()?.to_str()?;
    let target = match message["target"]["kind"][0].as_str()? {
        LIB => LIB,
        _ => message["target"]["name"].as_str()?,
    };
    message["profile"]["test"]
        .as_bool()?
        .then(|| ((package.to_owned(), target.to_owned()), program))
}

/// Copies a test program to where it finds the tools of the copy, as `case::tool_folder` does.
fn beside_tools(folders: &Folders, program: &Path) -> Result<PathBuf> {
    let place = folders.tools.join("debug/deps");
    std::fs::create_dir_all(&place)?;
    let to = place.join(program.file_name().ok_or("a program has a name")?);
    std::fs::copy(program, &to)?;
    Ok(to)
}

/// Returns whether the mutant's test fails with it.
///
/// # Errors
/// There is no such test, or it fails without the mutant.
fn judge(folders: &Folders, programs: &Programs, mutant: &Mutant) -> Result<bool> {
    let program = programs
        .get(&mutant.target()?)
        .ok_or_else(|| format!("{}: there is no such test program", mutant.name))?;
    let folder = folders.copy.join(mutant.package()?);
    let test = |switch: &str| {
        let args = [mutant.test[1].as_str(), "--exact"];
        Command::new(program).args(args).current_dir(&folder).env("MUTANT", switch).output()
    };
    let sound = test("")?;
    if !sound.status.success() || !String::from_utf8_lossy(&sound.stdout).contains("1 passed") {
        let output = String::from_utf8_lossy(&sound.stdout);
        return Err(format!("{}: its test does not pass without it:\n{output}", mutant.name).into());
    }
    Ok(!test(&mutant.name)?.status.success())
}
