//! The aspects of a VM's config: each is compared by itself, as a parsed value, and answers leave or
//! change. Does no I/O.

use crate::desired::{Machine, Nic, SEED_SLOT, Startup};
use crate::observed::Config;
use pve_client::PropertyString;

/// The boot disk's key.
pub(super) const BOOT_DISK: &str = "virtio0";
/// The seed disk's key.
pub(super) const SEED_DISK: &str = SEED_SLOT;

/// A function of a key's value.
type Part<'a, T> = Box<dyn Fn(Option<&str>) -> T + 'a>;

/// One thing that a VM's config says, and what it shall say.
pub(super) struct Aspect<'a> {
    /// The document's name of it where it has one, else PVE's.
    pub(super) field: &'static str,
    /// The key of the config.
    pub(super) key: &'static str,
    /// A running VM takes the change at once. Otherwise it is pending until a reboot.
    pub(super) live: bool,
    /// What it shall be, as [`Aspect::read`] gives it; `None`: nothing.
    pub(super) want: Option<String>,
    /// Reads what it is out of the key's value.
    pub(super) read: Part<'a, Option<String>>,
    /// Returns the key's whole new value; whatever it says besides is kept.
    pub(super) write: Part<'a, String>,
}

/// Returns the aspects of a machine, in the order in which they are shown.
pub(super) fn of<'a>(name: &'a str, machine: &'a Machine, boot_bytes: u64) -> Vec<Aspect<'a>> {
    let mut list = vec![
        plain("name", "name", true, name.to_owned(), ""),
        plain("cores", "cores", false, machine.cores.to_string(), "1"),
        memory(machine.memory_mib),
        cpu(),
    ];
    list.extend(nic(&machine.nic));
    list.extend(drive_options(boot_bytes));
    list.extend([
        plain("scsihw", "scsihw", false, "virtio-scsi-single".to_owned(), "lsi"),
        agent(),
        plain("serial0", "serial0", false, "socket".to_owned(), ""),
        plain("ostype", "ostype", false, "l26".to_owned(), "other"),
        boot(),
        onboot(),
    ]);
    list.extend(machine.startup.map(startup));
    list
}

/// Keys that the aspects and the identity of a VM cover, and those that PVE itself sets.
pub(super) fn is_managed(key: &str, machine: &Machine) -> bool {
    const OURS: [&str; 15] = [
        "agent",
        "boot",
        "cores",
        "cpu",
        "description",
        "memory",
        "name",
        "net0",
        "onboot",
        "ostype",
        "scsihw",
        "serial0",
        "tags",
        BOOT_DISK,
        SEED_DISK,
    ];
    const PVES: [&str; 8] = [
        "digest",
        "lock",
        "meta",
        "parent",
        "running-nets-host-mtu",
        "runningmachine",
        "smbios1",
        "vmgenid",
    ];
    let startup = key == "startup" && machine.startup.is_some();
    OURS.contains(&key) || PVES.contains(&key) || startup
}

/// The MAC of net0, in upper case.
pub(crate) fn mac(config: &Config) -> Option<String> {
    model_and_mac(&PropertyString::parse(config.next("net0")?, PropertyString::UNNAMED)).1
}

fn plain<'a>(
    field: &'static str,
    key: &'static str,
    live: bool,
    want: String,
    default: &'static str,
) -> Aspect<'a> {
    let written = want.clone();
    let read = move |value: Option<&str>| {
        Some(value.unwrap_or(default)).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Aspect {
        field,
        key,
        live,
        want: Some(want),
        read: Box::new(read),
        write: Box::new(move |_| written.clone()),
    }
}

fn memory<'a>(mib: u32) -> Aspect<'a> {
    // PVE: qemu-server, QemuServer/Memory.pm: a property string with the default key `current`, 512 when absent.
    let read = |value: Option<&str>| {
        let text = value.unwrap_or("512");
        PropertyString::parse(text, "current").get("current").map(str::to_owned)
    };
    Aspect {
        field: "memory",
        key: "memory",
        live: false,
        want: Some(mib.to_string()),
        read: Box::new(read),
        write: Box::new(move |_| mib.to_string()),
    }
}

/// The CPU's type; its flags are kept.
fn cpu<'a>() -> Aspect<'a> {
    let parse = |value: &str| PropertyString::parse(value, "cputype");
    let write = move |value: Option<&str>| {
        let mut parts = parse(value.unwrap_or_default().trim());
        parts.set("cputype", "host");
        parts.display_with_default("cputype")
    };
    Aspect {
        field: "cpu",
        key: "cpu",
        live: false,
        want: Some("host".to_owned()),
        read: Box::new(move |value| parse(value?).get("cputype").map(str::to_owned)),
        write: Box::new(write),
    }
}

fn boot<'a>() -> Aspect<'a> {
    // `boot=cdn` is PVE's old way, whose letters are nothing that we keep.
    let read = |value: Option<&str>| {
        let parts = PropertyString::parse(value?, PropertyString::UNNAMED);
        let order = parts.get("order")?;
        // PVE: qemu-server, API2/Qemu.pm, $update_vm_api: a CD that a change brings is put at the end
        // of the order. The disk is first all the same.
        Some(order.strip_suffix(";ide2").unwrap_or(order).to_owned())
    };
    Aspect {
        field: "boot",
        key: "boot",
        live: false,
        want: Some(BOOT_DISK.to_owned()),
        read: Box::new(read),
        write: Box::new(|_| format!("order={BOOT_DISK}")),
    }
}

