//! The document's VMs → the templates that they are cloned from. Does no I/O.

use std::collections::BTreeMap;

use machine::{BOOT_DISK, Settings, boot_storage};
use pve_client::{NodeName, StorageId, Volid};
use stage::identity::{SITE_NAME, is_site_name};
use stage::{Creation, Deployment, Place, Report, Vm};

use crate::prepared::parse_stored_name;

/// The longest name of a template, that of one label in DNS.
const LONGEST: usize = 63;

/// A template that VMs of the document are cloned from: one for each image, node and storage.
///
/// On a storage that nodes share it is still one for each node: PVE clones a VM only on its own node.
// PVE: facts-3 1.1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WantedTemplate {
    /// The image's name in the document.
    pub(crate) image: String,
    /// The VMs' node.
    pub(crate) node: NodeName,
    /// The storage of their boot disks.
    pub(crate) storage: StorageId,
    /// The names of the VMs.
    pub(crate) vms: Vec<String>,
}

/// The file that a template is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Its volid.
    pub(crate) volid: Volid,
    /// The start of its checksum, as in its name.
    pub(crate) digest: String,
    /// The least number of bytes that a disk with its data takes; 0 if unknown.
    pub(crate) least: u64,
}

impl Content {
    /// Returns the content of a file whose name has the checksum; `None` for any other file: its content may change
    /// under the same name.
    pub(crate) fn of(volid: &Volid, length: Option<u64>) -> Option<Self> {
        let (_, digest) = parse_stored_name(volid.file())?;
        // Other formats may be mostly holes, which take no space.
        let length = length.filter(|_| volid.file().ends_with(".qcow2"));
        let least = length.unwrap_or_default();
        Some(Self { volid: volid.clone(), digest: digest.to_owned(), least })
    }

    /// Returns the name of an image's template, for people.
    pub(crate) fn template_name(&self, image: &str) -> String {
        // PVE: pve-common, JSONSchema.pm, format dns-name; facts-4 64.
        let label: String =
            image.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let room = LONGEST - 1 - self.digest.len();
        let label = label.get(..room).unwrap_or(&label).trim_matches('-');
        format!("{label}-{}", self.digest)
    }
}

/// Returns the templates that the VMs need, in the order of image, node and storage; invalid names of the site, nodes
/// and storages are added to the report.
pub(crate) fn wanted(deployment: &Deployment, report: &mut Report) -> Vec<WantedTemplate> {
    let mut all: BTreeMap<(String, NodeName, StorageId), Vec<String>> = BTreeMap::new();
    for (index, vm) in deployment.vms.iter().enumerate().filter(|(_, vm)| is_cloned(vm)) {
        let (storage, field) = storage_of_boot_disk(deployment, index, vm);
        let node: Option<NodeName> = parsed(deployment.node_of(vm), "node", report);
        let storage: Option<StorageId> = parsed(&storage, &field, report);
        if let (Some(node), Some(storage)) = (node, storage) {
            let key = (vm.image.clone(), node, storage);
            all.entry(key).or_default().push(vm.name.clone());
        }
    }
    // It is one word of each template's mark.
    if let Some(site) = deployment.site.as_ref().filter(|site| !is_site_name(site))
        && !all.is_empty()
    {
        let fact = format!("\"{site}\" must be {SITE_NAME}");
        report.error("invalid-value", Place::input("site"), fact);
    }
    let template = |((image, node, storage), vms)| WantedTemplate { image, node, storage, vms };
    all.into_iter().map(template).collect()
}

/// Returns whether a VM is cloned from the template of its image.
pub(crate) fn is_cloned(vm: &Vm) -> bool {
    vm.create == Creation::Clone && vm.clone_from.is_none() && vm.image != Vm::NO_IMAGE
}

/// Returns the storage of a VM's boot disk, and the field that names it.
fn storage_of_boot_disk(deployment: &Deployment, index: usize, vm: &Vm) -> (String, String) {
    let (settings, _) = vm.config.as_ref().map(Settings::read).unwrap_or_default();
    match boot_storage(vm, &settings) {
        Some(own) => {
            let slot = vm.boot_disk.as_deref().unwrap_or(BOOT_DISK);
            (own.to_owned(), format!("vms[{index}].config.{slot}.storage"))
        }
        None => {
            let (storage, field) = deployment.datastore_of(index, vm);
            (storage.to_owned(), field)
        }
    }
}

