//! VMs of any kind can be adopted without changing them: `export` prints an env that `resolve` accepts,
//! and adopting and applying it changes only tags and description.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use test_support::case::search_path;
use test_support::pve_sim::{Options, PveSim, World};

/// Keys and values that someone may have set; an empty one is left out.
const CHOICES: &[(&str, &[&str])] = &[
    ("agent", &["", "1", "0", "enabled=1,fstrim_cloned_disks=1", "enabled=1,type=isa"]),
    ("balloon", &["", "", "0", "256"]),
    ("bios", &["", "", "ovmf", "seabios"]),
    ("boot", &["", "order=scsi0", "order=net0;ide2", "order=virtio0;net0"]),
    ("cores", &["", "1", "4"]),
    ("cpu", &["", "host", "kvm64", "Haswell,flags=+aes;-pcid", "cputype=host"]),
    ("cpulimit", &["", "", "0.5"]),
    ("description", &["", "# Web\n\nask: Jo", "yes", "a \"b\" # c", "- x\n  - y"]),
    ("efidisk0", &["", "", "local-lvm:vm-@-disk-7,efitype=4m,pre-enrolled-keys=1,size=4M"]),
    ("hotplug", &["", "", "0", "disk,network"]),
    ("ide0", &["", "", "local-lvm:vm-@-disk-5,size=8G,model=x%20y"]),
    (
        "ide2",
        &[
            "",
            "none,media=cdrom",
            "local:iso/a.iso,media=cdrom",
            "local-lvm:vm-@-cloudinit,media=cdrom",
        ],
    ),
    ("localtime", &["", "", "1"]),
    ("machine", &["", "q35", "pc-i440fx-9.0"]),
    ("memory", &["512", "2048"]),
    (
        "net0",
        &[
            "",
            "virtio=02:00:00:00:@:00,bridge=vmbr0",
            "e1000=02:00:00:00:@:00,bridge=vmbr0,tag=5,firewall=1",
        ],
    ),
    ("net3", &["", "", "virtio=02:00:00:00:@:03,bridge=vmbr0,link_down=1,rate=10.5"]),
    ("numa", &["", "1"]),
    ("onboot", &["", "0", "1"]),
    ("ostype", &["", "l26", "win11", "other"]),
    ("protection", &["", "", "1"]),
    ("rng0", &["", "", "source=/dev/urandom,max_bytes=2048"]),
    ("sata1", &["", "", "local-zfs:vm-@-disk-3,size=12G,ssd=1,backup=0"]),
    (
        "scsi0",
        &[
            "",
            "local-lvm:vm-@-disk-0,size=10G",
            "local-lvm:vm-@-disk-0,discard=on,iothread=1,size=16G,ssd=1",
        ],
    ),
    ("scsi4", &["", "", "local-zfs:vm-@-disk-1,size=512M,cache=writeback,mbps_rd=3.5"]),
    ("scsihw", &["", "virtio-scsi-single", "virtio-scsi-pci", "lsi"]),
    ("serial0", &["", "socket"]),
    ("serial2", &["", "", "socket"]),
    (
        "smbios1",
        &[
            "",
            "uuid=11111111-2222-4333-8444-5555555555@",
            "base64=1,serial=eCB5,uuid=11111111-2222-4333-8444-5555555555@",
        ],
    ),
    ("sockets", &["", "2"]),
    ("startup", &["", "", "order=3,up=30"]),
    ("tags", &["", "1.2;on", "prod;web"]),
    ("tpmstate0", &["", "", "local-lvm:vm-@-disk-8,size=4M,version=v2.0"]),
    ("vga", &["", "virtio,memory=64", "none", "serial0"]),
    (
        "virtio0",
        &[
            "",
            "local-lvm:vm-@-disk-2,size=20G",
            "local-lvm:vm-@-disk-2,discard=on,iothread=1,size=20G",
        ],
    ),
    ("watchdog", &["", "", "i6300esb,action=reset"]),
];

