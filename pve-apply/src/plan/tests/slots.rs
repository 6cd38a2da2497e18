//! NICs and drives that are ours, no longer set, or not ours: what is written to them, and what
//! nothing is written to without consent.

use super::*;
use crate::mark::owns;

const NET1: &str = "virtio=BC:24:11:00:00:11,bridge=lan,tag=5";
const SCSI1: &str = "tank:vm-101-disk-5,backup=0,later=7,size=20G,ssd=1";
const ALL: Consent = Consent { detach: true, move_disks: true, stop: true, ..REBOOT };

/// Plans `edge` with these settings; its mark owns these entries.
fn edge(set: &Value, owned: &[&str], more: &[(&str, &str)], consent: Consent) -> Plan {
    let mut vm = desired_vm("edge", Some(101));
    vm.definition = Some(definition_of(set));
    let mut desired = desired(vec![vm]);
    desired.consent = consent;
    plan(&desired, &world_of(owned, more))
}

fn world_of(owned: &[&str], more: &[(&str, &str)]) -> Observed {
    let mut config = config("edge", 101);
    more.iter().for_each(|(key, value)| config.set(key, value));
    let owns = owned.iter().map(|entry| (*entry).to_owned()).collect();
    config.set("description", &Mark { owns, ..mark("edge", 101) }.line());
    let mut world = world();
    put(&mut world, 101, "pve1", Power::Running, config);
    world
}

/// The mark's entry of a slot that holds this.
fn holds(key: &str, text: &str) -> String {
    let key = machine::ConfigKey::find(key).unwrap();
    owns::slot_entry(key, owns::Slot::Holds(&owns::digest(key, Some(text)).unwrap()))
}

/// What a plan writes to the config, key by key.
fn writes(plan: &Plan) -> Vec<String> {
    let steps = plan.vms.iter().flat_map(|vm| &vm.steps);
    let params = steps.filter_map(|step| match step {
        Step::Configure { params, .. } => Some(params),
        _ => None,
    });
    params.flatten().map(|(key, value)| format!("{key}: {value}")).collect()
}

#[test]
fn a_nic_is_never_lost_with_its_model() {
    let slot = holds("net1", NET1);
    let owned = [slot.as_str(), "net1.bridge", "net1.model", "net1.tag"];
    for set in [json!({"net1": {"model": null}}), json!({"net1": {"model": null, "tag": 6}})] {
        let plan = edge(&set, &owned, &[("net1", NET1)], NONE);
        assert!(!writes(&plan).iter().any(|write| write.starts_with("delete")), "{plan:?}");
    }
}

#[test]
fn a_rewrite_keeps_volume_mac_and_unset_options() {
    let check = |set: Value, key: &str, text: &str, expected: &str| {
        let plan = edge(&set, &[], &[(key, text)], ALL);
        assert_eq!(writes(&plan), [format!("{key}: {expected}")], "{set}");
    };
    check(
        json!({"scsi1": {"ssd": false}}),
        "scsi1",
        SCSI1,
        "tank:vm-101-disk-5,size=20G,ssd=0,backup=0,later=7",
    );
    check(
        json!({"net1": {"tag": 6}}),
        "net1",
        "e1000=BC:24:11:00:00:11,bridge=lan,firewall=1,link_down=1,tag=5,later=7",
        "e1000=BC:24:11:00:00:11,bridge=lan,tag=6,firewall=1,link_down=1,later=7",
    );
    check(
        json!({"smbios1": {"product": "ACME"}}),
        "smbios1",
        &format!("manufacturer=QQ==,base64=1,uuid={}", uuid(101)),
        &format!("manufacturer=QQ==,product=QUNNRQ==,uuid={},base64=1", uuid(101)),
    );
    // PVE: facts-4, 49: an EFI disk keeps the options of its creation.
    let efi = "tank:vm-101-disk-6,efitype=4m,ms-cert=2023,pre-enrolled-keys=1,size=528K";
    let set = json!({"efidisk0": {"pre-enrolled-keys": false}});
    assert_eq!(writes(&edge(&set, &[], &[("efidisk0", efi)], ALL)), Vec::<String>::new());
}

#[test]
fn a_size_that_is_written_is_the_new_one() {
    let set = json!({"scsi1": {"size": 30, "ssd": false}});
    let plan = edge(&set, &[], &[("scsi1", SCSI1)], ALL);
    assert_eq!(writes(&plan), ["scsi1: tank:vm-101-disk-5,size=30G,ssd=0,backup=0,later=7"]);
}

