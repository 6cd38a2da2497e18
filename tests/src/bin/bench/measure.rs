//! Runs a tool and reads its resource usage from the kernel.

use std::error::Error;
use std::ffi::OsString;
use std::io::{Read, Seek, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use wait4::Wait4;

/// A tool with its arguments and its stdin.
pub(crate) struct Tool {
    name: &'static str,
    args: Vec<OsString>,
    env: Vec<(&'static str, String)>,
    stdin: Vec<u8>,
}

/// The resource usage and output of one run.
pub(crate) struct Measure {
    cpu: Duration,
    peak_bytes: u64,
    /// Its output.
    pub(crate) stdout: Vec<u8>,
}

impl Tool {
    /// Creates a tool from the directory of this program.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, args: Vec::new(), env: Vec::new(), stdin: Vec::new() }
    }

    /// Adds an argument.
    pub(crate) fn arg(self, arg: &str) -> Self {
        self.args([arg])
    }

    /// Adds arguments.
    pub(crate) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(OsString::from));
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    /// Sets its stdin.
    pub(crate) fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// Runs it this many times and returns the run with the least CPU time.
    pub(crate) fn best_of(&self, runs: usize) -> Result<Measure, Box<dyn Error>> {
        let mut best = self.once()?;
        for _ in 1..runs {
            let next = self.once()?;
            if next.cpu < best.cpu {
                best = next;
            }
        }
        Ok(best)
    }

    /// Runs it once.
    pub(crate) fn once(&self) -> Result<Measure, Box<dyn Error>> {
        let tool = std::env::current_exe()?.with_file_name(self.name);
        let mut stderr = tempfile::tempfile()?;
        let mut usage = tempfile::NamedTempFile::new()?;
        let mut child = Command::new(THIS)
            .arg(MEASURED)
            .arg(usage.path())
            .arg(tool)
            .args(&self.args)
            .env("SOURCE_DATE_EPOCH", "1760000000")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stderr(stderr.try_clone()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().ok_or("no stdin")?;
        let mut pipe = child.stdout.take().ok_or("no stdout")?;
        let mut stdout = Vec::new();
        std::thread::scope(|scope| {
            // A tool that does not read its stdin may close it.
            scope.spawn(move || _ = stdin.write_all(&self.stdin));
            pipe.read_to_end(&mut stdout)
        })?;
        let status = child.wait()?;
        if !status.success() {
            let mut said = String::new();
            stderr.rewind()?;
            stderr.read_to_string(&mut said)?;
            return Err(format!("{} ended with {status}:\n{said}", self.name).into());
        }
        let mut used = String::new();
        usage.read_to_string(&mut used)?;
        let (cpu, peak) = used.split_once(' ').ok_or("the usage was not written")?;
        Ok(Measure { cpu: Duration::from_micros(cpu.parse()?), peak_bytes: peak.parse()?, stdout })
    }
}

/// This program. Its own path leads nowhere once a build has put another file there.
const THIS: &str = "/proc/self/exe";

/// The first argument of a process between this program and a tool.
///
/// The kernel includes memory from before `exec` in the peak memory of a process. A tool that this
/// program started directly, with a simulator in it, would seem as large as the simulator.
pub(crate) const MEASURED: &str = "--measured";

/// Runs a program, writes its resource usage to a file, and exits with its status.
pub(crate) fn measured(args: &[OsString]) -> Result<ExitCode, Box<dyn Error>> {
    let [usage, program, args @ ..] = args else { return Err("no program".into()) };
    let tool = Command::new(program).args(args).spawn();
    let mut tool = tool.map_err(|error| format!("{}: {error}", program.display()))?;
    let used = tool.wait4()?;
    let cpu = used.rusage.utime + used.rusage.stime;
    std::fs::write(usage, format!("{} {}", cpu.as_micros(), used.rusage.maxrss))?;
    Ok(ExitCode::from(used.status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(1)))
}

impl Measure {
    /// Returns user and system time in milliseconds.
    pub(crate) fn cpu_ms(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3
    }

    /// Returns its peak memory in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.peak_bytes as f64 / (1024.0 * 1024.0)
    }
}
