//! What most subcommands begin with: the document on stdin, the client, the run's nonce.
//!
//! DOOR: reads stdin and takes random bytes for the nonce.

use crate::cli::{self, ConsentArgs, PaceArgs, TargetArgs};
use crate::desired::snippets::{Delivery, MOST_BYTES, Snippets};
use crate::desired::{self, Consent, Desired, Purpose, SeedWay};
use crate::execute::Runner;
use crate::interrupt::Interrupt;
use crate::schedule::Gates;
use crate::show::{Colour, show};
use crate::{action::Plan, connect, outcome, outcome::VmOutcome, schedule};
use data_encoding::HEXLOWER;
use pve_client::Client;
use stage::{Console, Deployment, Document, Entry, Failure, Place, Report};
use std::sync::Mutex;
use std::time::Duration;

/// The start of a run.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) desired: Desired,
    /// Names of the document's VMs, in its order.
    pub(super) order: Vec<String>,
}

impl Session {
    /// Reads the document and makes the client; says every problem of both at once.
    pub(super) fn open(
        target: &TargetArgs,
        console: &Console,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        let document = Document::from_stdin()?;
        let (deployment, mut report) = Deployment::read(&document);
        if report.has_errors() {
            return Err(report.into());
        }
        let (desired, findings) = desired::read(&deployment, &nonce()?, purpose);
        report.extend(findings);
        let client = connect::client(&deployment, &target.trust, console);
        match (client, desired) {
            (Ok(client), Some(mut desired)) => {
                let order = desired.vms.iter().map(|vm| vm.name.clone()).collect();
                select(&mut desired, &target.vms)?;
                Ok(Self { client, desired, order })
            }
            (Err(findings), _) => {
                report.extend(findings);
                Err(report.into())
            }
            (Ok(_), None) => Err(report.into()),
        }
    }
}

impl Session {
    /// Takes over what the user agrees to, and how seed data reaches VMs.
    pub(super) fn agree(&mut self, args: &ConsentArgs) -> Result<(), Failure> {
        self.desired.consent = Consent::from(args);
        self.desired.seed_way = args.seed;
        self.desired.snippets = snippets(args, &self.desired)?;
        if self.desired.snippets.is_none() {
            return Ok(());
        }
        let mut report = Report::new();
        for vm in &self.desired.vms {
            let Some(seed) = vm.machine.as_ref().map(|machine| &machine.seed) else { continue };
            let parts = [
                ("user_data", seed.user_data.expose()),
                ("meta_data", &seed.meta_data),
                ("network_config", &seed.network_config),
            ];
            for (field, text) in parts.iter().filter(|(_, text)| text.len() > MOST_BYTES) {
                let fact =
                    format!("is {} bytes; PVE reads snippets up to {MOST_BYTES}", text.len());
                report.error(Place::input(format!("vms[{}].{field}", vm.index)), fact);
            }
        }
        if report.has_errors() { Err(report.into()) } else { Ok(()) }
    }
}

/// Where snippets lie and how they are written; `None`: none are in play.
fn snippets(args: &ConsentArgs, desired: &Desired) -> Result<Option<Snippets>, Failure> {
    let given = &args.snippets;
    let to = match (&given.snippets_dir, &given.snippets_ssh) {
        (Some(path), _) => Some(Delivery::Dir { path: path.clone() }),
        (None, Some(host)) => {
            Some(Delivery::Sftp { host: host.clone(), path: given.snippets_path.clone() })
        }
        (None, None) => None,
    };
    let storage = given.storage.snippets_storage.as_ref();
    if to.is_none() && args.seed == SeedWay::Snippets {
        // PVE: facts 41: no call of the API stores a snippet.
        let place = Place::Named("--seed snippets".to_owned());
        let entry = Entry::error(place, "no way to write snippets is given");
        return Err(entry.hint("--snippets-dir or --snippets-ssh gives one").into());
    }
    if to.is_none() && storage.is_none() {
        return Ok(None);
    }
    Ok(Some(Snippets { storage: storage.unwrap_or(&desired.image_storage).clone(), to }))
}

/// Keeps the VMs that were asked for.
fn select(desired: &mut Desired, names: &[String]) -> Result<(), Failure> {
    if names.is_empty() {
        return Ok(());
    }
    let mut report = Report::new();
    let known: Vec<&str> = desired.vms.iter().map(|vm| vm.name.as_str()).collect();
    for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
        let entry = Entry::error(
            Place::Named("--vm".to_owned()),
            format!("\"{name}\" is no VM of the document"),
        );
        report.push(entry.hint(format!("it has {}", known.join(", "))));
    }
    if report.has_errors() {
        return Err(report.into());
    }
    desired.vms.retain(|vm| names.contains(&vm.name));
    Ok(())
}

/// 64 random bits: tells this run's creates from all others.
fn nonce() -> Result<String, Failure> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes).map_err(|error| {
        Entry::error(Place::Run, "the system gives no random bytes").cause(&error)
    })?;
    Ok(HEXLOWER.encode(&bytes))
}

impl From<&ConsentArgs> for Consent {
    fn from(args: &ConsentArgs) -> Self {
        Self {
            reboot: args.allow_reboot,
            stop: args.allow_stop,
            reseed: args.reseed,
            shutdown_seconds: args.shutdown_timeout,
        }
    }
}

/// What is blocked, as findings. Nothing is done then.
pub(super) fn refuse_blocked(plan: &Plan) -> Result<(), Failure> {
    if plan.blocked.is_empty() {
        return Ok(());
    }
    let mut report = Report::new();
    plan.blocked.iter().for_each(|blocked| report.push(blocked.entry()));
    Err(report.into())
}

/// What a plan that did not come to a good end is told as.
pub(super) fn unless_done(outcomes: &[VmOutcome]) -> Result<(), Failure> {
    if outcome::all_done(outcomes) {
        return Ok(());
    }
    let report = outcome::report(outcomes);
    let part_way = outcome::any_changed(outcomes);
    Err(if part_way { Failure::part_way(report) } else { report.into() })
}

/// Shows a plan to people.
pub(super) fn tell(console: &Console, plan: &Plan) {
    let colour = Colour::choose(console.is_terminal(), cli::no_color().as_deref());
    console.text(&show(plan, colour));
}

/// Carries out a plan.
pub(super) fn carry_out(
    client: &Client,
    console: &Console,
    interrupt: &Interrupt,
    pace: PaceArgs,
    plan: &Plan,
) -> Vec<VmOutcome> {
    let gates = Gates::new(usize::from(pace.imports_per_storage));
    let runner = Runner {
        client,
        console,
        interrupt,
        gates: &gates,
        task_limit: Duration::from_secs(pace.task_timeout),
        reserved: &plan.reserved,
        next_id: Mutex::new(()),
    };
    let stop_all = pace.fail_fast.then_some(interrupt);
    schedule::run_all(plan, usize::from(pace.parallelism), stop_all, |vm| runner.run(vm))
}