/// As many VMs as a large home lab has.
const VMS: u64 = 60;

/// Returns the same pseudo-random numbers in every run.
fn draw(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap() % below
}

fn world() -> Value {
    let mut state = 0x5eed;
    let mut vms = BTreeMap::new();
    for vmid in 110..110 + VMS {
        let mut config = BTreeMap::from([("name".to_owned(), format!("vm{vmid}"))]);
        for (key, values) in CHOICES {
            let value = values[draw(&mut state, values.len())];
            // Two digits of the vmid fit into a MAC and a UUID.
            let own = if value.starts_with("local") {
                vmid.to_string()
            } else {
                format!("{:02}", vmid % 100)
            };
            if !value.is_empty() {
                config.insert((*key).to_owned(), value.replace('@', &own));
            }
        }
        let has_disk =
            ["ide0", "scsi0", "virtio0", "sata1"].iter().any(|key| config.contains_key(*key));
        if !has_disk {
            config.insert("virtio0".to_owned(), format!("local-lvm:vm-{vmid}-disk-2,size=20G"));
        }
        let running = draw(&mut state, 2) == 0;
        vms.insert(vmid.to_string(), json!({"config": config, "running": running}));
    }
    json!({
        "vms": vms,
        "volumes": [{"volid": "local:iso/a.iso", "node": "pve1", "size": 1_048_576}],
    })
}

/// Runs shell lines in a folder; returns stdout.
fn sh(folder: &Path, sim: &PveSim, line: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", search_path().unwrap())
        .env("HOME", folder)
        .env("PVE_FINGERPRINT", sim.fingerprint())
        .env("PVE_SIM_ENDPOINT", sim.endpoint())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}\n{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns each VM's config without what adopting and applying write: our tag and one line of the description.
fn configs(sim: &PveSim) -> BTreeMap<String, Value> {
    let world: Value = serde_json::from_str(&sim.world().to_json()).unwrap();
    let mut vms = BTreeMap::new();
    for (vmid, vm) in world["vms"].as_object().unwrap() {
        let mut vm = vm.clone();
        for (key, sign) in [("tags", ';'), ("description", '\n')] {
            let config = vm["config"].as_object_mut().unwrap();
            let text = config.remove(key).map(|text| text.as_str().unwrap().to_owned());
            let text = text.unwrap_or_default();
            let kept: Vec<&str> =
                text.split(sign).filter(|part| !part.contains("pve-pipeline")).collect();
            config.insert(key.to_owned(), kept.join(&sign.to_string()).into());
        }
        vms.insert(vmid.clone(), vm);
    }
    vms
}

#[test]
fn vms_of_any_kind_are_adopted_unchanged() {
    let sim =
        PveSim::start(World::from_json(&world().to_string()).unwrap(), Options::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/site");
    sh(folder.path(), &sim, &format!("cp -r {example} site && chmod 600 site/secrets.yaml"));
    let resolve = "resolve --site site --node pve1 --endpoint $PVE_SIM_ENDPOINT";
    let vmids: Vec<String> = (110..110 + VMS).map(|vmid| vmid.to_string()).collect();
    let export = format!("{resolve} --env dev | pve-apply export {}", vmids.join(" "));
    let before = configs(&sim);
    let first = sh(folder.path(), &sim, &format!("{export} | tee site/envs/home.yaml"));
    let run = format!(
        "{resolve} --env home | mint-token --site site | cloudinit-render >home.json \
         && pve-apply adopt <home.json && pve-apply apply <home.json \
         && pve-apply plan --expect-no-changes <home.json"
    );
    sh(folder.path(), &sim, &run);
    assert_eq!(configs(&sim), before);
    assert_eq!(sh(folder.path(), &sim, &export), first, "a second export is identical");
    assert_eq!(sim.refused(), Vec::<String>::new());
}
