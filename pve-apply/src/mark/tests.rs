//! Tests of the mark: its grammar, and who owns a VM.

use super::*;

const LINE: &str = "<!-- pve-pipeline v=1 kind=vm site=lab deployment=dev vm=edge node=pve1 vmid=101 \
    uuid=11111111-2222-4333-8444-555555555555 run=0af3 stage=done made=import \
    seed=5eed@virtio1;ud:aa;nc:bb owns=tags.db,tags.web -->";
const SMBIOS: &str = "uuid=11111111-2222-4333-8444-555555555555";

fn mark() -> Mark {
    match Line::read(LINE) {
        Line::Mark(mark) => *mark,
        other => panic!("{other:?}"),
    }
}

fn check(description: &str, expected: &Line) {
    assert_eq!(Line::read(description), *expected, "{description:?}");
}

#[test]
fn a_mark_is_read_anywhere_and_written_unchanged() {
    let expected = Line::Mark(Box::new(mark()));
    check(LINE, &expected);
    check(&format!("first\n{LINE}  \nlast"), &expected);
    assert_eq!(mark().line(), LINE);
    assert_eq!(mark().vmid, Some(101));
    assert_eq!(mark().seed.slot, "virtio1");
}

#[test]
fn fields_come_in_any_order_and_unknown_ones_are_kept() {
    let later = LINE.replace(" run=0af3", "").replace(" -->", " sla=gold run=0af3 -->");
    let Line::Mark(read) = Line::read(&later) else { panic!("{later}") };
    assert_eq!(read.other, [("sla".to_owned(), "gold".to_owned())]);
    assert_eq!(read.line(), LINE.replace(" -->", " sla=gold -->"));
    assert_eq!(Mark { other: Vec::new(), ..*read }, mark());
}

#[test]
fn marks_of_other_builds_are_recognised() {
    check("", &Line::None);
    check("<!-- a remark -->", &Line::None);
    check(&format!("text {LINE}"), &Line::None);
    check(&LINE.replace("v=1", "v=2"), &Line::Later { version: 2 });
    check(&LINE.replace("kind=vm", "kind=image"), &Line::OtherKind { kind: "image".into() });
    let (deployment, vm, seed) = ("dev".into(), "edge".into(), "9b".into());
    let earlier = Line::Earlier { deployment, vm, seed };
    check("pve-pipeline: deployment=dev vm=edge run=1 seed=9b", &earlier);
    for broken in [
        format!("{LINE}\n{LINE}"),
        format!("{LINE}\npve-pipeline: deployment=dev vm=edge run=1 seed=9b"),
        LINE.replace("v=1", "v=0"),
        LINE.replace("v=1 ", ""),
        LINE.replace("kind=vm ", ""),
        LINE.replace(" vm=edge", ""),
        LINE.replace(" vm=edge", " vm=edge vm=db"),
        LINE.replace("vmid=101", "vmid=x"),
        LINE.replace("stage=done", "stage=ripe"),
        LINE.replace(" -->", ""),
        "pve-pipeline: deployment=dev vm=edge run=1".to_owned(),
    ] {
        check(&broken, &Line::Broken);
    }
}

#[test]
fn people_keep_their_lines() {
    let old = Mark { run: "old".into(), ..mark() };
    let text = format!("# Edge\n\n{}\nask Jo", old.line());
    assert_eq!(mark().write_into(&text), format!("# Edge\n\n{LINE}\nask Jo"));
    assert_eq!(mark().write_into("x"), format!("x\n{LINE}"));
    assert_eq!(mark().write_into(""), LINE);
    let earlier = "pve-pipeline: deployment=dev vm=edge run=1 seed=9b\nnote";
    assert_eq!(mark().write_into(earlier), format!("{LINE}\nnote"));
}

#[test]
fn a_machine_is_its_names_its_vmid_and_its_uuid() {
    let own = || Mark { run: "another".into(), node: "pve2".into(), ..mark() };
    assert!(own().same_vm(&mark()) && own().same_machine(&mark()));
    for (other, is_same_vm) in [
        (Mark { site: "home".into(), ..own() }, false),
        (Mark { deployment: "prod".into(), ..own() }, false),
        (Mark { vm: "db".into(), ..own() }, false),
        (Mark { vmid: Some(102), ..own() }, true),
        (Mark { uuid: "99999999-2222-4333-8444-555555555555".into(), ..own() }, true),
    ] {
        assert_eq!(other.same_vm(&mark()), is_same_vm, "{other}");
        assert!(!other.same_machine(&mark()), "{other}");
    }
}