#[test]
fn nothing_is_taken_off_or_moved_without_consent() {
    let check = |set: Value, entry: &str, consent: Consent, expected: &str| {
        let more = [("net1", NET1), ("scsi1", SCSI1)];
        let plan = edge(&set, &[entry], &more, consent);
        let reason: Vec<String> = plan.blocked.iter().map(|b| format!("{:?}", b.reason)).collect();
        assert_eq!(reason.join("; "), expected, "{set} {entry}");
        assert_eq!(plan.vms.is_empty(), !expected.is_empty());
    };
    let nothing = json!({});
    let (disk, nic) = (holds("scsi1", SCSI1), holds("net1", NET1));
    for consent in [NONE, Consent { detach: false, ..ALL }] {
        check(nothing.clone(), &disk, consent, "NeedsDetach { slots: [\"scsi1\"] }");
        check(nothing.clone(), &nic, consent, "NeedsDetach { slots: [\"net1\"] }");
        check(json!({"scsi1": null}), &disk, consent, "NeedsDetach { slots: [\"scsi1\"] }");
    }
    check(nothing.clone(), &disk, Consent { detach: true, ..NONE }, "");
    let moved = json!({"scsi1": {"size": 20, "storage": "other"}});
    for consent in [NONE, Consent { move_disks: false, ..ALL }] {
        check(moved.clone(), &disk, consent, "NeedsMove { moves: [\"scsi1 to other\"] }");
    }
    check(moved, &disk, Consent { move_disks: true, ..NONE }, "");
}

#[test]
fn a_foreign_device_in_our_slot_stays() {
    let owned = ["net1:00000000", "net1.tag", "scsi1:00000000", "scsi1.ssd", "scsi2?"];
    let more = [("net1", NET1), ("scsi1", SCSI1), ("scsi2", SCSI1)];
    for set in [json!({}), json!({"net1": null, "scsi1": null, "scsi2": null})] {
        let plan = edge(&set, &owned, &more, ALL);
        assert_eq!(writes(&plan), Vec::<String>::new(), "{set}");
        let notices =
            plan.notices.iter().filter(|n| matches!(n.kind, NoticeKind::NotTakenBack { .. }));
        assert_eq!(notices.count(), 3);
    }
}

#[test]
fn no_disk_is_created_twice() {
    let set = json!({"scsi1": {"size": 20}});
    let check = |entry: &str, more: &[(&str, &str)], expected: &str| {
        let plan = edge(&set, &[entry], more, ALL);
        let made = plan.vms.iter().flat_map(|vm| &vm.steps);
        let made = made.filter(|step| matches!(step, Step::AddDisk { .. })).count();
        let reason = plan.blocked.iter().map(|b| format!("{:?}", b.reason));
        let all: Vec<String> = reason.chain([made.to_string()]).collect();
        assert_eq!(all.join("; "), expected, "{entry}");
    };
    let known = holds("scsi1", SCSI1);
    let gone = "DiskGone { slot: \"scsi1\", unused: Some(\"unused3\") }; 0";
    check(&known, &[("unused3", "tank:vm-101-disk-5")], gone);
    check(&known, &[], "DiskGone { slot: \"scsi1\", unused: None }; 0");
    check("scsi1?", &[], "1");
    check("scsi1?", &[("scsi1", SCSI1)], "0");
    check("cores", &[], "1");
}

#[test]
fn a_document_of_an_earlier_build_detaches_no_device() {
    let slot = holds("net1", NET1);
    let owned = [slot.as_str(), "net1.tag", "usb0.host", "cores"];
    let mut world = world_of(&owned, &[("net1", NET1), ("usb0", "host=spice")]);
    let Some(Observation::Seen(seen)) = world.vms.values_mut().next() else { panic!() };
    // It was detached by hand, which waits for the next start.
    seen.config.set_next("net1", None);
    let desired = desired(vec![desired_vm("edge", Some(101))]);
    let plan = plan(&desired, &world);
    assert_eq!((&plan.vms, &plan.blocked), (&Vec::new(), &Vec::new()));
}

