//! `Machine`: what a VM is made of, as the document says it. Does no I/O.

use crate::mark::SeedNote;
use crate::mark::owns::short_digest;
use machine::{ConfigKey, Settings};
use pve_client::{StorageId, Volid};
use stage::{Power, Secret};
use std::collections::{BTreeMap, BTreeSet};

/// What a VM is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Machine {
    /// The image that the boot disk is made from; `None`: nobody makes this VM here.
    pub image: Option<Image>,
    /// The storage for new disks.
    pub storage: StorageId,
    /// The VM's own entry names that storage: its boot disk belongs there.
    pub(crate) storage_is_said: bool,
    /// The slot that a new VM boots from.
    pub(crate) boot: ConfigKey,
    /// The document names that slot.
    pub(crate) boot_is_said: bool,
    /// Size of the boot disk in GiB; `None`: whatever it has.
    pub disk_gib: Option<u32>,
    /// What the VM is held to.
    pub(crate) said: Settings,
    /// What a new VM gets: what is said, and values where nobody says anything.
    pub(crate) new: Settings,
    /// The mark remembers what is said, so that it can be taken back. A document of an earlier build
    /// does not tell what somebody says from what is filled in.
    pub(crate) remembers: bool,
    /// The images that other disks are made from.
    pub(crate) images: BTreeMap<ConfigKey, Image>,
    /// The MACs that were derived, which an existing NIC need not have.
    pub(crate) derived_macs: BTreeMap<ConfigKey, String>,
    /// Tags as they are written, without our own.
    pub tags: BTreeSet<String>,
    /// Whether it shall run.
    pub(crate) power: Power,
    /// The pool that it belongs to; `None`: that is not ours to say.
    pub(crate) pool: Option<String>,
    /// What the guest is told, for the plan of a new VM: field and value.
    pub(crate) guest: Vec<(String, String)>,
    /// The seed data.
    pub seed: Seed,
}

/// An image of the document, and where it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Its name in the document.
    pub name: String,
    /// What `images` says of it.
    pub volid: Option<Volid>,
    /// It is not published yet: `image-publish --dry-run` would. Its size in bytes, where it is known.
    pub(crate) pending: Option<Option<u64>>,
}

impl Image {
    /// Returns what people are shown of it.
    pub(crate) fn shown(&self) -> String {
        let name = &self.name;
        match self.pending {
            None => name.clone(),
            Some(None) => format!("{name} (to be published)"),
            Some(Some(bytes)) => {
                format!("{name} (to be published, {} MiB)", bytes.div_ceil(1 << 20))
            }
        }
    }
}

/// A VM's NoCloud data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seed {
    /// user-data, whole.
    pub user_data: Secret<String>,
    /// meta-data, whole.
    pub meta_data: String,
    /// network-config, whole; empty for none.
    pub network_config: String,
    /// vendor-data, whole; empty for none.
    pub vendor_data: Secret<String>,
    /// Tells whether the data has changed.
    pub fingerprint: String,
    /// A short digest of each field that user-data was rendered from, by the field's name.
    pub(crate) fields: BTreeMap<String, String>,
}

impl Seed {
    /// Returns what the mark says of this seed.
    pub(crate) fn note(&self, slot: &str) -> SeedNote {
        let mut parts = vec![("ud", self.user_data.expose()), ("nc", &self.network_config)];
        let vendor_data = self.vendor_data.expose();
        if !vendor_data.is_empty() {
            parts.push(("vd", vendor_data));
        }
        let digest = |(name, text): &(&str, &String)| format!("{name}:{}", short_digest(text));
        let field = |(name, digest): (&String, &String)| format!("{name}:{digest}");
        SeedNote {
            fingerprint: self.fingerprint.clone(),
            slot: slot.to_owned(),
            parts: parts.iter().map(digest).chain(self.fields.iter().map(field)).collect(),
        }
        .with_open_volume()
    }
}

/// The name that YAML and the document's flat fields have for an option, where it is not PVE's.
pub(crate) fn short_name(key: ConfigKey, part: &str) -> Option<&'static str> {
    match (key.key.part.name, key.slot, part) {
        ("net", Some(0), "bridge") => Some("bridge"),
        ("net", Some(0), "tag") => Some("vlan"),
        ("net", Some(0), "macaddr") => Some("mac"),
        _ => None,
    }
}
