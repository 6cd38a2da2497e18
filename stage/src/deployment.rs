//! `Deployment` and `Vm`: the document as typed values. Does no I/O.
//!
//! Field names, their order and their meaning are those of docs/pipeline.md.

use crate::creation::{CloneFrom, Creation, Template};
use crate::document::Document;
use crate::fields::Fields;
use crate::identity::VmidRange;
use crate::image_source::ImageSource;
use crate::network::Network;
use crate::nic::Nic;
use crate::node::Node;
use crate::power::Power;
use crate::report::Report;
use crate::secret::Secret;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The document's top-level fields and its VMs. An absent string is empty, as in the reference;
/// an absent number is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Deployment {
    /// The PVE node that the VMs are on.
    pub node: String,
    /// Base URL of the PVE API.
    pub api_endpoint: String,
    /// The fingerprint of the API's certificate, which a stage trusts unless its command line says
    /// what to trust.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_fingerprint: Option<String>,
    /// `user@realm!id=uuid`.
    pub api_token: Secret<String>,
    /// For the OpenTofu module; our stages never use it.
    pub ssh_user: String,
    /// The user that cloud-init creates.
    pub automation_user: String,
    /// For the OpenTofu module, like `ssh_user`.
    pub ssh_host: String,
    /// Storage for VM disks.
    pub datastore: String,
    /// File storage with content `import`, for images and seeds.
    pub image_datastore: String,
    /// The nodes of the VMs by their names in PVE. Empty if all of them are on `node`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<String, Node>,
    /// Crypt hash of root's password; empty for none.
    pub root_password: Secret<String>,
    /// Public keys for every VM.
    pub ssh_keys: Vec<String>,
    /// Where a VM fetches its spec; empty for none.
    pub spec_server: String,
    /// The site that the VMs belong to. `None` for a site without a name, whose VMs cannot be
    /// distinguished from those of another site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The deployment that the VMs belong to: the name of the env or manifest, or that of
    /// `resolve --deployment`.
    pub deployment: String,
    /// The names of all VMs of the deployment, including VMs that are not in this document, and the
    /// former names of renamed VMs. `None` if the document does not list them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vm_names: Option<Vec<String>>,
    /// The range of vmids for VMs that set none.
    pub vmid_range: VmidRange,
    /// What pve-apply does after a VM has failed. `None` if the manifest does not set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_error: Option<String>,
    /// Image name → volid; filled by image-publish.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
    /// Images that `image-publish --dry-run` would publish, with their size in bytes if known.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images_pending: BTreeMap<String, Option<u64>>,
    /// The templates of images for VMs that are cloned; filled by image-publish.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<Template>,
    /// Image name → where it comes from; read by image-publish.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub image_sources: BTreeMap<String, ImageSource>,
    /// Site-wide cloud-init additions; read by cloudinit-render.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub cloud_init: Map<String, Value>,
    /// The networks that the VMs use: zones with their vnets and subnets. `None` for a site without
    /// networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<Network>>,
    /// The zones of all networks of the site, including those that this document does not use.
    /// `None` if the document does not list them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_names: Option<Vec<String>>,
    /// VMs on a nested node of this document: another pipe creates them once the node runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// The VMs, parents first, otherwise in the site's order.
    pub vms: Vec<Vm>,
}

/// A VM that this document cannot create.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Its name.
    pub name: String,
    /// The nested node that it waits for: `resolve --parent`.
    pub parent: String,
}

/// The usual size of a printed VM in bytes.
const USUAL_VM: usize = 1024;

