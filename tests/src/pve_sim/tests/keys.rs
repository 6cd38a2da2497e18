//! All keys of a config: who may write them, and how they are stored (facts-4 29 and 44 to 59).

use super::check;

const CONFIG: &str = "GET /nodes/pve1/qemu/100/config";
const PUT: &str = "PUT /nodes/pve1/qemu/100/config";
const POST: &str = "POST /nodes/pve1/qemu/100/config";
const CREATE: &str = "POST /nodes/pve1/qemu vmid=101";

/// Returns a world with a VM; `more` are keys of the world.
fn world(more: &str, vm: &str) -> String {
    format!(
        r#"{{{more} "storages": {{
            "local": {{"type": "dir", "content": ["iso", "import", "images", "snippets"]}},
            "local-lvm": {{"type": "lvmthin", "content": ["images", "rootdir"]}},
            "local-zfs": {{"type": "zfspool", "content": ["images", "rootdir"]}}}},
        "volumes": [{{"volid": "local:iso/a.iso", "size": 1048576}}],
        "vms": {{"100": {vm}}}}}"#
    )
}

fn stopped(config: &str) -> String {
    world("", &format!(r#"{{"config": {{{config}}}}}"#))
}

/// Returns the default token with only these privileges on VMs.
fn only(privileges: &str) -> String {
    let entry = |path: &str, who: &str, role: &str| {
        format!(r#"{{"path": "{path}", "who": "{who}", "role": "{role}"}}"#)
    };
    let mut acl = Vec::new();
    for who in ["pipeline@pve", "pipeline@pve!apply"] {
        acl.push(entry("/vms", who, "Some"));
        acl.push(entry("/storage", who, "PVEDatastoreUser"));
        acl.push(entry("/sdn", who, "PVESDNUser"));
    }
    format!(
        r#""access": {{"users": {{"pipeline@pve": {{}}}},
            "tokens": {{"pipeline@pve!apply": {{"secret": "00000000-0000-4000-8000-000000000001"}}}},
            "roles": {{"Some": [{privileges}]}}, "acl": [{}]}},"#,
        acl.join(",")
    )
}

#[test]
fn each_key_needs_its_privilege() {
    let vm = r#"{"config": {"cores": "1"}}"#;
    for (key, value, privilege) in [
        ("smbios1", "manufacturer=x", "VM.Config.HWType"),
        ("serial0", "socket", "VM.Config.HWType"),
        ("machine", "q35", "VM.Config.HWType"),
        ("rng0", "source=/dev/urandom", "VM.Config.HWType"),
        ("hotplug", "disk", "VM.Config.HWType"),
        ("watchdog", "i6300esb", "VM.Config.HWType"),
        ("audio0", "device=AC97", "VM.Config.HWType"),
        ("bios", "ovmf", "VM.Config.Options"),
        ("ostype", "l26", "VM.Config.Options"),
        ("tags", "a", "VM.Config.Options"),
        ("numa", "1", "VM.Config.CPU"),
        ("numa0", "cpus=0,memory=512", "VM.Config.CPU"),
        ("balloon", "0", "VM.Config.Memory"),
        ("boot", "order=net0", "VM.Config.Disk"),
        ("net0", "virtio,bridge=vmbr0", "VM.Config.Network"),
        ("scsi1", "local-lvm:1", "VM.Config.Disk"),
        ("efidisk0", "local-lvm:1", "VM.Config.Disk"),
        ("ide2", "none,media=cdrom", "VM.Config.CDROM"),
        ("ciuser", "me", "VM.Config.Cloudinit|VM.Config.Network"),
        ("usb0", "spice", "VM.Config.HWType"),
        ("virtiofs0", "share", "VM.Config.Disk"),
        ("freeze", "1", "VM.PowerMgmt"),
    ] {
        // Another privilege of the list allows the request as such, but is not enough.
        let other = if privilege == "VM.Config.CPU" { "VM.Config.Memory" } else { "VM.Config.CPU" };
        let world = world(&only(&format!(r#""VM.Audit", "{other}""#)), vm);
        let refused = format!("403 Permission check failed (/vms/100, {privilege})");
        let change = format!("{PUT} {key}={value}");
        check(&world, "[]", &[(&change, &refused)]);
    }
    let world = world(&only(r#""VM.Audit""#), vm);
    let all = "403 Permission check failed (/vms/100, VM.Config.Disk|VM.Config.CDROM|\
               VM.Config.CPU|VM.Config.Memory|VM.Config.Network|VM.Config.HWType|\
               VM.Config.Options|VM.Config.Cloudinit)";
    check(&world, "[]", &[(&format!("{PUT} cores=2"), all)]);
}

#[test]
fn root_only_keys_are_refused() {
    for key in [
        "affinity=0-3",
        "args=-S",
        "hookscript=local:snippets/a.pl",
        "arch=x86_64",
        "vmgenid=1",
        "hugepages=2",
        "keephugepages=1",
        "ivshmem=size=4",
        "spice_enhancements=foldersharing=1",
        "parallel0=/dev/parport0",
        "amd-sev=type=std",
        "lock=backup",
    ] {
        let name = key.split('=').next().unwrap();
        let text = format!("500 only root can set '{name}' config");
        let steps =
            [format!("{PUT} {key}"), format!("{CREATE} {key}"), format!("{PUT} delete={name}")];
        for step in steps {
            check(&stopped(""), "[]", &[(&step, &text)]);
        }
    }
    check(&stopped(""), "[]", &[(&format!("{PUT} delete=meta"), "500 only root can set 'meta'")]);
    check(&stopped(""), "[]", &[(&format!("{PUT} meta=x"), "400 Parameter verification failed")]);
}

#[test]
fn startup_and_host_devices_need_more() {
    check(
        &stopped(r#""serial0": "/dev/ttyS0", "usb1": "host=1-2""#),
        "[]",
        &[
            (&format!("{PUT} startup=order=1"), "403 Permission check failed (/, Sys.Modify)"),
            (
                &format!("{PUT} vmstatestorage=nix1"),
                "403 Permission check failed (/storage/nix1, Datastore.AllocateSpace)",
            ),
            (
                &format!("{PUT} ide2=cdrom,media=cdrom"),
                "403 Permission check failed (/, Sys.Console)",
            ),
            (
                &format!("{PUT} serial0=socket"),
                "500 only root can modify 'serial0' config for real devices",
            ),
            (
                &format!("{PUT} delete=serial0"),
                "500 only root can delete 'serial0' config for real devices",
            ),
            (
                &format!("{CREATE} serial0=/dev/ttyS0"),
                "500 only root can set 'serial0' config for real devices",
            ),
            // The existing value is checked too.
            (&format!("{PUT} usb1=spice"), "500 only root can set 'usb1' config for real devices"),
            (
                &format!("{PUT} rng0=source=/dev/hwrng"),
                "403 Permission check failed (/mapping/hwrng, Mapping.Use)",
            ),
            (&format!("{POST} serial1=/dev/ttyS1"), "200 OK"),
            ("task", "only root can modify 'serial1' config for real devices"),
        ],
    );
}

#[test]
fn keys_and_options_exist_since_their_release() {
    let unknown = "property is not defined in schema and the schema does not allow additional";
    for (release, change, expected) in [
        ("8.4.1", "allow-ksm=1", unknown),
        ("9.0.3", "delete=allow-ksm", "unknown option 'allow-ksm'"),
        ("9.1.7", "allow-ksm=1", "200 OK"),
        ("9.0.3", "machine=q35,viommu=virtio,aw-bits=40", unknown),
        ("9.1.7", "machine=q35,viommu=virtio,aw-bits=40", "200 OK"),
        ("9.1.7", "net0=virtio,bridge=vmbr0,host-tunnel=1", unknown),
        ("9.2.11", "net0=virtio,bridge=vmbr0,host-tunnel=1", "200 OK"),
        ("9.0.3", "agent=1,freeze-fs=0", unknown),
        ("9.0.3", "agent=1,freeze-fs-on-backup=0", "200 OK"),
    ] {
        let more = format!(r#""version": "{release}","#);
        let world = world(&more, r#"{"config": {}}"#);
        check(&world, "[]", &[(&format!("{PUT} {change}"), expected)]);
    }
}

#[test]
fn values_are_stored_as_in_pve() {
    let long = "BC:24:11:00:00:09";
    for (change, kept) in [
        (
            "scsi1=local-lvm:1,ssd=on,discard=on,aio=native",
            r#""local-lvm:vm-100-disk-0,aio=native,discard=on,size=1G,ssd=1""#.to_owned(),
        ),
        (
            "scsi1=local-lvm:1,mbps_rd=1.5,bps_wr=1048576",
            r#""local-lvm:vm-100-disk-0,mbps_rd=1.5,mbps_wr=0.000,size=1G""#.to_owned(),
        ),
        (
            &format!("net0=bridge=vmbr0,firewall=on,model=virtio,macaddr={long},tag=7"),
            format!(r#""virtio={long},bridge=vmbr0,firewall=1,tag=7""#),
        ),
        (
            "agent=fstrim_cloned_disks=1,enabled=1",
            r#""fstrim_cloned_disks=1,enabled=1""#.to_owned(),
        ),
        ("cpu=cputype=host,flags=+aes", r#""cputype=host,flags=+aes""#.to_owned()),
        ("machine=type=q35", r#""type=q35""#.to_owned()),
        ("vga=type=qxl,memory=32", r#""type=qxl,memory=32""#.to_owned()),
        (
            "smbios1=serial=c2Vy,base64=1,manufacturer=QQ==",
            r#""serial=c2Vy,base64=1,manufacturer=QQ==""#.to_owned(),
        ),
        ("cpuunits=20000", r#""cpuunits":10000"#.to_owned()),
        ("smp=4", r#""sockets":4"#.to_owned()),
        ("cdrom=none", r#""ide2":"none,media=cdrom""#.to_owned()),
    ] {
        check(
            &stopped(r#""cores": "2""#),
            "[]",
            &[(&format!("{PUT} {change}"), "200 OK"), (CONFIG, &kept)],
        );
    }
    // A create reformats the machine, and pins its version for Windows.
    let read = "GET /nodes/pve1/qemu/101/config";
    for (given, kept) in [
        ("machine=type=q35", r#""machine":"q35""#),
        ("ostype=win11", r#""machine":"pc-i440fx-10.1""#),
    ] {
        check(
            &stopped(""),
            "[]",
            &[(&format!("{CREATE} {given}"), "200 OK"), ("task", r#""OK""#), (read, kept)],
        );
    }
}

#[test]
fn conflicting_values_are_refused() {
    for (change, text) in [
        ("balloon=1024", "500 balloon value too large (must be smaller than assigned memory)"),
        ("vga=serial0,clipboard=vnc", "500 vga type serial0 is not compatible with VNC clipboard"),
        ("machine=pc,viommu=intel", "500 to use Intel vIOMMU please set the machine type to q35"),
        ("scsi1=local-lvm:1,mbps=1,mbps_rd=1", r#""scsi1":"unable to parse drive options""#),
        ("scsi1=local-lvm:1,iops_max_length=9", r#""scsi1":"unable to parse drive options""#),
        ("ide1=none,media=cdrom,snapshot=1", r#""ide1":"unable to parse drive options""#),
        ("ide1=local-lvm:cloudinit", "500 ide1 - cloud-init drive is already attached at 'ide2'"),
        (
            "efidisk0=local-lvm:0,import-from=local-lvm:vm-100-disk-9",
            r#""efidisk0":"need to specify 'efitype' when using 'import-from'""#,
        ),
        (
            "tpmstate0=local-lvm:vm-100-disk-0,version=v2.0",
            "500 cannot change TPM state version after creation",
        ),
        ("usb0=usb3=1", "500 either 'host' or 'mapping' must be set."),
        ("cpu=custom-nix", "Custom cputype 'nix' not found"),
    ] {
        let world = stopped(
            r#""ide2": "local-lvm:vm-100-cloudinit,media=cdrom",
               "tpmstate0": "local-lvm:vm-100-disk-0,size=4M""#,
        );
        check(&world, "[]", &[(&format!("{PUT} {change}"), text)]);
    }
}
