//! What the document's VMs need from PVE: the config that each create sends, and what the node
//! must provide. Does no I/O.

use crate::boot_disk;
use machine::{ConfigKey, Form, Key, Kind, On, Part, Parts, Problem, Setting, Settings, Version};
use pve_client::{MappingKind, Vmid};
use stage::{Deployment, Vm};
use std::collections::BTreeMap;

/// One VM of the document.
#[derive(Clone, Debug)]
pub(crate) struct RequestedVm {
    /// Its index in the document's `vms`.
    index: usize,
    /// Its name.
    pub(crate) name: String,
    /// Its vmid, if the document fixes it.
    pub(crate) vmid: Option<Vmid>,
    /// The pool that it belongs to.
    pub(crate) pool: Option<String>,
    /// The storage of disks that name none.
    pub(crate) storage: String,
    /// The document's field that sets it.
    storage_field: String,
    /// What it is cloned from, if it is.
    pub(crate) clones: Option<CloneSource>,
    /// Its `config`.
    explicit: Settings,
    /// Its `config` with its other fields.
    effective: Settings,
}

/// What a VM of the document is cloned from; the vmid is that of the template, if it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloneSource {
    /// The template of its image, whose vmid image-publish chooses.
    OfImage,
    /// Somebody's template.
    Theirs(Option<Vmid>),
}

impl CloneSource {
    /// Returns what a VM is cloned from, as far as the VM itself says.
    fn of(vm: &Vm) -> Option<Self> {
        match &vm.clone_from {
            Some(from) => {
                let vmid = from.vmid.and_then(|vmid| Vmid::new(vmid.into()).ok());
                Some(Self::Theirs(vmid))
            }
            None => (!vm.create.is_import()).then_some(Self::OfImage),
        }
    }

    /// Returns the template's vmid, if it is known.
    pub(crate) fn template(self) -> Option<Vmid> {
        match self {
            Self::OfImage => None,
            Self::Theirs(vmid) => vmid,
        }
    }
}

/// Something that PVE must have for a VM, and the field of the document that asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// Such as `vms[1].config.net1.bridge`.
    pub(crate) field: String,
    /// What it is.
    pub(crate) what: Required,
}

/// Something that PVE must have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Required {
    /// A storage that takes a kind of content.
    Storage {
        /// Its name.
        name: String,
        /// Such as `images`.
        content: &'static str,
    },
    /// An ISO image.
    Iso(String),
    /// A bridge or vnet.
    Bridge(String),
    /// A vnet of the document that the same run makes.
    NewVnet(String),
    /// A bridge that may be a VNet, which must then be VLAN-aware.
    VlansOn(String),
    /// A mapping.
    Mapping(MappingKind, String),
    /// A CPU model.
    CpuModel(String),
    /// A machine type with a version.
    Machine(String),
    /// A pool.
    Pool(String),
    /// A PVE version that has this key or option.
    Since(String, Version),
}

impl Required {
    /// Returns whether it is the same for all nodes.
    pub(crate) fn is_of_cluster(&self) -> bool {
        matches!(self, Self::Pool(_) | Self::Since(..) | Self::VlansOn(_))
    }

    /// The bridge or VNet.
    pub(crate) fn bridge(&self) -> Option<&str> {
        match self {
            Self::Bridge(name) => Some(name),
            _ => None,
        }
    }
}

/// A VM's `config` as read, with its problems.
pub(crate) type Parsed = (Settings, Vec<Problem>);

/// Reads each VM's `config`.
pub(crate) fn parse(deployment: &Deployment) -> Vec<Parsed> {
    let config = |vm: &Vm| vm.config.as_ref().map(Settings::read).unwrap_or_default();
    deployment.vms.iter().map(config).collect()
}

/// Returns what the document's VMs ask for, from their `config`s.
pub(crate) fn of(deployment: &Deployment, parsed: Vec<Parsed>) -> Vec<RequestedVm> {
    let vms = deployment.vms.iter().zip(parsed).enumerate();
    vms.map(|(index, (vm, (explicit, _)))| {
        RequestedVm::new(index, vm, explicit, storage(deployment, index, vm))
    })
    .collect()
}

/// Returns the storage of a VM's disks that name none, and the field that sets it.
fn storage(deployment: &Deployment, index: usize, vm: &Vm) -> (String, String) {
    if let Some(own) = &vm.datastore {
        return (own.clone(), format!("vms[{index}].datastore"));
    }
    let (storage, field) = deployment.datastore_on(deployment.node_of(vm));
    (storage.to_owned(), field)
}

