//! Runs a tool and reads from the kernel what it has cost.

use std::error::Error;
use std::ffi::OsString;
use std::io::{Read, Seek, Write};
use std::process::{Command, Stdio};
use std::time::Duration;
use wait4::Wait4;

/// A tool with its arguments and its stdin.
pub(crate) struct Tool {
    name: &'static str,
    args: Vec<OsString>,
    env: Vec<(&'static str, String)>,
    stdin: Vec<u8>,
}

/// What one run has cost and printed.
pub(crate) struct Measure {
    cpu: Duration,
    peak_bytes: u64,
    /// What it has printed.
    pub(crate) stdout: Vec<u8>,
}

impl Tool {
    /// A tool that stands beside this program.
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

    /// Sets what it reads.
    pub(crate) fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// Runs it so often and keeps the run with the least CPU time.
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
        let program = std::env::current_exe()?.with_file_name(self.name);
        let mut stderr = tempfile::tempfile()?;
        let mut child = Command::new(program)
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
            // A tool that does not read its stdin closes it; that is its right.
            scope.spawn(move || _ = stdin.write_all(&self.stdin));
            pipe.read_to_end(&mut stdout)
        })?;
        let used = child.wait4()?;
        if !used.status.success() {
            let mut said = String::new();
            stderr.rewind()?;
            stderr.read_to_string(&mut said)?;
            return Err(format!("{} ended with {}:\n{said}", self.name, used.status).into());
        }
        let cpu = used.rusage.utime + used.rusage.stime;
        Ok(Measure { cpu, peak_bytes: used.rusage.maxrss, stdout })
    }
}

impl Measure {
    /// User and system time, in milliseconds.
    pub(crate) fn cpu_ms(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3
    }

    /// The most memory it has had, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.peak_bytes as f64 / (1024.0 * 1024.0)
    }
}