fn parsed<T: std::str::FromStr<Err: std::error::Error>>(
    text: &str,
    field: &str,
    report: &mut Report,
) -> Option<T> {
    let place = Place::input(field);
    text.parse()
        .map_err(|error: T::Err| {
            // Many VMs may share the field.
            if !report.entries().iter().any(|entry| entry.place == place) {
                report.error("invalid-value", place, error.to_string());
            }
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage::Document;

    fn check(json: &str, expected: &[&str], places: &[&str]) {
        let document = Document::parse(json.as_bytes()).unwrap();
        let (deployment, mut report) = Deployment::read(&document);
        let shown = |one: &WantedTemplate| {
            format!("{} {} {}: {}", one.image, one.node, one.storage, one.vms.join(" "))
        };
        let all: Vec<String> = wanted(&deployment, &mut report).iter().map(shown).collect();
        assert_eq!(all, expected);
        let found: Vec<_> = report.entries().iter().map(|e| e.place.to_string()).collect();
        assert_eq!(found, places);
    }

    #[test]
    fn one_for_each_image_node_and_storage_of_a_boot_disk() {
        check(
            r#"{"node":"pve1","datastore":"tank","nodes":{"pve2":{"datastore":"fast"}},"vms":[
                {"name":"a","image":"deb","create":"clone"},
                {"name":"b","image":"deb","create":"clone","datastore":"slow"},
                {"name":"c","image":"deb","create":"clone","node":"pve2"},
                {"name":"d","image":"deb","create":"clone","node":"pve2","boot_disk":"scsi0",
                 "config":{"scsi0":{"storage":"own"},"virtio0":{"storage":"other"}}},
                {"name":"e","image":"deb","create":"clone"},
                {"name":"f","image":"deb"},
                {"name":"g","image":"deb","create":"import"},
                {"name":"h","image":"none","create":"clone"},
                {"name":"i","image":"deb","create":"clone","clone_from":{"vmid":9000}}]}"#,
            &["deb pve1 slow: b", "deb pve1 tank: a e", "deb pve2 fast: c", "deb pve2 own: d"],
            &[],
        );
    }

    #[test]
    fn an_invalid_name_has_its_place() {
        check(
            r#"{"node":"pve1","vms":[{"image":"deb","create":"clone"},{"image":"deb","create":"clone"},
                {"image":"deb","create":"clone","datastore":"a:b"}]}"#,
            &[],
            &["stdin: datastore", "stdin: vms[2].datastore"],
        );
    }

    #[test]
    fn a_site_is_one_word_of_a_mark() {
        let check = |site: &str, create: &str, places: &[&str]| {
            let vm = format!(r#"{{"name":"a","image":"deb","create":"{create}"}}"#);
            let json =
                format!(r#"{{"site":"{site}","node":"pve1","datastore":"tank","vms":[{vm}]}}"#);
            let all = if create == "clone" { &["deb pve1 tank: a"][..] } else { &[] };
            check(&json, all, places);
        };
        check("my lab", "clone", &["stdin: site"]);
        check("", "clone", &["stdin: site"]);
        check("my lab", "import", &[]);
        check("home", "clone", &[]);
    }

    #[test]
    fn a_name_is_one_label() {
        let check = |image: &str, expected: &str| {
            let volid = "local:import/x-0123456789ab.qcow2".parse().unwrap();
            assert_eq!(Content::of(&volid, None).unwrap().template_name(image), expected);
        };
        check("debian-12", "debian-12-0123456789ab");
        check("deb_12.5+x=", "deb-12-5-x-0123456789ab");
        check(&"a".repeat(200), &format!("{}-0123456789ab", "a".repeat(50)));
        assert_eq!(Content::of(&"local:import/debian.qcow2".parse().unwrap(), None), None);
    }
}
