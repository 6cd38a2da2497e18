//! The mark by which a VM is known to be ours: the tag `pve-pipeline` and one line of the description.
//!
//! The line has the grammar of `pve_stage::mark_line`:
//!
//! ```text
//! <!-- pve-pipeline v=1 kind=vm site= deployment= vm= node= vmid= uuid= run= stage= made= seed= owns= -->
//! ```
//! Unknown fields are kept. Both tag and line are required: a tag alone can be set by accident, and a
//! line alone may be part of any text. Does no I/O.

mod owner;
pub(crate) mod owns;
mod seed;
#[cfg(test)]
mod tests;

pub(crate) use owner::{NotOurs, Owner, owner, uuid};
pub(crate) use seed::SeedNote;

use machine::ConfigKey;
use pve_stage::mark_line::{MarkFields, MarkLine};
pub(crate) use pve_stage::mark_line::{TAG, split_tags};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::collections::BTreeSet;
use std::fmt;

/// The mark's `kind`.
const KIND: &str = "vm";
/// The prefix of the line that builds before the grammar wrote.
const EARLIER: &str = "pve-pipeline: ";
/// The `made` of a VM that was adopted.
pub(crate) const ADOPTED: &str = "adopted";
/// The `uuid` of an adopted VM that has none.
pub(crate) const NO_UUID: &str = "none";

/// Our line of the description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The site; empty when it has no name.
    pub(crate) site: String,
    /// The deployment that the VM belongs to.
    pub(crate) deployment: String,
    /// The VM's name in the document.
    pub(crate) vm: String,
    /// The home node: the one that the document was written for.
    pub(crate) node: String,
    /// The VM's vmid; `None` in a plan whose create has not claimed one yet.
    pub(crate) vmid: Option<u32>,
    /// The uuid in the VM's `smbios1` in lower case, or [`NO_UUID`]; empty in a plan of a create.
    pub(crate) uuid: String,
    /// The nonce of the run that wrote the line.
    pub(crate) run: String,
    /// The progress of the VM's creation.
    pub(crate) stage: Stage,
    /// How the VM was created: history, not part of its identity.
    pub(crate) made: String,
    /// The seed data that the VM has.
    pub(crate) seed: SeedNote,
    /// What the last apply was asked for, such as `tags.web`.
    pub(crate) owns: BTreeSet<String>,
    /// Fields of a later build, unchanged.
    pub(crate) other: Vec<(String, String)>,
}

/// The progress of a VM's creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A clone that has only the template's disks and config, and this line: no uuid of ours and no seed. It
    /// has never been started.
    Clone,
    /// Its disk may still have to grow, and it may still need a start.
    #[default]
    Making,
    /// It is finished.
    Done,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::Clone => "clone",
            Self::Making => "making",
            Self::Done => "done",
        }
    }
}

/// What a description says about the owner of a VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Nothing.
    None,
    /// One line of ours.
    Mark(Box<Mark>),
    /// A line of a build before the grammar, with deployment, VM and seed fingerprint.
    Earlier {
        /// The deployment.
        deployment: String,
        /// The VM's name.
        vm: String,
        /// The fingerprint of its seed data.
        seed: String,
    },
    /// A line of a later build, which may mean anything.
    Later {
        /// Its `v`.
        version: u32,
    },
    /// The mark of something that is not a VM, such as an image template.
    OtherKind {
        /// Its `kind`.
        kind: String,
    },
    /// Unreadable lines of ours, or more than one: nobody's, since one VM must not answer to
    /// two names.
    Broken,
}

impl Line {
    /// Reads a description.
    pub(crate) fn read(description: &str) -> Self {
        let mut lines = description.lines().map(str::trim_end).filter(|line| is_ours(line));
        match (lines.next(), lines.next()) {
            (None, _) => Self::None,
            (Some(line), None) => Self::of_line(line),
            (Some(_), Some(_)) => Self::Broken,
        }
    }

    fn of_line(line: &str) -> Self {
        if let Some(rest) = line.strip_prefix(EARLIER) {
            return Self::earlier(rest).unwrap_or(Self::Broken);
        }
        match MarkLine::read(line) {
            MarkLine::Later { version } => Self::Later { version },
            MarkLine::Broken => Self::Broken,
            MarkLine::Fields { kind, fields } if kind == KIND => {
                Mark::of_fields(fields).map_or(Self::Broken, |m| Self::Mark(m.into()))
            }
            MarkLine::Fields { kind, .. } => Self::OtherKind { kind },
        }
    }

    fn earlier(rest: &str) -> Option<Self> {
        let mut fields = MarkFields::split(rest)?;
        let mut take = |key: &str| fields.take(key);
        Some(Self::Earlier {
            deployment: take("deployment")?,
            vm: take("vm")?,
            seed: take("seed")?,
        })
    }
}

