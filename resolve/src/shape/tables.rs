//! The kinds of files of a site, key by key: the reference that docs and schemas follow.
//! Does no I/O.

mod machine;
mod network;
mod site;

pub use machine::{
    ENV, ENV_VM, EXECUTION, MANIFEST, MANIFEST_NODE, NODE_EXECUTION, PRESET, TEMPLATE,
};
pub use network::{HOST, NODE};
pub use site::{CLOUD_INIT, DEFAULTS, IMAGE, POSTURE, SECRETS, SITE, SPEC};
