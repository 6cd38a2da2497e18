//! Publishes the images of a document's VMs on Proxmox VE storage: complete, once, and verified.
//!
//! wanted (what the VMs use) → prepare (read, judge, compare checksums) → plan (what is missing) → execute.
//! Nothing is sent before every image is read and every local check has passed.

mod away;
mod cache;
mod cli;
mod commands;
mod connect;
mod destination;
mod execute;
mod failed_write;
mod folder;
mod image_use;
mod interrupt;
mod left_over;
mod manual;
pub mod memory;
mod node;
mod origin;
mod outcome;
mod own_uploads;
mod plan;
mod prepare;
mod prepared;
mod published;
mod qemu_img;
mod refresh;
mod retry;
mod room;
mod show;
mod side_by_side;
mod slots;
mod source;
mod stored;
mod sums;
mod target;
mod template;
mod temporary;
mod transfer;
mod turn;
mod voice;
mod waiting;
mod wanted;
mod work;

use stage::{Console, Failure, Output};

pub use cli::Cli;
pub use manual::MANUAL;

use cli::Command;

/// Runs a command, or the filter.
pub fn run(cli: Cli, console: &Console) -> Result<Output, Failure> {
    match &cli.command {
        None => commands::filter::run(&cli.filter.0, console),
        Some(Command::Publish(args)) => commands::publish::run(args, console),
        Some(Command::List(args)) => commands::list::run(args, console),
        Some(Command::Verify(args)) => commands::verify::run(args, console),
        Some(Command::Remove(args)) => commands::remove::run(args, console),
        Some(Command::Prune(args)) => commands::prune::run(args, console),
    }
}
