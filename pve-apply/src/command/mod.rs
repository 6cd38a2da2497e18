//! The subcommands: each reads its input, asks the pure parts and the doors in order, and answers.

pub(crate) mod adopt;
pub(crate) mod apply;
pub(crate) mod destroy;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod inventory;
mod networks;
pub(crate) mod plan;
pub(crate) mod power;
mod preflight;
pub(crate) mod privileges;
pub(crate) mod release;
mod rollback;
mod saved;
mod session;
pub(crate) mod status;
pub(crate) mod unlock_sdn;
pub(crate) mod wait;
pub(crate) mod wait_pve;
mod work;
