//! `Definition`: what a VM consists of, by the document. Does no I/O.

use super::Creation;
use crate::mark::owns::short_digest;
use crate::mark::{SeedNote, TAG};
use machine::{ConfigKey, Settings};
use pve_client::{StorageId, Volid};
use stage::{Power, Secret};
use std::collections::{BTreeMap, BTreeSet};

/// What a VM consists of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Definition {
    /// The image of the boot disk; `None` when this VM has none.
    pub image: Option<Image>,
    /// How it is created.
    pub(crate) creation: Creation,
    /// The storage for new disks.
    pub storage: StorageId,
    /// Whether the VM's own entry names that storage: then its boot disk belongs there.
    pub(crate) storage_is_explicit: bool,
    /// The slot that a new VM boots from.
    pub(crate) boot: ConfigKey,
    /// Whether the document names that slot.
    pub(crate) boot_is_explicit: bool,
    /// Size of the boot disk in GiB; `None` accepts any size.
    pub disk_gib: Option<u32>,
    /// The settings that the VM must have.
    pub(crate) explicit: Settings,
    /// What a new VM gets: these settings, and defaults for the rest.
    pub(crate) new: Settings,
    /// Whether the mark records what the document says, so that it can be taken back. A document of an
    /// earlier build does not separate what somebody wrote from defaults.
    pub(crate) remembers: bool,
    /// The images of other disks.
    pub(crate) images: BTreeMap<ConfigKey, Image>,
    /// The derived MACs, which an existing NIC need not have.
    pub(crate) derived_macs: BTreeMap<ConfigKey, String>,
    /// Tags as written, without our own.
    pub tags: BTreeSet<String>,
    /// Whether it should run.
    pub(crate) power: Power,
    /// The pool that it belongs to; `None` when that is left alone.
    pub(crate) pool: Option<String>,
    /// What the guest gets, for the plan of a new VM: field and value.
    pub(crate) guest: Vec<(String, String)>,
    /// The seed data.
    pub seed: Seed,
}

impl Definition {
    /// Returns whether this VM may be created here.
    pub(crate) fn is_created(&self) -> bool {
        self.image.is_some() || matches!(self.creation, Creation::Clone(_))
    }

    /// Returns whether the VM is meant to have a tag, whose case does not matter. Our own is always meant.
    pub(crate) fn has_tag(&self, tag: &str) -> bool {
        let mut tags = self.tags.iter().map(String::as_str).chain([TAG]);
        tags.any(|wanted| wanted.eq_ignore_ascii_case(tag))
    }
}

/// An image of the document, and its volid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Its name in the document.
    pub name: String,
    /// Its entry in `images`.
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
    /// Differs whenever the data does.
    pub fingerprint: String,
    /// A short digest of each field that user-data was rendered from, by the field's name.
    pub(crate) fields: BTreeMap<String, String>,
}

impl Seed {
    /// Returns what stands for a seed that the document does not have: it is not compared.
    pub(crate) fn not_rendered() -> Self {
        Self {
            user_data: Secret::new(String::new()),
            meta_data: String::new(),
            network_config: String::new(),
            vendor_data: Secret::new(String::new()),
            fingerprint: String::new(),
            fields: BTreeMap::new(),
        }
    }

    /// Returns whether the document has the seed.
    pub(crate) fn is_rendered(&self) -> bool {
        !self.fingerprint.is_empty()
    }

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
