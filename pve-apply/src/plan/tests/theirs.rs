//! Clones of somebody's template, whatever it has: what the document does not set is as in the template or gone,
//! and the next plan is empty and says nothing.

use super::super::brought;
use super::super::model::carry_out;
use super::super::worlds::{TEMPLATE, the_same_each_time};
use super::*;
use crate::desired::{Creation, Source, TemplateId};
use crate::template::{SeenTemplate, TemplateState};
use proptest::prelude::*;
use pve_client::VmConfig;

/// What a template may have besides its boot disk.
const BROUGHT: [(&str, &str); 25] = [
    ("agent", "0"),
    ("bios", "ovmf"),
    ("ciuser", "admin"),
    ("cipassword", "**********"),
    ("cpu", "kvm64,flags=+aes"),
    ("cpulimit", "2"),
    ("efidisk0", "local-lvm:base-900-disk-7,efitype=4m,size=4M"),
    ("ide2", "none,media=cdrom"),
    ("ipconfig0", "ip=dhcp"),
    ("net0", "e1000=BC:24:11:00:90:00,bridge=vmbr1,firewall=1,tag=7"),
    ("net3", "virtio=BC:24:11:00:90:03,bridge=vmbr1"),
    ("onboot", "0"),
    ("ostype", "win11"),
    ("protection", "1"),
    ("scsi1", "local-lvm:base-900-disk-1,size=5G"),
    ("scsi30", "local-lvm:base-900-disk-2,size=1G"),
    ("scsihw", "virtio-scsi-single"),
    ("serial0", "socket"),
    ("smbios1", "uuid=99999999-2222-4333-8444-555555555555,serial=c2Vy,base64=1"),
    ("startup", "order=3"),
    ("tags", "golden;linux"),
    ("tpmstate0", "local-lvm:base-900-disk-8,size=4M,version=v2.0"),
    ("usb0", "spice"),
    ("vga", "serial0"),
    ("virtiofs0", "dirid=share"),
];

fn template(chosen: &[bool]) -> Vec<(&'static str, &'static str)> {
    let disk = ("scsi0", "local-lvm:base-900-disk-0,size=2G,ssd=1");
    let own = [("name", "golden"), ("template", "1"), ("boot", "order=scsi0"), disk];
    let more = BROUGHT.iter().zip(chosen).filter(|(_, chosen)| **chosen).map(|(pair, _)| *pair);
    own.into_iter().chain(more).collect()
}

fn put_theirs(world: &mut Observed, template: &[(&str, &str)]) {
    let values = template.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let config = VmConfig { values: values.collect(), digest: None };
    let state =
        TemplateState { vmid: vmid(TEMPLATE), config, links: true, fixed_tags: BTreeSet::new() };
    let key = ("pve1".parse().unwrap(), TemplateId::Vmid(vmid(TEMPLATE)));
    world.templates.insert(key, SeenTemplate::Seen(Box::new(state)));
}

fn clone_of(set: &Value) -> Desired {
    let mut vm = desired_vm("edge", Some(101));
    let mut definition = definition_of(set);
    let template = TemplateId::Vmid(vmid(TEMPLATE));
    definition.image = None;
    definition.creation = Creation::Clone(Source::Theirs { template, full: None });
    vm.definition = Some(definition);
    desired(vec![vm])
}

#[test]
fn what_stands_against_a_clone_fits_the_schema() {
    let unfit = [("lock", "backup"), ("parent", "before"), ("template", "0")];
    let unremovable = [("args", "-snapshot"), ("hookscript", "local:snippets/a.pl")];
    let none = [false; BROUGHT.len()];
    for (more, count) in [(&unfit[..], 3), (&unremovable, 1), (&[("boot", "order=net0")], 1)] {
        let mut world = world();
        put_theirs(&mut world, &[&template(&none), more].concat());
        let plan = plan(&clone_of(&json!({"net0": {"bridge": "lan"}})), &world);
        assert_eq!(plan.blocked.len(), count, "{more:?}: {:?}", plan.blocked);
        let json = serde_json::to_value(&plan).unwrap();
        let schema = super::super::properties::schema();
        assert!(schema.is_valid(&json), "{:?}", schema.iter_errors(&json).next());
    }
}

/// A token may be allowed to clone a tag and not to write it.
#[test]
fn tags_are_only_written_where_they_differ_from_the_templates() {
    let none = [false; BROUGHT.len()];
    let both = Some("golden;pve-pipeline");
    for (has, expected) in [
        ("golden;pve-pipeline", None),
        ("PVE-pipeline,Golden", None),
        ("golden", both),
        ("golden;linux;pve-pipeline", both),
    ] {
        let mut world = world();
        put_theirs(&mut world, &[&template(&none)[..], &[("tags", has)]].concat());
        let mut desired = clone_of(&json!({"net0": {"bridge": "lan"}}));
        let definition = desired.vms.iter_mut().find_map(|vm| vm.definition.as_mut()).unwrap();
        definition.tags = ["golden".to_owned()].into();
        let plan = plan(&desired, &world);
        let steps = plan.vms.iter().flat_map(|vm| &vm.steps);
        let written: Vec<&str> = steps
            .filter_map(|step| match step {
                Step::Configure { params, .. } => params.get("tags").map(String::as_str),
                _ => None,
            })
            .collect();
        assert_eq!(written, expected.into_iter().collect::<Vec<_>>(), "{has}");
    }
}

proptest! {
    #![proptest_config(the_same_each_time())]

    #[test]
    fn a_clone_is_the_template_and_the_document_and_nothing_else(
        chosen in prop::collection::vec(any::<bool>(), BROUGHT.len()),
        set in prop::sample::select(vec![
            json!({"net0": {"bridge": "lan"}}),
            json!({"net0": {"bridge": "lan"}, "cpu": "host", "agent": {"enabled": true}, "onboot": true}),
            json!({"net0": {"bridge": "lan"}, "virtio0": {"discard": "on"}, "scsi5": {"size": 3}}),
            json!({"net0": null, "vga": null, "serial0": null, "smbios1": {"product": "x"}}),
        ]),
    ) {
        let (desired, template) = (clone_of(&set), template(&chosen));
        let mut world = world();
        put_theirs(&mut world, &template);
        let first = plan(&desired, &world);
        prop_assert_eq!(&first.blocked, &Vec::new());
        carry_out(&first, &mut world, usize::MAX);
        let second = plan(&desired, &world);
        prop_assert_eq!(&second.vms, &Vec::new());
        prop_assert_eq!(&second.blocked, &Vec::new());
        prop_assert_eq!(&second.notices, &Vec::new());
        let Some(Observation::Seen(seen)) = world.vms.get(&vmid(101)) else { panic!("no VM") };
        for (key, text) in template {
            let has = seen.config.next(key);
            let is_set = set.get(key).is_some() || key == "scsi0" && set.get("virtio0").is_some();
            let is_volume = text.contains(":base-");
            match key {
                "name" | "template" | "tags" | "smbios1" => {}
                _ if is_set || is_volume => {}
                "boot" => prop_assert!(has.unwrap().contains("scsi0")),
                // The document has none of these.
                _ if !brought::is_kept(key, text) => prop_assert_eq!(has, None, "{}", key),
                _ => prop_assert_eq!(has, Some(text), "{}", key),
            }
        }
        let tags = seen.config.next("tags");
        prop_assert_eq!(tags, Some("pve-pipeline"));
    }
}