fn agent<'a>() -> Aspect<'a> {
    let parse = |value: &str| PropertyString::parse(value, "enabled");
    let write = move |value: Option<&str>| {
        let mut parts = parse(value.unwrap_or_default());
        parts.set("enabled", "1");
        parts.display_with_default("enabled")
    };
    Aspect {
        field: "agent",
        key: "agent",
        live: false,
        want: Some("1".to_owned()),
        read: Box::new(move |value| shown_flag(value.and_then(|v| parse(v).flag("enabled")))),
        write: Box::new(write),
    }
}

fn onboot<'a>() -> Aspect<'a> {
    Aspect {
        field: "onboot",
        key: "onboot",
        live: true,
        want: Some("1".to_owned()),
        read: Box::new(|value| shown_flag(value.and_then(pve_client::parse_boolean))),
        write: Box::new(|_| "1".to_owned()),
    }
}

fn shown_flag(flag: Option<bool>) -> Option<String> {
    Some(u8::from(flag.unwrap_or(false)).to_string())
}

/// Only where the document names it: to write it takes a right on the whole cluster.
fn startup<'a>(want: Startup) -> Aspect<'a> {
    let read = |value: Option<&str>| {
        let text = value?;
        Some(Startup::parse(text).map_or_else(|| text.to_owned(), |startup| startup.to_string()))
    };
    Aspect {
        field: "startup",
        key: "startup",
        live: true,
        want: Some(want.to_string()),
        read: Box::new(read),
        write: Box::new(move |_| want.to_string()),
    }
}

/// Model and MAC of a NIC, in any of PVE's spellings: `virtio=MAC`, `virtio`, `model=virtio,macaddr=MAC`.
fn model_and_mac(nic: &PropertyString) -> (Option<String>, Option<String>) {
    if let Some(model) = nic.get("model") {
        let mac = nic.get("macaddr").map(str::to_ascii_uppercase);
        return (Some(model.to_owned()), mac);
    }
    match nic.pairs().find(is_model) {
        Some((PropertyString::UNNAMED, model)) => (Some(model.to_owned()), None),
        Some((model, mac)) => (Some(model.to_owned()), Some(mac.to_ascii_uppercase())),
        None => (None, None),
    }
}

/// The part that names the model: it stands alone, or its value is the MAC. PVE puts it first, people need not.
fn is_model((key, value): &(&str, &str)) -> bool {
    key.is_empty() || *key != "macaddr" && value.split(':').count() == 6
}

fn nic(want: &Nic) -> Vec<Aspect<'_>> {
    let parse = |value: &str| PropertyString::parse(value, PropertyString::UNNAMED);
    let aspect =
        |field, live, want_part: Option<String>, read: fn(&PropertyString) -> Option<String>| {
            Aspect {
                field,
                key: "net0",
                live,
                want: want_part,
                read: Box::new(move |value: Option<&str>| read(&parse(value?))),
                write: Box::new(move |value| write_nic(want, value)),
            }
        };
    let mut list = vec![
        aspect("bridge", true, Some(want.bridge.clone()), |nic| {
            nic.get("bridge").map(str::to_owned)
        }),
        aspect("vlan", true, want.vlan.map(|tag| tag.to_string()), |nic| {
            nic.get("tag").map(str::to_owned)
        }),
        // PVE: QemuServer.pm, vmconfig_update_net: another model or MAC unplugs the NIC under the guest.
        aspect("net0 model", false, Some("virtio".to_owned()), |nic| model_and_mac(nic).0),
    ];
    if let Some(mac) = &want.mac {
        list.push(aspect("mac", false, Some(mac.clone()), |nic| model_and_mac(nic).1));
    }
    list
}

/// Returns net0 as it shall be; firewall, rate and the like are kept.
pub(super) fn write_nic(want: &Nic, present: Option<&str>) -> String {
    let old = PropertyString::parse(present.unwrap_or_default(), PropertyString::UNNAMED);
    // PVE: facts 22: a net without a MAC gets a new one at each change, so the present one is sent back.
    let mac = want.mac.clone().or_else(|| model_and_mac(&old).1);
    let mut parts = vec![mac.map_or("virtio".to_owned(), |mac| format!("virtio={mac}"))];
    parts.push(format!("bridge={}", want.bridge));
    parts.extend(want.vlan.map(|tag| format!("tag={tag}")));
    let replaced = ["model", "macaddr", "bridge", "tag"];
    let kept = old.pairs().filter(|pair| !replaced.contains(&pair.0) && !is_model(pair));
    parts.extend(kept.map(|(key, value)| format!("{key}={value}")));
    parts.join(",")
}

fn drive_options<'a>(boot_bytes: u64) -> Vec<Aspect<'a>> {
    let parse = |value: &str| PropertyString::parse(value, "file");
    let write = move |value: Option<&str>| {
        let mut drive = parse(value.unwrap_or_default());
        drive.set("discard", "on").set("iothread", "1");
        // The size is what it will be by then: an old one here would undo the growth at the next start.
        drive.set("size", pve_client::display_size(boot_bytes));
        drive.display_with_default("file")
    };
    let discard = move |value: Option<&str>| {
        let on = value.and_then(|v| parse(v).get("discard").map(|d| d == "on"));
        Some(if on == Some(true) { "on" } else { "ignore" }.to_owned())
    };
    let iothread =
        move |value: Option<&str>| shown_flag(value.and_then(|v| parse(v).flag("iothread")));
    vec![
        Aspect {
            field: "discard",
            key: BOOT_DISK,
            live: false,
            want: Some("on".to_owned()),
            read: Box::new(discard),
            write: Box::new(write),
        },
        Aspect {
            field: "iothread",
            key: BOOT_DISK,
            live: false,
            want: Some("1".to_owned()),
            read: Box::new(iothread),
            write: Box::new(write),
        },
    ]
}
