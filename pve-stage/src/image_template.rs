//! The mark of an image's template: a VM that image-publish makes, and that VMs are cloned from.
//!
//! ```text
//! <!-- pve-pipeline v=1 kind=image site= image= digest= node= storage= vmid= uuid= -->
//! ```
//! A description travels with clones and backups: a template is ours only if its mark names its own vmid
//! and uuid. The mark does not say whether the template is finished; its disk does. Does no I/O.

use crate::mark_line::{MarkFields, MarkLine, has_tag};
use crate::uuid;
use std::fmt;

/// The slot of a template's only disk.
pub const DISK: &str = "virtio0";

/// The keys of a bare template, or those that a clone does not get as they are.
// PVE: facts-3 1.1, facts-4 21: a clone has a new uuid and vmgenid, and no unused disks.
const BARE: [&str; 9] =
    ["boot", "description", "meta", "name", "smbios1", "tags", "template", DISK, "vmgenid"];

/// Returns whether a key of a template's config would be news to its clones. Its lock is not: it passes.
pub fn is_extra(key: &str) -> bool {
    !BARE.contains(&key) && key != "lock" && !key.starts_with("unused")
}

/// Returns whether a name is like that of a template, which ends in the start of a checksum.
pub fn is_named_so(name: &str) -> bool {
    let digest = name.rsplit_once('-').map(|(_, digest)| digest);
    digest.is_some_and(|digest| digest.len() == 12 && digest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// What a template's mark says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageMark {
    /// The site whose image-publish made it; empty for a site without a name.
    pub site: String,
    /// The image's name.
    pub image: String,
    /// The start of the image's checksum, as in the name of its file.
    pub digest: String,
    /// The node for whose VMs it was made.
    pub node: String,
    /// The storage on which its disk was made.
    pub storage: String,
    /// Its vmid.
    pub vmid: u32,
    /// Its uuid, in lower case.
    pub uuid: String,
}

/// What a VM is, as far as templates of images are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateOwner {
    /// A template of an image, or one that is not finished.
    Ours(ImageMark),
    /// A copy of one, by a clone or from a backup: somebody's own.
    Copy(ImageMark),
    /// Anything else.
    Other,
}

impl ImageMark {
    /// The mark's `kind`.
    pub const KIND: &str = "image";

    /// Returns whether a VM with this vmid and config is an image's template.
    pub fn owner<'c>(vmid: u32, config: impl Fn(&str) -> Option<&'c str>) -> TemplateOwner {
        let description = config("description").unwrap_or_default();
        let mut lines =
            description.lines().map(str::trim_end).filter(|line| MarkLine::is_line(line));
        let mark = match (lines.next(), lines.next()) {
            (Some(line), None) => Self::read(line),
            // One VM must not be two things.
            _ => None,
        };
        let Some(mark) = mark.filter(|_| has_tag(config("tags").unwrap_or_default())) else {
            return TemplateOwner::Other;
        };
        let uuid = config("smbios1").and_then(uuid::of_smbios1);
        if mark.vmid == vmid && uuid.as_deref() == Some(&mark.uuid) {
            TemplateOwner::Ours(mark)
        } else {
            TemplateOwner::Copy(mark)
        }
    }

    fn read(line: &str) -> Option<Self> {
        match MarkLine::read(line) {
            MarkLine::Fields { kind, fields } if kind == Self::KIND => Self::of_fields(fields),
            _ => None,
        }
    }

    fn of_fields(mut fields: MarkFields) -> Option<Self> {
        let mut take = |key: &str| fields.take(key);
        Some(Self {
            site: take("site")?,
            image: take("image")?,
            digest: take("digest")?,
            node: take("node")?,
            storage: take("storage")?,
            vmid: take("vmid")?.parse().ok()?,
            uuid: take("uuid")?.to_ascii_lowercase(),
        })
    }
}

/// The line for the description.
impl fmt::Display for ImageMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { site, image, digest, node, storage, vmid, uuid } = self;
        let vmid = vmid.to_string();
        let fields = [
            ("site", site.as_str()),
            ("image", image),
            ("digest", digest),
            ("node", node),
            ("storage", storage),
            ("vmid", &vmid),
            ("uuid", uuid),
        ];
        f.write_str(&MarkLine::write(Self::KIND, fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "11111111-2222-4333-8444-555555555555";

    fn mark() -> ImageMark {
        ImageMark {
            site: "home".into(),
            image: "debian-12".into(),
            digest: "0123456789ab".into(),
            node: "pve1".into(),
            storage: "local-lvm".into(),
            vmid: 10_042,
            uuid: UUID.into(),
        }
    }

    fn check(vmid: u32, description: &str, tags: &str, smbios1: &str, expected: &TemplateOwner) {
        let config = |key: &str| {
            match key {
                "description" => Some(description.to_owned()),
                "tags" => Some(tags.to_owned()),
                "smbios1" => Some(smbios1.to_owned()),
                _ => None,
            }
            .map(|text| -> &'static str { text.leak() })
        };
        assert_eq!(ImageMark::owner(vmid, config), *expected, "{vmid} {description} {tags}");
    }

    #[test]
    fn a_template_is_named_after_its_content() {
        for (name, expected) in [
            ("debian-12-0123456789ab", true),
            ("debian-12", false),
            ("0123456789ab", false),
            ("web-0123456789az", false),
            ("web-0123456789abc", false),
        ] {
            assert_eq!(is_named_so(name), expected, "{name}");
        }
    }

    #[test]
    fn only_the_very_vm_that_the_mark_names_is_ours() {
        let line = mark().to_string();
        let smbios1 = format!("base64=1,uuid={}", UUID.to_uppercase());
        let (ours, copy) = (TemplateOwner::Ours(mark()), TemplateOwner::Copy(mark()));
        check(10_042, &format!("notes\n{line}\n"), "x;PVE-pipeline", &smbios1, &ours);
        check(10_043, &line, "pve-pipeline", &smbios1, &copy);
        check(10_042, &line, "pve-pipeline", "uuid=99999999-2222-4333-8444-555555555555", &copy);
        check(10_042, &line, "pve-pipeline", "", &copy);
        check(10_042, &line, "other", &smbios1, &TemplateOwner::Other);
        check(10_042, &format!("{line}\n{line}"), "pve-pipeline", &smbios1, &TemplateOwner::Other);
        let of_vm = line.replace("kind=image", "kind=vm");
        check(10_042, &of_vm, "pve-pipeline", &smbios1, &TemplateOwner::Other);
    }
}
