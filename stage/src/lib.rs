//! What a stage is: it reads a document on stdin, adds what it knows, prints it on stdout,
//! and speaks to people on stderr.
//!
//! * [`Document`] is the tfvars JSON that travels through the pipe, kept as it came.
//! * [`Deployment`] is the same document as typed values, for reading.
//! * [`Report`] collects what a stage has to say: every problem, in order, each with its place.
//! * [`main`] is the only code that prints or decides an exit code.
//! * [`Manual`] is what help and man pages say besides the options.
//! * [`variable`] reads the environment.
//! * [`identity`] says what a site and a deployment may be called, and which vmids VMs get.
//! * [`guest`] says what a value must be to work in a guest.
//! * [`seed`] makes the NoCloud seed image of the texts that cloud-init reads.
//! * [`SeedInputs`] shows whether a VM's fields were changed after its seed was rendered.
//! * [`signing_key`] says what a signing key is.
//! * [`sops`] decrypts a file that SOPS has encrypted.
//! * [`suggest`] says what a user has most likely meant.
//! * [`short_field`] finds short fields of a VM that say something else than the field that is used.
//! * [`shown`] decides what of the user's values a message may show.
//! * [`child`] starts programs without the stage's secrets.
//! * [`whole_file`] writes files with secrets in them.
//! * [`example`] knows the secrets of the examples.
//! * [`Gather`] makes maps with little code.
//! * [`Console`] shows progress and events while a stage works.

mod alike;
pub mod api_token;
mod boot_source;
mod bug;
pub mod child;
mod command_line;
mod connect;
mod console;
mod creation;
mod deployment;
mod document;
mod entry;
mod environment;
mod event;
pub mod example;
mod failure;
mod fields;
mod gather;
pub mod guest;
pub mod identity;
mod image_source;
mod live;
mod log_setting;
mod manual;
mod network;
mod nic;
mod node;
mod on_node;
mod option_order;
mod output;
mod own;
mod power;
pub mod presence;
pub mod random;
mod report;
mod secret;
pub mod seed;
mod seed_fields;
mod seed_inputs;
mod shell_word;
pub mod short_field;
mod show;
pub mod shown;
pub mod signing_key;
pub mod sops;
pub mod suggest;
mod usage;
pub mod whole_file;

pub use connect::TrustArgs;
pub use console::{Console, ConsoleArgs};
pub use creation::{CloneFrom, Creation, Template};
pub use deployment::{Deployment, Vm, Waiting};
pub use document::Document;
pub use entry::{main, main_with_live};
pub use environment::variable;
pub use event::Event;
pub use failure::Failure;
pub use fields::Fields;
pub use gather::Gather;
pub use image_source::ImageSource;
pub use live::Live;
pub use log_setting::LogFormat;
pub use manual::{COLOR_VARIABLE, LOG_VARIABLE, Manual};
pub use network::{Network, Subnet, Vnet};
pub use nic::Nic;
pub use node::Node;
pub use output::Output;
pub use own::OwnArgs;
pub use power::Power;
pub use report::{Answer, Entry, Excerpt, Place, Position, Report, Severity};
pub use secret::Secret;
pub use seed_fields::SeedFields;
pub use seed_inputs::SeedInputs;
pub use shell_word::shell_word;
pub use show::printable;

/// The version of the tools: in a build by `make release` with the commit that it was built from.
pub const VERSION: &str = match option_env!("PVE_PIPELINE_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};