/// Returns what people wrote into a description: every line but ours, without blanks at the end.
pub(crate) fn of_people(description: &str) -> String {
    let lines: Vec<&str> = description.lines().filter(|line| !is_ours(line)).collect();
    lines.join("\n").trim_end().to_owned()
}

fn is_ours(line: &str) -> bool {
    MarkLine::is_line(line) || line.starts_with(EARLIER)
}

impl Mark {
    fn of_fields(mut fields: MarkFields) -> Option<Self> {
        let mut take = |key: &str| fields.take(key);
        let vmid = match take("vmid")?.as_str() {
            "" => None,
            text => Some(text.parse().ok()?),
        };
        let stage = match take("stage")?.as_str() {
            "making" => Stage::Making,
            "done" => Stage::Done,
            "clone" => Stage::Clone,
            _ => return None,
        };
        let owns = take("owns")?.split(',').filter(|n| !n.is_empty()).map(str::to_owned).collect();
        Some(Self {
            site: take("site")?,
            deployment: take("deployment")?,
            vm: take("vm")?,
            node: take("node")?,
            vmid,
            uuid: take("uuid")?.to_ascii_lowercase(),
            run: take("run")?,
            stage,
            made: take("made")?,
            seed: SeedNote::parse(&take("seed")?),
            owns,
            other: fields.rest(),
        })
    }

    /// Returns the line for the description.
    pub(crate) fn line(&self) -> String {
        self.to_string()
    }

    /// Puts the line into a description: in place of the old one, or at the end.
    ///
    /// Of several lines of ours, including earlier forms, it replaces the first and removes the rest.
    pub(crate) fn write_into(&self, description: &str) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut placed = false;
        for line in description.lines() {
            if !is_ours(line) {
                lines.push(line.to_owned());
            } else if !placed {
                lines.push(self.line());
                placed = true;
            }
        }
        if !placed {
            lines.push(self.line());
        }
        lines.join("\n")
    }

    /// The same mark with what only the VM's config shows: the contents of its slots, and its seed's volume.
    pub(crate) fn filled_in<'c>(&self, config: impl Fn(&str) -> Option<&'c str>) -> Self {
        let digest = |key: &str| owns::digest(ConfigKey::find(key)?, config(key));
        Self {
            owns: owns::fill_in(&self.owns, digest),
            seed: self.seed.clone().filled_in(digest(&self.seed.slot)),
            ..self.clone()
        }
    }

    /// Replaces the plan's nonce by that of a run.
    pub(crate) fn stamp(&mut self, own: &str, run: &str) {
        if self.run == own {
            run.clone_into(&mut self.run);
        }
    }

    /// Returns whether it is on a clone that has not become the VM yet: it is removed, never finished.
    pub(crate) fn is_unfinished_clone(&self) -> bool {
        self.stage == Stage::Clone
    }

    /// Returns whether the VM existed before it became ours.
    pub(crate) fn is_adopted(&self) -> bool {
        self.made == ADOPTED
    }

    /// Returns whether both name the same VM of the same deployment and site, whichever run wrote them.
    pub(crate) fn same_vm(&self, other: &Self) -> bool {
        (&self.site, &self.deployment, &self.vm) == (&other.site, &other.deployment, &other.vm)
    }

    /// Returns whether both name the very same machine: its vmid and uuid too.
    pub(crate) fn same_machine(&self, other: &Self) -> bool {
        self.same_vm(other) && self.is_at(other)
    }

    /// Returns whether both name the same vmid and uuid.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        (self.vmid, &self.uuid) == (other.vmid, &other.uuid)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { site, deployment, vm, node, uuid, run, made, seed, .. } = self;
        let vmid = self.vmid.map(|vmid| vmid.to_string()).unwrap_or_default();
        let owns: Vec<&str> = self.owns.iter().map(String::as_str).collect();
        let (seed, owns) = (seed.to_string(), owns.join(","));
        let fields = [
            ("site", site.as_str()),
            ("deployment", deployment),
            ("vm", vm),
            ("node", node),
            ("vmid", &vmid),
            ("uuid", uuid),
            ("run", run),
            ("stage", self.stage.as_str()),
            ("made", made),
            ("seed", &seed),
            ("owns", &owns),
        ];
        let other = self.other.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        f.write_str(&MarkLine::write(KIND, fields.into_iter().chain(other)))
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Line::read(&String::deserialize(from)?) {
            Line::Mark(mark) => Ok(*mark),
            _ => Err(D::Error::custom("expected a mark of this build")),
        }
    }
}

/// Splits PVE's tags; they are compared without regard to case.
pub(crate) fn tag_set(tags: &str) -> BTreeSet<String> {
    split_tags(tags).map(str::to_lowercase).collect()
}
