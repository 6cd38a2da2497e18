//! The kinds of files of a site and their keys; docs and schemas are generated from them.
//! Does no I/O.

mod network;
mod sdn;
mod site;
mod vms;

pub(crate) use network::NODE;
pub(crate) use sdn::NETWORK;
pub(crate) use site::{ALL_KEYS, CLOUD_INIT, POSTURE, SECRETS, SITE, SPEC, TOKENS};
pub(crate) use vms::{ENV, ENV_VM, MANIFEST, MANIFEST_NODE, PRESET, TEMPLATE};
