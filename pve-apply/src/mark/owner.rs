//! Decides who owns a VM: compares its mark with the VM that carries it. Does no I/O.
//!
//! A description and tags travel with clones and backups; a vmid and a uuid do not travel together.
//! A VM is ours only when its mark names this very machine.

use super::{Line, Mark, NO_UUID, Stage, TAG, tag_set};
use pve_stage::image_template::{ImageMark, TemplateOwner};
use pve_stage::uuid;
use serde::Serialize;

/// The owner of a VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This site's and this deployment's: the mark names this very machine.
    Ours(Box<Mark>),
    /// Another owner's, or nobody's.
    NotOurs(NotOurs),
}

/// Why a VM is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub(crate) enum NotOurs {
    /// It carries no mark.
    Unmarked,
    /// It carries our line, but not our tag.
    Untagged {
        /// The deployment in the line.
        deployment: String,
        /// The VM in the line.
        vm: String,
    },
    /// Its mark was written by an earlier build, without site, vmid and uuid.
    Earlier {
        /// The deployment in the mark.
        deployment: String,
        /// The VM in the mark.
        vm: String,
    },
    /// Its mark was written by a later build.
    Later {
        /// The mark's `v`.
        version: u32,
    },
    /// Its mark cannot be read, or it has two.
    Broken,
    /// It is a template of an image: image-publish made it, and removes it.
    ImageTemplate {
        /// Its name.
        name: Option<String>,
    },
    /// It carries the mark of something that is not a VM.
    OtherKind {
        /// The mark's `kind`.
        kind: String,
    },
    /// The mark names another uuid: a clone of that VM.
    Clone {
        /// The deployment in the mark.
        deployment: String,
        /// The VM in the mark.
        vm: String,
    },
    /// The mark names this uuid at another vmid: restored from a backup of that VM.
    Restored {
        /// The deployment in the mark.
        deployment: String,
        /// The VM in the mark.
        vm: String,
    },
    /// It belongs to another site, or to one without a name.
    OtherSite {
        /// The site in the mark; empty for none.
        site: String,
        /// The deployment in the mark.
        deployment: String,
        /// The VM in the mark.
        vm: String,
    },
    /// It belongs to another deployment of this site.
    OtherDeployment {
        /// The deployment in the mark.
        deployment: String,
        /// The VM in the mark.
        vm: String,
    },
}

impl NotOurs {
    /// Describes the VM, as a continuation of "it is …".
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Unmarked => "not ours".to_owned(),
            Self::Untagged { deployment, vm } => {
                format!("\"{vm}\" of \"{deployment}\", without our tag `{TAG}`")
            }
            Self::Earlier { deployment, vm } => {
                format!("\"{vm}\" of \"{deployment}\", marked by an earlier build")
            }
            Self::Later { version } => {
                format!(
                    "marked by a later build (mark version {version}), which this one cannot read"
                )
            }
            Self::Broken => "marked, but the mark cannot be read".to_owned(),
            Self::ImageTemplate { name: Some(name) } => {
                format!("\"{name}\", a template of an image")
            }
            Self::ImageTemplate { name: None } => "a template of an image".to_owned(),
            Self::OtherKind { kind } => {
                format!("not a VM of a deployment (mark of kind \"{kind}\")")
            }
            Self::Clone { deployment, vm } => format!("a clone of \"{vm}\" of \"{deployment}\""),
            Self::Restored { deployment, vm } => {
                format!("a restored copy of \"{vm}\" of \"{deployment}\"")
            }
            Self::OtherSite { site, deployment, vm } if site.is_empty() => {
                format!("\"{vm}\" of \"{deployment}\", from a site without a name")
            }
            Self::OtherSite { site, deployment, vm } => {
                format!("\"{vm}\" of \"{deployment}\" of site \"{site}\"")
            }
            Self::OtherDeployment { deployment, vm } => format!("\"{vm}\" of \"{deployment}\""),
        }
    }

    /// Returns deployment and name of the VM that this one is a copy of.
    pub(crate) fn copied_from(&self) -> Option<(&str, &str)> {
        match self {
            Self::Clone { deployment, vm } | Self::Restored { deployment, vm } => {
                Some((deployment, vm))
            }
            _ => None,
        }
    }
}

/// Returns the owner of the VM with this vmid and config, for a deployment of a site (empty when it has no name).
pub(crate) fn owner<'a>(
    (site, deployment): (&str, &str),
    vmid: u32,
    config: impl Fn(&str) -> Option<&'a str>,
) -> Owner {
    match judge((site, deployment), vmid, config) {
        Ok(mark) => Owner::Ours(mark),
        Err(not_ours) => Owner::NotOurs(not_ours),
    }
}

fn judge<'a>(
    (site, deployment): (&str, &str),
    vmid: u32,
    config: impl Fn(&str) -> Option<&'a str>,
) -> Result<Box<Mark>, NotOurs> {
    let tagged = tag_set(config("tags").unwrap_or_default()).contains(TAG);
    let mark = match Line::read(config("description").unwrap_or_default()) {
        Line::None => return Err(NotOurs::Unmarked),
        Line::Earlier { deployment, vm, .. } if tagged => {
            return Err(NotOurs::Earlier { deployment, vm });
        }
        Line::Earlier { deployment, vm, .. } => return Err(NotOurs::Untagged { deployment, vm }),
        Line::Later { version } => return Err(NotOurs::Later { version }),
        Line::OtherKind { kind } => {
            let name = config("name").map(str::to_owned);
            return Err(match ImageMark::owner(vmid, config) {
                TemplateOwner::Ours(_) => NotOurs::ImageTemplate { name },
                TemplateOwner::Copy(_) | TemplateOwner::Other => NotOurs::OtherKind { kind },
            });
        }
        Line::Broken => return Err(NotOurs::Broken),
        Line::Mark(mark) => mark,
    };
    let (of, vm) = (mark.deployment.clone(), mark.vm.clone());
    // A clone gets our tag with its first write, and its uuid with its last: until then only its vmid
    // tells it from a copy of itself.
    let is_clone = mark.stage == Stage::Clone;
    if !tagged && !is_clone {
        return Err(NotOurs::Untagged { deployment: of, vm });
    }
    if is_clone && mark.vmid != Some(vmid) || !is_clone && mark.uuid != uuid(config("smbios1")) {
        return Err(NotOurs::Clone { deployment: of, vm });
    }
    if mark.vmid != Some(vmid) {
        return Err(NotOurs::Restored { deployment: of, vm });
    }
    if mark.site != site {
        return Err(NotOurs::OtherSite { site: mark.site, deployment: of, vm });
    }
    if mark.deployment != deployment {
        return Err(NotOurs::OtherDeployment { deployment: of, vm });
    }
    Ok(mark)
}

/// Returns the uuid of a VM as a mark writes it.
pub(crate) fn uuid(smbios1: Option<&str>) -> String {
    smbios1.and_then(uuid::of_smbios1).unwrap_or_else(|| NO_UUID.to_owned())
}