impl RequestedVm {
    fn new(
        index: usize,
        vm: &Vm,
        explicit: Settings,
        (storage, storage_field): (String, String),
    ) -> Self {
        let mut effective = explicit.clone();
        fill(&mut effective, "net0", "bridge", Some(vm.bridge.clone()));
        fill(&mut effective, "cores", "", vm.cores.map(|cores| cores.to_string()));
        fill(&mut effective, "memory", "current", vm.memory.map(|memory| memory.to_string()));
        if vm.config.is_none() {
            // A document of an earlier build.
            let startup = vm.startup.as_deref().and_then(|text| {
                let key = ConfigKey::find("startup")?;
                Some((key, Setting::of(key.key, &Parts::read(key.key, text))))
            });
            effective.0.extend(startup);
        }
        let boot = vm.boot_disk.as_deref().unwrap_or(boot_disk::NEW);
        fill(&mut effective, boot, "storage", Some(storage.clone()));
        Self {
            index,
            name: vm.name.clone(),
            vmid: vm.vmid.and_then(|vmid| Vmid::new(vmid.into()).ok()),
            pool: vm.pool.clone(),
            clones: CloneSource::of(vm),
            storage,
            storage_field,
            explicit,
            effective,
        }
    }

    /// Returns a VM with only a storage and a bridge.
    pub(crate) fn placeholder(storage: &str, bridge: &str) -> Self {
        let vm =
            Vm { bridge: bridge.to_owned(), cores: Some(1), memory: Some(512), ..Vm::default() };
        Self::new(0, &vm, Settings::default(), (storage.to_owned(), "datastore".to_owned()))
    }

    /// Returns what its create sends, key by key.
    pub(crate) fn new_config(&self) -> Vec<(ConfigKey, Parts)> {
        self.with_storage(&self.effective.for_creation())
    }

    /// Returns the keys of these settings that are not cancelled; a disk without a storage is on the VM's.
    fn with_storage(&self, settings: &Settings) -> Vec<(ConfigKey, Parts)> {
        let parts = |(key, setting): (&ConfigKey, &Setting)| {
            let Setting::Parts(options) = setting else { return None };
            let mut parts = Parts::default();
            for (name, value) in options {
                value.iter().for_each(|value| parts.set(name, value));
            }
            if matches!(key.key.form, Form::Drive(_))
                && !parts.is_cd()
                && parts.get("storage").is_none()
            {
                parts.set("storage", &self.storage);
            }
            Some((*key, parts))
        };
        settings.0.iter().filter_map(parts).collect()
    }

    /// Returns whether the document sets a key.
    pub(crate) fn sets(&self, key: ConfigKey) -> bool {
        self.effective.0.contains_key(&key)
    }

    /// Returns what PVE must have for the VM.
    pub(crate) fn requirements(&self) -> Vec<Requirement> {
        let config = self.with_storage(&self.effective);
        let mut requirements: Vec<Requirement> =
            config.iter().flat_map(|(key, parts)| self.requirements_of(*key, parts)).collect();
        requirements.extend(self.pool_requirement());
        requirements
    }

    /// Returns the pool that PVE must have for the VM.
    pub(crate) fn pool_requirement(&self) -> Option<Requirement> {
        let field = format!("vms[{}].pool", self.index);
        Some(Requirement { field, what: Required::Pool(self.pool.clone()?) })
    }

    /// Returns what PVE must have for a value of a key. For a change, `parts` are those of PVE's own text.
    pub(crate) fn requirements_of(&self, key: ConfigKey, parts: &Parts) -> Vec<Requirement> {
        let known = parts.iter().filter_map(|(name, value)| Some((key.key.part(name)?, value)));
        let mut requirements = Vec::new();
        for (part, value) in known {
            let requirement = |what| Requirement { field: self.field(key, part), what };
            requirements.extend(required(key.key, part, value, parts).map(requirement));
            requirements.extend(iso(key.key, part, value, parts).map(requirement));
            let since = part.since.max(key.key.part.since);
            if since > Version::OLDEST {
                let dot = if key.key.is_scalar() { "" } else { "." };
                let name = format!("{key}{dot}{}", part.name_in(key.key));
                requirements.push(requirement(Required::Since(name, since)));
            }
        }
        requirements
    }