/// One VM of the document.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Vm {
    /// Name in PVE and host name in the guest.
    pub name: String,
    /// The VM's former name. `None` if it was not renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// The node that the site's YAML sets for the VM. `None` for the document's node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Whether the node comes from a list: a new VM is created there, an existing one stays where it
    /// is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub node_from_list: bool,
    /// `None` for the first free vmid of `vmid_range`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vmid: Option<u32>,
    /// Whether the vmid comes from `vmid_base` or `count`. A new VM gets it; an existing VM keeps
    /// its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub vmid_counted: bool,
    /// Key of `images`.
    pub image: String,
    /// How a new VM's boot disk is made from the image.
    #[serde(skip_serializing_if = "Creation::is_import")]
    pub create: Creation,
    /// The template that a new VM is cloned from. Its `image` is then [`Vm::NO_IMAGE`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clone_from: Option<CloneFrom>,
    /// CPU cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<u32>,
    /// Memory in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// Size of the boot disk in GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<u32>,
    /// The slot that a new VM boots from. `None` for virtio0. The boot disk of an existing VM does
    /// not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_disk: Option<String>,
    /// Bridge or vnet of net0.
    pub bridge: String,
    /// `dhcp`, or an address in CIDR notation.
    pub ip: String,
    /// Default gateway of a static address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// VLAN tag of net0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u32>,
    /// MAC of net0. If empty, PVE picks one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac: String,
    /// The settings of every NIC in the guest, net0 included. `None` for net0 alone, as in the fields
    /// above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nics: Option<Vec<Nic>>,
    /// The VM's config in PVE that the site's YAML sets, by config key. pve-apply keeps the VM to it.
    /// `None` in a document of an earlier build, where the other fields apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
    /// Whether the VM should run.
    #[serde(skip_serializing_if = "Power::is_running")]
    pub power: Power,
    /// The pool that the VM belongs to. `None` to leave it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Name servers of this guest. `None` for the site's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_servers: Option<Vec<String>>,
    /// Search domains of this guest. `None` for the site's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_domains: Option<Vec<String>>,
    /// The user that cloud-init creates in this guest. `None` for `automation_user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Crypt hash of that user's password. `None` for no password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<Secret<String>>,
    /// Public keys for this guest instead of the document's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_keys: Option<Vec<String>>,
    /// cloud-config of this guest, on top of the document's.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub cloud_init: Map<String, Value>,
    /// user-data written by hand: passed on unchanged; nothing is rendered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_user_data: Option<Secret<String>>,
    /// vendor-data written by hand: passed on unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_vendor_data: Option<Secret<String>>,
    /// Packages for the guest, besides those that every guest gets.
    pub packages: Vec<String>,
    /// Tags in PVE, besides our mark.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When it starts and stops with its node: PVE's `startup`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<String>,
    /// Storage for this VM's disks, instead of the document's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datastore: Option<String>,
    /// The spec that the VM fetches at its first boot; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub spec: String,
    /// What the VM sets itself up as at its first boot, one of [`crate::guest::BOOT_SCENARIOS`].
    /// `None` for a VM that fetches its spec, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_scenario: Option<String>,
    /// Whether the guest is a PVE node without a spec server: at its first boot it makes an API token
    /// for the VMs on it, which `pve-apply wait --pve` fetches.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub nested_pve: bool,
    /// The VM of the same deployment that must exist first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Provisioning token; filled by mint-token.
    pub auth_token: Secret<String>,
    /// Filled by cloudinit-render.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_data: Option<Secret<String>>,
    /// Filled by cloudinit-render if the VM has vendor-data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_data: Option<Secret<String>>,
    /// Filled by cloudinit-render.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta_data: Option<String>,
    /// Filled by cloudinit-render.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_config: Option<String>,
    /// Filled by cloudinit-render.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Filled by cloudinit-render: shows whether a VM's seed data has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed_fingerprint: Option<String>,
    /// Filled by cloudinit-render: a digest of the fields that the seed was rendered from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed_inputs: Option<String>,
}

impl Deployment {
    /// Reads a document and reports every value of a wrong type. Each stage checks for itself whether
    /// the fields that it needs are present.
    pub fn read(document: &Document) -> (Self, Report) {
        Self::read_with(document, |f| f.optional_object("config"))
    }

    /// Reads a document without the VMs' `config`, its larger part, for a stage that does not need it.
    pub fn read_guests(document: &Document) -> (Self, Report) {
        Self::read_with(document, |_| None)
    }

