//! Mappings, CPU models and machines.

use super::{check, send};

const PUT: &str = "PUT /nodes/pve1/qemu/100/config";
const START: &str = "POST /nodes/pve1/qemu/100/status/start";

/// Returns a world with a VM, mappings, and a token that can use some of them.
fn world(version: &str, config: &str) -> String {
    let entry = |path: &str, role: &str| {
        ["pipeline@pve", "pipeline@pve!apply"]
            .map(|who| format!(r#"{{"path": "{path}", "who": "{who}", "role": "{role}"}}"#))
            .join(",")
    };
    let acl = [
        entry("/vms", "PVEVMAdmin"),
        entry("/mapping/pci/gpu", "User"),
        entry("/mapping/usb/key", "User"),
        entry("/mapping/dir/share", "User"),
        entry("/mapping/cpu/mine", "User"),
    ];
    format!(
        r#"{{"version": "{version}", "vms": {{"100": {{"config": {{{config}}}}}}},
        "cpu_models": {{"mine": "EPYC", "theirs": "Haswell"}},
        "mappings": {{
            "pci": {{"gpu": {{"description": "a card", "map": ["node=pve1,path=0000:01:00.0,id=10de:1eb8"]}},
                "far": {{"map": ["node=pve2,path=0000:01:00.0,id=10de:1eb8"]}}}},
            "usb": {{"key": {{"map": ["node=pve1,id=1050:0407"]}}}},
            "dir": {{"share": {{"map": ["node=pve1,path=/srv"]}}}}}},
        "access": {{"users": {{"pipeline@pve": {{}}}},
            "tokens": {{"pipeline@pve!apply": {{"secret": "00000000-0000-4000-8000-000000000001"}}}},
            "roles": {{"User": ["Mapping.Use"]}}, "acl": [{}]}}}}"#,
        acl.join(",")
    )
}

#[test]
fn only_usable_mappings_are_listed() {
    let sim = check(
        &world("9.2.11", ""),
        "[]",
        &[
            ("GET /cluster/mapping/pci", r#""map":["node=pve1,path=0000:01:00.0,id=10de:1eb8"]"#),
            ("GET /cluster/mapping/usb check-node=pve1", r#""errors":[]"#),
            ("GET /cluster/mapping/dir", r#""id":"share""#),
            ("GET /cluster/mapping/dir check-node=pve9", "500 hostname lookup 'pve9' failed"),
        ],
    );
    assert!(!send(&sim, "GET /cluster/mapping/pci").contains("far"));
}

#[test]
fn a_mapping_needs_a_privilege_and_must_exist_at_the_start() {
    check(
        &world("9.2.11", r#""hostpci5": "mapping=gone", "virtiofs5": "gone""#),
        "[]",
        &[
            (
                &format!("{PUT} hostpci0=mapping=gpu,pcie=1 usb0=mapping=key virtiofs0=share"),
                "200 OK",
            ),
            (
                &format!("{PUT} hostpci1=mapping=far"),
                "403 Permission check failed (/mapping/pci/far, Mapping.Use)",
            ),
            (
                &format!("{PUT} usb1=mapping=nix"),
                "403 Permission check failed (/mapping/usb/nix, Mapping.Use)",
            ),
            (
                &format!("{PUT} virtiofs1=nix"),
                "403 Permission check failed (/mapping/dir/nix, Mapping.Use)",
            ),
            (
                &format!("{PUT} hostpci1=0000:01:00.0"),
                "500 only root can set 'hostpci1' config for non-mapped devices",
            ),
            (
                &format!("{PUT} hostpci1=mapping=gpu,romfile=a.bin"),
                r#""hostpci1":"only root@pam can set 'romfile' option""#,
            ),
            (&format!("{PUT} usb1=1-2"), "500 only root can set 'usb1' config for real devices"),
            // Without permission to use it, it cannot be removed either.
            (
                &format!("{PUT} delete=hostpci5"),
                "403 Permission check failed (/mapping/pci/gone, Mapping.Use)",
            ),
            (START, "200 OK"),
            ("task", "PCI device mapping not found for 'gone'"),
        ],
    );
    check(
        &world("9.1.7", ""),
        "[]",
        &[(&format!("{PUT} hostpci1=mapping=gpu,romfile=a.bin"), "200 OK")],
    );
    for (config, text) in [
        (r#""hostpci0": "mapping=far""#, "PCI device mapping not found for 'far'"),
        (r#""usb0": "mapping=nix""#, "USB device mapping not found for 'nix'"),
        (r#""virtiofs0": "nix""#, "Directory ID nix does not exist."),
        (r#""hostpci0": "mapping=gpu""#, r#""exitstatus":"OK""#),
    ] {
        check(&world("9.2.11", config), "[]", &[(START, "200 OK"), ("task", text)]);
    }
}

#[test]
fn custom_models_have_their_own_rules() {
    let models = "GET /nodes/pve1/capabilities/qemu/cpu";
    let mine = r#"{"name":"custom-mine","custom":1,"vendor":"AuthenticAMD"}"#;
    let sim = check(
        &world("9.2.11", r#""cpu": "custom-gone""#),
        "[]",
        &[
            (models, mine),
            (models, r#"{"name":"x86-64-v3","custom":0,"vendor":"default","abstract":1}"#),
            (START, "200 OK"),
            ("task", "Custom cputype 'gone' not found"),
            (&format!("{PUT} cpu=custom-mine"), "200 OK"),
            // Another option of an existing model needs no other privilege.
            (&format!("{PUT} cpu=custom-mine,hidden=1"), "200 OK"),
            (
                &format!("{PUT} cpu=custom-theirs"),
                "403 Permission check failed (/mapping/cpu/theirs, Mapping.Use)",
            ),
            (
                &format!("{PUT} cpu=custom-nix"),
                r#"{"cpu":"invalid format - Custom cputype 'nix' not found\n"}"#,
            ),
        ],
    );
    assert!(!send(&sim, models).contains("theirs"));
    let sim = check(
        &world("9.1.7", ""),
        "[]",
        &[(&format!("{PUT} cpu=custom-mine"), "403 Permission check failed (/nodes, Sys.Audit)")],
    );
    let seen = send(&sim, models);
    assert!(!seen.contains("custom-mine") && !seen.contains("abstract"), "{seen}");
}

#[test]
fn machines_are_listed_by_version() {
    check(
        &world("9.1.7", ""),
        "[]",
        &[
            (
                "GET /nodes/pve1/capabilities/qemu/machines",
                r#"{"id":"pc-q35-10.1","type":"q35","version":"10.1"}"#,
            ),
            ("GET /nodes/pve1/capabilities/qemu/machines", r#""id":"pc-i440fx-9.2+pve1""#),
        ],
    );
}
