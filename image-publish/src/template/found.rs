//! `FoundTemplate`: a template of an image, as its config shows it. Does no I/O.

use pve_client::{
    GuestKind, NodeName, PropertyString, Resource, VmConfig, Vmid, Volid, parse_boolean,
};
use pve_stage::image_template::{DISK, ImageMark, TemplateOwner, is_extra, is_named_so};
use pve_stage::mark_line::TAG;

/// A template of an image, whoever made it, or one that is not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundTemplate {
    /// Its vmid.
    pub(crate) vmid: Vmid,
    /// The node that it is on, which its mark need not name.
    pub(crate) node: NodeName,
    /// Its name in PVE.
    pub(crate) name: String,
    /// What it was made from and for.
    pub(crate) mark: ImageMark,
    /// Its disk, which somebody may have removed or moved to another storage than the mark's.
    pub(crate) disk: Option<TemplateDisk>,
    /// How far it is.
    pub(crate) state: TemplateState,
    /// The reason it is locked.
    pub(crate) lock: Option<String>,
    /// Whether it is known to run, which only one that is not finished can.
    pub(crate) running: bool,
    /// Whether it is protected from removal.
    pub(crate) protected: bool,
    /// The keys of its config that its clones would get although nobody asked for them.
    pub(crate) extras: Vec<String>,
    /// The keys of what is lost with it besides its disk: further disks, detached ones too, and snapshots.
    pub(crate) holds: Vec<String>,
    /// When it was created, in seconds since 1970, if the config has it.
    pub(crate) made: Option<u64>,
}

/// The disk of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateDisk {
    /// Its volid.
    pub(crate) volid: Volid,
    /// Its size in bytes, if the config has it.
    pub(crate) size: Option<u64>,
}

/// How far a template is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TemplateState {
    /// A VM with the image's disk.
    Created,
    /// It has the flag, but its disk is not a base image.
    Flagged,
    /// PVE can make linked clones of it.
    Finished,
    /// Its disk is a base image, and still PVE says that it cannot link to it.
    CannotLink,
}

impl FoundTemplate {
    /// Reads a VM's config; `None` for a VM that is not a template of an image. One with a base image counts as
    /// finished.
    pub(crate) fn read(vmid: Vmid, node: &NodeName, config: &VmConfig) -> Option<Self> {
        let owner = ImageMark::owner(vmid.get(), |key| config.get(key));
        let TemplateOwner::Ours(mark) = owner else { return None };
        let disk = config.get(DISK).and_then(TemplateDisk::read);
        let flag = |key: &str| config.get(key).and_then(parse_boolean).unwrap_or_default();
        let state = match &disk {
            Some(disk) if flag("template") && disk.volid.is_base() => TemplateState::Finished,
            _ if flag("template") => TemplateState::Flagged,
            _ => TemplateState::Created,
        };
        Some(Self {
            vmid,
            node: node.clone(),
            name: config.get("name").unwrap_or_default().to_owned(),
            mark,
            disk,
            state,
            lock: config.get("lock").map(str::to_owned),
            running: false,
            protected: flag("protection"),
            extras: config.values.keys().filter(|key| is_extra(key)).cloned().collect(),
            holds: config.values.keys().filter(|key| *key != DISK && holds(key)).cloned().collect(),
            // PVE: QemuServer/MetaInfo.pm: a create writes it.
            made: config.get("meta").and_then(|meta| {
                PropertyString::parse(meta, "").get("ctime").and_then(|time| time.parse().ok())
            }),
        })
    }
}

/// Returns whether a key of a config has a volume, or shows that there are snapshots.
fn holds(key: &str) -> bool {
    const DRIVES: [&str; 7] = ["ide", "sata", "scsi", "virtio", "efidisk", "tpmstate", "unused"];
    let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
    key == "parent" || stem != key && DRIVES.contains(&stem)
}

impl TemplateDisk {
    fn read(text: &str) -> Option<Self> {
        let drive = PropertyString::parse(text, "file");
        Some(Self { volid: drive.get("file")?.parse().ok()?, size: drive.size("size") })
    }
}