    fn read_with(
        document: &Document,
        config: impl Fn(&mut Fields<'_>) -> Option<Map<String, Value>>,
    ) -> (Self, Report) {
        let mut report = Report::new();
        let mut f = Fields::new(document.json(), "", &mut report);
        let deployment = Self {
            node: f.text("node").unwrap_or_default(),
            api_endpoint: f.text("api_endpoint").unwrap_or_default(),
            api_fingerprint: f.text("api_fingerprint").filter(|text| !text.is_empty()),
            api_token: f.secret("api_token").unwrap_or_default(),
            ssh_user: f.text("ssh_user").unwrap_or_default(),
            automation_user: f.text("automation_user").unwrap_or_default(),
            ssh_host: f.text("ssh_host").unwrap_or_default(),
            datastore: f.text("datastore").unwrap_or_default(),
            image_datastore: f.text("image_datastore").unwrap_or_else(|| "local".into()),
            nodes: f.each_named("nodes", Node::read),
            root_password: f.secret("root_password").unwrap_or_default(),
            ssh_keys: f.texts("ssh_keys"),
            spec_server: f.text("spec_server").unwrap_or_default(),
            site: f.text("site"),
            deployment: f.text("deployment").unwrap_or_default(),
            vm_names: f.optional_texts("vm_names"),
            vmid_range: vmid_range(&mut f),
            on_error: f.text("on_error"),
            images: f.text_map("images"),
            images_pending: f.number_map("images_pending"),
            templates: f.each("templates", Template::read),
            image_sources: f.each_named("image_sources", ImageSource::read),
            cloud_init: f.object("cloud_init"),
            networks: f.optional_each("networks", Network::read),
            network_names: f.optional_texts("network_names"),
            waiting: f.each("waiting", Waiting::read),
            vms: f.each("vms", |f| Vm { config: config(f), ..Vm::read(f) }),
        };
        (deployment, report)
    }

    /// Returns the document in its printed form, like [`Document::to_bytes`], for `resolve`. Does not
    /// build a [`Document`] first, which would copy 20,000 VMs for nothing.
    ///
    /// # Errors
    /// None in practice: `serde_json` can write all of these values.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = Vec::with_capacity(self.vms.len() * USUAL_VM);
        serde_json::to_writer_pretty(&mut bytes, self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

fn vmid_range(f: &mut Fields<'_>) -> VmidRange {
    let Some(text) = f.text("vmid_range") else { return VmidRange::DEFAULT };
    VmidRange::parse(&text).unwrap_or_else(|| {
        f.problem(
            "invalid-value",
            "vmid_range",
            format!("must be {}, not \"{text}\"", VmidRange::FORM),
        );
        VmidRange::DEFAULT
    })
}

impl Vm {
    fn read(f: &mut Fields<'_>) -> Self {
        Self {
            name: f.text("name").unwrap_or_default(),
            renamed_from: f.text("renamed_from"),
            node: f.text("node"),
            node_from_list: f.flag("node_from_list").unwrap_or_default(),
            vmid: f.number("vmid"),
            vmid_counted: f.flag("vmid_counted").unwrap_or_default(),
            image: f.text("image").unwrap_or_default(),
            create: Creation::read(f),
            clone_from: f.optional_one("clone_from", CloneFrom::read),
            cores: f.number("cores"),
            memory: f.number("memory"),
            disk: f.number("disk"),
            boot_disk: f.text("boot_disk"),
            bridge: f.text("bridge").unwrap_or_else(|| "vmbr0".into()),
            ip: f.text("ip").unwrap_or_else(|| "dhcp".into()),
            gateway: f.text("gateway"),
            vlan: f.number("vlan"),
            mac: f.text("mac").unwrap_or_default(),
            nics: f.optional_each("nics", Nic::read),
            config: None,
            power: Power::read(f),
            pool: f.text("pool"),
            dns_servers: f.optional_texts("dns_servers"),
            search_domains: f.optional_texts("search_domains"),
            user: f.text("user"),
            password_hash: f.secret("password_hash"),
            ssh_keys: f.optional_texts("ssh_keys"),
            cloud_init: f.object("cloud_init"),
            custom_user_data: f.secret("custom_user_data"),
            custom_vendor_data: f.secret("custom_vendor_data"),
            packages: f.texts("packages"),
            tags: f.texts("tags"),
            startup: f.text("startup"),
            datastore: f.text("datastore"),
            spec: f.text("spec").unwrap_or_default(),
            boot_scenario: f.text("boot_scenario").filter(|scenario| !scenario.is_empty()),
            nested_pve: f.flag("nested_pve").unwrap_or_default(),
            parent: f.text("parent"),
            auth_token: f.secret("auth_token").unwrap_or_default(),
            user_data: f.secret("user_data"),
            vendor_data: f.secret("vendor_data"),
            meta_data: f.text("meta_data"),
            network_config: f.text("network_config"),
            instance_id: f.text("instance_id"),
            seed_fingerprint: f.text("seed_fingerprint"),
            seed_inputs: f.text("seed_inputs"),
        }
    }
}

impl Waiting {
    fn read(f: &mut Fields<'_>) -> Self {
        Self {
            name: f.text("name").unwrap_or_default(),
            parent: f.text("parent").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
