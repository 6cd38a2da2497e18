//! `main`: arguments in, stdout or the file of `--output` once and whole, report on stderr, exit code.
//!
//! DOOR: writes to stdout. The codes are the table of docs/pipeline.md.

use crate::bug;
use crate::command_line::{self, Variables};
use crate::console::{Console, ConsoleArgs};
use crate::failure::Failure;
use crate::live::Live;
use crate::log_setting::{self, LogFormat};
use crate::output::{Content, Output};
use crate::report::{Entry, Place};
use crate::usage;
use crate::whole_file::WholeFile;
use clap::Parser;
use std::ffi::OsString;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Done.
const DONE: u8 = 0;
/// The run has failed before anything was changed.
const REFUSED: u8 = 1;
/// The command line cannot be understood; clap's own code.
const USAGE: u8 = 2;
/// The world has changed or may have, and not all was done.
const PART_WAY: u8 = 3;
/// `plan --detailed-exitcode`: there are changes.
const CHANGES: u8 = 4;
/// Nobody reads stdout any more: what a shell shows for a process ended by SIGPIPE.
const CLOSED_PIPE: u8 = 141;

/// Runs a stage: parses the command line, runs it, prints the report, then prints stdout
/// once and whole, and only when there is no error.
pub fn main<C, F>(tool: &'static str, run: F) -> ExitCode
where
    C: Parser + AsRef<ConsoleArgs>,
    F: FnOnce(C, &Console) -> Result<Output, Failure>,
{
    main_with_live(tool, || None, run)
}

/// The same for a stage that shows on a terminal what it is doing: `open` opens the live block.
pub fn main_with_live<C, F>(
    tool: &'static str,
    open: impl FnOnce() -> Option<Arc<dyn Live>>,
    run: F,
) -> ExitCode
where
    C: Parser + AsRef<ConsoleArgs>,
    F: FnOnce(C, &Console) -> Result<Output, Failure>,
{
    let args: Vec<OsString> = std::env::args_os().collect();
    let (setting, unknown) = log_setting::read();
    let json = log_setting::wants_json(&args, setting);
    bug::ends_the_run(tool, json);
    let (cli, variables) = match command_line::parse::<C>(args) {
        Ok(parsed) => parsed,
        Err(error) => return refuse(tool, &error, json),
    };
    let args = cli.as_ref().clone().with(setting);
    let file = args.output.clone().filter(|path| path != Path::new("-"));
    let console = Console::new(tool, args, variables).with_live(open);
    if let Some(word) = unknown {
        console.report(&word.finding().into());
        return ExitCode::from(USAGE);
    }
    // Before anything is done: what cannot be kept need not be made.
    let file = match file.map(OutputFile::open).transpose() {
        Ok(file) => file,
        Err(entry) => {
            console.report(&entry.into());
            return ExitCode::from(REFUSED);
        }
    };
    match run(cli, &console) {
        Ok(output) => finish(&console, &output, file),
        Err(failure) => {
            console.report(failure.report());
            ExitCode::from(match (failure.part_way, failure.usage) {
                (true, _) => PART_WAY,
                (false, true) => USAGE,
                (false, false) => REFUSED,
            })
        }
    }
}

/// Prints help or version, or says why the command line cannot be understood.
fn refuse(tool: &'static str, error: &clap::Error, json: bool) -> ExitCode {
    if json && error.use_stderr() {
        let args = ConsoleArgs { log_format: Some(LogFormat::Json), ..ConsoleArgs::default() };
        Console::new(tool, args, Variables::new()).report(&usage::finding(error).into());
    } else {
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { USAGE } else { DONE })
}

/// The file of `--output`.
struct OutputFile {
    path: PathBuf,
    file: WholeFile,
}

impl OutputFile {
    fn open(path: PathBuf) -> Result<Self, Entry> {
        match WholeFile::open(&path) {
            Ok(file) => Ok(Self { path, file }),
            // What is there is not a file.
            Err(error) if error.kind() == ErrorKind::Other => Err(unwritten(&path, &error)
                .hint("name a file, or `--output -` for stdout; a pipe takes stdout as it is")),
            Err(error) => Err(unwritten(&path, &error)),
        }
    }

    fn commit(self, bytes: &[u8]) -> Result<(), Entry> {
        self.file.commit(bytes).map_err(|error| unwritten(&self.path, &error))
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Entry {
    Entry::error("unwritable", Place::file(path.display().to_string()), "cannot be written")
        .cause(error)
}

fn finish(console: &Console, output: &Output, file: Option<OutputFile>) -> ExitCode {
    console.report(&output.report);
    if output.report.has_errors() && !output.blocked {
        return ExitCode::from(REFUSED);
    }
    let written = match file {
        Some(file) => match &output.stdout {
            Content::Bytes(bytes) => file.commit(bytes),
            Content::Document(document) => file.commit(&document.to_bytes()),
        },
        None => match print(&output.stdout) {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => return ExitCode::from(CLOSED_PIPE),
            printed => printed.map_err(|e| unwritten(Path::new("stdout"), &e)),
        },
    };
    match written {
        Ok(()) if output.blocked => ExitCode::from(REFUSED),
        Ok(()) => ExitCode::from(if output.changes { CHANGES } else { DONE }),
        Err(entry) => {
            console.report(&entry.into());
            ExitCode::from(if output.world_changed { PART_WAY } else { REFUSED })
        }
    }
}

fn print(content: &Content) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match content {
        Content::Bytes(bytes) => stdout.write_all(bytes)?,
        Content::Document(document) => {
            // stdout's own buffer ends with each line, of which a document has many.
            let mut buffer = BufWriter::with_capacity(1 << 16, &mut stdout);
            document.write(&mut buffer)?;
            buffer.flush()?;
        }
    }
    stdout.flush()
}
