//! Builders of small worlds, for the tests of `plan`.

use crate::action::{Action, VmPlan};
use crate::change::Impact;
use crate::desired::{
    Consent, Creation, Definition, Desired, DesiredVm, Image, NodeDefaults, Placement, Seed,
    TemplateId,
};
use crate::mark::{Mark, SeedNote, Stage};
use crate::network::desired::DesiredNetworks;
use crate::observed::{Config, Guest, Observation, Observed, Power, VmState};
use crate::template::{SeenTemplate, TemplateState};
use machine::{ConfigKey, Setting, Settings};
use proptest::prelude::ProptestConfig;
use pve_client::{GuestKind, NodeName, VmConfig, Vmid, Volid};
use pve_stage::image_template::ImageMark;
use serde_json::{Value, json};
use stage::Secret;
use stage::identity::VmidRange;
use std::collections::{BTreeMap, BTreeSet};

/// A vmid.
pub(crate) fn vmid(number: u32) -> Vmid {
    Vmid::new(u64::from(number)).unwrap()
}

/// A machine with 2 cores, 2 GiB and a disk of 10 GiB, in the form of an earlier build's document.
pub(crate) fn definition(seed: &str) -> Definition {
    let net0 = json!({"bridge": "vmbr0", "tag": null, "macaddr": "02:AA:00:00:00:01"});
    let flat = json!({"cores": 2, "memory": 2048, "net0": net0});
    let mut definition = definition_of(&flat);
    definition.seed.fingerprint = seed.into();
    definition.remembers = false;
    definition
}

/// A machine with a disk of 10 GiB and this YAML.
pub(crate) fn definition_of(config: &Value) -> Definition {
    let (explicit, problems) = Settings::read(config.as_object().unwrap());
    assert_eq!(problems, []);
    let boot = ConfigKey::find("virtio0").unwrap();
    let mut new = explicit.clone();
    new.0.entry(boot).or_insert_with(|| Setting::Parts(BTreeMap::new()));
    Definition {
        image: Some(Image { name: "debian-12".into(), volid: Some(image()), pending: None }),
        creation: Creation::Import { instead: None },
        storage: "local-lvm".parse().unwrap(),
        storage_is_explicit: false,
        boot,
        boot_is_explicit: false,
        disk_gib: Some(10),
        new: new.for_creation(),
        explicit,
        remembers: true,
        images: BTreeMap::new(),
        derived_macs: BTreeMap::new(),
        tags: BTreeSet::new(),
        power: stage::Power::Running,
        pool: None,
        guest: Vec::new(),
        seed: Seed {
            user_data: Secret::new("#cloud-config\n".into()),
            meta_data: "m".into(),
            network_config: String::new(),
            vendor_data: Secret::default(),
            fingerprint: "5eed".into(),
            fields: BTreeMap::new(),
        },
    }
}

/// The image's volid.
pub(crate) fn image() -> Volid {
    "local:import/debian-12.qcow2".parse().unwrap()
}

/// The image on node pve1.
pub(crate) fn image_on_pve1() -> (NodeName, Volid) {
    ("pve1".parse().unwrap(), image())
}

/// A VM that should be such a machine.
pub(crate) fn desired_vm(name: &str, number: Option<u32>) -> DesiredVm {
    DesiredVm {
        index: 0,
        name: name.into(),
        vmid: number.map(vmid),
        node: "pve1".parse().unwrap(),
        placement: Placement::Selected,
        image_storage: "local".parse().unwrap(),
        vmid_is_counted: false,
        parent: None,
        nics: Vec::new(),
        definition: Some(definition("5eed")),
    }
}

/// The deployment dev on node pve1.
pub(crate) fn desired(vms: Vec<DesiredVm>) -> Desired {
    Desired {
        site: "lab".into(),
        deployment: "dev".into(),
        node: "pve1".parse().unwrap(),
        head: NodeDefaults {
            storage: Some("local-lvm".parse().unwrap()),
            image_storage: "local".parse().unwrap(),
            image_field: "image_datastore".into(),
            images: BTreeMap::new(),
        },
        nodes: BTreeMap::new(),
        places_all: false,
        on_error: None,
        vmid_range: VmidRange::parse("100-999").unwrap(),
        vm_names: None,
        run: "0af3".into(),
        reserved: vms.iter().filter_map(|vm| vm.vmid).collect(),
        unpublished: Vec::new(),
        former_names: BTreeMap::new(),
        consent: Consent::default(),
        networks: DesiredNetworks::default(),
        vms,
    }
}

/// The uuid of a VM.
pub(crate) fn uuid(number: u32) -> String {
    format!("11111111-2222-4333-8444-{number:012}")
}

