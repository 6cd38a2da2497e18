//! A panic, which is always a bug of ours: it ends the whole run, whichever thread it is in, with a message
//! like any other and nothing on stdout.
//!
//! DOOR: writes to stderr and ends the process.

use crate::report::{Entry, Place, Report};
use crate::show;
use std::io::Write;
use std::panic::PanicHookInfo;

/// The exit code of Rust programs for a panic. It says nothing about whether something has changed.
const BUG: i32 = 101;

/// Makes a panic of any thread end the run.
///
/// What remains is what a killed run leaves, and the next run deals with both in the same way.
/// No destructor acts on a state that nobody foresaw, and there is no core dump, which would contain secrets.
pub(crate) fn ends_the_run(tool: &'static str, json: bool) {
    std::panic::set_hook(Box::new(move |panic| end(tool, json, panic)));
}

#[expect(clippy::exit, reason = "door: no other thread may go on")]
fn end(tool: &str, json: bool, panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(|| tool.to_owned(), ToString::to_string);
    let report = Report::from(finding(tool, place, panic.payload_as_str()));
    // Not with the run's console: this thread may hold its lock.
    let text =
        if json { show::json_lines(tool, &report) } else { show::text(tool, &report, false) };
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    std::process::exit(BUG);
}

fn finding(tool: &str, place: String, cause: Option<&str>) -> Entry {
    let mut entry = Entry::error("bug", Place::Named(place), format!("a bug in {tool}"))
        .hint(format!("report it with this message and the output of `{tool} --version`"));
    entry.causes.extend(cause.map(str::to_owned));
    entry
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a child of the test panics")]
mod tests {
    use crate::console::{Console, ConsoleArgs};
    use crate::{Failure, Output};
    use std::process::Command;

    const CHILD: &str = "STAGE_TEST_BUG";

    /// Accepts the arguments of the test's own program.
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        console: ConsoleArgs,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        _rest: Vec<String>,
    }

    impl AsRef<ConsoleArgs> for Cli {
        fn as_ref(&self) -> &ConsoleArgs {
            &self.console
        }
    }

    /// A run with a thread that panics and whose result is ignored.
    fn run(_: Cli, _: &Console) -> Result<Output, Failure> {
        let _ = std::thread::spawn(|| panic!("https://root:s3cr3t@pve.example")).join();
        Ok(Output::bytes("the run went on", crate::Report::new()))
    }

    /// Runs only this test, in a process of its own.
    fn check(format: &str, expected: &str) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "bug::tests::a_panic_in_a_thread_ends_the_run", "--nocapture"])
            .envs([(CHILD, "1"), ("PVE_PIPELINE_LOG", format)])
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(101), "{stderr}");
        assert!(stderr.starts_with(expected), "{stderr}");
        assert!(!stderr.contains("s3cr3t"), "{stderr}");
        assert!(!String::from_utf8(output.stdout).unwrap().contains("the run went on"));
    }

    #[test]
    fn a_panic_in_a_thread_ends_the_run() {
        if std::env::var_os(CHILD).is_some() {
            crate::main("tool", run);
            return;
        }
        check("text", "tool: error: stage/src/bug.rs:");
        check("json", r#"{"v":1,"event":"finding","tool":"tool","severity":"error","code":"bug","#);
    }
}