#[test]
fn the_mark_is_written_with_the_first_write() {
    let disk = holds("scsi1", SCSI1);
    let set = json!({"protection": false, "description": "new"});
    let more = [("scsi1", SCSI1), ("protection", "1")];
    let plan = edge(&set, &[&disk], &more, ALL);
    let writes = plan.vms[0].steps.iter().filter_map(|step| match step {
        Step::Configure { params, mark } => {
            Some((params.keys().cloned().collect::<Vec<_>>().join(" "), mark.is_some()))
        }
        _ => None,
    });
    let expected = [("description protection", true), ("delete", false), ("", true)];
    assert_eq!(writes.collect::<Vec<_>>(), expected.map(|(keys, mark)| (keys.to_owned(), mark)));
}

#[test]
fn a_mark_that_does_not_fit_stops_the_plan() {
    let check = |set: Value, text: &str, expected: &[&str]| {
        let mut world = world_of(&[], &[]);
        let Some(Observation::Seen(seen)) = world.vms.values_mut().next() else { panic!() };
        let description = seen.config.next("description").unwrap().to_owned();
        seen.config.set("description", &format!("{text}\n{description}"));
        let mut vm = desired_vm("edge", Some(101));
        vm.definition = Some(definition_of(&set));
        let mut desired = desired(vec![vm]);
        desired.consent = ALL;
        let plan = plan(&desired, &world);
        let reason = plan.blocked.iter().map(|b| b.reason.fact(Some("edge")));
        assert_eq!(reason.collect::<Vec<_>>(), expected, "{}", text.len());
    };
    // Nothing is written to the description.
    check(json!({}), &"a".repeat(8000), &[]);
    check(json!({"cores": 4}), &"a".repeat(7000), &[]);
    let long = "`description` of \"edge\" has 8000 characters; PVE leaves room for 7968";
    check(json!({"cores": 4}), &"a".repeat(8000), &[long]);
    let mut all = serde_json::Map::new();
    for slot in 1..32 {
        let mut nic = json!({"bridge": "lan", "tag": 5, "firewall": true, "rate": 5, "queues": 2});
        let more = json!({"link_down": false, "mtu": 1, "trunks": "5-6", "model": "virtio"});
        nic.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all.insert(format!("net{slot}"), nic);
    }
    for slot in 0..30 {
        let disk = json!({"size": 1, "ssd": true, "cache": "none", "aio": "native", "backup": false,
            "iops_rd": 5, "iops_wr": 5, "mbps_rd": 5, "mbps_wr": 5, "discard": "on"});
        all.insert(format!("scsi{slot}"), disk);
    }
    let much = "`description` of \"edge\" has no room for a mark that names all that is set";
    check(Value::Object(all), "", &[much]);
}

#[test]
fn a_protected_vm_keeps_its_seed() {
    let check = |set: Value, protection: &str, expected: &[&str]| {
        let mut vm = desired_vm("edge", Some(101));
        vm.definition = Some(definition_of(&set));
        vm.definition.as_mut().unwrap().seed.fingerprint = "new".to_owned();
        let mut desired = desired(vec![vm]);
        desired.consent = Consent { reseed: true, ..ALL };
        let plan = plan(&desired, &world_of(&[], &[("protection", protection)]));
        let reason = plan.blocked.iter().map(|b| format!("{:?}", b.reason));
        assert_eq!(reason.collect::<Vec<_>>(), expected, "{set} {protection}");
    };
    let kept = "DrivesProtected { slots: [\"virtio1\"] }";
    check(json!({}), "1", &[kept]);
    check(json!({"protection": true}), "0", &[kept]);
    check(json!({"protection": false}), "1", &[]);
    check(json!({}), "0", &[]);
}

#[test]
fn a_mac_stays_when_it_is_no_longer_set() {
    let set = json!({"net1": {"macaddr": "BC:24:11:00:00:11", "bridge": "lan"}});
    let plan = edge(&set, &[], &[("net1", NET1)], NONE);
    let Some(Step::Configure { mark: Some(mark), .. }) = plan.vms[0].steps.last() else { panic!() };
    let owned: Vec<&str> = mark.owns.iter().map(String::as_str).collect();
    assert_eq!(owned, ["net1.bridge", &holds("net1", NET1)]);
    let plan = edge(&json!({"net1": {"bridge": "wan"}}), &owned, &[("net1", NET1)], NONE);
    assert_eq!(writes(&plan), ["net1: virtio=BC:24:11:00:00:11,bridge=wan,tag=5"]);
}