    /// Returns the document's field that sets an option.
    fn field(&self, key: ConfigKey, part: &Part) -> String {
        let name = part.name_in(key.key);
        let of_vm = |field: &str| format!("vms[{}].{field}", self.index);
        if self.explicit.value(key, name).is_some() {
            let dot = if name.is_empty() { "" } else { "." };
            return of_vm(&format!("config.{key}{dot}{name}"));
        }
        match name {
            "bridge" => of_vm("bridge"),
            "storage" => self.storage_field.clone(),
            _ => of_vm(&format!("config.{key}")),
        }
    }
}

/// Sets an option that is not set yet.
fn fill(settings: &mut Settings, key: &str, part: &'static str, value: Option<String>) {
    let (Some(key), Some(value)) = (ConfigKey::find(key), value) else { return };
    let setting = settings.0.entry(key).or_insert_with(|| Setting::Parts(BTreeMap::new()));
    if let Setting::Parts(parts) = setting {
        parts.entry(part).or_insert(Some(value));
    }
}

/// Returns what PVE must have for one option.
fn required(key: &Key, part: &Part, value: &str, parts: &Parts) -> Option<Required> {
    let storage = |name: &str, content| Required::Storage { name: name.to_owned(), content };
    let mapped = key.needs.iter().find_map(|need| match need.on {
        On::Mapping(kind, option) if option == part.name => Some(kind),
        _ => None,
    });
    if let Some(kind) = MappingKind::ALL.into_iter().find(|kind| Some(kind.as_str()) == mapped) {
        return Some(Required::Mapping(kind, value.to_owned()));
    }
    match (key.form, part.name) {
        (Form::Nic(_), "bridge") => Some(Required::Bridge(value.to_owned())),
        (Form::Nic(_), "tag" | "trunks") => {
            let vnet = parts.get("bridge").filter(|bridge| may_be_vnet(bridge));
            vnet.map(|vnet| Required::VlansOn(vnet.to_owned()))
        }
        (Form::Drive(_), "storage") => Some(storage(value, "images")),
        (Form::Drive(_), "file") if !names_a_disk(parts) => {
            let content = if parts.is_cd() && !parts.is_cloud_init() { "iso" } else { "images" };
            value.split_once(':').map(|(name, _)| storage(name, content))
        }
        (Form::Scalar, _) if key.needs.iter().any(|need| need.on == On::Storage) => {
            Some(storage(value, "images"))
        }
        (_, "cputype") => Some(Required::CpuModel(value.to_owned())),
        _ if matches!(part.kind, Kind::Machine) && is_listed(value) => {
            Some(Required::Machine(value.to_owned()))
        }
        _ => None,
    }
}

/// Returns whether a bridge may be a VNet. PVE's installer and GUI call bridges vmbr0
/// and so on, which needs no look at the SDN.
// PVE: pve-network, Network/SDN/VnetPlugin.pm, pve-sdn-vnet-id: 2 to 8 letters and digits.
fn may_be_vnet(bridge: &str) -> bool {
    let number = bridge.strip_prefix("vmbr").unwrap_or_default();
    let is_usual = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    !is_usual && bridge.len() <= 8 && bridge.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Returns the ISO image of a CD drive.
fn iso(key: &Key, part: &Part, value: &str, parts: &Parts) -> Option<Required> {
    let is_cd = matches!(key.form, Form::Drive(_)) && parts.is_cd() && !parts.is_cloud_init();
    let named = is_cd && part.name == "file" && value.contains(':');
    named.then(|| Required::Iso(value.to_owned()))
}

/// Returns whether a drive's text in PVE names an existing disk, which needs no storage.
pub(crate) fn names_a_disk(drive: &Parts) -> bool {
    let volume = drive.get("file").and_then(|file| file.split_once(':')).map(|(_, volume)| volume);
    // PVE: qemu-server, QemuServer/Drive.pm, NEW_DISK_RE: a size asks for a new volume.
    let is_size = |volume: &str| volume.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    volume.is_some_and(|volume| !is_size(volume)) && !drive.is_cd()
}

/// Returns whether a node lists a machine type of this form: a type without a version means the newest.
// PVE: qemu-server, API2/Qemu/Machine.pm.
fn is_listed(machine: &str) -> bool {
    let known = ["pc-i440fx-", "pc-q35-"].iter().any(|stem| machine.starts_with(stem));
    known && !machine.ends_with(".pxe")
}
