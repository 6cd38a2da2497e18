//! The kinds of files of a site, key by key: the reference that docs and schemas follow.
//! Does no I/O.

mod machine;
mod network;
mod site;

pub(crate) use machine::{
    ENV, ENV_VM, EXECUTION, MANIFEST, MANIFEST_NODE, NODE_EXECUTION, PRESET, SETTINGS, TEMPLATE,
};
pub(crate) use network::{HOST, NODE};
pub(crate) use site::{CLOUD_INIT, DEFAULTS, POSTURE, SECRETS, SITE, SPEC};
