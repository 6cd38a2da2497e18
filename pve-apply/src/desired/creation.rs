//! `Creation`: how a new VM's boot disk is made, by the document. Does no I/O.

use pve_client::Vmid;

/// How a new VM is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    /// PVE imports its image.
    Import {
        /// Why it is not a clone, if the document asks for one.
        instead: Option<String>,
    },
    /// PVE clones a template.
    Clone(Source),
}

/// The template that a new VM is cloned from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// That of the VM's image, which image-publish made; `None` if a dry run of it would.
    OfImage(Option<Vmid>),
    /// Somebody's.
    Theirs {
        /// Which one.
        template: TemplateId,
        /// Whether its disks are copied; `None` to link them if PVE can.
        full: Option<bool>,
    },
}

/// A template on the VM's node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TemplateId {
    /// The one with this vmid.
    Vmid(Vmid),
    /// The only one with this name.
    Name(String),
}

impl Source {
    /// Returns the template, unless it does not exist yet.
    pub(crate) fn template(&self) -> Option<TemplateId> {
        match self {
            Self::OfImage(vmid) => vmid.map(TemplateId::Vmid),
            Self::Theirs { template, .. } => Some(template.clone()),
        }
    }
}