/// The mark of a finished VM of deployment dev.
pub(crate) fn mark(name: &str, number: u32) -> Mark {
    Mark {
        site: "lab".into(),
        deployment: "dev".into(),
        vm: name.into(),
        node: "pve1".into(),
        vmid: Some(number),
        uuid: uuid(number),
        run: "01d".into(),
        stage: Stage::Done,
        made: "import".into(),
        seed: SeedNote { fingerprint: "5eed".into(), ..SeedNote::default() },
        ..Mark::default()
    }
}

/// A VM exactly as `machine` asks for it, with the mark of deployment dev.
pub(crate) fn config(name: &str, number: u32) -> Config {
    let description = mark(name, number).line();
    let smbios1 = format!("uuid={}", uuid(number));
    let disk = format!("local-lvm:vm-{number}-disk-0,discard=on,iothread=1,size=10G");
    let seed = format!("local-lvm:vm-{number}-disk-1,size=1M");
    Config::settled([
        ("name", name),
        ("description", &description),
        ("tags", "pve-pipeline"),
        ("cores", "2"),
        ("cpu", "host"),
        ("memory", "2048"),
        ("net0", "virtio=02:AA:00:00:00:01,bridge=vmbr0"),
        ("virtio0", &disk),
        ("virtio1", &seed),
        ("boot", "order=virtio0"),
        ("scsihw", "virtio-scsi-single"),
        ("agent", "1"),
        ("serial0", "socket"),
        ("ostype", "l26"),
        ("onboot", "1"),
        ("smbios1", &smbios1),
    ])
}

/// A world in which every vmid is free and the image exists.
pub(crate) fn world() -> Observed {
    let mut world = Observed { sees_all: true, ..Observed::default() };
    world.images.insert(image_on_pve1(), Some(2 << 30));
    for number in 100..1000 {
        world.free.insert(vmid(number), true);
    }
    world
}

/// The vmid of the image's template.
pub(crate) const TEMPLATE: u32 = 900;

/// Puts the image's template on node pve1.
pub(crate) fn put_template(world: &mut Observed) {
    let image_mark = ImageMark {
        site: "lab".into(),
        image: "debian-12".into(),
        digest: "0123456789ab".into(),
        node: "pve1".into(),
        storage: "local-lvm".into(),
        vmid: TEMPLATE,
        uuid: uuid(TEMPLATE),
    };
    let values = [
        ("name", "debian-12-0123456789ab".to_owned()),
        ("description", image_mark.to_string()),
        ("tags", "pve-pipeline".to_owned()),
        ("template", "1".to_owned()),
        ("boot", "order=virtio0".to_owned()),
        ("smbios1", format!("uuid={}", uuid(TEMPLATE))),
        ("virtio0", format!("local-lvm:base-{TEMPLATE}-disk-0,size=2G")),
    ];
    let values = values.map(|(key, value)| (key.to_owned(), value)).into();
    let config = VmConfig { values, digest: None };
    let state =
        TemplateState { vmid: vmid(TEMPLATE), config, links: true, fixed_tags: BTreeSet::new() };
    let key = ("pve1".parse().unwrap(), TemplateId::Vmid(vmid(TEMPLATE)));
    world.templates.insert(key, SeenTemplate::Seen(Box::new(state)));
}

/// Puts a VM into a world.
pub(crate) fn put(world: &mut Observed, number: u32, node: &str, power: Power, config: Config) {
    let node: NodeName = node.parse().unwrap();
    world.guests.push(Guest {
        kind: GuestKind::Qemu,
        vmid: vmid(number),
        node: node.clone(),
        name: config.next("name").map(str::to_owned),
        being_made: false,
        image_template: false,
        tagged: config.next("tags").is_some_and(|tags| tags.contains("pve-pipeline")),
    });
    world.free.remove(&vmid(number));
    let seen = VmState { vmid: vmid(number), node, power, halted: None, ha: None, config };
    world.vms.insert(vmid(number), Observation::Seen(Box::new(seen)));
}

/// The plan of a VM without steps.
pub(crate) fn vm_plan(name: &str, action: Action) -> VmPlan {
    VmPlan {
        name: name.into(),
        action,
        vmid: None,
        node: "pve1".parse().unwrap(),
        after: Vec::new(),
        networks: Vec::new(),
        storage: None,
        candidate: None,
        mark: Mark::default(),
        power: None,
        may_wait: Vec::new(),
        digest: None,
        impact: Impact::None,
        changes: Vec::new(),
        steps: Vec::new(),
    }
}

/// A fixed seed: nobody trusts a flaky test.
pub(crate) fn the_same_each_time() -> ProptestConfig {
    let rng_seed = proptest::test_runner::RngSeed::Fixed(0x5eed);
    ProptestConfig { cases: 512, failure_persistence: None, rng_seed, ..ProptestConfig::default() }
}