fn of(tags: &str, description: &str, smbios1: Option<&str>, vmid: u32) -> Owner {
    of_site("lab", tags, description, smbios1, vmid)
}

fn of_site(site: &str, tags: &str, text: &str, smbios1: Option<&str>, vmid: u32) -> Owner {
    owner((site, "dev"), vmid, |key| match key {
        "tags" => Some(tags),
        "description" => Some(text),
        "smbios1" => smbios1,
        _ => None,
    })
}

fn names() -> (String, String) {
    ("dev".to_owned(), "edge".to_owned())
}

#[test]
fn ours_is_what_the_mark_names_and_nothing_else() {
    let ours = Owner::Ours(Box::new(mark()));
    let not_ours = Owner::NotOurs;
    let (deployment, vm) = names();
    assert_eq!(of("a;PVE-Pipeline", LINE, Some(SMBIOS), 101), ours);
    assert_eq!(
        of("pve-pipeline", LINE, Some(&SMBIOS.to_uppercase().replace("UUID", "uuid")), 101),
        ours
    );
    let sorted = format!("base64=1,serial=c2Vy,{SMBIOS}");
    assert_eq!(of("pve-pipeline", LINE, Some(&sorted), 101), ours);
    assert_eq!(of("a", LINE, Some(SMBIOS), 101), not_ours(NotOurs::Untagged { deployment, vm }));
    assert_eq!(of("pve-pipeline", "x", Some(SMBIOS), 101), not_ours(NotOurs::Unmarked));
}

#[test]
fn clones_restored_copies_and_other_sites_are_not_ours() {
    let check = |site: &str,
                 smbios1: Option<&str>,
                 vmid,
                 expected: fn(String, String) -> NotOurs| {
        let (deployment, vm) = names();
        let found = of_site(site, "pve-pipeline", LINE, smbios1, vmid);
        assert_eq!(found, Owner::NotOurs(expected(deployment, vm)), "{site} {smbios1:?} {vmid}");
    };
    let clone = |deployment, vm| NotOurs::Clone { deployment, vm };
    check("lab", Some("uuid=99999999-2222-4333-8444-555555555555"), 101, clone);
    check("lab", Some("manufacturer=x"), 101, clone);
    check("lab", None, 101, clone);
    check("lab", Some(SMBIOS), 102, |deployment, vm| NotOurs::Restored { deployment, vm });
    let other = |deployment, vm| NotOurs::OtherSite { site: "lab".into(), deployment, vm };
    check("home", Some(SMBIOS), 101, other);
    check("", Some(SMBIOS), 101, other);
}

#[test]
fn an_adopted_vm_without_a_uuid_is_ours_while_it_has_none() {
    let line = LINE.replace("uuid=11111111-2222-4333-8444-555555555555", "uuid=none");
    assert!(matches!(of("pve-pipeline", &line, None, 101), Owner::Ours(_)));
    assert!(matches!(of("pve-pipeline", &line, Some("serial=x"), 101), Owner::Ours(_)));
    assert!(matches!(of("pve-pipeline", &line, Some(SMBIOS), 101), Owner::NotOurs(_)));
}

#[test]
fn an_unfinished_clone_is_known_by_its_own_vmid() {
    // It has the uuid that PVE gave it, and perhaps not even our tag.
    let line = LINE.replace("uuid=11111111-2222-4333-8444-555555555555", "uuid=");
    let line = line.replace("stage=done", "stage=clone");
    for tags in ["a", "pve-pipeline"] {
        assert!(matches!(of(tags, &line, Some(SMBIOS), 101), Owner::Ours(_)), "{tags}");
        let (deployment, vm) = names();
        let copy = Owner::NotOurs(NotOurs::Clone { deployment, vm });
        assert_eq!(of(tags, &line, Some(SMBIOS), 102), copy, "{tags}");
    }
    let other = of_site("home", "a", &line, Some(SMBIOS), 101);
    assert!(matches!(other, Owner::NotOurs(NotOurs::OtherSite { .. })));
}
