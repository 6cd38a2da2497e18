//! `pve-apply`: plans, creates, changes in place and destroys the document's VMs on Proxmox VE.
//!
//! `desired` and `observed` are values, `plan` is a function of both, `show` prints a plan for people.
//! Doors: `connect`, `observe`, `ha::read`, `quorum`, `facts`, `other_run`, `addresses`, `ready` (reads only), `execute`
//! (writes), `plan_file`, `confirm`, `interrupt`, `nested/files` (writes the site's files about nested nodes).

mod action;
mod addresses;
mod blocked;
mod boot_disk;
mod change;
mod cli;
mod closing;
mod command;
mod confirm;
mod connect;
mod desired;
mod examples;
mod execute;
mod export;
mod facts;
mod foresee;
mod ha;
mod interrupt;
mod inventory;
mod json;
mod listing;
mod manual;
mod mark;
pub mod memory;
mod nested;
mod network;
mod notice;
mod observe;
mod observed;
mod other_run;
mod outcome;
mod outlook;
mod plan;
mod plan_file;
mod preflight;
mod privileges;
mod quorum;
mod read;
mod ready;
mod requested;
mod room;
mod run_lock;
mod schedule;
mod show;
mod ssh;
mod status;
mod task_wait;
mod template;
mod version;
mod vnets;

pub use cli::Cli;
pub use manual::MANUAL;

use cli::Command;
use plan::Verb;
use stage::{Console, Failure, Output};

/// Runs the tool.
///
/// # Errors
/// The input cannot be used, PVE refuses, or the work stopped part-way.
pub fn run(cli: Cli, console: &Console) -> Result<Output, Failure> {
    match &cli.command {
        Command::Plan(args) => command::plan::run(args, console),
        Command::Apply(args) => command::apply::run(args, console),
        Command::Destroy(args) => command::destroy::run(args, console),
        Command::Adopt(args) => command::adopt::run(args, console),
        Command::Release(args) => command::release::run(args, console),
        Command::Start(args) => command::power::run(args, Verb::Start, console),
        Command::Stop(args) => command::power::run(args, Verb::Stop, console),
        Command::Reboot(args) => command::power::run(args, Verb::Reboot, console),
        Command::Wait(args) => match args.nested_site() {
            Some(site) => command::wait_pve::run(args, site, console),
            None => command::wait::run(args, console),
        },
        Command::Status(args) => command::status::run(args, console),
        Command::Inventory(args) => command::inventory::run(args, console),
        Command::Doctor(args) => command::doctor::run(args, console),
        Command::Export(args) => command::export::run(args, console),
        Command::Privileges(args) => command::privileges::run(args),
        Command::UnlockSdn(args) => command::unlock_sdn::run(args, console),
    }
}
