//! meta-data: the VM's identity. Does no I/O.

use serde::Serialize;

/// meta-data as cloud-init reads it. It must have no other keys: `seedfrom`, for example, would
/// replace the seed with another one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct MetaData<'a> {
    /// A new ID makes cloud-init configure the VM again.
    pub(crate) instance_id: &'a str,
    /// Quoted like all strings: an unquoted host name `on` would leave the VM without users.
    pub(crate) local_hostname: &'a str,
}
