//! A blocking client for the Proxmox VE API, with API tokens.
//!
//! [`Client`] has one method for each endpoint that we call. It knows PVE but not our document.
//!
//! * It distinguishes requests never sent from those maybe sent ([`Error::NeverSent`], [`Error::MaybeSent`]) and never repeats a write.
//! * The caller gets PVE's own text in full, wherever PVE puts it.
//! * No `Debug`, `Display` or error contains a secret.
//!
//! Doors: `dial`, `tunnel`, `handshake` and `transport` (network), `tls` (the system's certificate store), `clock`. Everything else does no I/O.

mod agent;
mod agent_error;
mod client;
mod clock;
mod clone;
mod cluster;
mod cluster_error;
mod dial;
mod endpoint;
mod envelope;
mod error;
mod exchange;
mod fetch;
mod fields;
mod fingerprint;
mod handshake;
mod hardware;
mod headers;
mod ids;
mod lxc;
mod migrate;
mod package;
mod params;
mod property_string;
mod proxy;
mod qemu;
mod redirect;
mod sdn;
mod sdn_object;
mod storage;
mod task;
mod tls;
mod transport;
mod tunnel;
mod unusable;
mod upid;
mod upload;
mod volid;

pub use agent::{AgentFile, AgentInterface};
pub use client::{Client, Observer, Traffic};
pub use clock::{Clock, SystemClock};
pub use clone::{
    CloneKind, CloneRequest, Feature, FeatureState, TEMPORARY_DESCRIPTION, clone_of_log,
};
pub use cluster::{GuestKind, Node, Permissions, Resource, Version};
pub use endpoint::{ApiToken, ApiUrl, BadToken, BadUrl, Endpoint, Timeouts};
pub use error::{Call, CertificateProblem, Error, ProxyProblem, Refusal, TaskFailure, Unreachable};
pub use fetch::{FetchError, Fetched, Fetcher};
pub use fingerprint::{BadFingerprint, Fingerprint};
pub use hardware::{Mapping, MappingKind};
pub use headers::FileVersion;
pub use ids::{BadName, Digest, NodeName, StorageId, Vmid};
pub use migrate::{
    LocalDisk, MappedResource, Migration, MigrationObstacles, MigrationPreconditions,
};
pub use package::Package;
pub use params::Params;
pub use property_string::{PropertyString, display_size, parse_boolean, parse_size};
pub use proxy::Proxies;
pub use qemu::{ConfigView, PendingValue, VmConfig, VmStatus};
pub use redirect::Downgrade;
pub use sdn::{NodeVnet, NodeZone, SdnKind};
pub use sdn_object::{SdnFabric, SdnFabricNode, SdnFabrics, SdnObject, SdnState};
pub use storage::{Bridge, Download, Network, Storage, StorageConfig, Volume, VolumeInfo};
pub use task::{Finished, KILLED, LogPage, TaskEntry, TaskFilter, TaskState};
pub use tls::{BadTrust, Trust};
pub use upid::Upid;
pub use upload::Upload;
pub use volid::Volid;
