//! Tests of `plan`: who owns a VM, and whether it exists.

use super::*;

/// `edge` at its vmid with this description and these tags.
fn check_marked(description: &str, tags: &str, expected: &[&str]) {
    check_change(Power::Running, NONE, &[("description", description), ("tags", tags)], expected);
}

#[test]
fn a_foreign_vm_is_refused() {
    let refused = |mark: Mark, is: &str| {
        let expected = format!("blocked edge: NotOurs {{ is: {is} }}");
        check_marked(&mark.line(), "pve-pipeline", &[&expected]);
    };
    let edge = || mark("edge", 101);
    let who = "deployment: \"dev\", vm: \"edge\"";
    check_marked("by hand", "pve-pipeline", &["blocked edge: VmidTaken { by: Some(\"edge\") }"]);
    let untagged = format!("blocked edge: NotOurs {{ is: Untagged {{ {who} }} }}");
    check_marked(&edge().line(), "x", &[&untagged]);
    let prod = Mark { deployment: "prod".into(), ..edge() };
    refused(prod, "OtherDeployment { deployment: \"prod\", vm: \"edge\" }");
    let db = Mark { vm: "db".into(), ..edge() };
    refused(db, "OtherDeployment { deployment: \"dev\", vm: \"db\" }");
    let site = Mark { site: "home".into(), ..edge() };
    refused(site, &format!("OtherSite {{ site: \"home\", {who} }}"));
    refused(Mark { site: String::new(), ..edge() }, &format!("OtherSite {{ site: \"\", {who} }}"));
    let clone = || Mark { uuid: "99999999-2222-4333-8444-555555555555".into(), ..edge() };
    let copy = |kind: &str| format!("notice edge: Copy {{ is: {kind} {{ {who} }} }}");
    let blocked = |kind: &str| format!("blocked edge: NotOurs {{ is: {kind} {{ {who} }} }}");
    let both = |kind: &str| [blocked(kind), copy(kind)];
    let expected = both("Clone");
    check_marked(&clone().line(), "pve-pipeline", &expected.each_ref().map(String::as_str));
    let restored = Mark { vmid: Some(900), ..edge() };
    let expected = both("Restored");
    check_marked(&restored.line(), "pve-pipeline", &expected.each_ref().map(String::as_str));
}

#[test]
fn an_earlier_mark_anywhere_prevents_a_second_vm() {
    let expected = "blocked edge: NotOurs { is: Earlier { deployment: \"dev\", vm: \"edge\" } }";
    for fixed in [true, false] {
        let build = |desired: &mut Desired, world: &mut Observed| {
            desired.vms[0].vmid = desired.vms[0].vmid.filter(|_| fixed);
            let mut config = config("edge", 900);
            config.set("description", "pve-pipeline: deployment=dev vm=edge run=1 seed=5eed");
            put(world, 900, "pve1", Power::Running, config);
        };
        check(build, &[expected]);
    }
}

#[test]
fn a_mark_without_a_site_prevents_only_the_vm_that_it_names() {
    let nameless = |deployment: &str, vm: &str| {
        let (site, deployment, vm) = (String::new(), deployment.to_owned(), vm.to_owned());
        Mark { site, deployment, vm, ..mark("edge", 900) }.line()
    };
    let earlier = |deployment: &str, vm: &str| {
        format!("pve-pipeline: deployment={deployment} vm={vm} run=1 seed=5eed")
    };
    for (description, is_edge) in [
        (earlier("dev", "edge"), true),
        (earlier("prod", "edge"), false),
        (earlier("dev", "db"), false),
        (nameless("dev", "edge"), true),
        (nameless("prod", "edge"), false),
        (nameless("dev", "db"), false),
    ] {
        let (desired, mut world) = (desired(vec![desired_vm("edge", None)]), world());
        let mut config = config("edge", 900);
        config.set("description", &description);
        put(&mut world, 900, "pve1", Power::Running, config);
        let plan = plan(&desired, &world);
        let found = (plan.blocked.len(), plan.vms.len());
        assert_eq!(found, if is_edge { (1, 0) } else { (0, 1) }, "{description}");
    }
}

#[test]
fn a_nameless_vm_of_an_offline_node_is_that_of_its_fixed_vmid() {
    let node = || "pve2".parse::<NodeName>().unwrap();
    for (number, observation, is_in_doubt) in [
        (102, Observation::NodeAway(node()), false),
        (900, Observation::NodeAway(node()), true),
        (102, Observation::Forbidden(node()), true),
    ] {
        let vms = vec![desired_vm("edge", None), desired_vm("db", Some(102))];
        let (desired, mut world) = (desired(vms), world());
        world.vms.insert(vmid(number), observation);
        let plan = plan(&desired, &world);
        let blocked = plan.blocked.iter().any(|blocked| blocked.name == "edge");
        assert_eq!(blocked, is_in_doubt, "{number}: {:?}", lines(&plan));
    }
}