/// Returns whether a VM in the cluster's list may be a template of an image, so that its config is worth reading.
///
/// The list knows the tags of a VM at once, its name and its flag only some seconds later.
// PVE: pve-manager, Cluster.pm, get_guest_config_properties; facts 31.
pub(crate) fn may_be_template(row: &Resource) -> bool {
    let tagged = row.tags.iter().any(|tag| tag.eq_ignore_ascii_case(TAG));
    let named = row.name.as_deref().is_none_or(is_named_so);
    row.kind == GuestKind::Qemu && tagged && (row.template || named)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "11111111-2222-4333-8444-555555555555";

    fn row(name: Option<&str>, template: bool, tags: &[&str]) -> Resource {
        Resource {
            kind: GuestKind::Qemu,
            vmid: Vmid::new(10_042).unwrap(),
            node: "pve1".parse().unwrap(),
            name: name.map(str::to_owned),
            status: "stopped".to_owned(),
            qmpstatus: None,
            template,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            pool: None,
            lock: None,
            hastate: None,
        }
    }

    /// What is found of a template with these further keys.
    fn found(more: &[(&str, &str)]) -> Option<FoundTemplate> {
        let mark = ImageMark {
            site: "home".to_owned(),
            image: "debian-12".to_owned(),
            digest: "0123456789ab".to_owned(),
            node: "pve1".to_owned(),
            storage: "local-lvm".to_owned(),
            vmid: 10_042,
            uuid: UUID.to_owned(),
        };
        let bare = [
            ("name".to_owned(), "debian-12-0123456789ab".to_owned()),
            ("tags".to_owned(), TAG.to_owned()),
            ("description".to_owned(), mark.to_string()),
            ("smbios1".to_owned(), format!("uuid={UUID}")),
            ("boot".to_owned(), "order=virtio0".to_owned()),
            ("meta".to_owned(), "creation-qemu=10.0".to_owned()),
            ("unused0".to_owned(), "local-lvm:vm-10042-disk-1".to_owned()),
        ];
        let more = more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let config = VmConfig { values: bare.into_iter().chain(more).collect(), digest: None };
        FoundTemplate::read(Vmid::new(10_042).unwrap(), &"pve1".parse().unwrap(), &config)
    }

    #[test]
    fn the_volid_says_more_than_the_flag() {
        let state = |more: &[(&str, &str)]| found(more).map(|found| found.state);
        let base = (DISK, "tank:base-10042-disk-0,size=2G");
        let plain = (DISK, "tank:vm-10042-disk-0,size=2G");
        let flag = ("template", "1");
        assert_eq!(state(&[base, flag]), Some(TemplateState::Finished));
        assert_eq!(state(&[plain, flag]), Some(TemplateState::Flagged));
        assert_eq!(state(&[flag]), Some(TemplateState::Flagged));
        assert_eq!(state(&[plain]), Some(TemplateState::Created));
        assert_eq!(state(&[plain, ("template", "0")]), Some(TemplateState::Created));
        // Somebody took the flag away: PVE would boot it.
        assert_eq!(state(&[base]), Some(TemplateState::Created));
        assert_eq!(state(&[("smbios1", "uuid=another")]), None);
        let disk = found(&[base]).and_then(|found| found.disk).unwrap();
        assert_eq!((disk.volid.storage().as_str(), disk.size), ("tank", Some(2 << 30)));
    }

    #[test]
    fn what_clones_would_get_is_extra() {
        let extras = |more: &[(&str, &str)]| found(more).map(|found| found.extras);
        assert_eq!(extras(&[(DISK, "tank:base-1-disk-0"), ("lock", "backup")]), Some(Vec::new()));
        let more = [("net0", "virtio,bridge=vmbr0"), ("protection", "1"), ("scsi1", "tank:x")];
        assert_eq!(extras(&more), Some(vec!["net0".into(), "protection".into(), "scsi1".into()]));
        assert!(found(&more).unwrap().protected);
    }

    #[test]
    fn what_is_lost_with_it() {
        let holds = |key| found(&[(DISK, "tank:base-1-disk-0"), (key, "x")]).unwrap().holds;
        assert_eq!(holds("net0"), ["unused0"]);
        assert_eq!(holds("scsihw"), ["unused0"]);
        assert_eq!(holds("scsi1"), ["scsi1", "unused0"]);
        assert_eq!(holds("virtio1"), ["unused0", "virtio1"]);
        assert_eq!(holds("parent"), ["parent", "unused0"]);
        let made = found(&[("meta", "creation-qemu=10.0.2,ctime=1760000000")]).unwrap().made;
        assert_eq!((made, found(&[]).unwrap().made), (Some(1_760_000_000), None));
    }

    #[test]
    fn only_some_configs_are_read() {
        let check = |name: Option<&str>, template: bool, tags: &[&str], expected: bool| {
            assert_eq!(may_be_template(&row(name, template, tags)), expected, "{name:?} {tags:?}");
        };
        check(Some("debian-12-0123456789ab"), false, &["x", "PVE-pipeline"], true);
        check(Some("web"), true, &["pve-pipeline"], true);
        check(None, false, &["pve-pipeline"], true);
        check(Some("web"), false, &["pve-pipeline"], false);
        check(Some("0123456789ab"), false, &["pve-pipeline"], false);
        check(Some("debian-12-0123456789ab"), true, &[], false);
    }
}
