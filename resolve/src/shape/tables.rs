//! The kinds of files of a site, key by key: the reference that docs and schemas follow.
//! Does no I/O.

mod machine;
mod network;
mod site;

pub(crate) use machine::{ENV, ENV_VM, MANIFEST, MANIFEST_NODE, PRESET, TEMPLATE};
pub(crate) use network::{HOST, NODE};
pub(crate) use site::{CLOUD_INIT, POSTURE, SECRETS, SITE, SPEC};