#[test]
fn a_clone_of_a_vm_that_is_gone_is_left_alone() {
    let (desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
    let mut clone = config("edge", 900);
    clone.set("description", &mark("edge", 101).line());
    put(&mut world, 900, "pve1", Power::Running, clone);
    let is = "Copy { is: Clone { deployment: \"dev\", vm: \"edge\" } }";
    let expected = ["unchanged edge".to_owned(), format!("notice edge: {is}")];
    assert_eq!(lines(&plan_destroy(&desired, &world)), expected);
}

#[test]
fn a_document_for_another_node_is_another_document() {
    let build = |written: bool| {
        move |desired: &mut Desired, world: &mut Observed| {
            desired.node = "pve2".parse().unwrap();
            desired.vms[0].node = desired.node.clone();
            desired.vms[0].placement =
                if written { Placement::Written } else { Placement::Selected };
            put(world, 101, "pve1", Power::Running, config("edge", 101));
        }
    };
    let nodes = "home: \"pve1\", wanted: \"pve2\"";
    let move_to = "from: \"pve1\", wanted: \"pve2\"";
    check(build(false), &[&format!("blocked edge: OtherDocument {{ {nodes} }}")]);
    check(build(true), &[&format!("blocked edge: MustMigrate {{ {move_to} }}")]);
    let (mut desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
    build(false)(&mut desired, &mut world);
    let expected = [format!("blocked edge: OtherDocument {{ {nodes} }}")];
    assert_eq!(lines(&plan_destroy(&desired, &world)), expected);
}

#[test]
fn absence_needs_two_witnesses() {
    check(|_, world| _ = world.free.insert(vmid(101), false), &["blocked edge: VmidHidden"]);
    check(|_, world| world.free.clear(), &["blocked edge: VmidHidden"]);
    check(
        |desired, world| {
            desired.vms[0].vmid = None;
            world.sees_all = false;
        },
        &["blocked edge: MayNotSeeAll"],
    );
    check(
        |desired, world| {
            desired.vms[0].vmid = None;
            world.free.clear();
        },
        &["blocked edge: VmidHidden"],
    );
    check(
        |_, world| _ = world.nodes_away.insert("pve1".parse().unwrap()),
        &["blocked edge: NodeAway"],
    );
    let node: NodeName = "pve2".parse().unwrap();
    let away = Observation::NodeAway(node.clone());
    check(|_, world| _ = world.vms.insert(vmid(101), away), &["blocked edge: NodeAway"]);
    let forbidden = Observation::Forbidden(node);
    check(|_, world| _ = world.vms.insert(vmid(101), forbidden), &["blocked edge: Forbidden"]);
}

#[test]
fn a_create_under_way_is_neither_ours_nor_foreign() {
    let config = Config::settled([("lock", "create")]);
    let build =
        |_: &mut Desired, world: &mut Observed| put(world, 101, "pve1", Power::Stopped, config);
    check(build, &["blocked edge: BeingCreated { vmid: 101 }"]);
}

#[test]
fn a_create_under_way_anywhere_may_become_ours() {
    let build = |is_reserved: bool| {
        move |desired: &mut Desired, world: &mut Observed| {
            desired.vms[0].vmid = None;
            if is_reserved {
                desired.reserved.insert(vmid(9000));
            }
            put(world, 9000, "pve1", Power::Stopped, Config::settled([("lock", "create")]));
        }
    };
    check(build(false), &["blocked edge: BeingCreated { vmid: 9000 }"]);
    // At a vmid that the document fixes for another VM, it is that VM.
    let (mut desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
    build(true)(&mut desired, &mut world);
    let plan = plan(&desired, &world);
    assert_eq!((plan.blocked.len(), plan.vms.len()), (0, 1), "{:?}", lines(&plan));
}

#[test]
fn an_unfinished_clone_elsewhere_does_not_free_the_vmid() {
    let build = |_: &mut Desired, world: &mut Observed| {
        put(world, 101, "pve1", Power::Running, Config::settled([("name", "precious")]));
        let mut clone = config("edge", 9000);
        clone.set("description", &Mark { stage: Stage::Clone, ..mark("edge", 9000) }.line());
        put(world, 9000, "pve1", Power::Stopped, clone);
    };
    check(build, &["blocked edge: VmidTaken { by: Some(\"precious\") }"]);
}

#[test]
fn a_vm_is_found_by_its_mark_wherever_it_is() {
    let free_choice = |desired: &mut Desired, world: &mut Observed| {
        desired.vms[0].vmid = None;
        put(world, 9000, "pve1", Power::Running, config("edge", 9000));
    };
    check(free_choice, &["unchanged edge"]);
    let moved = |_: &mut Desired, world: &mut Observed| {
        put(world, 9000, "pve1", Power::Running, config("edge", 9000));
    };
    check(moved, &["blocked edge: VmidDiffers { has: 9000, wanted: 101 }"]);
    let counted = |desired: &mut Desired, world: &mut Observed| {
        desired.vms[0].vmid_is_counted = true;
        put(world, 9000, "pve1", Power::Running, config("edge", 9000));
    };
    check(counted, &["unchanged edge"]);
    let migrated = |_: &mut Desired, world: &mut Observed| {
        put(world, 101, "pve2", Power::Running, config("edge", 101));
    };
    check(migrated, &["unchanged edge", "notice edge: Moved { node: \"pve2\" }"]);
    let copied = |_: &mut Desired, world: &mut Observed| {
        put(world, 101, "pve1", Power::Running, config("edge", 101));
        put(world, 9000, "pve1", Power::Running, config("edge", 9000));
    };
    check(copied, &["blocked edge: MarkedTwice { vmids: [101, 9000] }"]);
}

#[test]
fn a_locked_vm_is_changed_by_nobody() {
    let expected = "blocked edge: Locked { lock: \"backup\" }";
    check_change(Power::Running, REBOOT, &[("lock", "backup"), ("cores", "4")], &[expected]);
    check_change(Power::Running, REBOOT, &[("lock", "backup")], &["unchanged edge"]);
}

#[test]
fn adopt_writes_the_mark_and_nothing_else() {
    let desired = desired(vec![desired_vm("edge", Some(101))]);
    let mut world = world();
    let by_hand = Config::settled([("name", "precious"), ("description", "ask Jo"), ("tags", "a")]);
    put(&mut world, 101, "pve1", Power::Running, by_hand);
    let asked = Adoption::default();
    let adoption = plan_adopt(&desired, &world, &asked);
    assert_eq!(lines(&adoption), ["Adopt edge [tags description] changing the config"]);
    let Step::Configure { params, mark: Some(mark), .. } = &adoption.vms[0].steps[0] else {
        panic!()
    };
    assert_eq!(params.keys().collect::<Vec<_>>(), ["tags"]);
    assert_eq!(params["tags"], "a;pve-pipeline");
    assert_eq!((mark.uuid.as_str(), mark.seed.fingerprint.as_str()), ("none", "none"));
    assert_eq!((mark.vmid, mark.owns.len()), (Some(101), 0));
    let marked = as_adopted(&adoption, &world);
    assert_eq!(lines(&plan_adopt(&desired, &marked, &asked)), ["unchanged edge"]);
}

#[test]
fn adopt_takes_over_older_marks_and_keeps_their_seed() {
    let older = "pve-pipeline: deployment=dev vm=edge run=1 seed=5eed";
    let siteless = Mark { site: String::new(), ..mark("edge", 101) }.line();
    let elsewhere = Mark { site: "home".into(), ..mark("edge", 101) }.line();
    let ours = mark("edge", 101).line();
    let from_home = Adoption { from_site: Some("home".into()), ..Adoption::default() };
    let check = |fixed: bool, description: &str, tags: &str, asked: &Adoption, expected: &str| {
        let mut desired = desired(vec![desired_vm("edge", Some(101)), desired_vm("db", Some(102))]);
        desired.vms[0].vmid = desired.vms[0].vmid.filter(|_| fixed);
        let mut world = world();
        let mut config = config("edge", 101);
        config.set("description", description);
        config.set("tags", tags);
        put(&mut world, 101, "pve1", Power::Running, config);
        let adoption = plan_adopt(&desired, &world, asked);
        assert_eq!(lines(&adoption).first().map(String::as_str), Some(expected), "{description}");
        if let Some(vm) = adoption.vms.first() {
            assert_eq!(vm.mark.seed.fingerprint, "5eed");
            assert_eq!(adoption.blocked, []);
        }
    };
    let any = Adoption::default();
    let mark_only = "Adopt edge [description] recording the state";
    check(true, older, "pve-pipeline", &any, mark_only);
    check(false, older, "pve-pipeline", &any, mark_only);
    check(false, &siteless, "pve-pipeline", &any, mark_only);
    check(false, &elsewhere, "pve-pipeline", &from_home, mark_only);
    check(true, &ours, "x", &any, "Adopt edge [tags description] changing the config");
    let who = "site: \"home\", deployment: \"dev\", vm: \"edge\"";
    let refused = format!("blocked edge: NotOurs {{ is: OtherSite {{ {who} }} }}");
    check(true, &elsewhere, "pve-pipeline", &any, &refused);
}

/// `edge`, formerly `rim`, where the VM listed as `rim` cannot be read.
fn check_renamed(observation: Observation, expected: &str) {
    let build = |desired: &mut Desired, world: &mut Observed| {
        desired.vms[0].vmid = None;
        desired.former_names = [("rim".to_owned(), "edge".to_owned())].into();
        put(world, 200, "pve2", Power::Running, config("rim", 200));
        world.vms.insert(vmid(200), observation);
    };
    check(build, &[&format!("blocked edge: {expected}")]);
}

#[test]
fn an_unreadable_renamed_vm_is_not_created_twice() {
    let pve2 = || "pve2".parse().unwrap();
    check_renamed(Observation::NodeAway(pve2()), "NodeAway");
    check_renamed(Observation::Forbidden(pve2()), "Forbidden");
}

#[test]
fn an_earlier_mark_with_the_former_name_prevents_a_second_vm() {
    let earlier = "Earlier { deployment: \"dev\", vm: \"rim\" }";
    let build = |desired: &mut Desired, world: &mut Observed| {
        desired.vms[0].vmid = None;
        desired.former_names = [("rim".to_owned(), "edge".to_owned())].into();
        let mut config = config("rim", 900);
        config.set("description", "pve-pipeline: deployment=dev vm=rim run=1 seed=5eed");
        put(world, 900, "pve1", Power::Running, config);
    };
    check(build, &[&format!("blocked edge: NotOurs {{ is: {earlier} }}")]);
    let (mut desired, mut world) = (desired(vec![desired_vm("edge", None)]), world());
    build(&mut desired, &mut world);
    let adoption = plan_adopt(&desired, &world, &Adoption::default());
    assert_eq!(adoption.vms[0].mark.vm, "edge");
    assert_eq!(adoption.vms[0].mark.seed.fingerprint, "5eed");
}

/// Which VMs with these homes, whose names left the document, `prune` destroys.
fn pruned(change: impl FnOnce(&mut Desired)) -> Vec<String> {
    let (mut desired, mut world) = (desired(vec![desired_vm("edge", None)]), world());
    desired.vm_names = Some(["edge".to_owned()].into());
    change(&mut desired);
    for (number, home) in [(201, "pve1"), (202, "pve2"), (203, "pve3")] {
        let name = format!("of-{home}");
        let mut config = config(&name, number);
        let mark = Mark { node: home.into(), ..mark(&name, number) };
        config.set("description", &mark.line());
        // Where a VM is now does not matter.
        put(&mut world, number, "pve1", Power::Running, config);
    }
    plan_prune(&desired, &world).vms.into_iter().map(|vm| vm.name).collect()
}

#[test]
fn only_vms_whose_home_is_a_node_of_the_document_can_have_left_it() {
    assert_eq!(pruned(|_| ()), ["of-pve1"]);
    let elsewhere = |desired: &mut Desired| desired.vms[0].node = "pve2".parse().unwrap();
    assert_eq!(pruned(elsewhere), ["of-pve1", "of-pve2"]);
    let head = |desired: &mut Desired| desired.node = "pve2".parse().unwrap();
    assert_eq!(pruned(head), ["of-pve1", "of-pve2"]);
    let nodes = |desired: &mut Desired| {
        desired.nodes.insert("pve3".parse().unwrap(), desired.head.clone());
    };
    assert_eq!(pruned(nodes), ["of-pve1", "of-pve3"]);
    assert_eq!(pruned(|desired| desired.places_all = true), ["of-pve1", "of-pve2", "of-pve3"]);
}

#[test]
fn a_vm_is_adopted_on_its_node_and_a_listed_one_on_any() {
    let check = |placement, expected: Option<&str>| {
        let mut vm = desired_vm("edge", Some(101));
        (vm.node, vm.placement) = ("pve2".parse().unwrap(), placement);
        let (desired, mut world) = (desired(vec![vm]), world());
        let mut unmarked = config("edge", 101);
        unmarked.set("description", "");
        put(&mut world, 101, "pve1", Power::Running, unmarked);
        let plan = plan_adopt(&desired, &world, &Adoption::default());
        let homes: Vec<&str> = plan.vms.iter().map(|vm| vm.mark.node.as_str()).collect();
        assert_eq!(homes, expected.into_iter().collect::<Vec<_>>(), "{placement:?}");
    };
    check(Placement::Listed, Some("pve1"));
    check(Placement::Written, None);
    check(Placement::Selected, None);
}
