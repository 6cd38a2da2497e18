//! meta-data: who the VM is. Does no I/O.

use serde::Serialize;

/// meta-data as cloud-init reads it. It has no further key: `seedfrom`, for one, would replace
/// the seed by another one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct MetaData<'a> {
    /// A new one makes cloud-init configure the VM anew.
    pub(crate) instance_id: &'a str,
    /// Quoted like all texts: a host name `on` without quotes would leave the VM without users.
    pub(crate) local_hostname: &'a str,
}
