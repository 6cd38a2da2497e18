//! `pve-apply unlock-sdn`: releases PVE's lock of the SDN configuration.

use crate::cli::{self, UnlockSdnArgs};
use crate::confirm;
use crate::connect;
use crate::interrupt::Interrupt;
use crate::network::execute::Tools;
use crate::network::execute::unlock::{self, Known};
use stage::{Console, Deployment, Document, Entry, Failure, Output, Place, Report};
use std::time::Duration;

/// How long another run on this machine is waited for, and PVE's lock file.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn run(args: &UnlockSdnArgs, console: &Console) -> Result<Output, Failure> {
    let (deployment, report) = Deployment::read(&Document::from_stdin()?);
    if report.has_errors() {
        return Err(report.into());
    }
    let client = connect::client(&deployment, &args.trust, console)?;
    let interrupt = Interrupt::listen();
    let folder = cli::state_folder();
    let tools = Tools {
        client: &client,
        console,
        interrupt: &interrupt,
        task_limit: LIMIT,
        folder: folder.as_deref(),
    };
    let turn = unlock::begin(tools)?;
    match turn.known()? {
        Known::Free => console.text("nobody holds the SDN lock; nothing was done\n"),
        Known::Ours => {
            turn.release()?;
            console.text("released the SDN lock that an earlier run on this machine held\n");
        }
        Known::Others if !args.force => return Err(of_others().into()),
        Known::Others => {
            let pending = turn.pending()?;
            console.text(&consequences(&pending));
            confirm::confirm_break(args.yes, &interrupt)?;
            turn.break_it()?;
            console.text("broke the SDN lock\n");
        }
    }
    Ok(Output::bytes(Vec::new(), Report::new()))
}

/// Says what breaking the lock does.
fn consequences(pending: &[String]) -> String {
    let mut text =
        "breaking the SDN lock lets anyone change the SDN configuration again, also while \
                    its holder is still at work; nothing else is changed\n"
            .to_owned();
    for name in pending {
        text += &format!("  pending, and kept: {name}\n");
    }
    text
}

fn of_others() -> Entry {
    let place = Place::Named("SDN".to_owned());
    let fact = "no earlier run on this machine holds the SDN lock, but somebody does";
    Entry::error("sdn-locked", place, fact)
        .note("PVE does not say who holds it or since when, and it never expires")
        .hint("make sure that nobody is changing the SDN configuration, then break it with --force")
}
