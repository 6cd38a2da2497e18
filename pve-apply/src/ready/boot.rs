//! DOOR (reads, waits): waits until cloud-init has finished with a guest's boot, and reports how it ended.

use super::cloud_init::{BootResult, RESULT, STATUS, recoverable, result, stage};
use super::{CLOUD_INIT, Vm};
use pve_client::{AgentFile, Error};
use pve_stage::wait::Poll;
use stage::{Entry, Report};

/// The progress of a boot.
enum Boot {
    /// cloud-init is running, or has not started; in words.
    Runs(String),
    /// cloud-init has finished; with its warnings.
    Ended(Vec<String>),
    /// cloud-init has finished with errors.
    Failed(Box<Entry>),
    /// The agent did not answer: the guest may be off for a reboot.
    Unread(Error),
}

/// Where to look for more.
const LOGS: &str = "in the guest: `cloud-init status --long` and /var/log/cloud-init-output.log";
/// An error of cloud-init may contain the whole output of a command.
const FEW_LINES: usize = 6;

impl Vm<'_> {
    /// Waits until cloud-init has finished with the boot; returns its warnings.
    pub(super) fn cloud_init(&mut self) -> Result<Report, Box<Entry>> {
        self.begin("waiting for cloud-init");
        let end = self.until(CLOUD_INIT, |vm| match vm.look_at_boot() {
            Boot::Ended(warnings) => Ok(Poll::Ready(warnings)),
            Boot::Failed(entry) => Err(entry),
            Boot::Unread(error) => vm.unless_refused(&error),
            Boot::Runs(at) => Ok(Poll::NotYet(at)),
        });
        match end {
            Ok(warnings) => Ok(self.warning(&warnings)),
            Err(error) => Err(self.over(CLOUD_INIT, error)),
        }
    }

    /// Reads everything again each time: a guest that reboots in the meantime starts over.
    fn look_at_boot(&self) -> Boot {
        let file = match self.file(RESULT) {
            Ok(Some(file)) => file,
            Ok(None) => return self.look_at_stage(),
            Err(error) => return Boot::Unread(error),
        };
        match result(&file.content) {
            Err(broken) => Boot::Runs(format!("{RESULT}{}: {broken}", cut(&file))),
            Ok(BootResult { datasource: None, errors }) if errors.is_empty() => {
                let fact = format!("cloud-init of \"{}\" found no data", self.name);
                let hint =
                    "the guest did not read its seed; /run/cloud-init/ds-identify.log says why";
                Boot::Failed(Box::new(
                    Entry::error("cloud-init-failed", self.place(), fact).hint(hint),
                ))
            }
            Ok(BootResult { errors, .. }) => match errors.split_first() {
                Some((first, more)) => Boot::Failed(Box::new(self.failed(first, more.len()))),
                None => match self.file(STATUS) {
                    Ok(status) => Boot::Ended(recoverable(&status.unwrap_or_default().content)),
                    Err(error) => Boot::Unread(error),
                },
            },
        }
    }

    fn look_at_stage(&self) -> Boot {
        match self.file(STATUS) {
            Ok(Some(status)) => {
                let at = stage(&status.content);
                let at = at.map_or("cloud-init is between two stages".to_owned(), |at| {
                    format!("cloud-init is in stage {at}")
                });
                Boot::Runs(at)
            }
            Ok(None) => {
                Boot::Runs(format!("cloud-init has not started: the guest has no {STATUS}"))
            }
            Err(error) => Boot::Unread(error),
        }
    }

    /// Returns a file of the guest; `None` when it does not exist.
    pub(super) fn file(&self, path: &str) -> Result<Option<AgentFile>, Error> {
        match self.shared.client.agent_file(&self.node, self.vmid, path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.is_agent_file_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn failed(&self, first: &str, more: usize) -> Entry {
        let errors = if more == 0 { "an error".to_owned() } else { format!("{} errors", more + 1) };
        let fact = format!("cloud-init of \"{}\" ended with {errors}", self.name);
        with_output(Entry::error("cloud-init-failed", self.place(), fact), first).hint(LOGS)
    }

    fn warning(&self, warnings: &[String]) -> Report {
        let Some((first, more)) = warnings.split_first() else { return Report::new() };
        let warnings = match more.len() {
            0 => "a warning".to_owned(),
            more => format!("{} warnings", more + 1),
        };
        let fact = format!("cloud-init of \"{}\" ended with {warnings}", self.name);
        with_output(Entry::warning("cloud-init-warning", self.place(), fact), first)
            .hint(LOGS)
            .into()
    }
}

fn cut(file: &AgentFile) -> &'static str {
    if file.truncated { ", of which PVE reads only a part" } else { "" }
}

fn with_output(entry: Entry, text: &str) -> Entry {
    let lines = text.lines().filter(|line| !line.trim().is_empty()).take(FEW_LINES);
    lines.fold(entry, |entry, line| entry.note(format!("cloud-init says: {line}")))
}
